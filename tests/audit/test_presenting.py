import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings

from audit.models import Event
from audit.presenting import PRESENTERS, Line, lines_of
from audit.words import How, Result, Verb

PARIS = ZoneInfo("Europe/Paris")
AT = datetime(2026, 3, 28, 22, 30, tzinfo=UTC)


def event(verb: str = Verb.OPENED, **fields: Any) -> Event:
    return Event(
        **{
            "verb": verb,
            "occurred_at": AT,
            "recorded_at": AT,
            "workspace_id": uuid4(),
            "actor_kind": "person",
            "actor_name": "Ana",
            "device_name": "Room 204",
            "account_name": "Harbour",
        }
        | fields
    )


def line(verb: str = Verb.OPENED, **fields: Any) -> Line:
    [only] = lines_of([event(verb, **fields)], PARIS)
    return only


def test_every_verb_has_a_presenter() -> None:
    assert set(PRESENTERS) == set(Verb)


@pytest.mark.parametrize("verb", list(Verb))
def test_every_verb_reads_as_a_sentence_even_when_nothing_is_known(verb: Verb) -> None:
    blank = dict.fromkeys(["actor_kind", "actor_name", "device_name", "account_name"], "")

    for fields in ({}, blank, blank | {"actor_kind": "system"}):
        sentence = line(verb, **fields).sentence
        assert re.fullmatch(r"\w[^{}]+", sentence)
        assert "  " not in sentence


def test_every_icon_is_in_the_sprite() -> None:
    sprite = Path(settings.BASE_DIR / "static/icons/sprite.svg").read_text()
    drawn = set(re.findall(r'<symbol[^>]* id="([^"]+)"', sprite))

    assert {icon for _, icon, _ in PRESENTERS.values()} - drawn == set()


def test_tones_are_those_that_have_a_colour() -> None:
    tones = {tone for _, _, tone in PRESENTERS.values()}

    assert tones == {"ok", "warn", "danger", "info", "neutral"}


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"how": How.CODE}, "Ana opened Room 204 with a code"),
        ({"how": How.CARD}, "Ana opened Room 204 with a card"),
        ({"how": How.MOBILE_KEY}, "Ana opened Room 204 with a phone"),
        ({"how": How.REMOTE}, "Ana opened Room 204 remotely"),
        ({"how": How.SCHEDULE}, "Ana opened Room 204 by schedule"),
        ({"how": How.INSIDE}, "Room 204 was opened from inside"),
        ({"how": How.UNKNOWN}, "Ana opened Room 204"),
        ({}, "Ana opened Room 204"),
        ({"actor_name": ""}, "Somebody opened Room 204"),
        ({"actor_name": "", "actor_kind": "system"}, "Lockboard opened Room 204"),
        ({"reason": "fire drill"}, "Ana opened Room 204 – reason: fire drill"),
    ],
)
def test_how_a_door_was_opened_is_told(fields: dict[str, Any], sentence: str) -> None:
    assert line(Verb.OPENED, **fields).sentence == sentence


@pytest.mark.parametrize(
    ("verb", "fields", "sentence"),
    [
        (
            Verb.REJECTED,
            {"detail": {"detail": "outside_schedule"}},
            "Ana was denied at Room 204 (outside schedule)",
        ),
        (
            Verb.FEED_GAP,
            {
                "detail": {
                    "since": "2026-03-28T10:02:00+00:00",
                    "until": "2026-03-28T10:09:30+00:00",
                    "reason": "incomplete data",
                }
            },
            "Feed gap 10:02–10:09 UTC: incomplete data",
        ),
        (
            Verb.UNLOCK_FAILED,
            {"detail": {"error": "the lock is offline."}},
            "Room 204 did not open for Ana: the lock is offline.",
        ),
        (
            Verb.UNLOCK_SETTLED,
            {"result": Result.GRANTED, "detail": {"evidence": "feed"}},
            "Room 204 is confirmed by the feed: it opened",
        ),
        (
            Verb.UNLOCK_SETTLED,
            {"result": Result.FAILED, "detail": {"evidence": "human"}},
            "Ana says of Room 204: it did not open",
        ),
        (
            Verb.DOORS_FOUND,
            {"subject": "Mill Lane", "detail": {"count": 8}},
            "8 doors were found at Mill Lane",
        ),
        (
            Verb.DOORS_FOUND,
            {"subject": "Mill Lane", "detail": {"count": 1}},
            "1 door was found at Mill Lane",
        ),
        (
            Verb.ACCOUNT_HEALTH_CHANGED,
            {"detail": {"before": "connected", "after": "reconnect_required", "trouble": "No."}},
            "Harbour went from connected to reconnect required: No.",
        ),
    ],
)
def test_sentences_tell_what_matters(verb: Verb, fields: dict[str, Any], sentence: str) -> None:
    assert line(verb, **fields).sentence == sentence


