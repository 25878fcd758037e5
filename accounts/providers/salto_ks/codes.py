"""Access codes at Salto KS: a guest with a PIN, in the access group of its door or doors.

Salto makes the digits and shows them once. Every call below was measured by
https://github.com/ECCdigital/smart-city-booking-backend (docs/research/salto-ks-api-contract.md,
August 2026), but for those that change a guest later: `set_end`, `rename`, `unblock`, `seat`
and `leave` are in Salto's own documentation only.

Two ids: the site user's (`id`) in paths, the person's (`person`) in groups and in the feed.
"""

import re
from abc import abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from accounts.providers.base import (
    Code,
    LockSnapshot,
    MissingScopeError,
    ProviderError,
    RefusedError,
    Site,
    UnexpectedReplyError,
    UnsupportedError,
)
from accounts.providers.codes import (
    CodeConstraint,
    CodeListing,
    CodeRules,
    CodeWish,
    ListedCode,
    StepDone,
    named,
    ref_of,
)
from accounts.providers.http import Reply
from accounts.providers.rows import Row, id_of
from accounts.providers.salto_ks import connect, words
from accounts.providers.salto_ks.api import Api, read_row
from accounts.providers.salto_ks.errors import LABEL, Asked
from accounts.providers.salto_ks.oauth import Clock
from accounts.providers.text import clean_text, flag, is_id, moment

CODES = Asked(scope="managing users and access groups")

RULES = CodeRules(
    lengths=(6,),
    constraints=frozenset([CodeConstraint.CANNOT_SPECIFY_PIN_CODE]),
    native_end=True,
    # A membership takes up to 45 s to reach the lock.
    lead=timedelta(seconds=60),
    settle=timedelta(seconds=60),
    propagation=timedelta(seconds=45),
    takes_seat=True,
    can_share=True,
)

#: The PIN outlives its guest by so much, so that a later end keeps the digits.
PIN_GRACE = timedelta(days=30)
#: Without a date Salto ends a PIN after 90 days.
PIN_OF_ONGOING = timedelta(days=3650)
#: A new guest is known everywhere after a minute at most; the rest is margin.
REPLICATION = timedelta(minutes=3)
#: Two ends nearer to one another than this are the same.
TOLERANCE = timedelta(seconds=60)

SCHEDULES_VERSION = "v1.1"  # on v1.2 they were not measured
ALL_HOURS = dict.fromkeys(words.DAYS, True) | {"start_time": "00:00", "end_time": "23:59"}

DOOR_STEPS = ("group", "group_lock", "schedule")
#: Of one guest at one door; all others are the guest's.
MEMBER_STEPS = ("member", "leave")
#: `pin` makes nothing twice, but new digits each time: the old ones are void.
CREATING_STEPS = ("guest", "group", "schedule", "pin")

Seen = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Step:
    """One call for one wish, and what it needs to be made."""

    site_id: str
    wish: CodeWish
    seen: Seen
    door: Seen
    options: dict[str, Any] = field(repr=False)

    def done(self, *, seen: Seen | None = None, door: Seen | None = None, **more: Any) -> StepDone:
        """Return what is known now: what was, with `seen` and `door` over it."""
        return StepDone(
            seen={**self.seen, **(seen or {})}, door={**self.door, **(door or {})}, **more
        )


