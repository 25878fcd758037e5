"""The table itself: append-only, and in months."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from audit.ids import id_at
from audit.models import Event
from audit.partitions import MONTHS_AHEAD, MONTHS_BACK, make_ahead
from audit.words import Kind
from tests.make import make_event

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 28, 22, 0, tzinfo=UTC)


def make_old(at: datetime, kind: Kind = Kind.DOOR) -> Event:
    return Event.objects.create(
        id=id_at(at, str(uuid4())),
        kind=kind,
        verb="opened",
        workspace_id=uuid4(),
        occurred_at=at,
        recorded_at=at,
    )


def table_of(event: Event) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass FROM audit_event WHERE id = %s", [event.pk])
        return str(cursor.fetchone()[0])


def run(sql: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE audit_event SET verb = 'rejected'",
        "UPDATE audit_event_door SET verb = 'rejected'",
        "DELETE FROM audit_event",
        "DELETE FROM audit_event_door",
    ],
)
def test_aud_02_a_line_is_never_changed_and_never_deleted(sql: str) -> None:
    make_event()

    with pytest.raises(DatabaseError, match=r"the log is append-only: (UPDATE|DELETE) refused"):
        run(sql)


@pytest.mark.parametrize("table", ["audit_event", "audit_event_door", "audit_event_door_other"])
def test_aud_02_the_log_is_not_emptied(table: str) -> None:
    run("SET LOCAL lockboard.may_truncate = 'off'")
    event = make_event()

    with pytest.raises(DatabaseError, match="append-only: TRUNCATE refused"):
        run(f"SET LOCAL lockboard.may_truncate = 'off'; TRUNCATE {table}")

    assert Event.objects.get() == event


def test_aud_02_not_even_one_month_of_it_is_emptied() -> None:
    table = table_of(make_event())

    with pytest.raises(DatabaseError, match="append-only: TRUNCATE refused"):
        run(f"SET LOCAL lockboard.may_truncate = 'off'; TRUNCATE {table}")


@pytest.mark.parametrize("kind", list(Kind))
def test_a_line_lands_in_the_month_in_which_it_happened(kind: Kind) -> None:
    last_month = (timezone.now().replace(day=1) - timedelta(days=3)).replace(tzinfo=UTC)

    assert table_of(make_old(last_month, kind)) == f"audit_event_{kind}_{last_month:%Y_%m}"


@pytest.mark.parametrize(
    ("at", "month"),
    [
        ("2031-04-01T00:00:00.000+00:00", "2031_04"),
        ("2031-03-31T23:59:59.999+00:00", "2031_03"),
        ("2032-01-01T00:30:00+01:00", "2031_12"),
    ],
)
def test_months_begin_and_end_in_utc(at: str, month: str) -> None:
    make_ahead(datetime(2031, 6, 1, tzinfo=UTC))
    make_ahead(datetime(2031, 12, 1, tzinfo=UTC))

    assert table_of(make_old(datetime.fromisoformat(at))) == f"audit_event_door_{month}"


def test_what_a_lock_tells_years_late_is_kept_all_the_same() -> None:
    assert table_of(make_old(datetime(2019, 5, 1, tzinfo=UTC))) == "audit_event_door_other"


def months() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits"
            " WHERE inhparent IN ('audit_event_door'::regclass, 'audit_event_change'::regclass)"
        )
        return {row[0] for row in cursor.fetchall()}


def test_partitions_are_made_ahead_and_again_adds_nothing() -> None:
    before = months()
    make_ahead(datetime(2040, 12, 15, tzinfo=UTC))
    made = months() - before
    make_ahead(datetime(2040, 12, 15, tzinfo=UTC))

    assert MONTHS_BACK + MONTHS_AHEAD + 1 == 8
    expected = [
        "2040_08",
        "2040_09",
        "2040_10",
        "2040_11",
        "2040_12",
        "2041_01",
        "2041_02",
        "2041_03",
    ]
    assert made == {f"audit_event_{kind}_{m}" for kind in ("door", "change") for m in expected}
    assert months() - before == made


def test_the_month_of_the_migration_and_three_more_exist() -> None:
    now = timezone.now()
    numbers = range(now.year * 12 + now.month - 1, now.year * 12 + now.month + 3)
    expected = {f"audit_event_door_{n // 12}_{n % 12 + 1:02}" for n in numbers}

    assert expected <= months()


def test_an_event_says_in_one_line_what_it_is() -> None:
    event = make_old(NOW)

    assert str(event) == "2026-03-28 22:00:00 opened "


# --- lines that came before their month ------------------------------------------------------------


def test_a_month_takes_the_lines_that_came_before_it() -> None:
    there = {kind: make_old(datetime(2031, 5, 31, 23, 59, tzinfo=UTC), kind) for kind in Kind}
    elsewhere = make_old(datetime(2031, 6, 1, tzinfo=UTC))
    before = list(Event.objects.order_by("pk").values())

    run("SELECT audit_make_month(2031, 5)")
    run("SELECT audit_make_month(2031, 5)")

    assert {kind: table_of(event) for kind, event in there.items()} == {
        kind: f"audit_event_{kind}_2031_05" for kind in Kind
    }
    assert table_of(elsewhere) == "audit_event_door_other"
    assert list(Event.objects.order_by("pk").values()) == before


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM audit_event_door_2031_05",
        "DELETE FROM audit_event_door_other",
        "UPDATE audit_event_door_2031_05 SET verb = 'rejected'",
        "UPDATE audit_event_door_other SET verb = 'rejected'",
        "TRUNCATE audit_event_door_2031_05",
        "TRUNCATE audit_event_door_other",
    ],
)
def test_aud_02_after_a_move_nothing_can_be_changed_or_deleted(sql: str) -> None:
    make_old(datetime(2031, 5, 3, tzinfo=UTC))
    make_old(datetime(2031, 7, 3, tzinfo=UTC))
    run("SELECT audit_make_month(2031, 5)")

    with pytest.raises(DatabaseError, match="the log is append-only"):
        run(f"SET LOCAL lockboard.may_truncate = 'off'; {sql}")


def test_a_month_with_more_lines_than_may_be_moved_at_once_is_left_alone() -> None:
    lines = [make_old(datetime(2031, 5, 3, hour, tzinfo=UTC)) for hour in range(3)]

    with pytest.raises(DatabaseError, match=r"more than 2 lines of audit_event_door_2031_05 wait"):
        run("SELECT audit_make_month(2031, 5, 2)")
    assert {table_of(line) for line in lines} == {"audit_event_door_other"}

    run("SELECT audit_make_month(2031, 5, 3)")
    assert {table_of(line) for line in lines} == {"audit_event_door_2031_05"}


def test_one_month_that_cannot_be_made_does_not_stop_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = datetime(2031, 5, 15, tzinfo=UTC)
    run(
        "CREATE TABLE audit_event_door_odd PARTITION OF audit_event_door FOR VALUES"
        " FROM (audit_lowest_id('2031-05-10Z')) TO (audit_lowest_id('2031-05-11Z'))"
    )

    make_ahead(now)

    assert [r.levelname for r in caplog.records] == ["ERROR"]
    assert "2031-05" in caplog.text
    assert table_of(make_old(datetime(2031, 6, 2, tzinfo=UTC))) == "audit_event_door_2031_06"
