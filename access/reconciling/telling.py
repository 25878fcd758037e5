"""What was told to the provider, and when to say it again: the notebook in `AcsUser.told`.

One entry for each thing that takes a call of its own: the parts of a user, each group, and
the deletion. It holds the generation of the wish that was told, how often in a row, and when
it is worth telling again. An entry goes when its wish was seen true.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils.dateparse import parse_datetime

DELETION = "delete"
#: Seconds until something is told again that was taken and is still not so.
_TAKEN = (60, 120, 300, 900)
#: … that was refused, or whose answer was lost.
_FAILED = (5, 15, 60, 300, 900)
#: Access that must end is told again at least this often (reliability CODE-02).
_REVOCATION = 60


def key_of_group(group_id: Any) -> str:
    return f"group:{group_id}"


def is_due(told: dict[str, Any], key: str, generation: int, at: datetime) -> bool:
    """Tell whether something should be told now: a new wish, or one that is still not so."""
    entry = told.get(key)
    return entry is None or entry["generation"] < generation or _again_at(entry) <= at


def next_at(told: dict[str, Any], key: str, generation: int, at: datetime) -> datetime:
    """Return when something should be told next; `at` if it is due."""
    return at if is_due(told, key, generation, at) else _again_at(told[key])


def _again_at(entry: dict[str, Any]) -> datetime:
    again_at = parse_datetime(entry["again_at"])
    assert again_at is not None
    return again_at


def after_call(
    told: dict[str, Any],
    key: str,
    generation: int,
    *,
    at: datetime,
    is_taken: bool,
    is_revocation: bool = False,
    wait_seconds: float = 0,
) -> dict[str, Any]:
    """Return the notebook after a call: when it is worth repeating, should that be needed."""
    before = told.get(key)
    is_same = before is not None and before["generation"] == generation
    tries = before["tries"] + 1 if is_same and before else 1
    waits = _TAKEN if is_taken else _FAILED
    seconds = float(waits[min(tries, len(waits)) - 1])
    if is_revocation:
        seconds = min(seconds, _REVOCATION)
    again_at = at + timedelta(seconds=max(seconds, wait_seconds))
    entry = {"generation": generation, "tries": tries, "again_at": again_at.isoformat()}
    return told | {key: entry}
