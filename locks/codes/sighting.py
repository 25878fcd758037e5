"""What a listing of codes proves, and what it does not. Pure.

A listing may be as old as the provider's `settle`, empty by mistake, or cut short. So a code
that is shown is there; one that is not is gone only if the listing was complete, in keeping
with those before, and asked for late enough (reliability CODE-02, 04, 06, 11).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from accounts.providers.base import Code
from accounts.providers.codes import CodeListing, ListedCode, ListedState
from audit.words import Verb
from locks.codes.actions import (
    Action,
    Change,
    Codes,
    DoorChange,
    Doors,
    NoteUnmanaged,
    Remove,
    SiteChange,
)
from locks.codes.known import CALL, KnownCode, KnownDoor, KnownSite, Planner, wish_of
from locks.codes.marks import block, is_settled, on_lock
from locks.codes.states import CodePhase, CodeStatus, SecretState
from locks.codes.warn import has_warning, with_warning, without_warnings

#: A listing this much shorter than the one before is not believed at once …
SHRUNK_BELOW = 0.5
#: … but when it has come so many times, each so long after the other.
THIN_BELIEVED = 3
THIN_APART = timedelta(minutes=2)
#: A code must be missing from so many listings before it counts as taken away by somebody.
MISSING_BELIEVED = 2
#: A removal that was accepted and shows no effect after this is asked for once more.
REMOVE_AGAIN_AFTER = timedelta(seconds=15)
#: That a code was seen is written down so often; that its account was listed says the rest.
SEEN_AGAIN_AFTER = timedelta(minutes=10)

CHANGED_OUTSIDE = "code_modified_external_to_seam"


@dataclass(frozen=True, kw_only=True)
class Sight:
    """One listing, while it is taken in."""

    site: KnownSite
    listing: CodeListing
    #: Whether an absence in it means anything.
    is_believed: bool
    now: datetime
    planner: Planner

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all came: that proves something the third time only (CODE-06)."""
        return not self.listing.codes and not self.listing.lines

    def proves_after(self, written_at: datetime | None, door: KnownDoor) -> bool:
        """Whether it must show what was written at that moment."""
        asked_at = self.listing.asked_at
        return written_at is None or asked_at >= written_at + door.lives_by.settle


def take_in(
    codes: Codes,
    doors: Doors,
    listing: CodeListing,
    *,
    site: KnownSite,
    now: datetime,
    planner: Planner,
) -> Iterator[Action]:
    """Yield what to write down after a listing, and which second copies to take away."""
    believed, counters = _believe(codes, listing, site, now)
    sight = Sight(site=site, listing=listing, is_believed=believed, now=now, planner=planner)
    yield SiteChange(columns=counters)
    doors = dict(doors)
    for door in list(doors.values()):
        if change := _door(door, sight):
            yield change
            doors[door.id] = replace(door, **change.columns)
    yield from _codes(codes, doors, sight)
    known = {listed.remote_id for listed in _all_matched(codes, listing)}
    # Who may use a PIN at the site has it on every door: it opens those that have a keypad.
    lock_ids = {door.lock_id for door in doors.values() if door.rules is not None}
    for listed in listing.codes:
        for lock_id in listed.lock_ids or ():
            is_known = listed.remote_id in known
            if lock_id in lock_ids and not is_known:
                yield NoteUnmanaged(listed=listed, lock_id=lock_id)


def applied(codes: Codes, doors: Doors, actions: Iterable[Action]) -> tuple[Codes, Doors]:
    """Return the rows as they are once these changes are written."""
    codes, doors = dict(codes), dict(doors)
    for action in actions:
        if isinstance(action, Change):
            codes[action.code.id] = after(codes[action.code.id], action)
        elif isinstance(action, DoorChange):
            doors[action.door.id] = replace(doors[action.door.id], **action.columns)
    return codes, doors


def after(code: KnownCode, change: Change) -> KnownCode:
    """Return a code with a change made, as the database would make it."""
    columns: dict[str, Any] = dict(change.facts)
    if code.generation == change.code.generation:
        columns |= change.marks
    return replace(code, **columns)


# --- whether to believe it -----------------------------------------------------------------------


