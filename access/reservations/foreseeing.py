"""Which steps of a plan would be refused, as things are now. Nothing is written."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from access.grants import identities, services
from access.grants.asking import Asked
from access.models import AccessGrant, FeedStay
from access.planning.outcome import Problem
from access.reservations.applying import NO_KEY, NO_ROOM, known_as, left_out, with_fewer_details
from access.reservations.known import Known
from access.reservations.matching import Do, Step
from access.reservations.wishes import Ways, changed_wish, wish
from accounts import sealing
from locks.codes.rules import RuleError
from locks.codes.services import RefusedError

#: A person waits for it. The planner takes some 10 ms for a stay.
SECONDS = 5.0
#: Of a problem that all stays with such doors and such guests share.
_OF_DOORS = frozenset({"doors", "requested_access_methods"})


@dataclass(frozen=True)
class Foreseen:
    """What would be said of a step that would be refused, or done with less."""

    sentence: str
    is_refused: bool
    #: Whether every stay of the same kind meets the same.
    is_of_doors: bool = False


def foresee(
    steps: Sequence[Step], rows: Iterable[FeedStay], ways: Ways, *, at: datetime
) -> Mapping[int, Foreseen]:
    """Return what is in the way of steps, by their place among them.

    One stay of each kind is looked at first, so that a room that nothing opens is told of all
    its stays; then the others, while there is time.
    """
    planner = _Foreseer(rows, ways, at)
    wanted = [n for n, step in enumerate(steps) if step.do in {Do.CREATE, Do.CHANGE} and step.after]
    kinds = {n: _kind(steps[n].after, ways) for n in wanted}
    firsts = {kind: n for n, kind in reversed(kinds.items())}
    looked_at: dict[int, Foreseen | None] = {}
    until = time.monotonic() + SECONDS
    for n in dict.fromkeys([*sorted(firsts.values()), *wanted]):
        if time.monotonic() >= until:
            break
        looked_at[n] = planner.foreseen(steps[n])
    found = {n: looked_at.get(n, _of_kind(looked_at.get(firsts[kinds[n]]))) for n in wanted}
    for n, name in _shared(steps, [n for n in wanted if steps[n].do is Do.CREATE]):
        found[n] = found[n] or Foreseen(name, is_refused=False)
    return {n: each for n, each in found.items() if each}


def _shared(steps: Sequence[Step], created: Sequence[int]) -> Iterator[tuple[int, str]]:
    """Tell of stays whose guest has the e-mail or phone of another one before them."""
    names: dict[str, str] = {}
    for n in created:
        after = steps[n].after
        if after is None or not after.stay.guest.name:
            continue
        guest = after.stay.guest
        for detail in (guest.email.casefold(), guest.phone):
            if detail and (note := known_as(guest.name, names.setdefault(detail, guest.name))):
                yield n, note
                break


def _kind(known: Known | None, ways: Ways) -> tuple[object, ...]:
    """Return what decides of a stay whether any door can be opened for it, but for its times."""
    assert known is not None
    place, guest = ways.place_of(known), known.stay.guest
    return (place and place.pk, bool(guest.email), bool(guest.phone))


def _of_kind(first: Foreseen | None) -> Foreseen | None:
    return first if first and first.is_of_doors else None


class _Foreseer:
    def __init__(self, rows: Iterable[FeedStay], ways: Ways, at: datetime) -> None:
        self.rows = {row.uid: row for row in rows}
        self.ways = ways
        self.at = at

    def foreseen(self, step: Step) -> Foreseen | None:
        assert step.after is not None
        row = self.rows.get(step.before.stay.uid) if step.before else None
        grant = row.grant if row and not step.is_other_guest else None
        if grant is None or grant.is_over(self.at):
            return self._of_new(step.after)
        if (grant.starts_at, grant.ends_at) == (step.after.starts_at, step.after.ends_at):
            return None
        return self._of_change(step.after, grant)

    def _of_new(self, known: Known) -> Foreseen | None:
        place = self.ways.place_of(known)
        if place is None:
            return Foreseen(NO_ROOM, is_refused=True)
        asked = wish(known, self.ways, place)
        problems: list[Problem | RuleError] = []
        for each in with_fewer_details(asked):
            problems = list(self._problems(each, None))
            if not problems:
                person = identities.resolve(each.guest, each.property.workspace_id)[0]
                notes = [
                    left_out(asked, each, "would be"),
                    known_as(asked.guest.full_name, str(person)),
                ]
                note = " ".join(filter(None, notes))
                return Foreseen(note, is_refused=False) if note else None
            if not {problem.field for problem in problems} <= {"email", "phone"}:
                break
        return _refused(problems)

    def _of_change(self, known: Known, grant: AccessGrant) -> Foreseen | None:
        try:
            asked = changed_wish(services.asked_of(grant), known)
        except sealing.UnreadableError:
            return Foreseen(NO_KEY, is_refused=True)
        problems = list(self._problems(asked, grant))
        return _refused(problems) if problems else None

    def _problems(self, asked: Asked, grant: AccessGrant | None) -> Iterator[Problem | RuleError]:
        try:
            yield from services.preview(asked, at=self.at, grant=grant).problems
        except RefusedError as error:
            yield from error.problems or [RuleError("", "it is refused")]


def _refused(problems: Sequence[Problem | RuleError]) -> Foreseen:
    told = "; ".join(dict.fromkeys(each.sentence.strip().rstrip(".") for each in problems))
    return Foreseen(
        f"But: {told[:1].lower()}{told[1:]}.",
        is_refused=True,
        is_of_doors={each.field for each in problems} <= _OF_DOORS,
    )
