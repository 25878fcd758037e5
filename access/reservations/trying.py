"""What would happen, before anything does: a plan without its deeds, a line for each row."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from access.grants import services
from access.models import ReservationFeed
from access.reservations import matching, outside
from access.reservations.applying import NO_ROOM, Line, line_of
from access.reservations.fetching import FetchError
from access.reservations.known import Known
from access.reservations.matching import Do, Step
from access.reservations.stays import ReadError, Reading
from access.reservations.wishes import Ways, wish
from locks.codes.services import RefusedError
from locks.models import Device

#: Stays of which the doors are looked at too, and how long that may take.
MOST_PREVIEWED = 50
PREVIEW_SECONDS = 3.0
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
    return planned(reading, known, Ways(feed=feed, rooms={}, door=door), lists_all=True, at=at)


def planned(
    reading: Reading, known: Sequence[Known], ways: Ways, *, lists_all: bool, at: datetime
) -> Tried:
    """Say what a reading would do."""
    source = outside.source_of(ways.feed, lists_all=lists_all)
    plan = matching.plan(reading, known, source=source, at=at)
    looker = _Looker(ways, at)
    return Tried(
        lines=tuple(looker.line(step) for step in plan.steps),
        warning=plan.warning,
        steps=plan.steps,
    )


class _Looker:
    """Looks at the doors of the first stays, so that what will be refused is said before."""

    def __init__(self, ways: Ways, at: datetime) -> None:
        self.ways = ways
        self.at = at
        self.left = MOST_PREVIEWED
        self.until = time.monotonic() + PREVIEW_SECONDS

    def line(self, step: Step) -> Line:
        line = line_of(step, would(step.sentence))
        is_new = step.do is Do.CREATE and step.after is not None
        if is_new and self._may_look() and (problem := self._problem(step.after)):
            line.sentence = f"{line.sentence} But: {problem}"
            line.needs_look = True
        return line

    def _may_look(self) -> bool:
        self.left -= 1
        return self.left >= 0 and time.monotonic() < self.until

    def _problem(self, known: Known | None) -> str:
        assert known is not None
        space = self.ways.space_of(known)
        if space is None:
            return NO_ROOM if self.ways.feed.space_id else ""
        try:
            plan = services.preview(wish(known, self.ways, space), at=self.at)
        except RefusedError as error:
            return _ended(error.problems[0].sentence if error.problems else "it is refused")
        if plan.problems:
            return _ended(plan.problems[0].sentence)
        if not any(line.opens for line in plan.lines) and plan.left_out:
            return _ended(plan.left_out[0].sentence)
        return ""


def would(sentence: str) -> str:
    """Return what was done as what would be done."""
    done = next((each for each in _DONE if sentence.startswith((f"{each}:", f"{each} "))), "")
    return f"Would be {sentence[:1].lower()}{sentence[1:]}" if done else sentence


def _ended(sentence: str) -> str:
    return f"{sentence[:1].lower()}{sentence[1:].rstrip('.')}."