class SaltoCodes:
    """The part of the Salto KS driver that is AccessCodes; today's dialect only."""

    api: Api
    now: Clock

    @property
    @abstractmethod
    def is_legacy(self) -> bool: ...

    @abstractmethod
    def _site_url(self, site_id: str, *path: str, version: str | None = None) -> str: ...

    # --- what a lock takes ---

    def code_rules(self, lock: LockSnapshot, site: Site | None = None) -> CodeRules | None:
        return None if self.why_no_codes(lock, site) else RULES

    def why_no_codes(self, lock: LockSnapshot, site: Site | None = None) -> str:
        if self.is_legacy:
            return f"This account uses {LABEL}'s older interface, which cannot make codes."
        if not lock.has_keypad:
            return "This lock has no keypad."
        if site is not None and site.pin_enabled is False:
            return f"PINs are switched off for this site in {LABEL}."
        return ""

    def digits_end(self, seen: Seen) -> datetime | None:
        return _read_moment(seen.get("pin_expires_at"))

    # --- what is there ---

    def list_codes(
        self,
        site_id: str,
        *,
        doors: Mapping[str, Seen],
        unsure: Collection[str] = (),
        is_deep: bool = False,
    ) -> CodeListing:
        """Return everybody who has a PIN or one of our refs, the doors asked for, the seats."""
        self._refuse_legacy()
        asked_at = self.now()
        rows, count = self.api.counted_rows(
            CODES, self._site_url(site_id, "users"), **{"$inlinecount": "allpages"}
        )
        looked = self._look_at_doors(site_id, doors)
        opens = _opened_by(looked)
        ours = {person_id: tuple(lock_ids) for person_id, lock_ids in opens.items()}
        if is_deep:
            self._look_at_foreign_groups(site_id, opens)
        site = read_row(self.api.row(CODES, self._site_url(site_id)), connect.read_site)
        guests, unreadable = _read_guests(rows)
        for guest in guests:
            if guest.ref and guest.ref in unsure:
                with _gone_is_fine():
                    guest.seen.update(self._look_at_keys(site_id, guest.seen["id"]))
        knows_doors = is_deep or bool(looked)
        return CodeListing(
            codes=tuple(
                _listed(each, (ours if each.ref else opens) if knows_doors else None, site)
                for each in guests
            ),
            asked_at=asked_at,
            is_complete=count is None or len(rows) >= count,
            unreadable=unreadable,
            lines=len(rows),
            seats_used=site.seats_used,
            seats_total=site.seats_total,
            doors=looked,
        )

    def _look_at_doors(self, site_id: str, doors: Mapping[str, Seen]) -> dict[str, Seen]:
        groups: list[Row] | None = None
        looked: dict[str, Seen] = {}
        for lock_id, door in doors.items():
            group_id = door.get("group")
            if not group_id:
                groups = self._groups(site_id) if groups is None else groups
                group_id = _group_of(groups, door["ref"])
            looked[lock_id] = {"ref": door["ref"]} | self._look_at_group(site_id, lock_id, group_id)
        return looked

    def _groups(self, site_id: str) -> list[Row]:
        return self.api.rows(CODES, self._site_url(site_id, "access_groups"))

    def _look_at_group(self, site_id: str, lock_id: str, group_id: str) -> dict[str, Any]:
        """Return what a door's group has; {} where there is none, or no longer."""
        if not group_id:
            return {}
        try:
            locks = self._in_group(site_id, group_id, "locks")
            people = self._in_group(site_id, group_id, "users")
            schedules = self._in_group(site_id, group_id, "time_schedules", SCHEDULES_VERSION)
        except RefusedError as error:
            if error.code != Code.NOT_FOUND:
                raise
            return {}
        return {
            "group": group_id,
            "has_lock": lock_id in _ids(locks),
            "has_schedule": any(map(_is_all_hours, schedules)),
            "members": _ids(people),
        }

    def _look_at_foreign_groups(self, site_id: str, opens: dict[str, list[str]]) -> None:
        """Add to `opens` what groups that are not Lockboard's let people open."""
        for row in self._groups(site_id):
            name, group_id = clean_text(row.get("customer_reference")), row.get("id")
            if not isinstance(group_id, str) or not is_id(group_id) or ref_of(name):
                continue
            with _gone_is_fine():
                self._look_at_foreign_group(site_id, group_id, opens)

    def _look_at_foreign_group(
        self, site_id: str, group_id: str, opens: dict[str, list[str]]
    ) -> None:
        lock_ids = _ids(self._in_group(site_id, group_id, "locks"))
        for person_id in _ids(self._in_group(site_id, group_id, "users")) if lock_ids else ():
            known = opens.setdefault(person_id, [])
            known += [lock_id for lock_id in lock_ids if lock_id not in known]

    def _in_group(
        self, site_id: str, group_id: str, what: str, version: str | None = None
    ) -> list[Row]:
        url = self._site_url(site_id, "access_groups", group_id, what, version=version)
        return self.api.rows(CODES, url)

    def _look_at_keys(self, site_id: str, guest_id: str) -> dict[str, Any]:
        """Return whether there is a PIN, and until when. Its digits cannot be read."""
        rows = self.api.rows(CODES, self._site_url(site_id, "users", guest_id, "keys"))
        pin = next((row for row in rows if row.get("type") == "pin"), None)
        ends_at = _read_moment(pin.get("expiry_date")) if pin else None
        return {"pin": pin is not None, "pin_expires_at": _text_of(ends_at)}

    # --- bringing a wish nearer ---

    def creates(self, step: str) -> bool:
        return step in CREATING_STEPS

    def is_of_door(self, step: str) -> bool:
        return step in DOOR_STEPS

    def is_shared(self, step: str) -> bool:
        return step not in DOOR_STEPS + MEMBER_STEPS

    def next_step(self, wish: CodeWish, seen: Seen, door: Seen) -> str:
        """Return the next call.

        What takes access away comes first. The guest comes before the door, whose calls then
        pass the time until Salto knows the guest everywhere; so do use_pin and the PIN, which
        open nothing without membership and can be handed out early.
        """
        if not seen.get("id"):
            return "guest"
        is_member = seen.get("person") in door.get("members", ())
        needed = {
            "set_end": _other_end(wish, seen),
            "leave": is_member and not wish.is_due,
            "group": not door.get("group"),
            "group_lock": not door.get("has_lock"),
            "schedule": not door.get("has_schedule"),
            "seat": seen.get("is_suspended") is True,
            "unblock": seen.get("is_blocked") is True,
            "use_pin": not seen.get("use_pin"),
            "keys": "pin" not in seen,
            "pin": wish.wants_new_digits or not seen.get("pin"),
            "rename": seen.get("name") != clean_text(wish.name),
            "member": wish.is_due and not is_member,
        }
        return next((step for step, is_needed in needed.items() if is_needed), "")

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
        self._refuse_legacy()
        options = {
            "budget_seconds": budget_seconds,
            "headers": {"X-Request-Id": request_id},
            # Nothing half-closed may make it unclear whether something was made.
            "fresh": self.creates(step),
        }
        take = getattr(self, f"_step_{step}", None)
        if take is None:
            raise UnsupportedError(f"{LABEL} knows no such step")
        made = Step(site_id=site_id, wish=wish, seen=seen, door=door, options=options)
        try:
            done: StepDone = take(made)
        except (RefusedError, MissingScopeError) as error:
            raise self._meaning(step, made, error) from error
        return done

    def _meaning(self, step: str, made: Step, error: ProviderError) -> ProviderError:
        """Return what a refusal stands for after this step.

        A guest that is not known everywhere yet is "not found" in one place and "not allowed"
        in another.
        """
        if step == "seat" and isinstance(error, MissingScopeError):
            return RefusedError(
                f"All seats of the {LABEL} subscription are taken", code=Code.NO_SEAT, status=403
            )
        unknown = error.code == Code.NOT_FOUND or isinstance(error, MissingScopeError)
        if unknown and step != "guest" and self._is_fresh(made):
            return RefusedError(
                f"{LABEL} has not caught up with an earlier step yet",
                code=Code.NOT_READY,
                status=error.status,
            )
        return error

    def _is_fresh(self, made: Step) -> bool:
        if made.seen.get("has_roles") is False:
            return True
        made_at = [_read_moment(each.get("made_at")) for each in (made.seen, made.door)]
        return any(at is not None and self.now() - at < REPLICATION for at in made_at)

    # --- the steps ---

    def _step_guest(self, step: Step) -> StepDone:
        body: dict[str, Any] = {"alias": step.wish.name}
        if step.wish.ends_at is not None:
            body["expires_at"] = _text_of(step.wish.ends_at)
        reply = self._call(step, "POST", "guests", json=body)
        seen = read_row(_object(reply), read_guest)
        return step.done(
            seen=seen | {"pin": False, "pin_expires_at": None, "made_at": _text_of(self.now())},
            remote_id=seen["id"],
            person_id=seen["person"],
            is_suspended=seen["is_suspended"],
        )

    def _step_use_pin(self, step: Step) -> StepDone:
        return self._patch_guest(step, {"use_pin": True}, {"use_pin": True})

    def _step_unblock(self, step: Step) -> StepDone:
        return self._patch_guest(step, {"blocked": False}, {"is_blocked": False})

    def _step_rename(self, step: Step) -> StepDone:
        name = step.wish.name
        return self._patch_guest(step, {"alias": name}, {"name": clean_text(name)})

    def _step_set_end(self, step: Step) -> StepDone:
        ends_at = _text_of(step.wish.ends_at)
        return self._patch_guest(step, {"expires_at": ends_at}, {"expires_at": ends_at})

    def _step_seat(self, step: Step) -> StepDone:
        self._call(
            step, "PATCH", "users", step.seen["id"], "subscription", json={"state": "subscribed"}
        )
        return step.done(seen={"is_suspended": False})

    def _step_keys(self, step: Step) -> StepDone:
        keys = self._look_at_keys(step.site_id, step.seen["id"])
        return step.done(seen=keys, has_digits=keys["pin"])

    def _step_pin(self, step: Step) -> StepDone:
        """Have digits made. Whatever digits there were are void from now on."""
        ends_at = step.wish.ends_at
        until = ends_at + PIN_GRACE if ends_at else self.now() + PIN_OF_ONGOING
        body = {"expiry_date": _text_of(until)}
        reply = self._call(step, "PUT", "users", step.seen["id"], "pin", json=body)
        digits = reply.body_json()
        if not isinstance(digits, str) or not re.fullmatch(r"[0-9]{4,10}", digits):
            raise UnexpectedReplyError(f"{LABEL} answered without digits", status=reply.status)
        return step.done(seen={"pin": True, "pin_expires_at": _text_of(until)}, digits=digits)

    def _step_group(self, step: Step) -> StepDone:
        name = named(step.door["ref"], step.wish.lock_name, RULES.name_length)
        reply = self._call(step, "POST", "access_groups", json={"customer_reference": name})
        group_id = read_row(_object(reply), lambda row: id_of(row, "id"))
        made = {"group": group_id, "made_at": _text_of(self.now())}
        return step.done(door=made | {"has_lock": False, "has_schedule": False, "members": []})

    def _step_group_lock(self, step: Step) -> StepDone:
        self._call(step, "POST", *_group_path(step), "locks", json={"lock_id": step.wish.lock_id})
        return step.done(door={"has_lock": True})

    def _step_schedule(self, step: Step) -> StepDone:
        """Add an all-hours schedule: a group without one never reaches the lock."""
        path = (*_group_path(step), "time_schedules")
        self._call(step, "POST", *path, json=ALL_HOURS, version=SCHEDULES_VERSION)
        return step.done(door={"has_schedule": True})

    def _step_member(self, step: Step) -> StepDone:
        person_id = step.seen["person"]
        self._call(step, "POST", *_group_path(step), "users", json={"user_id": person_id})
        return step.done(door={"members": [*step.door.get("members", ()), person_id]})

    def _step_leave(self, step: Step) -> StepDone:
        left = self._leave(step.site_id, step.seen, step.door, step.options)
        return step.done(door=left)

    def _leave(self, site_id: str, seen: Seen, door: Seen, options: dict[str, Any]) -> Seen:
        person_id = seen["person"]
        url = self._site_url(site_id, "access_groups", door["group"], "users", person_id)
        with _gone_is_fine():
            self.api.call(CODES, "DELETE", url, **options)
        members = [each for each in door.get("members", ()) if each != person_id]
        return {**door, "members": members}

    def _patch_guest(self, step: Step, body: dict[str, Any], wished: dict[str, Any]) -> StepDone:
        """Change a guest. Raises RefusedError `failed_to_update` if it then shows otherwise."""
        reply = self._call(step, "PATCH", "users", step.seen["id"], json=body)
        shown = reply.body_json()
        told = read_row(shown, read_guest) if isinstance(shown, dict) else {}
        for name, value in wished.items():
            if told and not _is_same(told[name], value):
                raise RefusedError(
                    f"{LABEL} said yes, but did not change it",
                    code=Code.NOT_UPDATED,
                    status=reply.status,
                )
        return step.done(seen=told | wished)

    def _call(
        self, step: Step, method: str, *path: str, version: str | None = None, **body: Any
    ) -> Reply:
        url = self._site_url(step.site_id, *path, version=version)
        return self.api.call(CODES, method, url, **step.options, **body)

    # --- taking a code away ---

    def remove_code(
        self,
        site_id: str,
        lock_id: str,
        remote_id: str,
        *,
        budget_seconds: float,
        request_id: str,
    ) -> None:
        """Delete the guest; the seat is free at once. Not for `ListedCode.is_person`.

        Salto answers 202: the listing tells when it is done.
        """
        self._refuse_legacy()
        with _gone_is_fine():
            self.api.call(
                CODES,
                "DELETE",
                self._site_url(site_id, "users", remote_id),
                headers={"X-Request-Id": request_id},
                budget_seconds=budget_seconds,
            )

    def leave_door(
        self,
        site_id: str,
        seen: Seen,
        door: Seen,
        *,
        budget_seconds: float,
        request_id: str,
    ) -> Seen:
        """Take the guest out of a door's access group, known to be in it or not.

        A door without a group has no members, and nobody is asked.
        """
        self._refuse_legacy()
        if not door.get("group"):
            return door
        options = {"budget_seconds": budget_seconds, "headers": {"X-Request-Id": request_id}}
        return self._leave(site_id, seen, door, options)

    def _refuse_legacy(self) -> None:
        if self.is_legacy:
            raise UnsupportedError("The older Salto dialect cannot make codes")