def _believe(
    codes: Codes, listing: CodeListing, site: KnownSite, now: datetime
) -> tuple[bool, dict[str, Any]]:
    """Return whether absences mean anything, and the site's columns (CODE-06)."""
    seats = {
        name: getattr(listing, name)
        for name in ("seats_used", "seats_total")
        if getattr(listing, name) is not None
    }
    if not listing.is_complete or listing.unreadable:
        return False, seats
    size = max(listing.lines, len(listing.codes))
    expected = (site.codes_listed or 0) - _taken_away(codes, listing)
    if size == 0:
        return True, seats  # each code counts these for itself
    if size >= expected * SHRUNK_BELOW:
        return True, seats | {
            "codes_listed": size,
            "thin_code_listings": 0,
            "thin_codes_since": None,
        }
    since = min(site.thin_codes_since or now, now)
    count = site.thin_code_listings
    if now >= since + count * THIN_APART:
        count += 1
    if count < THIN_BELIEVED:
        return False, seats | {"thin_code_listings": count, "thin_codes_since": since}
    return True, seats | {
        "codes_listed": size,
        "thin_code_listings": 0,
        "thin_codes_since": None,
    }


def _taken_away(codes: Codes, listing: CodeListing) -> int:
    """Count what is missing because we took it away."""
    listed = {each.remote_id for each in listing.codes}
    away = {c.remote_id for c in codes.values() if c.phase == CodePhase.VERIFYING_ABSENT}
    return len(away - listed)


def _matches(
    codes: Iterable[KnownCode], listed: Sequence[ListedCode]
) -> dict[Any, list[ListedCode]]:
    """Return what each code is at the provider; the first is the one to keep."""
    by_id = {each.remote_id: each for each in listed}
    by_ref: dict[str, list[ListedCode]] = defaultdict(list)
    for each in by_id.values():
        if each.ref:
            by_ref[each.ref].append(each)
    found: dict[Any, list[ListedCode]] = {}
    for code in codes:
        copies = sorted(by_ref.get(code.ref, ()), key=lambda each: each.remote_id)
        kept = by_id.get(code.remote_id) if code.remote_id else None
        if kept is not None:
            copies = [kept, *(each for each in copies if each.remote_id != kept.remote_id)]
        if not code.is_managed:
            copies = [kept] if kept else []
        found[code.id] = copies
    return found


def _all_matched(codes: Codes, listing: CodeListing) -> Iterator[ListedCode]:
    ours = [code for code in codes.values() if code.is_managed]
    for found in _matches(ours, listing.codes).values():
        yield from found


# --- doors ---------------------------------------------------------------------------------------


def _door(door: KnownDoor, sight: Sight) -> DoorChange | None:
    seen = sight.listing.doors.get(door.lock_id)
    if seen is None:
        return None
    columns: dict[str, Any] = {"looked_at": sight.listing.asked_at}
    pending = door.ambiguous_since
    if pending is not None:
        # It may have been carried out until its time was up; found sooner is found.
        is_over = sight.proves_after(pending + CALL, door)
        if not is_over and not _shows_more(seen, door.seen):
            return None
        columns["ambiguous_since"] = None
    elif not sight.proves_after(door.written_at, door):
        return DoorChange(door=door, columns=columns)
    return DoorChange(door=door, columns=columns | {"seen": dict(seen)})


