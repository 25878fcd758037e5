"""What would happen, before anything does: a plan without its deeds, a line for each row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from access.models import FeedStay, ReservationFeed
from access.reservations import foreseeing, matching, outside
from access.reservations.applying import FAILED, Line, line_of
from access.reservations.fetching import FetchError
from access.reservations.known import Known
from access.reservations.matching import Do, Step
from access.reservations.stays import ReadError, Reading
from access.reservations.wishes import Ways
from locks.models import Device

#: A person waits for it; the worker has more patience.
BUDGET_SECONDS = 5.0

_DONE = ("Created", "Changed", "Ended", "Kept", "Skipped")


@dataclass(frozen=True, kw_only=True)
class Tried:
    """What a calendar or a table would do."""

    lines: tuple[Line, ...] = ()
    warning: str = ""
    #: Why nothing can be told.
    error: str = ""
    #: The steps, to be carried out if a person says so.
    steps: tuple[Step, ...] = ()
    #: A table with it cannot be imported at all.
    is_refused: bool = False

    def count(self, *done: Do) -> int:
        return sum(line.do in done for line in self.lines)

    @property
    def created(self) -> int:
        return self.count(Do.CREATE)

    @property
    def changed(self) -> int:
        return self.count(Do.CHANGE)

    @property
    def ended(self) -> int:
        return self.count(Do.END)

    @property
    def kept(self) -> int:
        return self.count(Do.KEEP)

    @property
    def skipped(self) -> int:
        return self.count(Do.SKIP)

    @property
    def to_look_at(self) -> int:
        return sum(line.needs_look for line in self.lines)


def try_calendar(
    address: str,
    feed: ReservationFeed,
    known: Sequence[Known],
    *,
    at: datetime,
    door: Device | None = None,
) -> Tried:
    """Read an address as the worker would, and do nothing. `feed` need not be saved.

    `door`: that it would lead to, instead of a room.
    """
    try:
        fetched = outside.fetched(address, feed.workspace, budget_seconds=BUDGET_SECONDS)
        reading = outside.reading_of(fetched.content or b"", feed.property, now=at)
    except (FetchError, ReadError) as error:
        return Tried(error=str(error))
    ways = Ways(feed=feed, rooms={}, door=door)
    return doubted(planned(reading, known, ways, lists_all=True, at=at), (), ways, at=at)


def planned(
    reading: Reading, known: Sequence[Known], ways: Ways, *, lists_all: bool, at: datetime
) -> Tried:
    """Say what a reading would do, if nothing is in its way."""
    source = outside.source_of(ways.feed, lists_all=lists_all)
    plan = matching.plan(reading, known, source=source, at=at)
    lines = tuple(line_of(step, would(step.sentence)) for step in plan.steps)
    return Tried(lines=lines, warning=plan.warning, steps=plan.steps)


def doubted(
    tried: Tried, rows: Iterable[FeedStay], ways: Ways, *, at: datetime, is_whole: bool = False
) -> Tried:
    """Say on the lines what is in the way of their steps.

    `is_whole`: what would be refused cannot be done, not even later.
    """
    for n, each in foreseeing.foresee(tried.steps, rows, ways, at=at).items():
        line = tried.lines[n]
        line.sentence = f"{line.sentence} {each.sentence}"
        line.needs_look = line.needs_look or each.is_refused
        if each.is_refused and is_whole:
            line.do = FAILED
    return tried


def would(sentence: str) -> str:
    """Return what was done as what would be done."""
    done = next((each for each in _DONE if sentence.startswith((f"{each}:", f"{each} "))), "")
    return f"Would be {sentence[:1].lower()}{sentence[1:]}" if done else sentence