# --- reading --------------------------------------------------------------------------------


def read_guest(row: Row) -> dict[str, Any]:
    """Read a site user as we remember it. Raises ValueError for a row without usable ids."""
    person = row.get("user")
    person_id = person.get("id") if isinstance(person, dict) else None
    if not isinstance(person_id, str) or not is_id(person_id):
        raise ValueError("it belongs to no person")
    return {
        "id": id_of(row, "id"),
        "person": person_id,
        "name": clean_text(row.get("alias")),
        "use_pin": flag(row.get("use_pin")) is True,
        "is_blocked": flag(row.get("blocked")) is True,
        "is_suspended": row.get("subscription_state") == words.SUSPENDED,
        "expires_at": _text_of(_read_moment(row.get("expires_at"))),
        # Empty until the guest is known everywhere.
        "has_roles": bool(row.get("roles")),
    }


@dataclass(frozen=True, kw_only=True)
class Guest:
    """Somebody who has a PIN, or is ours."""

    row: Row = field(repr=False)
    seen: dict[str, Any] = field(repr=False)

    @property
    def ref(self) -> str:
        return ref_of(self.seen["name"])


def _read_guests(rows: list[Row]) -> tuple[list[Guest], int]:
    """Return who has a PIN or a ref of ours, and how many rows could not be read.

    Raises UnexpectedReplyError if none could.
    """
    guests, unreadable = [], 0
    for row in rows:
        try:
            guest = Guest(row=row, seen=read_guest(row))
        except ValueError:
            unreadable += 1
            continue
        if guest.seen["use_pin"] or guest.ref:
            guests.append(guest)
    if rows and unreadable == len(rows):
        raise UnexpectedReplyError(f"{LABEL} answered in a shape we do not know")
    return guests, unreadable