def test_names_with_braces_are_only_names() -> None:
    named = line(Verb.UNLOCK_SUCCEEDED, actor_name="{device.account}", device_name="{0} {}")

    assert named.sentence == "{device.account} unlocked {0} {}"


def test_a_word_that_a_newer_version_wrote_does_not_break_the_page() -> None:
    odd = line("card_encoded", how="telepathy", result="maybe")

    assert (odd.sentence, odd.icon, odd.how, odd.result) == (
        "Card encoded: Room 204",
        "question",
        "telepathy",
        "maybe",
    )


def test_a_day_is_named_where_it_begins_at_the_property() -> None:
    times = ["2026-03-29T10:00", "2026-03-28T23:30", "2026-03-28T22:59", "2026-03-28T09:00"]
    events = [event(occurred_at=datetime.fromisoformat(f"{t}+00:00")) for t in times]

    days = [each.day for each in lines_of(events, PARIS)]

    assert days == ["Sunday 29 March 2026", "", "Saturday 28 March 2026", ""]


def test_a_line_links_to_its_door_and_keeps_what_is_behind_it() -> None:
    device_id = uuid4()
    told = line(
        Verb.UNLOCK_SUCCEEDED,
        device_id=device_id,
        how=How.COMMAND,
        result=Result.GRANTED,
        ip="192.0.2.1",
        external_id="e1",
        detail={"error_code": "x", "empty": ""},
    )

    assert told.door_url == f"/doors/{device_id}/"
    assert (told.how, told.result, told.who) == ("command line", "Granted", "Ana")
    assert told.detail == [
        ("Account", "Harbour"),
        ("Address", "192.0.2.1"),
        ("Provider's id", "e1"),
        ("Error code", "x"),
    ]


# --- lines that belong together ------------------------------------------------------------------

DOOR, ACCOUNT = uuid4(), uuid4()
OURS = frozenset({(ACCOUNT, "we")})


def of_attempt(verb: Verb, seconds: float = 0, *, attempt_id: UUID, **fields: Any) -> Event:
    """A line of an attempt, some seconds after it was asked for."""
    return event(
        verb,
        **{
            "attempt_id": attempt_id,
            "device_id": DOOR,
            "occurred_at": AT + timedelta(seconds=seconds),
        }
        | fields,
    )


def in_feed(seconds: float = 1, **fields: Any) -> Event:
    return event(
        **{
            "device_id": DOOR,
            "account_id": ACCOUNT,
            "how": How.REMOTE,
            "source": "salto_ks",
            "actor_id": "we",
            "actor_name": "Harbour login",
            "occurred_at": AT + timedelta(seconds=seconds),
        }
        | fields,
    )


def read(*events: Event, **options: Any) -> list[tuple[str, bool]]:
    """Newest first, as the log gives them: sentence, and whether it is quiet."""
    told = sorted(events, key=lambda each: each.occurred_at, reverse=True)
    lines = lines_of(told, PARIS, **{"ours": lambda: OURS} | options)
    return [(each.sentence, each.is_quiet) for each in lines]


@pytest.mark.parametrize(
    ("verb", "sentence"),
    [
        (Verb.UNLOCK_SUCCEEDED, "Ana unlocked Room 204"),
        (Verb.UNLOCK_FAILED, "Room 204 did not open for Ana"),
        (Verb.UNLOCK_UNCONFIRMED, "Ana unlocked Room 204, not confirmed: it may have opened"),
        (Verb.UNLOCK_EXPIRED, "Room 204 was not asked to open for Ana"),
        (Verb.UNLOCK_CANCELLED, "Room 204 was not asked to open for Ana"),
    ],
)
def test_a_request_stands_in_the_details_of_its_outcome(verb: Verb, sentence: str) -> None:
    pk = uuid4()
    requested = of_attempt(Verb.UNLOCK_REQUESTED, attempt_id=pk, ip="192.0.2.1")

    [told] = lines_of([of_attempt(verb, 2, attempt_id=pk), requested], PARIS)

    assert (told.sentence, told.is_quiet) == (sentence, False)
    assert told.detail[0] == ("Asked", "23:30:00")
    assert ("Address", "192.0.2.1") in told.detail


