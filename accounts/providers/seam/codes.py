"""Access codes at Seam: digits of our choosing (Salto: of theirs), times kept by Seam.

Seam starts and ends a code by itself. What differs by brand is whether the lock does so too
(`words.NATIVE_SCHEDULES`): only then it ends while the lock is offline.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from accounts.providers.base import Code, LockSnapshot, RefusedError, Site, UnsupportedError
from accounts.providers.codes import (
    CodeConstraint,
    CodeListing,
    CodeRules,
    CodeWish,
    ListedCode,
    StepDone,
)
from accounts.providers.rows import Row, id_of
from accounts.providers.seam import rows, words
from accounts.providers.seam.api import SeamApi, known_id, read_row, read_rows
from accounts.providers.seam.errors import LABEL
from accounts.providers.text import clean_text, row_text, whole

#: Natively scheduled codes go to the lock 72 h ahead, others an hour before their start.
NATIVE_LEAD = timedelta(hours=72)
LEAD = timedelta(minutes=60)
#: Seam's lists are up to date; a request that got stuck on its way may arrive this late.
SETTLE = timedelta(seconds=30)
NAME_LENGTH = 60
#: What every keypad takes, where Seam names no lengths.
SAFE_LENGTH = 4
#: A code is about a kilobyte.
PAGE_SIZE = 500
#: Some brands keep whole minutes.
SAME_TIME = timedelta(seconds=60)
#: Seam knows times with both ends, or none. A code that only begins ends after so long.
FOR_EVER = timedelta(days=5 * 365)
NO_LONGER = "salto_ks_lock_access_code_support_removed"

Seen = Mapping[str, Any]


class SeamCodes:
    """The part of the driver that is AccessCodes."""

    api: SeamApi

    def code_rules(self, lock: LockSnapshot, site: Site | None = None) -> CodeRules | None:
        """Return what the device's own row says."""
        if self.why_no_codes(lock, site):
            return None
        is_native = lock.raw.get("device_type") in words.NATIVE_SCHEDULES
        constraints = _constraints(lock.raw)
        known = {each.value: each for each in CodeConstraint}
        return CodeRules(
            lengths=_lengths(lock.raw),
            constraints=frozenset(known[word] for word in constraints if word in known),
            native_start=is_native,
            native_end=is_native,
            lead=NATIVE_LEAD if is_native else LEAD,
            settle=SETTLE,
            name_length=_name_length(constraints),
            slots=whole(lock.raw.get("max_active_codes_supported")) or None,
            takes_seat=lock.raw.get("device_type") == "salto_lock",
            has_backup_pool=lock.raw.get("backup_access_code_pool_enabled") is True,
        )

    def why_no_codes(self, lock: LockSnapshot, site: Site | None = None) -> str:
        if not lock.has_keypad:
            return "This lock has no keypad."
        problems = lock.raw.get("problems")
        if isinstance(problems, list) and NO_LONGER in problems:
            return "Salto KS no longer takes codes for this lock: its hub was reset."
        return ""

    def digits_end(self, seen: Seen) -> datetime | None:
        return None

    def list_codes(
        self,
        site_id: str,
        *,
        doors: Mapping[str, Seen],
        unsure: Collection[str] = (),
        is_deep: bool = False,
    ) -> CodeListing:
        """Return the codes of every lock that may hold some: Seam lists them lock by lock."""
        known_id(site_id)
        asked_at = self.api.now()
        devices = self.api.every("devices/list", "devices", {})
        held = read_rows([row for row in devices if _may_hold_codes(row)], _device_id)
        managed = self._codes_of("access_codes/list", held)
        unmanaged = self._codes_of("access_codes/unmanaged/list", held)
        codes = read_rows(managed, read_managed) + read_rows(unmanaged, read_unmanaged)
        count = len(managed) + len(unmanaged)
        return CodeListing(
            codes=tuple(codes),
            asked_at=asked_at,
            unreadable=count - len(codes),
            lines=count,
            doors={lock_id: dict(door) for lock_id, door in doors.items()},
        )

    def _codes_of(self, path: str, device_ids: list[str]) -> list[Row]:
        """Return the codes of these locks, each once: Seam's fake tells all with every lock."""
        found = {}
        for device_id in device_ids:
            asked = {"device_id": device_id}
            for row in self.api.every(path, "access_codes", asked, limit=PAGE_SIZE):
                found[row_text(row.get("access_code_id"))] = row
        return list(found.values())

    def next_step(self, wish: CodeWish, seen: Seen, door: Seen) -> str:
        """Return the next call. A code whose start moved away is taken off until it is near."""
        if seen.get("is_removing"):
            return ""  # there is nothing to do but wait for the listing to lose it
        if not seen.get("id"):
            return "create" if wish.is_due else ""
        if not seen.get("is_managed", True):
            return "adopt"
        if not wish.is_due:
            return "withdraw"
        if _have_times_changed(wish, seen):
            return "set_times"
        if seen.get("name") != clean_text(wish.name):
            return "rename"
        return "read" if _lacks_digits(wish, seen) else ""

    def creates(self, step: str) -> bool:
        return step == "create"

    def is_of_door(self, step: str) -> bool:
        return False

    def take_step(
        self,
        step: str,
        site_id: str,
        wish: CodeWish,
        seen: Seen,
        door: Seen,
        *,
        budget_seconds: float,
        request_id: str,
    ) -> StepDone:
        options: dict[str, Any] = {"budget_seconds": budget_seconds, "request_id": request_id}
        if step == "create":
            return self._create(wish, door, options)
        if step not in {"adopt", "withdraw", "set_times", "rename", "read"}:
            raise UnsupportedError(f"{LABEL} knows no such step")
        code_id = known_id(str(seen.get("id", "")))
        if step == "read":
            return self._read(code_id, seen, door, options)
        if step == "withdraw":
            self.remove_code(site_id, wish.lock_id, code_id, **options)
            return StepDone(seen={}, door=door)
        path, given, now_seen = _change(step, wish, self.api.now())
        self.api.call(path, {"access_code_id": code_id, **given}, **options)
        return StepDone(seen={**seen, **now_seen}, door=door, remote_id=code_id, person_id=code_id)

    def _create(self, wish: CodeWish, door: Seen, options: dict[str, Any]) -> StepDone:
        given = {
            "device_id": known_id(wish.lock_id),
            "name": wish.name,
            **({"code": wish.digits} if wish.digits else {}),
            **_times(wish, self.api.now()),
        }
        row = self.api.one("access_codes/create", "access_code", given, fresh=True, **options)
        code = read_row(row, read_managed)
        return StepDone(
            seen=code.seen,
            door=door,
            remote_id=code.remote_id,
            person_id=code.person_id,
            is_suspended=code.is_suspended,
        )

    def _read(self, code_id: str, seen: Seen, door: Seen, options: dict[str, Any]) -> StepDone:
        """Look whether the brand has made the digits."""
        wanted = {"access_code_id": code_id}
        row = self.api.one("access_codes/get", "access_code", wanted, **options)
        code = read_row(row, read_managed)
        if not code.digits:
            raise RefusedError("The lock's brand has made no digits yet", code=Code.NOT_READY)
        return StepDone(
            seen={**seen, **code.seen, "are_digits_told": True},
            door=door,
            remote_id=code_id,
            person_id=code_id,
            digits=code.digits,
            is_suspended=code.is_suspended,
        )

    def remove_code(
        self,
        site_id: str,
        lock_id: str,
        remote_id: str,
        *,
        budget_seconds: float,
        request_id: str,
    ) -> None:
        """Delete a code. Seam's yes comes before the lock has heard: the listing tells when.

        One that Seam does not manage is not known to the first path, so the second is asked:
        this is one call more, and only for those.
        """
        given = {"access_code_id": known_id(remote_id)}
        for path in ("access_codes/delete", "access_codes/unmanaged/delete"):
            try:
                self.api.call(path, given, budget_seconds=budget_seconds, request_id=request_id)
            except RefusedError as error:
                if error.status != 404:  # whoever says it: the listing tells what is gone
                    raise
            else:
                return


