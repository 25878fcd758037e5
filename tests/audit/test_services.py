from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction

from audit.context import RequestFacts, request_facts, set_request_facts
from audit.models import Event
from audit.services import Entry, ingest, record
from audit.signals import events_ingested
from audit.who import Place, Who
from audit.words import DOOR_VERBS, Source, Verb

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 28, 22, 0, tzinfo=UTC)
ACCOUNT, WORKSPACE = uuid4(), uuid4()


def entries(*items: Entry, at: datetime = NOW) -> list[str]:
    """Take lines in, and return the ids of those that were new."""
    new = ingest(items, workspace_id=WORKSPACE, account_id=ACCOUNT, source=Source.SALTO_KS, at=at)
    return [entry.external_id for entry in new]


def entry(external_id: str = "e1", *, ago: timedelta = timedelta(), **fields: Any) -> Entry:
    return Entry(
        **{"external_id": external_id, "occurred_at": NOW - ago, "verb": Verb.OPENED} | fields
    )


def test_a_line_keeps_the_names_of_its_moment() -> None:
    place = Place(
        property_id=uuid4(), property_name="P" * 300, device_id=uuid4(), device_name="Room"
    )

    event = record(
        Verb.UNLOCK_SUCCEEDED,
        workspace_id=WORKSPACE,
        at=NOW,
        who=Who(kind="user", id="7", name="N" * 300),
        place=place,
        reason="r" * 400,
        subject="s" * 300,
    )

    event.refresh_from_db()
    assert (event.device_id, event.device_name) == (place.device_id, "Room")
    lengths = [len(event.property_name), len(event.actor_name), len(event.reason)]
    assert [*lengths, len(event.subject)] == [200, 200, 300, 200]
    assert (event.occurred_at, event.recorded_at) == (NOW, NOW)


def test_without_a_person_the_system_did_it() -> None:
    event = record(Verb.DOOR_ADDED, workspace_id=WORKSPACE, at=NOW)

    assert (event.actor_kind, event.actor_name) == ("system", "Lockboard")


@pytest.mark.parametrize("verb", [Verb.UNLOCK_SUCCEEDED, Verb.OPENED, Verb.FEED_GAP])
def test_what_happens_at_doors_is_a_door_event(verb: Verb) -> None:
    assert record(verb, workspace_id=WORKSPACE, at=NOW).kind == "door"


@pytest.mark.parametrize("verb", [Verb.SIGNED_IN, Verb.POLICY_CHANGED, Verb.DOOR_ADDED])
def test_what_people_change_is_a_change(verb: Verb) -> None:
    assert record(verb, workspace_id=WORKSPACE, at=NOW).kind == "change"


def test_every_verb_is_one_of_both() -> None:
    changes = [verb for verb in Verb if verb not in DOOR_VERBS]

    assert (changes[0], changes[-1]) == (Verb.SIGNED_IN, list(Verb)[-1])
    assert len(DOOR_VERBS) + len(changes) == len(Verb)


def test_sec_05_secrets_never_reach_the_log_however_deep_they_are() -> None:
    event = record(
        Verb.ACCOUNT_CHANGED,
        workspace_id=WORKSPACE,
        at=NOW,
        before={"client_secret": "a", "name": "Old", "more": {"Password": "b"}},
        access_token="c",
        pin="1234",
        interval=5,
    )

    assert event.detail == {
        "before": {"client_secret": "••••", "name": "Old", "more": {"Password": "••••"}},
        "access_token": "••••",
        "pin": "••••",
        "interval": 5,
    }


def test_a_line_tells_the_request_it_was_made_in() -> None:
    set_request_facts(RequestFacts(ip="192.0.2.7", request_id="abc"))
    try:
        event = record(Verb.SIGNED_IN, workspace_id=WORKSPACE, at=NOW)
    finally:
        set_request_facts(RequestFacts())

    assert (event.ip, event.request_id) == ("192.0.2.7", "abc")
    assert request_facts() == RequestFacts()


def test_a_line_is_stored_with_the_act_or_not_at_all() -> None:
    def act() -> None:
        with transaction.atomic():
            record(Verb.SIGNED_IN, workspace_id=WORKSPACE, at=NOW)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        act()

    assert Event.objects.count() == 0


def test_new_lines_come_back_oldest_first_and_once() -> None:
    old, new = entry("old", ago=timedelta(minutes=1)), entry("new")

    assert entries(new, old) == ["old", "new"]
    assert entries(new, old, entry("newest")) == ["newest"]
    assert Event.objects.count() == 3


def test_the_apps_above_hear_of_new_lines_only() -> None:
    heard: list[list[str]] = []

    def hear(entries: list[Entry], at: datetime, **_: Any) -> None:
        assert at == NOW
        heard.append([e.external_id for e in entries])

    events_ingested.connect(hear)
    try:
        entries(entry("a"))
        entries(entry("a"), entry("b"))
        entries(entry("a"))
    finally:
        events_ingested.disconnect(hear)

    assert heard == [["a"], ["b"]]


def test_a_line_that_an_account_told_twice_in_two_versions_is_told_once() -> None:
    entries(entry("a", ago=timedelta(minutes=3)))

    assert entries(entry("a", ago=timedelta(minutes=2))) == []


def test_two_accounts_may_use_the_same_id() -> None:
    entries(entry("a"))

    new = ingest(
        [entry("a")], workspace_id=WORKSPACE, account_id=uuid4(), source=Source.SALTO_KS, at=NOW
    )

    assert len(new) == 1


def test_poll_07_a_line_from_the_future_is_clamped_and_its_own_time_kept() -> None:
    future = entry(ago=-timedelta(hours=3))
    entries(future)
    assert entries(future, at=NOW + timedelta(hours=1)) == []

    event = Event.objects.get()
    assert (event.occurred_at, event.is_late) == (NOW, False)
    assert event.detail == {"provider_time": "2026-03-29T01:00:00+00:00"}
    assert event.pk.int >> 80 == int(NOW.timestamp() * 1000)


@pytest.mark.parametrize(("minutes", "is_late"), [(5, False), (6, True)])
def test_aud_06_what_came_late_is_marked(minutes: int, is_late: bool) -> None:
    entries(entry(ago=timedelta(minutes=minutes)))

    event = Event.objects.get()
    assert (event.is_late, event.recorded_at) == (is_late, NOW)


def test_a_thousand_lines_are_stored_in_few_queries(django_assert_num_queries: Any) -> None:
    lines = [entry(f"e{n}") for n in range(1000)]

    with django_assert_num_queries(3):  # what is known, two batches
        entries(*lines)
