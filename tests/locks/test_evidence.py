"""ACT-17: whatever order attempts and feed rows come in, a row confirms at most one attempt."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.services import Entry
from audit.who import Who
from audit.words import How, Result, Verb
from locks import actuation
from locks.models import ActionAttempt, Device
from locks.receivers import move_doors
from locks.states import Action, AttemptEvidence, AttemptStatus
from tests.make import make_attempt, make_device

pytestmark = pytest.mark.django_db

EARLY, NEAR, LATE = timedelta(seconds=5), timedelta(seconds=10), timedelta(seconds=60)
DOORS = 2


@dataclass(frozen=True)
class Try:
    """An attempt appears: sent so many seconds after the beginning."""

    door: int
    sent: int
    status: AttemptStatus
    action: Action


@dataclass(frozen=True)
class Row:
    """The feed tells of a remote opening."""

    door: int
    at: int
    is_ours: bool


tries = st.builds(
    Try,
    door=st.integers(0, DOORS - 1),
    sent=st.integers(0, 120),
    # Most could be confirmed; the others must never be.
    status=st.sampled_from(
        [
            AttemptStatus.UNCONFIRMED,
            AttemptStatus.UNCONFIRMED,
            AttemptStatus.SUCCESS,
            AttemptStatus.SENDING,
            AttemptStatus.FAILED,
            AttemptStatus.EXPIRED,
        ]
    ),
    action=st.sampled_from([Action.UNLOCK, Action.UNLOCK, Action.UNLOCK, Action.LOCK]),
)
rows = st.builds(
    Row,
    door=st.integers(0, DOORS - 1),
    at=st.integers(-10, 190),
    is_ours=st.sampled_from([True, True, True, False]),
)


@dataclass
class World:
    """The doors, and by our own reckoning which attempt may still be confirmed by a row."""

    began: datetime
    doors: list[Device]
    known: dict[UUID, Try] = field(default_factory=dict)
    confirmed: dict[UUID, Row] = field(default_factory=dict)

    def add(self, one: Try) -> None:
        is_open = one.status == AttemptStatus.SENDING
        if is_open and any(
            t.door == one.door and t.status == one.status for t in self.known.values()
        ):
            return  # the database allows one at a time
        sent_at = self.began + timedelta(seconds=one.sent)
        attempt = make_attempt(
            self.doors[one.door],
            action=one.action,
            status=one.status,
            created_at=sent_at,
            sent_at=sent_at,
            finished_at=None if is_open else sent_at,
        )
        self.known[attempt.pk] = one

    def fits(self, row: Row) -> list[UUID]:
        delays = {
            pk: timedelta(seconds=row.at - one.sent)
            for pk, one in self.known.items()
            if one.door == row.door
            and one.action == Action.UNLOCK
            and one.status
            in (AttemptStatus.UNCONFIRMED, AttemptStatus.SUCCESS, AttemptStatus.SENDING)
            and pk not in self.confirmed
        }
        near = [pk for pk, delay in delays.items() if -EARLY <= delay <= NEAR]
        return near or [pk for pk, delay in delays.items() if -EARLY <= delay <= LATE]

    def tell(self, row: Row) -> ActionAttempt | None:
        device = self.doors[row.door]
        return actuation.settle_from_feed(
            device.pk,
            person_id=device.account.remote_id if row.is_ours else "somebody else",
            occurred_at=self.began + timedelta(seconds=row.at),
            at=timezone.now(),
        )


class _RollBackError(Exception):
    pass


@settings(max_examples=120, deadline=None)
@given(happenings=st.lists(st.one_of(tries, rows), max_size=14))
def test_act_17_a_row_confirms_one_attempt_and_only_where_exactly_one_fits(
    happenings: list[Try | Row],
) -> None:
    try:
        with transaction.atomic():
            _play(happenings)
            raise _RollBackError
    except _RollBackError:
        pass


def _play(happenings: list[Try | Row]) -> None:
    first = make_device()
    world = World(
        began=timezone.now() - timedelta(minutes=10),
        doors=[first, *(make_device(first.site) for _ in range(DOORS - 1))],
    )
    for happening in happenings:
        if isinstance(happening, Try):
            world.add(happening)
            continue
        before = world.fits(happening)
        found = world.tell(happening)
        if happening.is_ours and len(before) == 1:
            assert found is not None
            assert found.pk == before[0]
            world.confirmed[found.pk] = happening
        else:
            assert found is None
        _check(world)


def _check(world: World) -> None:
    """What stands in the database is what the rows so far may have confirmed, and nothing else."""
    stored = ActionAttempt.objects.filter(device__in=world.doors)
    told = stored.filter(evidence=AttemptEvidence.FEED)
    assert set(told.values_list("pk", flat=True)) == set(world.confirmed)
    for attempt in stored:
        one, row = world.known[attempt.pk], world.confirmed.get(attempt.pk)
        was_settled = row is not None and one.status == AttemptStatus.UNCONFIRMED
        assert attempt.status == (AttemptStatus.SUCCESS if was_settled else one.status)
        moment = max(row.at, one.sent) if row else None
        expected = None if moment is None else world.began + timedelta(seconds=moment)
        assert attempt.opened_at == expected


@settings(max_examples=80, deadline=None)
@given(
    sent=st.lists(st.integers(0, 120), min_size=1, max_size=4, unique=True),
    delays=st.lists(st.integers(-2, 6), min_size=4, max_size=4),
)
def test_act_17_openings_told_together_are_credited_in_order_or_not_at_all(
    sent: list[int], delays: list[int]
) -> None:
    """Every command opened once, and the feed tells of all of them in one answer."""
    try:
        with transaction.atomic():
            _tell_together(sorted(sent), delays)
            raise _RollBackError
    except _RollBackError:
        pass


def _tell_together(sent: list[int], delays: list[int]) -> None:
    door = make_device()
    world = World(began=timezone.now() - timedelta(minutes=10), doors=[door])
    for seconds in sent:
        world.add(Try(0, seconds, AttemptStatus.UNCONFIRMED, Action.UNLOCK))
    opened = [seconds + delay for seconds, delay in zip(sent, delays, strict=False)]
    if sorted(set(opened)) != opened:
        return  # the provider tells them in another order than they were asked for
    tries = {one.sent: pk for pk, one in world.known.items()}
    rows = [
        Entry(
            external_id=str(at),
            occurred_at=world.began + timedelta(seconds=at),
            verb=Verb.OPENED,
            how=How.REMOTE,
            result=Result.GRANTED,
            who=Who(kind="person", id=door.account.remote_id, name="Our login"),
            place=door.as_place(),
        )
        for at in opened
    ]

    move_doors(rows, timezone.now())

    stored = ActionAttempt.objects.in_bulk(tries.values())
    for seconds, at in zip(sent, opened, strict=True):
        attempt = stored[tries[seconds]]
        assert attempt.status == AttemptStatus.SUCCESS
        assert attempt.opened_at == world.began + timedelta(seconds=max(at, seconds))


def test_act_17_one_opening_after_two_commands_seconds_apart_credits_neither() -> None:
    door = make_device()
    now = timezone.now()
    for seconds in (20, 17):
        sent_at = now - timedelta(seconds=seconds)
        make_attempt(door, status=AttemptStatus.UNCONFIRMED, created_at=sent_at, sent_at=sent_at)

    found = actuation.settle_from_feed(
        door.pk,
        person_id=door.account.remote_id,
        occurred_at=now - timedelta(seconds=16),
        at=now,
    )

    assert found is None


def test_the_last_event_of_a_door_names_our_person_where_it_is_known() -> None:
    door = make_device()
    now = timezone.now()
    make_attempt(door, status=AttemptStatus.SUCCESS, actor_name="Mia", created_at=now, sent_at=now)

    move_doors(
        [
            Entry(
                external_id="e1",
                occurred_at=now,
                verb=Verb.OPENED,
                how=How.REMOTE,
                result=Result.GRANTED,
                who=Who(kind="person", id=door.account.remote_id, name="Our login"),
                place=door.as_place(),
            )
        ],
        now,
    )

    door.refresh_from_db()
    assert (door.last_event, door.last_event_user) == ("opened", "Mia")
