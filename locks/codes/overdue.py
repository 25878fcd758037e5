"""Codes that should have been gone: who is told, and when (reliability CODE-02)."""

from datetime import datetime, timedelta

from audit.words import Verb
from locks.codes.actions import Change
from locks.codes.known import KnownCode, KnownDoor
from locks.codes.states import CodePhase
from locks.codes.warn import with_warning

ALERT_AFTER = timedelta(minutes=2)
#: Removed at the provider, it takes so long until a lock that is online was seen to know.
ALERT_LOCK_AFTER = timedelta(minutes=6)
ESCALATE_AFTER = timedelta(minutes=15)

DELAY = "delay_in_removing_from_device"


def overdue(code: KnownCode, door: KnownDoor, *, now: datetime) -> Change | None:
    """Return what to write down about a code that should be gone by now, or None.

    A code that its lock has ended by itself opens nothing, and alarms nobody.
    """
    since = code.unwanted_since
    if since is None or code.ended_by_itself(now) or not _may_be_alive(code):
        return None
    late = now - since
    if code.escalated_at is None and late >= ESCALATE_AFTER:
        return _alarm(code, door, since, now, escalates=True)
    is_on_its_way = code.phase == CodePhase.REMOVED_IN_CLOUD and door.is_online is not False
    limit = ALERT_LOCK_AFTER if is_on_its_way else ALERT_AFTER
    if code.alerted_at is None and late >= limit:
        return _alarm(code, door, since, now, escalates=False)
    return None


def _may_be_alive(code: KnownCode) -> bool:
    return bool(code.remote_id or code.ambiguous_since) and not code.is_gone


def _alarm(
    code: KnownCode, door: KnownDoor, since: datetime, now: datetime, *, escalates: bool
) -> Change:
    minutes = int((now - since).total_seconds() // 60)
    said = f"May still open {door.lock_name}: it should have been gone {minutes} minutes ago."
    facts = {
        "overdue_since": since,
        "alerted_at": code.alerted_at or now,
        "warnings": with_warning(code, DELAY, said, now),
        "next_run_at": now,
    }
    return Change(
        code=code,
        facts=facts | ({"escalated_at": now} if escalates else {}),
        moment=("overdue", said),
        verb=Verb.CODE_OVERDUE,
        escalates=escalates,
    )