def _shows_more(seen: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
    """Whether a listing shows something of a door's set-up that was not known before."""
    return any(value and not before.get(key) for key, value in seen.items() if key != "members")


# --- codes ---------------------------------------------------------------------------------------


def _codes(codes: Codes, doors: Doors, sight: Sight) -> Iterator[Action]:
    mine = _matches(codes.values(), sight.listing.codes)
    extras: set[str] = set()
    for code in codes.values():
        for action in _code(code, doors[code.device_id], mine.get(code.id, ()), sight):
            if isinstance(action, Remove):  # codes of one guest have the same copies
                if action.remote_id in extras:
                    continue
                extras.add(action.remote_id)
            yield action


def _code(
    code: KnownCode, door: KnownDoor, found: Sequence[ListedCode], sight: Sight
) -> Iterator[Action]:
    kept, extras = (found[0], found[1:]) if found else (None, ())
    is_another = kept is not None and code.remote_id not in ("", kept.remote_id)
    if kept is None or (is_another and code.is_wanted(sight.now)):
        # Another copy with its mark is taken for it once its own is surely gone.
        if change := _absent(code, door, sight):
            yield change
        return
    change = _shown(code, door, kept, sight)
    if change is not None:
        yield change
    for copy in extras:
        yield Remove(code=code, door=door, remote_id=copy.remote_id, is_extra=True)


def _shown(code: KnownCode, door: KnownDoor, listed: ListedCode, sight: Sight) -> Change | None:
    if not code.is_managed and code.revoked_at is None:
        return _unmanaged(code, listed, sight)
    if not code.is_wanted(sight.now):
        return _still_there(code, door, listed, sight)
    if code.is_gone:
        return None  # wanted again: decide starts anew, and finds it by its ref
    if not code.remote_id:
        return _adopt(code, listed, sight)
    if code.phase == CodePhase.VERIFYING_ABSENT:
        return _kept_after_all(code, door, sight)
    if not sight.proves_after(code.written_at, door):
        return _not_missing(code)
    if code.ambiguous_since is not None:
        return _settle(code, door, listed, sight)
    return _compare(code, door, listed, sight)


def _found(code: KnownCode, listed: ListedCode, sight: Sight) -> dict[str, Any]:
    """Columns that say what was seen."""
    columns: dict[str, Any] = {"missing_listings": 0, "missing_since": None}
    if listed.person_id:
        columns["person_id"] = listed.person_id
    if listed.name:
        columns["reported_name"] = listed.name[:200]
    if listed.ends_at is not None or listed.starts_at is not None:
        columns |= {"reported_starts_at": listed.starts_at, "reported_ends_at": listed.ends_at}
    columns["seen"] = {**code.seen, **listed.seen}
    if listed.has_digits and code.secret_state == SecretState.NONE:
        columns["secret_state"] = SecretState.LOST
    news = {name: value for name, value in columns.items() if getattr(code, name) != value}
    seen_at = code.last_seen_at
    if news or seen_at is None or sight.listing.asked_at - seen_at >= SEEN_AGAIN_AFTER:
        news["last_seen_at"] = sight.listing.asked_at
    return news


def _adopt(code: KnownCode, listed: ListedCode, sight: Sight) -> Change:
    """Ours by its ref: the call that made it was carried out, whatever was answered."""
    return Change(
        code=code,
        facts=_found(code, listed, sight)
        | {
            "remote_id": listed.remote_id,
            "ambiguous_since": None,
            "next_run_at": sight.now,
        },
        marks={"phase": CodePhase.SETTING, "status": CodeStatus.SETTING},
        moment=("found", "Found by its mark: it was made although no clear answer came."),
    )


def _settle(code: KnownCode, door: KnownDoor, listed: ListedCode, sight: Sight) -> Change | None:
    """A call for it had no clear answer. Its digits may have been made anew, and be lost."""
    assert code.ambiguous_since is not None
    is_over = sight.proves_after(code.ambiguous_since + CALL, door)
    if not is_over or (door.lives_by.digits_by_provider and listed.has_digits is None):
        return _not_missing(code)
    facts = _found(code, listed, sight) | {"ambiguous_since": None, "next_run_at": sight.now}
    return Change(code=code, facts=facts, moment=("settled", "Looked again: it is clear now."))


def _compare(code: KnownCode, door: KnownDoor, listed: ListedCode, sight: Sight) -> Change | None:
    """Take in what is shown, and notice what somebody changed there."""
    facts = _found(code, listed, sight)
    shown = replace(code, **facts)
    if change := _told_by_listing(code, door, listed, facts, sight):
        return change
    if code.phase == CodePhase.BLOCKED and code.error_code == Code.NO_SEAT:
        if not sight.site.is_full:
            facts["next_run_at"] = sight.now
        return Change(code=code, facts=facts) if facts else None
    if not is_settled(code):
        return Change(code=code, facts=facts) if facts else None
    wish = wish_of(code, door, sight.now)
    if not sight.planner.next_step(wish, shown.seen, door.seen):
        return _as_wished(code, facts, sight)
    if not code.allows_external_modification:
        return _drifted(code, facts, sight)
    if has_warning(code, CHANGED_OUTSIDE):
        return Change(code=code, facts=facts) if facts else None
    return Change(
        code=code,
        facts=facts | {"warnings": _changed_outside(code, sight)},
        moment=("changed_outside", "Somebody changed it at the provider; that is left alone."),
        verb=Verb.CODE_CHANGED_OUTSIDE,
    )


def _as_wished(code: KnownCode, facts: dict[str, Any], sight: Sight) -> Change | None:
    if has_warning(code, CHANGED_OUTSIDE) and code.phase == CodePhase.ON_LOCK:
        facts["warnings"] = without_warnings(code, CHANGED_OUTSIDE)
    return Change(code=code, facts=facts) if facts else None


def _changed_outside(code: KnownCode, sight: Sight) -> Any:
    said = "Somebody changed it at the provider."
    return with_warning(code, CHANGED_OUTSIDE, said, sight.now)


def _drifted(code: KnownCode, facts: dict[str, Any], sight: Sight) -> Change:
    return Change(
        code=code,
        facts=facts | {"next_run_at": sight.now, "warnings": _changed_outside(code, sight)},
        marks={
            "phase": CodePhase.SETTING,
            "status": CodeStatus.SETTING,
            "setting_since": sight.now,
        },
        moment=("drifted", "Somebody changed it at the provider. It is set as it was."),
        verb=Verb.CODE_CHANGED_OUTSIDE,
    )


def _told_by_listing(
    code: KnownCode, door: KnownDoor, listed: ListedCode, facts: dict[str, Any], sight: Sight
) -> Change | None:
    """Providers that know what is on their locks say so in the listing."""
    if door.lives_by.propagation is not None or code.phase != CodePhase.ACCEPTED:
        return None
    if listed.state == ListedState.SET and sight.listing.asked_at >= (
        code.accepted_at or sight.now
    ):
        change = on_lock(code, "listing", sight.now)
        return replace(change, facts={**facts, **change.facts})
    if listed.state == ListedState.FAILED:
        said = listed.error or "The lock did not take it."
        change = block(code, listed.error_code or "failed_to_set_on_device", said, sight.now)
        return replace(change, facts={**facts, **change.facts})
    return None


def _kept_after_all(code: KnownCode, door: KnownDoor, sight: Sight) -> Change | None:
    """It was to be removed, is wanted again, and is still there."""
    if not sight.proves_after(code.removal_accepted_at, door):
        return None
    facts = {"removal_accepted_at": None, "next_run_at": sight.now}
    marks = {"phase": CodePhase.SETTING, "status": CodeStatus.SETTING}
    return Change(code=code, facts=facts, marks=marks)


def _not_missing(code: KnownCode) -> Change | None:
    if not code.missing_listings:
        return None
    return Change(code=code, facts={"missing_listings": 0, "missing_since": None})


def _still_there(
    code: KnownCode, door: KnownDoor, listed: ListedCode, sight: Sight
) -> Change | None:
    """It shall be gone, and is listed."""
    if code.is_outlived(sight.now) and (
        code.is_gone or code.is_kept_for_others(sight.now) or _has_left(code, door, listed, sight)
    ):
        return _at_this_door(code, door, listed, sight)
    if not code.remote_id:
        return replace(
            _adopt(code, listed, sight),
            marks={"phase": CodePhase.REMOVING, "status": CodeStatus.REMOVING},
        )
    if listed.remote_id != code.remote_id and not code.is_gone:
        facts = {"remote_id": listed.remote_id, "phase": CodePhase.REMOVING}
        return Change(code=code, facts=facts | {"next_run_at": sight.now})
    is_proof = sight.proves_after(code.removal_accepted_at, door)
    if code.phase == CodePhase.VERIFYING_ABSENT and not is_proof:
        return _remove_again(code, sight)
    if code.phase not in _BELIEVED_GONE or not is_proof:
        return None
    return _alive_after_all(code, listed, sight)


_BELIEVED_GONE = (
    CodePhase.VERIFYING_ABSENT,
    CodePhase.REMOVED_IN_CLOUD,
    CodePhase.REMOVED,
    CodePhase.SKIPPED,
)


def _alive_after_all(code: KnownCode, listed: ListedCode, sight: Sight) -> Change:
    return Change(
        code=code,
        facts={
            "remote_id": listed.remote_id,
            "person_id": listed.person_id or code.person_id,
            "phase": CodePhase.REMOVING,
            "status": CodeStatus.REMOVING,
            "removed_in_cloud_at": None,
            "removed_at": None,
            "next_run_at": sight.now,
        },
        moment=("still_there", "Its removal was accepted, but it is still listed."),
    )


def proof_after(code: KnownCode, door: KnownDoor) -> timedelta:
    """Return how long after its removal was accepted a listing proves something.

    A call that put a guest at a door, and had no answer, may be carried out later than the one
    that took it off; a guest that is deleted is at no door.
    """
    return door.lives_by.settle + (CALL if code.shared_key else timedelta(0))


def _at_this_door(
    code: KnownCode, door: KnownDoor, listed: ListedCode, sight: Sight
) -> Change | None:
    """Its guest is there for other codes. Is it still at this code's door?"""
    if door.lock_id not in sight.listing.doors or listed.lock_ids is None:
        return None
    if _has_left(code, door, listed, sight):
        is_waiting = code.phase == CodePhase.VERIFYING_ABSENT and sight.is_believed
        return _removed_in_cloud(code, sight) if is_waiting else None
    if door.lock_id not in listed.lock_ids:
        return None
    if _is_proof_of_door(code, door, sight):
        is_news = code.phase in _BELIEVED_GONE
        return _alive_after_all(code, listed, sight) if is_news else None
    return _remove_again(code, sight) if code.phase == CodePhase.VERIFYING_ABSENT else None


def _has_left(code: KnownCode, door: KnownDoor, listed: ListedCode, sight: Sight) -> bool:
    """Whether a listing shows that a guest is no longer at the door of a code."""
    is_looked_at = door.lock_id in sight.listing.doors and listed.lock_ids is not None
    is_off = is_looked_at and door.lock_id not in (listed.lock_ids or ())
    return is_off and _is_proof_of_door(code, door, sight)


def _is_proof_of_door(code: KnownCode, door: KnownDoor, sight: Sight) -> bool:
    accepted_at = code.removal_accepted_at
    if accepted_at is None:
        return code.phase != CodePhase.VERIFYING_ABSENT
    return sight.listing.asked_at >= accepted_at + proof_after(code, door)


def _remove_again(code: KnownCode, sight: Sight) -> Change | None:
    """Still listed some time after a yes: perhaps an old listing, perhaps an empty promise.

    Asking again costs a call; not asking may leave it alive for a minute more.
    """
    accepted_at = code.removal_accepted_at
    if accepted_at is None or sight.listing.asked_at < accepted_at + REMOVE_AGAIN_AFTER:
        return None
    return Change(code=code, facts={"phase": CodePhase.REMOVING, "next_run_at": sight.now})


def _absent(code: KnownCode, door: KnownDoor, sight: Sight) -> Change | None:
    """A code is not in the listing. What follows, if anything?"""
    if not sight.is_believed or code.is_gone:
        return None
    if not code.is_ours_to_change:
        wait = _count_empty(code, sight) if sight.is_empty else _count_missing(code, door, sight)
        return wait or _unmanaged_gone(code, sight)
    unclear = code.ambiguous_since + CALL if code.ambiguous_since else None
    is_proof = all(
        sight.proves_after(at, door) for at in (code.written_at, code.removal_accepted_at, unclear)
    )
    if not is_proof:
        return None
    if not code.remote_id and code.ambiguous_since is None:
        return _room(code, sight)
    if sight.is_empty and (wait := _count_empty(code, sight)):
        return wait
    if not code.remote_id:
        return _never_made(code, sight)
    if not code.is_wanted(sight.now) or code.phase == CodePhase.VERIFYING_ABSENT:
        return _removed_in_cloud(code, sight)
    return _count_missing(code, door, sight) or _vanished(code, door, sight)


def _room(code: KnownCode, sight: Sight) -> Change | None:
    """A seat became free for what waits for one."""
    waits = code.phase == CodePhase.BLOCKED and code.error_code == Code.NO_SEAT
    used, total = sight.listing.seats_used, sight.listing.seats_total
    if not waits or used is None or total is None or used >= total:
        return None
    return Change(code=code, facts={"next_run_at": sight.now})


def _never_made(code: KnownCode, sight: Sight) -> Change:
    return Change(
        code=code,
        facts={
            "ambiguous_since": None,
            "missing_listings": 0,
            "missing_since": None,
            "next_run_at": sight.now,
        },
        moment=("not_made", "Looked long enough: the call without an answer made nothing."),
    )


def _removed_in_cloud(code: KnownCode, sight: Sight) -> Change | None:
    if code.phase == CodePhase.REMOVED_IN_CLOUD:
        return None
    return Change(
        code=code,
        facts={
            "phase": CodePhase.REMOVED_IN_CLOUD,
            "status": CodeStatus.REMOVING,
            "removed_in_cloud_at": sight.listing.asked_at,
            "ambiguous_since": None,
            "missing_listings": 0,
            "missing_since": None,
            "error_code": "",
            "error": "",
            "next_run_at": sight.now,
        },
        moment=("removed_in_cloud", "Gone at the provider."),
    )


def _count_empty(code: KnownCode, sight: Sight) -> Change | None:
    """Return a count to write down, or None once an empty answer came often and long enough."""
    asked_at = sight.listing.asked_at
    since = min(code.missing_since or asked_at, asked_at)
    count = code.missing_listings
    if asked_at >= since + count * THIN_APART:
        count += 1
    if count >= THIN_BELIEVED:
        return None
    return Change(code=code, facts={"missing_listings": count, "missing_since": since})


def _count_missing(code: KnownCode, door: KnownDoor, sight: Sight) -> Change | None:
    """Return a count to write down, or None once it was missing often and long enough."""
    since = code.missing_since or sight.listing.asked_at
    count = code.missing_listings + 1
    if count >= MISSING_BELIEVED and sight.proves_after(since, door):
        return None
    return Change(code=code, facts={"missing_listings": count, "missing_since": since})


def _vanished(code: KnownCode, door: KnownDoor, sight: Sight) -> Change:
    """Somebody took it away at the provider."""
    facts: dict[str, Any] = {
        "remote_id": "",
        "seen": {},
        "ambiguous_since": None,
        "missing_listings": 0,
        "missing_since": None,
        "has_native_end": False,
        "reported_ends_at": None,
        "next_run_at": sight.now,
        "warnings": _changed_outside(code, sight),
    }
    if door.lives_by.digits_by_provider and not code.was_told:
        facts["secret_state"] = SecretState.NONE
    return Change(
        code=code,
        facts=facts,
        marks={
            "phase": CodePhase.SETTING,
            "status": CodeStatus.SETTING,
            "setting_since": sight.now,
        },
        moment=("vanished", "Somebody removed it at the provider."),
        verb=Verb.CODE_CHANGED_OUTSIDE,
    )


# --- codes nobody made here ----------------------------------------------------------------------


def _unmanaged(code: KnownCode, listed: ListedCode, sight: Sight) -> Change | None:
    facts = _found(code, listed, sight)
    status = CodeStatus.UNSET if listed.is_suspended else CodeStatus.SET
    columns: dict[str, Any] = {"phase": CodePhase.ON_LOCK, "status": status, "removed_at": None}
    if listed.name:
        columns["name"] = listed.name[:60]
    columns |= {"starts_at": None, "ends_at": None}
    if listed.starts_at and listed.ends_at and listed.starts_at < listed.ends_at:
        columns |= {"starts_at": listed.starts_at, "ends_at": listed.ends_at}
    facts |= {name: value for name, value in columns.items() if getattr(code, name) != value}
    return Change(code=code, facts=facts) if facts else None


def _unmanaged_gone(code: KnownCode, sight: Sight) -> Change:
    return Change(
        code=code,
        facts={
            "phase": CodePhase.REMOVED,
            "status": CodeStatus.UNSET,
            "removed_at": sight.now,
            "missing_listings": 0,
            "missing_since": None,
        },
        moment=("removed", "It is no longer at the provider."),
    )
