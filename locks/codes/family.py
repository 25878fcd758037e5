"""Codes of several doors that are one guest at the provider. Pure.

Each code is a row of its own, with its own door, phase and end. What is true of the guest is
kept in every row alike, so that any of them can go on alone: a change of it is written to all
living ones in one transaction, and a code that comes later takes it over.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from locks.codes.actions import Change, Codes, Shares
from locks.codes.known import KnownCode
from locks.codes.marks import is_settled
from locks.codes.states import CodePhase, CodeStatus

#: What is true of the guest, and so of each of its codes.
GUEST = ("remote_id", "person_id", "seen", "secret_state", "written_at", "ambiguous_since")
_MISSING = ("missing_listings", "missing_since")
_REMOVAL = ("phase", "status", "removal_accepted_at", "next_run_at")
#: A code in one of these has nothing to do with the guest that is there now.
_PARTED = (CodePhase.REMOVED_IN_CLOUD, CodePhase.REMOVED, CodePhase.SKIPPED)
_LEAVING = (CodePhase.REMOVING, CodePhase.VERIFYING_ABSENT)


def gather(codes: Codes) -> dict[UUID, KnownCode]:
    """Return the codes, each with the others of its guest among them."""
    guests: dict[str, list[KnownCode]] = defaultdict(list)
    for code in codes.values():
        if code.shared_key and code.is_managed:
            guests[code.ref].append(replace(code, others=()))
    return {pk: _among(code, guests.get(code.ref, ())) for pk, code in codes.items()}


def _among(code: KnownCode, guest: Iterable[KnownCode]) -> KnownCode:
    others = tuple(o for o in guest if o.id != code.id and (code.is_gone or not o.is_gone))
    return replace(code, others=others) if others or code.others else code


def joined(code: KnownCode, now: datetime) -> Change | None:
    """Return how a code becomes one with a guest that another code has, or None."""
    if code.remote_id or code.ambiguous_since is not None:
        return None
    there = [
        other
        for other in code.others
        if (other.remote_id or other.ambiguous_since is not None)
        and other.phase not in (*_PARTED, CodePhase.VERIFYING_ABSENT)
        and (other.is_wanted(now) or other.phase not in _LEAVING)
    ]
    if not there:
        return None
    other = min(there, key=lambda each: (not each.remote_id, each.created_at, each.id))
    facts: dict[str, Any] = {name: getattr(other, name) for name in (*GUEST, *_MISSING)}
    told_at = code.delivered_at or other.delivered_at
    return Change(
        code=code,
        facts=facts | {"delivered_at": told_at, "next_run_at": now},
        moment=("joined", "One guest and one PIN with the codes of other doors."),
        digits_of=other.id,
    )


def for_other(change: Change, mine: Any, other: Any, now: datetime) -> dict[str, Any]:
    """Return the columns that a change of `mine` has for another code of its guest.

    Both are KnownCodes or rows; `mine` as it is after the change.
    """
    if other.phase in _PARTED:
        return {}
    if change.shares == Shares.REMOVAL:
        columns = {} if other.is_wanted(now) else {n: getattr(mine, n) for n in _REMOVAL}
        return _news(columns, other)
    columns = _news({name: getattr(mine, name) for name in GUEST}, other)
    if not other.is_wanted(now) or is_settled(other):
        return columns
    if change.shares == Shares.FAILURE:
        return columns | {"next_run_at": mine.next_run_at, "attempts": mine.attempts}
    if columns and mine.ambiguous_since is None:
        columns |= {"next_run_at": now, "attempts": 0}
        if other.phase == CodePhase.BLOCKED and other.error_code == change.code.error_code:
            columns |= {"phase": CodePhase.SETTING, "status": CodeStatus.SETTING}
            columns |= {"error_code": "", "error": ""}
    return columns


def _news(columns: Mapping[str, Any], other: Any) -> dict[str, Any]:
    return {name: value for name, value in columns.items() if getattr(other, name) != value}
