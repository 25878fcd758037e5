"""A calendar read again and again: what it does to grants, and what its faults do not."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from django.utils import timezone

from access import tasks
from access.grants import services
from access.models import AccessGrant, Delivery, FeedStay, ReservationFeed
from access.reservations import (
    applying,
    feeds,
    outside,
    polling,
    presenting,
    reporting,
    storing,
)
from access.reservations.feeds import Settings
from access.reservations.known import Ending
from accounts import sealing
from accounts.models import Role
from audit.models import Event
from locks import live
from locks.codes.rules import RuleError
from tests.access.reservations.conftest import PATH
from tests.access.reservations.samples import AIRBNB, AMSTERDAM, calendar, nights
from tests.accounts.providers.servers import Answer
from tests.make import actor, make_feed, make_user

pytestmark = pytest.mark.django_db
NO_KEYPAD = RuleError("doors", "Room 204 has no keypad")


def local(day, hour):
    return datetime(2026, 12, day, hour, tzinfo=AMSTERDAM).astimezone(UTC)


def stored(desk):
    return storing.from_json(desk.stays[0].known)


# --- what is read -------------------------------------------------------------------------


def test_a_booking_becomes_a_grant_by_the_property_s_clock(desk, grants):
    feed = desk.read(calendar(nights()))

    (row,) = desk.stays
    grant = row.grant
    assert (grant.starts_at, grant.ends_at) == (local(1, 15), local(3, 11))
    assert (grant.source, str(grant.identity), row.error) == ("feed", "Jane Doe", "")
    assert [each.space for each in grant.targets.all()] == [desk.room]
    assert [each.mode for each in grant.requests.all()] == ["code"]
    assert (feed.error, feed.failures, feed.read_at is not None) == ("", 0, True)
    assert desk.said() == ["Created: 1 Dec 2026 15:00 – 3 Dec 2026 11:00."]
    assert desk.report().created == 1
    line = Event.objects.get(verb="reservations_read")
    assert (line.subject, line.detail["after"]) == ("Room 204", "1 created")


def test_the_same_again_does_nothing_and_fills_no_reports(desk, grants):
    desk.read(calendar(nights()))
    desk.read()
    desk.read()

    assert (len(grants.created), grants.changed, grants.revoked) == (1, [], [])
    assert desk.feed.readings.count() == 2  # what was done, and that nothing is since
    assert Event.objects.filter(verb="reservations_read").count() == 1


def test_other_dates_move_the_grant_and_leave_its_doors(desk, grants):
    desk.read(calendar(nights()))
    desk.read(calendar(nights(ends="20261204")))

    (row,) = desk.stays
    assert row.grant.ends_at == local(4, 11)
    assert grants.changed[0].targets == grants.created[0].targets
    assert desk.said() == ["Changed: ends 4 Dec 2026 11:00 (was 3 Dec 2026 11:00)."]


def test_a_cancelled_booking_ends_its_grant(desk, grants):
    desk.read(calendar(nights()))
    desk.read(calendar(nights("n1", "20261201", "20261203", "STATUS:CANCELLED")))

    (row,) = desk.stays
    assert row.grant.revoked_at is not None
    assert grants.revoked == [(row.grant, "Ended: it is cancelled")]
    assert desk.report().ended == 1


def test_guests_without_name_e_mail_and_phone_are_people_of_their_own(desk):
    desk.read(
        calendar(
            nights("n1", summary="Reserved"),
            nights("n2", "20261205", "20261207", summary="Reserved"),
        )
    )

    first, second = desk.stays
    assert first.grant.identity_id != second.grant.identity_id
    assert str(first.grant.identity) == "Guest of Room 204"


def test_a_name_told_later_is_written_to_the_guest(desk):
    desk.read(calendar(nights(summary="Reserved")))
    desk.read(calendar(nights(summary="Reserved - Jane Doe")))

    (row,) = desk.stays
    assert str(row.grant.identity) == "Jane Doe"
    assert Event.objects.filter(verb="guest_changed").count() == 1


def test_another_booking_with_the_number_gets_digits_of_its_own(desk, grants):
    def booked(reference):
        url = f"https://www.airbnb.com/hosting/reservations/details/{reference}"
        return calendar(
            nights("n1", "20261201", "20261203", f"DESCRIPTION:{url}", summary="Reserved")
        )

    desk.read(booked("HM3KTNNJQ5"))
    (before,) = desk.stays
    desk.read(booked("HMAAAAAAA1"))

    (row,) = desk.stays
    before.grant.refresh_from_db()
    assert before.grant.revoked_at is not None
    assert row.grant_id != before.grant_id
    assert row.grant.identity_id != before.grant.identity_id
    assert row.grant.note == "Booking HMAAAAAAA1"


def test_the_old_guest_is_out_even_if_the_new_one_cannot_get_in(desk, grants):
    def booked(reference):
        url = f"https://www.airbnb.com/hosting/reservations/details/{reference}"
        return calendar(
            nights("n1", "20261201", "20261203", f"DESCRIPTION:{url}", summary="Reserved")
        )

    desk.read(booked("HM3KTNNJQ5"))
    (before,) = desk.stays
    grants.refused["HMAAAAAAA1"] = NO_KEYPAD
    desk.read(booked("HMAAAAAAA1"))

    (row,) = desk.stays
    before.grant.refresh_from_db()
    assert (before.grant.revoked_at is not None, row.grant) == (True, None)
    assert row.error == "Room 204 has no keypad."


# --- what is missing ----------------------------------------------------------------------


def test_code_06_two_empty_calendars_end_nothing_and_the_third_does(desk, grants):
    desk.read(calendar(nights()))

    for _ in range(2):
        desk.read(calendar())
        assert grants.revoked == []
    assert desk.said() == ["Kept: missing in 2 of 3 readings."]
    assert "1 is missing" in desk.report().warning
    desk.read(calendar())

    (row,) = desk.stays
    assert row.grant.revoked_at is not None
    assert desk.said() == ["Ended: missing in 3 readings."]


def test_three_empty_calendars_within_two_minutes_end_nothing(desk, grants):
    desk.read(calendar(nights()))
    for _ in range(5):
        desk.read(calendar(), after=timedelta(seconds=20))

    assert grants.revoked == []


def test_half_a_calendar_proves_nothing(desk, grants):
    whole = calendar(nights("n1"), nights("n2", "20261205", "20261207"))
    desk.read(whole)
    for _ in range(4):
        desk.read(whole[: len(whole) // 2])

    assert grants.revoked == []
    assert "breaks off" in desk.report().warning


def test_a_stay_that_comes_back_is_a_grant_anew(desk, grants):
    desk.read(calendar(nights()))
    for _ in range(3):
        desk.read(calendar())
    desk.read(calendar(nights()))

    (row,) = desk.stays
    assert row.grant.revoked_at is None
    assert len(grants.created) == 2


# --- faults of the host -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "sentence", "is_lasting"),
    [
        (Answer(status=500), "HTTP 500", False),
        (Answer(status=503, headers={"Retry-After": "7200"}), "HTTP 503", False),
        (Answer(status=404), "Copy the address anew", True),
        (Answer(status=403), "Copy the address anew", True),
        (Answer(raw=b"<html>Sorry</html>"), "a web page instead", False),
        (Answer(raw=b""), "nothing at all", False),
        (Answer(raw=b"x" * (5 * 1024 * 1024 + 1)), "more than 5 MB", False),
        (Answer(status=302, headers={"Location": "http://169.254.169.254/"}), "not allowed", False),
        (Answer(status=302, headers={"Location": "https://127.0.0.1/"}), "not allowed", False),
    ],
)
def test_faults_end_nothing_and_are_said(desk, caplog, answer, sentence, is_lasting):
    desk.read(calendar(nights()))
    desk.cloud.on("GET", PATH, answer)

    with caplog.at_level(logging.DEBUG):
        feed = desk.read()

    assert sentence in feed.error
    assert (feed.failures, feed.error_since) == (1, feed.readings.latest("at").at)
    assert (feed.next_read_at is None) == is_lasting
    assert AccessGrant.objects.get().revoked_at is None
    assert desk.report().error == feed.error
    assert "canary" not in feed.error + caplog.text


def test_who_asks_us_to_wait_is_heeded(desk):
    desk.serves(status=429, headers={"Retry-After": "7200"})

    feed = desk.read()

    wait = feed.next_read_at - feed.error_since
    assert wait == timedelta(seconds=7200)


def test_failures_are_looked_at_ever_less_often(desk):
    desk.serves(status=500)
    waits = []
    for _ in range(12):
        feed = desk.read()
        waits.append(feed.next_read_at - desk.report().at)

    assert timedelta(seconds=100) < waits[0] < timedelta(seconds=140)
    assert all(later > sooner for sooner, later in pairwise(waits[:8]))
    assert max(waits) < timedelta(hours=7)
    assert desk.feed.readings.count() == 1  # one report, however often


def test_it_heals(desk):
    desk.serves(status=500)
    desk.read()

    feed = desk.read(calendar(nights()))

    assert (feed.failures, feed.error, feed.error_since) == (0, "", None)
    assert timedelta(seconds=800) < feed.next_read_at - feed.read_at < timedelta(seconds=1000)


def test_what_was_not_modified_is_not_read_again(desk, grants):
    desk.serves(calendar(nights()), headers={"ETag": '"v1"'})
    desk.read()
    desk.serves(status=304)

    feed = desk.read()

    assert desk.cloud.asked[-1].headers["if-none-match"] == '"v1"'
    assert (feed.error, feed.readings.count(), len(grants.created)) == ("", 1, 1)


def test_while_a_stay_is_missing_the_whole_is_asked_for(desk):
    desk.serves(calendar(nights()), headers={"ETag": '"v1"'})
    desk.read()
    desk.serves(calendar(), headers={"ETag": '"v2"'})
    desk.read()
    desk.read()

    assert "if-none-match" not in desk.cloud.asked[-1].headers


def test_a_byte_order_mark_and_a_wrong_encoding_are_read(desk):
    desk.read(b"\xef\xbb\xbf" + calendar(nights(summary="Reserved - Zo\u00eb")))
    assert str(desk.stays[0].grant.identity) == "Zo\u00eb"

    other = calendar(nights("n2", "20261205", "20261207", summary="Reserved - Ren\u00e9e"))
    desk.read(other.decode().encode("cp1252"))
    assert "Ren\u00e9e" in {str(row.grant.identity) for row in desk.stays}


def test_an_address_of_a_lost_key_asks_for_a_new_one(desk):
    ReservationFeed.objects.filter(pk=desk.feed.pk).update(address_sealed="v1.gone.AAAA")

    feed = desk.read()

    assert (feed.error, feed.next_read_at) == (polling.NO_KEY, None)


# --- refusals -----------------------------------------------------------------------------


def test_one_guest_that_cannot_get_in_does_not_stop_others_and_is_tried_again(desk, grants):
    content = calendar(nights("n1"), nights("n2", "20261205", "20261207", summary="Max Mustermann"))
    grants.refused["Jane Doe"] = NO_KEYPAD
    desk.read(content)

    rows = {row.uid: row for row in desk.stays}
    assert (rows["n1"].grant, rows["n1"].error) == (None, "Room 204 has no keypad.")
    assert rows["n2"].grant is not None
    assert desk.said()[0] == "Not created: Room 204 has no keypad."
    assert desk.report().lines[0]["needs_look"] is True

    grants.refused.clear()
    desk.read()

    rows = {row.uid: row for row in desk.stays}
    assert (rows["n1"].error, rows["n1"].grant is not None) == ("", True)
    assert desk.said()[0] == "Done now. Kept as it is."


def test_a_refused_change_is_tried_again_too(desk, grants):
    desk.read(calendar(nights()))
    grants.refused["Jane Doe"] = NO_KEYPAD
    desk.read(calendar(nights(ends="20261204")))
    assert desk.stays[0].grant.ends_at == local(3, 11)
    assert desk.said() == ["Not changed: Room 204 has no keypad."]

    grants.refused.clear()
    desk.read()

    assert desk.stays[0].grant.ends_at == local(4, 11)


def test_a_phone_of_somebody_else_is_left_out(desk, grants):
    grants.refused["Jane Doe"] = RuleError("phone", "this phone number belongs to somebody else")
    desk.read(calendar(nights("n1", "20261201", "20261203", "DESCRIPTION:Phone: +31 6 12345678")))

    (row,) = desk.stays
    assert (row.error, row.grant.identity.phone) == ("", "")
    assert desk.said()[0].endswith("The phone was left out: somebody else here has it.")


def test_somebody_who_changes_the_grant_meanwhile_wins(desk, grants):
    desk.read(calendar(nights()))
    grants.before_change = lambda grant: AccessGrant.objects.update(generation=7)
    desk.read(calendar(nights(ends="20261204")))

    assert desk.said()[0].startswith("Not changed: Somebody changed it at the same moment.")
    assert stored(desk).stay.ends_at == local(3, 11)


def test_a_stay_changed_by_hand_while_it_is_read_is_left_for_the_next_time(desk, grants):
    desk.read(calendar(nights()))

    def by_hand(grant):
        grant.ends_at = local(3, 16)
        storing.note_changed_by_hand(grant)

    grants.before_change = by_hand
    desk.read(calendar(nights(ends="20261204")))

    assert desk.said()[0].startswith("Not changed: Somebody changed it")
    assert grants.changed == [] or AccessGrant.objects.get().ends_at == local(3, 11)


# --- hands --------------------------------------------------------------------------------


def test_a_late_check_out_survives_the_next_readings(desk, grants):
    desk.read(calendar(nights()))
    grant = AccessGrant.objects.get()
    grant.ends_at = local(3, 14)
    grant.save()
    storing.note_changed_by_hand(grant)

    desk.read(calendar(nights()))
    assert grants.changed == []
    desk.read(calendar(nights(ends="20261204")))

    assert AccessGrant.objects.get().ends_at == local(4, 14)


def test_a_time_put_back_by_hand_is_the_source_s_again(desk):
    desk.read(calendar(nights()))
    grant = AccessGrant.objects.get()
    for hour in (14, 11):
        grant.ends_at = local(3, hour)
        storing.note_changed_by_hand(grant)

    assert stored(desk).ends_by_hand is None


def test_a_corrected_name_is_not_overwritten(desk):
    desk.read(calendar(nights()))
    grant = AccessGrant.objects.get()
    grant.identity.full_name = "Jane Roe"
    grant.identity.save()
    storing.note_changed_by_hand(grant, corrected=["name"])
    desk.read(calendar(nights(summary="Reserved - J. Doe")))

    assert str(AccessGrant.objects.get().identity) == "Jane Roe"


@pytest.mark.parametrize("is_noted", [True, False])
def test_what_a_person_ended_stays_ended(desk, grants, is_noted):
    desk.read(calendar(nights()))
    grant = AccessGrant.objects.get()
    grant.revoked_at = desk.report().at
    grant.save()
    if is_noted:
        storing.note_revoked_by_hand(grant)
    desk.read(calendar(nights()))

    assert stored(desk).ending is Ending.BY_HAND
    assert (len(grants.created), desk.said()) == (1, ["Skipped: it was ended here by hand."])

    grant.revoked_at = None
    grant.save()
    if is_noted:
        storing.note_undone_by_hand(grant)
    desk.read(calendar(nights()))

    assert stored(desk).ending is None


# --- whose turn it is ---------------------------------------------------------------------


@pytest.fixture
def sent(monkeypatch):
    found = []
    monkeypatch.setattr(live, "send", lambda task, **kwargs: found.append(kwargs) or True)
    return found


def test_only_what_is_due_is_queued_and_only_once(desk, sent):
    make_feed(desk.room, paused_at=datetime(2026, 11, 1, tzinfo=UTC))
    make_feed(desk.room, removed_at=datetime(2026, 11, 1, tzinfo=UTC))
    make_feed(desk.room, next_read_at=None)
    make_feed(desk.room, next_read_at=datetime(2099, 1, 1, tzinfo=UTC))

    assert (polling.queue_due(), polling.queue_due()) == (1, 0)
    assert sent == [{"expires": 30, "feed_id": str(desk.feed.pk)}]


def test_without_a_broker_it_is_read_at_once(desk, monkeypatch):
    monkeypatch.setattr(live, "send", lambda *_, **__: False)
    desk.serves(calendar(nights()))

    tasks.queue_due_feeds()

    assert FeedStay.objects.count() == 1


def test_two_readers_are_one(desk):
    first, second = polling.Lease(desk.feed.pk), polling.Lease(desk.feed.pk)

    assert (first.take(), second.take(), polling.read(desk.feed.pk)) == (True, False, False)
    assert (first.renew(), second.renew()) == (True, False)


def test_who_asks_while_it_is_read_has_it_read_again(desk):
    lease = polling.Lease(desk.feed.pk)
    lease.take()
    ReservationFeed.objects.update(next_read_at=datetime(2026, 1, 1, tzinfo=UTC))
    lease.release(next_at=datetime(2099, 1, 1, tzinfo=UTC))

    feed = ReservationFeed.objects.get()
    assert (feed.next_read_at, feed.lease_until) == (datetime(2026, 1, 1, tzinfo=UTC), None)


def test_a_feed_that_is_paused_half_way_is_left(desk, monkeypatch, grants):
    monkeypatch.setattr(polling.Lease, "renew", lambda self: False)
    desk.read(calendar(nights()))

    assert (grants.created, FeedStay.objects.count()) == ([], 0)


@pytest.fixture
def meanwhile(monkeypatch):
    """Do something after a calendar was fetched, before anything comes of it."""

    def do(act):
        real = outside.fetched

        def fetched(*args, **kwargs):
            try:
                return real(*args, **kwargs)
            finally:
                act()

        monkeypatch.setattr(outside, "fetched", fetched)

    return do


@pytest.mark.parametrize("answer", [{"content": calendar(nights())}, {"status": 500}])
def test_a_new_address_is_read_whole_even_if_the_old_one_is_being_read(
    desk, grants, meanwhile, sent, answer
):
    by = actor(make_user(Role.MANAGER, workspace=desk.room.workspace))
    settings = Settings.of(desk.feed)
    new = f"{desk.cloud.origin}/new.ics"
    now = timezone.now()
    meanwhile(lambda: feeds.change(desk.feed, settings, address=new, by=by, at=now))
    desk.serves(answer.get("content", b""), status=answer.get("status", 200))

    desk.read()

    assert (grants.created, desk.feed.unseal_address()) == ([], new)
    assert (desk.feed.read_whole_at, desk.feed.validators, desk.feed.failures) == (None, {}, 0)
    assert (desk.feed.next_read_at, desk.feed.lease_until) == (now, None)


def test_a_table_is_never_read(desk):
    ReservationFeed.objects.update(kind="table")

    assert polling.read(desk.feed.pk) is False
    assert desk.cloud.asked == []


def test_a_stay_whose_pin_cannot_be_read_any_more_does_not_stop_the_others(
    desk, grants, monkeypatch
):
    desk.read(calendar(nights()))

    def asked_of(grant):
        raise sealing.UnreadableError

    monkeypatch.setattr(services, "asked_of", asked_of)
    desk.read(calendar(nights(ends="20261204"), nights("n2", "20261205", "20261207")))

    assert desk.said() == [
        f"Not changed: {applying.NO_KEY}",
        "Created: 5 Dec 2026 15:00 – 7 Dec 2026 11:00.",
    ]
    assert {row.error for row in desk.stays} == {applying.NO_KEY, ""}


# --- what is kept -------------------------------------------------------------------------


def test_fifty_reports_are_kept(desk):
    desk.read(calendar(nights()))
    for number in range(reporting.KEPT + 5):
        at = datetime(2026, 11, 22, tzinfo=UTC) + timedelta(minutes=number)
        reporting.report(desk.feed, at=at, error=f"Fault {number}")

    assert desk.feed.readings.count() == reporting.KEPT


def test_stays_are_kept_as_they_are(desk):
    desk.read(AIRBNB)

    for row in desk.stays:
        known = storing.from_json(json.loads(json.dumps(row.known)))
        assert storing.as_json(known) == row.known


def test_only_guests_with_an_address_are_written_to_and_only_if_wished(desk):
    told = "DESCRIPTION:Email: jane@example.com"
    desk.read(
        calendar(nights("n1", "20261201", "20261203", told), nights("n2", "20261205", "20261207"))
    )

    (message,) = Delivery.objects.all()
    assert (message.address, message.kind, message.has_digits) == (
        "jane@example.com",
        "invitation",
        False,
    )

    ReservationFeed.objects.update(sends=False)
    desk.read(calendar(nights("n1", "20261201", "20261204", told)))
    assert Delivery.objects.count() == 1


def test_who_was_written_to_hears_that_a_calendar_ended_their_stay(desk):
    told = "DESCRIPTION:Email: jane@example.com"
    desk.read(calendar(nights("n1", "20261201", "20261203", told)))
    Delivery.objects.update(state="sent")

    desk.read(calendar(nights("n1", "20261201", "20261203", told + "\nSTATUS:CANCELLED")))

    assert [each.kind for each in Delivery.objects.order_by("created_at", "pk")] == [
        "invitation",
        "revoked",
    ]


def test_the_list_says_how_many_stays_are_missing(desk):
    desk.read(calendar(nights("n1", "20261201", "20261203")))
    desk.read(calendar())

    [row] = presenting.rows_of([desk.feed], timezone.now())

    assert (row.health.tone, row.health.word) == ("warn", "1 stay is missing")
