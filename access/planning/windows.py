"""When a method opens a door: as asked, rounded to what its provider keeps."""

from datetime import datetime, timedelta

from access.planning.doors import Door, TimeLimits
from access.planning.held import HeldDoor
from access.planning.outcome import TimeReason
from accounts.providers.codes import CodeConstraint
from accounts.providers.systems import AccessMethod
from locks.codes.rules import Window, rounded

#: What is kept of everything that is no code.
_MINUTE = 60


def window_at(
    door: Door, mode: AccessMethod, asked: Window, held: HeldDoor | None, *, now: datetime
) -> Window:
    """Return when a method opens this door, with what other grants want of it.

    Starts are rounded down and ends up; a lock that wants a start to come gets the next one.
    """
    of_codes = door.codes if mode == AccessMethod.CODE else None
    seconds = of_codes.granularity_seconds if of_codes else _MINUTE
    own = _rounded(asked, seconds)
    if of_codes and CodeConstraint.START_DATE_IN_FUTURE in of_codes.constraints:
        own = _to_come(own, seconds, held, now)
    return hull(own, held.also) if held and held.also else own


def _rounded(asked: Window, seconds: int) -> Window:
    return Window(
        asked.starts_at and rounded(asked.starts_at, seconds),
        asked.ends_at and rounded(asked.ends_at, seconds, up=True),
    )


def _to_come(own: Window, seconds: int, held: HeldDoor | None, now: datetime) -> Window:
    if own.starts_at is None or own.starts_at > now:
        return own
    if held and held.window.starts_at and held.window.starts_at >= own.starts_at:
        return Window(held.window.starts_at, own.ends_at)  # it was told once, and stays
    return Window(rounded(now, seconds) + timedelta(seconds=seconds), own.ends_at)


def hull(one: Window, other: Window) -> Window:
    """Return the window that reaches over both."""
    starts = [each.starts_at for each in (one, other) if each.starts_at]
    ends = [each.ends_at for each in (one, other) if each.ends_at]
    return Window(min(starts) if len(starts) == 2 else None, max(ends) if len(ends) == 2 else None)


def touch(one: Window, other: Window) -> bool:
    """Tell whether two windows overlap or follow one another without a gap."""

    def reaches(a: Window, b: Window) -> bool:
        return a.starts_at is None or b.ends_at is None or a.starts_at <= b.ends_at

    return reaches(one, other) and reaches(other, one)


def is_within(inner: Window, outer: Window) -> bool:
    return hull(inner, outer) == outer


def refusal(door: Door, asked: Window) -> TimeReason | None:
    """Return why this lock takes no code for that window, or None."""
    limits = door.limits
    if asked.ends_at is None:
        return None if limits.takes_ongoing else TimeReason.ONGOING_NOT_SUPPORTED
    if asked.starts_at is None:
        return None
    if limits.longest is not None and asked.ends_at - asked.starts_at > limits.longest:
        return TimeReason.DURATION_EXCEEDS_MAX
    if _misses_slots(limits, asked.starts_at.astimezone(door.zone), asked.ends_at, door):
        return TimeReason.TIMES_DO_NOT_MATCH_SLOTS
    return None


def _misses_slots(limits: TimeLimits, starts: datetime, ends_at: datetime, door: Door) -> bool:
    ends = ends_at.astimezone(door.zone)
    pair = ((starts.hour, starts.minute), (ends.hour, ends.minute))
    if limits.same_time and pair[0] != pair[1]:
        return True
    return bool(limits.slots) and pair not in limits.slots