def test_a_request_without_an_outcome_here_stays_and_is_quiet() -> None:
    sending = of_attempt(Verb.UNLOCK_REQUESTED, attempt_id=uuid4())
    other = of_attempt(Verb.UNLOCK_SUCCEEDED, 1, attempt_id=uuid4(), device_id=uuid4())

    assert read(sending, other) == [
        ("Ana unlocked Room 204", False),
        ("Ana asked to unlock Room 204", True),
    ]


def test_what_settles_an_attempt_later_keeps_its_line() -> None:
    pk = uuid4()
    settled = of_attempt(Verb.UNLOCK_SETTLED, 9, attempt_id=pk, result=Result.GRANTED)

    assert [
        sentence
        for sentence, _ in read(
            of_attempt(Verb.UNLOCK_REQUESTED, attempt_id=pk),
            of_attempt(Verb.UNLOCK_UNCONFIRMED, 8, attempt_id=pk),
            settled,
        )
    ] == [
        "Room 204 is confirmed by the feed: it opened",
        "Ana unlocked Room 204, not confirmed: it may have opened",
    ]


def test_an_opening_in_the_feed_that_was_ours_says_for_whom() -> None:
    pk = uuid4()
    told = [in_feed(1), of_attempt(Verb.UNLOCK_SUCCEEDED, 0.5, attempt_id=pk)]

    line, _ = lines_of(told, PARIS, ours=lambda: OURS)

    assert (line.sentence, line.who, line.is_quiet) == ("Room 204 opened for Ana", "Ana", True)
    assert line.detail[0] == ("As", "Harbour login")