def read_managed(row: Row) -> ListedCode:
    return _read(row, is_managed=True)


def read_unmanaged(row: Row) -> ListedCode:
    return _read(row, is_managed=False)


def _read(row: Row, *, is_managed: bool) -> ListedCode:
    """Read a code; remember whether its brand makes the digits, not what they are."""
    code = rows.read_code(row, is_managed=is_managed)
    digits = {
        "has_digits": bool(code.digits),
        "waits_for_digits": row.get("is_waiting_for_code_assignment") is True,
    }
    return replace(code, seen={**code.seen, **digits})


def _device_id(row: Row) -> str:
    return id_of(row, "device_id")


def _may_hold_codes(row: Row) -> bool:
    """Tell whether a device may have codes, however little it can do at the moment."""
    capabilities, properties = row.get("capabilities_supported"), rows.part(row, "properties")
    can = isinstance(capabilities, list) and "access_code" in capabilities
    flags = ("can_program_online_access_codes", "can_unlock_with_code")
    says = any(row.get(name) for name in flags) or bool(properties.get("supported_code_lengths"))
    return rows.is_door(row) and (can or says)


# --- rules --------------------------------------------------------------------------------


def _lengths(raw: Mapping[str, Any]) -> tuple[int, ...]:
    listed = raw.get("supported_code_lengths")
    found = [each for each in listed if whole(each)] if isinstance(listed, list) else []
    return tuple(sorted(set(found))) or (SAFE_LENGTH,)