def _listed(guest: Guest, opens: Mapping[str, Iterable[str]] | None, site: Site) -> ListedCode:
    seen, known = guest.seen, connect.read_user(guest.row)
    is_suspended = seen["is_suspended"]
    return ListedCode(
        remote_id=seen["id"],
        name=known.name,
        ref=guest.ref,
        person_id=seen["person"],
        lock_ids=None if opens is None else tuple(opens.get(seen["person"], ())),
        ends_at=_read_moment(seen["expires_at"]),
        is_suspended=is_suspended,
        error_code=_why_suspended(site) if is_suspended else "",
        error=f"It has no seat in the {LABEL} subscription" if is_suspended else "",
        has_digits=seen.get("pin"),
        is_person=bool(set(known.roles) - {words.GUEST_ROLE}) or bool(known.email),
        seen=seen,
    )


def _why_suspended(site: Site) -> str:
    known = site.seats_used is not None and site.seats_total is not None
    if known and (site.seats_used or 0) >= (site.seats_total or 0):
        return Code.NO_SEAT
    return "salto_ks_user_not_subscribed"  # Seam's word


def _opened_by(doors: Mapping[str, Seen]) -> dict[str, list[str]]:
    """Return the lock ids by person, as far as the groups of these doors tell."""
    opens: dict[str, list[str]] = {}
    for lock_id, door in doors.items():
        for person_id in door.get("members", ()) if door.get("has_lock") else ():
            opens.setdefault(person_id, []).append(lock_id)
    return opens