@pytest.mark.parametrize(
    "fields",
    [
        {"actor_id": "somebody"},
        {"account_id": uuid4()},
        {"device_id": uuid4()},
        {"how": How.CARD},
        {"seconds": -6},
        {"seconds": 62},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_an_opening_by_anybody_else_stays_theirs(fields: dict[str, Any]) -> None:
    outcome = of_attempt(Verb.UNLOCK_SUCCEEDED, attempt_id=uuid4())

    [told] = [
        each
        for each in lines_of([in_feed(**fields), outcome], PARIS, ours=lambda: OURS)
        if each.event.verb == Verb.OPENED
    ]

    assert (told.who, told.is_quiet) == ("Harbour login", False)


@pytest.mark.parametrize("person", ["we", ""], ids=["named", "nobody named"])
def test_two_openings_one_after_the_other_are_each_credited(person: str) -> None:
    """As the older dialect tells it, whose feed names nobody."""
    told = [
        of_attempt(Verb.UNLOCK_SUCCEEDED, 0, attempt_id=uuid4(), actor_name="Mia"),
        of_attempt(Verb.UNLOCK_SUCCEEDED, 14, attempt_id=uuid4(), actor_name="Ada"),
        *(in_feed(seconds, actor_id=person, actor_name="") for seconds in (0.9, 14.9)),
    ]

    lines = read(*told, ours=lambda: OURS | {(ACCOUNT, "")})

    assert [sentence for sentence, is_quiet in lines if is_quiet] == [
        "Room 204 opened for Ada",
        "Room 204 opened for Mia",
    ]


def test_of_two_people_seconds_apart_neither_is_credited_alone() -> None:
    attempts = [
        of_attempt(Verb.UNLOCK_SUCCEEDED, s, attempt_id=uuid4(), actor_name=name)
        for s, name in ((0, "Mia Manager"), (0.5, "Ada Admin"))
    ]

    told = read(in_feed(actor_name=""), *attempts)

    assert told[0] == (
        "Room 204 opened from here: Lockboard, by Ada Admin or Mia Manager",
        False,
    )


def test_of_two_attempts_of_one_person_it_does_not_matter_which_opened() -> None:
    attempts = [of_attempt(Verb.UNLOCK_SUCCEEDED, s, attempt_id=uuid4()) for s in (0, 0.5)]

    assert ("Room 204 opened for Ana", True) in read(in_feed(), *attempts)


def test_two_openings_and_one_command_are_left_as_the_feed_tells_them() -> None:
    outcome = of_attempt(Verb.UNLOCK_SUCCEEDED, attempt_id=uuid4())

    told = read(in_feed(1), in_feed(3), outcome)

    assert [sentence for sentence, _ in told[:2]] == ["Harbour login opened Room 204 remotely"] * 2


def test_our_login_is_named_where_its_feed_has_no_name_for_it() -> None:
    assert read(in_feed(actor_name="")) == [("Room 204 opened from here: Harbour", False)]


def test_office_mode_that_we_ended_says_who_did() -> None:
    pk = uuid4()
    ended = in_feed(1, verb=Verb.OFFICE_MODE_ENDED, how=How.UNKNOWN)
    told = [ended, of_attempt(Verb.LOCK_SUCCEEDED, 0.5, attempt_id=pk)]

    line, _ = lines_of(told, PARIS, ours=lambda: OURS)

    assert (line.sentence, line.who) == ("Ana ended office mode at Room 204", "Ana")
    assert line.detail[0] == ("As", "Harbour login")


@pytest.mark.parametrize("fields", [{"actor_id": "somebody"}, {"actor_id": ""}, {"seconds": 62}])
def test_office_mode_that_ended_otherwise_is_nobodys_here(fields: dict[str, Any]) -> None:
    ended = in_feed(**{"how": How.UNKNOWN} | fields, verb=Verb.OFFICE_MODE_ENDED)
    outcome = of_attempt(Verb.LOCK_SUCCEEDED, 0, attempt_id=uuid4())

    told = read(ended, outcome, ours=lambda: OURS | {(ACCOUNT, "")})

    assert ("Office mode ended at Room 204", False) in told


def test_an_attempt_that_failed_opened_nothing() -> None:
    failed = of_attempt(Verb.UNLOCK_FAILED, attempt_id=uuid4())

    assert ("Harbour login opened Room 204 remotely", False) in read(in_feed(), failed)


def test_who_we_are_at_providers_is_asked_only_where_it_matters() -> None:
    def ours() -> Any:
        raise AssertionError

    outcome = of_attempt(Verb.UNLOCK_SUCCEEDED, attempt_id=uuid4())

    assert len(read(outcome, in_feed(how=How.CARD), ours=ours)) == 2


def test_a_day_is_not_named_again_below_lines_of_the_same_day() -> None:
    told = [event(), event(occurred_at=AT - timedelta(days=1))]

    days = {
        after: [line.day for line in lines_of(told, PARIS, after=after)]
        for after in (AT + timedelta(minutes=9), AT + timedelta(hours=2))
    }

    assert list(days.values()) == [
        ["", "Friday 27 March 2026"],
        ["Saturday 28 March 2026", "Friday 27 March 2026"],
    ]


@pytest.mark.parametrize(
    ("detail", "told"),
    [
        ({"status_interval_ms": 90_500}, ("Status interval", "90.5 s")),
        (
            {"after": {"unlock_seconds": 5, "released_state_ms": 7000, "event_poll": None}},
            ("After", "Event poll: –; Released state: 7 s; Unlock seconds: 5"),
        ),
        ({"sites": ["Quay", "Mill"]}, ("Sites", "Mill, Quay")),
        ({"confirmed": True}, ("Confirmed", "yes")),
    ],
    ids=["ms", "several", "list", "yes"],
)
def test_details_are_words_and_not_code(detail: Any, told: tuple[str, str]) -> None:
    assert line(detail=detail).detail[-1] == told


@pytest.mark.parametrize(
    ("verb", "detail", "sentence"),
    [
        (
            Verb.SYSTEM_CHANGED,
            {"after": "belongs to B"},
            "Ana changed the settings of S: belongs to B",
        ),
        (
            Verb.ENTRANCE_CHANGED,
            {"after": "is wired"},
            "Ana changed what is known of Mara: is wired",
        ),
        (
            Verb.CARDHOLDER_CHANGED_OUTSIDE,
            {"after": "deleted"},
            "Mara was deleted outside Lockboard",
        ),
        (
            Verb.CARDHOLDER_CHANGED_OUTSIDE,
            {"after": "groups: Staff"},
            "Mara was changed outside Lockboard: groups: Staff",
        ),
        (
            Verb.CARDHOLDER_CHANGED_OUTSIDE,
            {"after": "suspension", "people": 30},
            "30 people were changed outside Lockboard: suspension",
        ),
        (Verb.CARDHOLDER_GONE, {}, "Mara is gone from S"),
        (Verb.CARDHOLDER_GONE, {"people": 30}, "30 people are gone from S"),
        (Verb.CARDHOLDER_FAILED, {"error": "No."}, "Mara is not at S as wished: No."),
    ],
)
def test_what_became_of_people_and_systems_is_said(
    verb: Verb, detail: dict[str, Any], sentence: str
) -> None:
    event = Event(verb=verb, subject="Mara", actor_name="Ana", detail=detail | {"system": "S"})

    assert PRESENTERS[verb][0](event) == sentence