def _constraints(raw: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    listed = raw.get("code_constraints")
    return {
        clean_text(each.get("constraint_type")): each
        for each in (listed if isinstance(listed, list) else [])
        if isinstance(each, dict)
    }


def _name_length(constraints: Mapping[str, Mapping[str, Any]]) -> int:
    longest = whole(constraints.get("name_length", {}).get("max_length"))
    return min(longest, NAME_LENGTH) if longest else NAME_LENGTH


# --- steps --------------------------------------------------------------------------------


def _change(step: str, wish: CodeWish, now: datetime) -> tuple[str, Row, Row]:
    """Return where a change goes, what it says, and what is true of the code after it."""
    if step == "adopt":
        return "access_codes/unmanaged/convert_to_managed", {}, {"is_managed": True}
    if step == "rename":
        return "access_codes/update", {"name": wish.name}, {"name": clean_text(wish.name)}
    times = _times(wish, now)
    given = times or {"type": "ongoing"}
    return "access_codes/update", given, {"starts_at": None, "ends_at": None, **times}


def _times(wish: CodeWish, now: datetime) -> dict[str, str]:
    """Return a window as Seam takes it: both ends, or none for a code without any."""
    if wish.starts_at is None and wish.ends_at is None:
        return {}
    starts_at = wish.starts_at or now
    ends_at = wish.ends_at or starts_at + FOR_EVER
    return {"starts_at": rows.stamp(starts_at), "ends_at": rows.stamp(ends_at)}


def _have_times_changed(wish: CodeWish, seen: Seen) -> bool:
    if seen.get("are_times_theirs"):
        return False
    starts_at, ends_at = _moment(seen, "starts_at"), _moment(seen, "ends_at")
    if wish.starts_at is None and wish.ends_at is None:
        return starts_at is not None or ends_at is not None
    if starts_at is None or ends_at is None:
        return True
    if wish.starts_at is not None and abs(starts_at - wish.starts_at) >= SAME_TIME:
        return True
    if wish.ends_at is None:
        return ends_at - starts_at < FOR_EVER / 2
    return abs(ends_at - wish.ends_at) >= SAME_TIME


def _moment(seen: Seen, key: str) -> datetime | None:
    return rows.time_of(dict(seen), key)


def _lacks_digits(wish: CodeWish, seen: Seen) -> bool:
    """Tell whether digits that the brand makes have yet to be read, or were lost."""
    if wish.digits or not (seen.get("has_digits") or seen.get("waits_for_digits")):
        return False
    return wish.wants_new_digits or not seen.get("are_digits_told")