def _group_of(groups: Iterable[Row], ref: str) -> str:
    """Return the id of the group that bears this ref; of two always the same. "" for none."""
    found = _ids(row for row in groups if ref_of(clean_text(row.get("customer_reference"))) == ref)
    return min(found, default="")


def _group_path(step: Step) -> tuple[str, str]:
    return "access_groups", step.door["group"]


def _ids(rows: Iterable[Row]) -> list[str]:
    return [key for row in rows if isinstance(key := row.get("id"), str) and is_id(key)]


def _is_all_hours(row: Row) -> bool:
    return (
        all(row.get(day) is True for day in words.DAYS)
        and str(row.get("start_time")).startswith("00:00")
        and str(row.get("end_time")).startswith("23:59")
        and not row.get("start_date")
        and not row.get("end_date")
    )


def _object(reply: Reply) -> Row:
    body = reply.body_json()
    if not isinstance(body, dict):
        raise UnexpectedReplyError(f"{LABEL} answered in a shape we do not know")
    return body


@contextmanager
def _gone_is_fine() -> Iterator[None]:
    try:
        yield
    except RefusedError as error:
        if error.code != Code.NOT_FOUND:
            raise


# --- times ----------------------------------------------------------------------------------


def _read_moment(value: object) -> datetime | None:
    try:
        return moment(value)
    except ValueError:
        return None


def _text_of(at: datetime | None) -> str | None:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else None


def _other_end(wish: CodeWish, seen: Seen) -> bool:
    return "expires_at" in seen and not _is_same(seen["expires_at"], _text_of(wish.ends_at))


def _is_same(one: Any, other: Any) -> bool:
    """Tell whether two values are the same; times if they are nearly."""
    first, second = _read_moment(one), _read_moment(other)
    if first is None or second is None:
        return bool(one == other)
    return abs(first - second) < TOLERANCE
