"""Access codes at Keypad Cloud: digits of our choosing, no calendar, a late list."""

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
    ListedState,
    StepDone,
)
from accounts.providers.keypad import rows
from accounts.providers.keypad.api import KeypadApi, read_row, read_rows
from accounts.providers.keypad.errors import LABEL
from accounts.providers.rows import Row
from accounts.providers.text import clean_text, whole

#: A lock of this brand looks at no clock: a code is put there shortly before and taken away.
LEAD = timedelta(minutes=60)
#: The list may be half a minute old.
SETTLE = timedelta(seconds=45)
NAME_LENGTH = 12

Seen = Mapping[str, Any]


class KeypadCodes:
    """The part of the driver that is AccessCodes."""

    api: KeypadApi

    def code_rules(self, lock: LockSnapshot, site: Site | None = None) -> CodeRules | None:
        """Return what the lock's own row says of its keypad."""
        if self.why_no_codes(lock, site):
            return None
        known = {each.value: each for each in CodeConstraint}
        return CodeRules(
            lengths=tuple(filter(whole, _listed_in(lock.raw, "code_lengths"))) or (4,),
            constraints=frozenset(
                [known[word] for word in _listed_in(lock.raw, "code_constraints") if word in known]
            ),
            lead=LEAD,
            settle=SETTLE,
            name_length=NAME_LENGTH,
            slots=whole(lock.raw.get("code_slots")),
        )

    def why_no_codes(self, lock: LockSnapshot, site: Site | None = None) -> str:
        return "" if lock.has_keypad else "This lock has no keypad."

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
        """Return all codes; the list tells everything, and is up to half a minute old."""
        asked_at = self.api.now()
        found = self.api.rows(self.api.url("buildings", site_id, "codes"))
        codes = read_rows(found, read_code)
        return CodeListing(
            codes=tuple(codes),
            asked_at=asked_at,
            unreadable=len(found) - len(codes),
            lines=len(found),
            doors={lock_id: dict(door) for lock_id, door in doors.items()},
        )

    def next_step(self, wish: CodeWish, seen: Seen, door: Seen) -> str:
        """Return the next call. A code whose start moved away is taken off: it would open now."""
        if seen.get("is_removing"):
            return ""  # there is nothing to do but wait for the listing to lose it
        if not seen.get("id"):
            return "create" if wish.is_due else ""
        if not wish.is_due:
            return "withdraw"
        return "rename" if seen.get("name") != clean_text(wish.name) else ""

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
        options: dict[str, Any] = {
            "budget_seconds": budget_seconds,
            "request_id": request_id,
        }
        if step == "withdraw":
            self.remove_code(site_id, wish.lock_id, seen["id"], **options)
            return StepDone(seen={}, door=door)
        if step == "create":
            url = self.api.url("locks", wish.lock_id, "codes")
            given = {"name": wish.name, "code": wish.digits}
            reply = self.api.call("POST", url, json=given, fresh=True, **options)
        elif step == "rename":
            url = self.api.url("codes", seen["id"])
            reply = self.api.call("PATCH", url, json={"name": wish.name}, **options)
        else:
            raise UnsupportedError(f"{LABEL} knows no such step")
        code = read_row(reply.body_json(), read_code)
        if code.name != clean_text(wish.name):
            raise RefusedError(f"{LABEL} keeps another name", code=Code.NOT_UPDATED)
        return StepDone(
            seen=code.seen, door=door, remote_id=code.remote_id, person_id=code.person_id
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
        """Delete a code. The yes comes before the lock has heard: the listing tells when it has."""
        try:
            self.api.call(
                "DELETE",
                self.api.url("codes", remote_id),
                budget_seconds=budget_seconds,
                request_id=request_id,
            )
        except RefusedError as error:
            if error.code != Code.NOT_FOUND:
                raise


def read_code(row: Row) -> ListedCode:
    """Read a code with what `next_step` needs to know of it."""
    code = rows.read_code(row)
    is_removing = code.state is ListedState.REMOVING
    seen = {"id": code.remote_id, "name": code.name, "is_removing": is_removing}
    return replace(code, seen=seen)


def _listed_in(raw: Mapping[str, Any], name: str) -> list[Any]:
    value = raw.get(name)
    return (
        [each for each in value if isinstance(each, str | int)] if isinstance(value, list) else []
    )
