"""What a system says of a user, as it is kept, and whether it is what we wish."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.utils.dateparse import parse_datetime

from access.models import AcsUser
from access.states import Part
from accounts.providers.systems import ListedUser, Mutation, Problem, UserWish

#: Between a call and the moment its provider writes down, as it looks once clocks are compared.
CLOCK_SLACK = timedelta(seconds=60)
#: Systems round times, and say them in zones of their own.
_SAME_MOMENT = timedelta(seconds=60)

#: Which columns of a user make up which part of the wish.
COLUMNS: dict[Part, tuple[str, ...]] = {
    Part.INFORMATION: ("full_name", "email", "phone"),
    Part.SCHEDULE: ("starts_at", "ends_at"),
    Part.SUSPENSION: ("is_suspended",),
}
#: What a provider calls a part that it has taken and not carried out (facts/seam.md 8).
MUTATIONS = {
    Part.INFORMATION: "updating_user_information",
    Part.SCHEDULE: "updating_access_schedule",
    Part.SUSPENSION: "updating_suspension_state",
}


def made_from(
    since: datetime, *, skew_seconds: float | None, slack: timedelta = CLOCK_SLACK
) -> datetime:
    """Return from when on, by the provider's clock, something was made that we asked for at `since`.

    `skew_seconds`: their clock minus ours, as an account keeps it; None where nobody knows.
    """
    return since + timedelta(seconds=skew_seconds or 0) - slack


def reported(listed: ListedUser) -> dict[str, Any]:
    """Return the JSON of what was listed; texts no longer than our columns."""
    starts_at, ends_at = _window(listed.starts_at, listed.ends_at)
    return {
        "full_name": listed.full_name[:100],
        "email": listed.email[:254],
        "phone": listed.phone[:20],
        "starts_at": starts_at.isoformat() if starts_at else None,
        "ends_at": ends_at.isoformat() if ends_at else None,
        "is_suspended": listed.is_suspended,
    }


def _window(
    starts_at: datetime | None, ends_at: datetime | None
) -> tuple[datetime | None, datetime | None]:
    """Return a window that our table takes: one that ends before it begins has no beginning."""
    if starts_at and ends_at and starts_at >= ends_at:
        return None, ends_at
    return starts_at, ends_at


def columns_of(part: Part, seen: dict[str, Any]) -> dict[str, Any]:
    """Return a part of what was reported, as values of our columns."""
    if part != Part.SCHEDULE:
        return {name: seen[name] for name in COLUMNS[part]}
    return {name: parse_datetime(seen[name] or "") for name in COLUMNS[part]}


def is_as_wished(part: Part, user: AcsUser, seen: dict[str, Any], *, at: datetime) -> bool:
    """Tell whether a reported part is what our columns say."""
    theirs = columns_of(part, seen)
    if part == Part.SUSPENSION:
        return bool(user.is_suspended == theirs["is_suspended"])
    if part == Part.INFORMATION:
        return (
            is_same_name(user.full_name, theirs["full_name"])
            and user.email.casefold() == theirs["email"].casefold()
            and user.phone == theirs["phone"]
        )
    return is_same_end(user.ends_at, theirs["ends_at"]) and _is_same_start(
        user.starts_at, theirs["starts_at"], at
    )


def is_shortened(user: AcsUser) -> bool:
    """Tell whether we wish somebody's schedule to end before it does."""
    if Part.SCHEDULE not in user.pending or user.ends_at is None or not user.remote_id:
        return False
    theirs = parse_datetime(user.reported.get("ends_at") or "")
    return theirs is None or user.ends_at < theirs


def is_same_name(ours: str, theirs: str) -> bool:
    return ours.split() == theirs.split()


def is_same_end(ours: datetime | None, theirs: datetime | None) -> bool:
    """Tell whether two ends are one, as far as systems keep them; None: none."""
    if ours is None or theirs is None:
        return ours is theirs
    return abs(ours - theirs) <= _SAME_MOMENT


def _is_same_start(ours: datetime | None, theirs: datetime | None, at: datetime) -> bool:
    """A start that is over means "now" to a provider, whichever past moment it writes down."""
    if ours is None or theirs is None:
        return (ours or theirs or at) <= at
    return abs(ours - theirs) <= _SAME_MOMENT or (ours <= at and theirs <= at)


def wish_of(user: AcsUser) -> UserWish:
    return UserWish(
        full_name=user.full_name,
        email=user.email,
        phone=user.phone,
        starts_at=user.starts_at,
        ends_at=user.ends_at,
    )


def problems(found: tuple[Problem, ...]) -> list[dict[str, str]]:
    return [asdict(each) for each in found]


def mutations(found: tuple[Mutation, ...]) -> list[dict[str, Any]]:
    return [
        {
            "code": each.code,
            "group_id": each.group_id,
            "scheduled_at": each.scheduled_at.isoformat() if each.scheduled_at else None,
        }
        for each in found
    ]


def is_mutating(part: Part, found: list[dict[str, Any]]) -> bool:
    """Tell whether the provider says that it is still carrying a part to the system."""
    return any(each["code"] == MUTATIONS[part] for each in found)


def is_moving(group_id: str, found: list[dict[str, Any]]) -> bool:
    """Tell whether somebody is still on their way into or out of a group (remote id)."""
    return any(
        "group_membership" in each["code"] and each["group_id"] in ("", group_id) for each in found
    )
