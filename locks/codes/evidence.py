"""What a provider's feed says about codes: whose code it was, and that it works."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from accounts.models import ConnectedSite
from accounts.providers.base import EntryHow, FeedEntry
from audit.services import Entry
from audit.words import How, Result
from locks.codes import storing
from locks.codes.actions import Change
from locks.codes.marks import STATUS_OF, on_lock
from locks.codes.states import CodePhase
from locks.codes.waking import wake
from locks.models import AccessCode

#: Phases in which a code is told to be gone, or about to be.
_SAID_TO_BE_GONE = (CodePhase.REMOVED_IN_CLOUD, CodePhase.REMOVED)
_EXPECTED = (CodePhase.SETTING, CodePhase.ACCEPTED, CodePhase.WAITING)


def codes_of(
    site: ConnectedSite, entries: Iterable[FeedEntry]
) -> Mapping[tuple[str, str], AccessCode]:
    """Return the codes that entries of a feed are about, by person and lock."""
    people = {e.person_id for e in entries if e.how == EntryHow.CODE and e.person_id}
    if not people:
        return {}
    codes = AccessCode.objects.filter(account_id=site.account_id, person_id__in=people)
    codes = codes.select_related("device").defer("device__raw").order_by("created_at")
    return {(code.person_id, code.device.remote_id): code for code in codes}


def named(entry: Entry, told: FeedEntry, codes: Mapping[tuple[str, str], AccessCode]) -> Entry:
    """Return a line of the feed with the code that was typed, and whose it is."""
    code = codes.get((told.person_id, told.lock_id)) if told.how == EntryHow.CODE else None
    if code is None:
        return entry
    return replace(
        entry,
        who=replace(entry.who, name=code.name),
        detail={**entry.detail, "code": code.name, "code_id": str(code.pk)},
    )


def take(entries: Iterable[Entry], *, at: datetime) -> None:
    """Let codes that opened a door be known to be on it. Call it as the entries are stored."""
    for entry in entries:
        code_id = entry.detail.get("code_id")
        if code_id and entry.how == How.CODE and entry.result == Result.GRANTED:
            _used(str(code_id), min(entry.occurred_at, at), at)


def _used(code_id: str, occurred_at: datetime, at: datetime) -> None:
    code = AccessCode.objects.filter(pk=code_id).first()
    if code is None:
        return
    if code.last_used_at is None or code.last_used_at < occurred_at:
        AccessCode.objects.filter(pk=code.pk).update(last_used_at=occurred_at)
    known = storing.known_code(code, None)
    if known.is_wanted(occurred_at) and code.phase in _EXPECTED:
        if code.phase == CodePhase.ACCEPTED:
            storing.store(on_lock(known, "used", occurred_at), at=at)
    elif code.phase in _SAID_TO_BE_GONE and _was_gone(code, occurred_at):
        storing.store(_alive_after_all(code, occurred_at), at=at)
        wake(code.account_id, code.pk)


def _was_gone(code: AccessCode, occurred_at: datetime) -> bool:
    gone_at = code.removed_at or code.removed_in_cloud_at
    return gone_at is not None and occurred_at > gone_at


def _alive_after_all(code: AccessCode, occurred_at: datetime) -> Change:
    """It opened the door after it was removed: the lock has not heard of that."""
    phase = CodePhase.REMOVED_IN_CLOUD
    return Change(
        code=storing.known_code(code, None),
        facts={"phase": phase, "status": STATUS_OF[phase], "removed_at": None},
        moment=("still_alive", "It opened the door although it was removed."),
        happened_at=occurred_at,
    )
