"""Seam's events, in front of recorded answers."""

from datetime import UTC, datetime, timedelta

import pytest

from accounts.providers.base import EntryHow, EntryKind, UncertainError
from accounts.providers.seam import words
from tests.accounts.providers.seam import answers
from tests.accounts.providers.seam.rigs import RecordedRig, yes
from tests.accounts.providers.servers import Answer

START = datetime(2026, 11, 21, 15, 0, tzinfo=UTC)


@pytest.fixture
def rig():
    rig = RecordedRig()
    yield rig
    rig.close()


def entry_of(rig, *told):
    rig.tell("events/list", events=list(told))
    feed = rig.driver().list_entries(rig.site_id, since=START)
    [entry] = feed.entries
    return entry


def entries_of(rig, *told):
    rig.tell("events/list", events=list(told))
    return rig.driver().list_entries(rig.site_id, since=START).entries


@pytest.mark.parametrize(("word", "kind"), words.KINDS.items())
def test_every_event_of_a_door_has_its_kind(rig, word, kind):
    entry = entry_of(rig, answers.event(word))

    assert (entry.kind, entry.lock_id) == (kind, rig.lock_id)
    assert entry.occurred_at == datetime(2026, 11, 21, 15, 20, tzinfo=UTC)


def test_an_event_nobody_has_documented_is_kept_as_unknown(rig):
    entry = entry_of(rig, answers.event("lock.melted"))

    assert (entry.kind, entry.detail) == (EntryKind.UNKNOWN, "lock.melted")


@pytest.mark.parametrize(
    "word",
    ["access_code.created", "acs_user.created", "action_attempt.unlock_door.succeeded", "space.x"],
)
def test_events_of_other_things_are_no_lines(rig, word):
    assert entries_of(rig, answers.event(word)) == ()


@pytest.mark.parametrize(
    ("more", "how", "person_id", "detail"),
    [
        ({"method": "keycode", "access_code_id": "c1"}, EntryHow.CODE, "c1", ""),
        (
            {"method": "remote", "action_attempt_id": "a1"},
            EntryHow.REMOTE,
            answers.WORKSPACE_ID,
            "",
        ),
        ({"method": "remote"}, EntryHow.REMOTE, "", ""),
        ({"method": "card", "acs_user_id": "u1"}, EntryHow.CARD, "u1", ""),
        (
            {"method": "unknown", "is_via_bluetooth": True, "user_identity_id": "i1"},
            EntryHow.MOBILE_KEY,
            "i1",
            "",
        ),
        ({"method": "manual"}, EntryHow.UNKNOWN, "", "by hand"),
        ({"method": "automatic"}, EntryHow.UNKNOWN, "", "by itself"),
        ({"method": "telepathy"}, EntryHow.UNKNOWN, "", "telepathy"),
    ],
)
def test_an_opening_says_by_what_and_by_whom(rig, more, how, person_id, detail):
    entry = entry_of(rig, answers.event("lock.unlocked", **more))

    assert (entry.how, entry.person_id, entry.detail) == (how, person_id, detail)


@pytest.mark.parametrize(("word", "meaning"), words.DENIALS.items())
def test_a_denial_says_why(rig, word, meaning):
    reason = {"reason_code": word, "message": "No."}
    entry = entry_of(rig, answers.event("lock.access_denied", reason=reason))

    assert (entry.kind, entry.how, entry.detail) == (EntryKind.REJECTED, *meaning)


def test_digits_are_not_kept(rig):
    entry = entry_of(rig, answers.event("lock.unlocked", method="keycode", code="739146"))

    assert "739146" not in str(entry)
    assert entry.raw["method"] == "keycode"


def test_an_unreadable_line_is_set_aside_without_its_digits(rig):
    odd = answers.event("lock.unlocked", code="739146") | {"occurred_at": "soon"}
    rig.tell("events/list", events=[odd, answers.event("lock.locked"), 7])

    feed = rig.driver().list_entries(rig.site_id, since=START)

    assert [entry.kind for entry in feed.entries] == [EntryKind.LOCKED]
    assert len(feed.unreadable) == 2
    assert "739146" not in str([line.raw_text for line in feed.unreadable])


# --- stretches ---


def stretch(count):
    def at(number):
        return (START + timedelta(seconds=number)).isoformat().replace("+00:00", "Z")

    times = [at(number) for number in range(count)]
    return [
        answers.event("lock.unlocked", event_id=f"e{number}", created_at=each, occurred_at=each)
        for number, each in enumerate(times)
    ]


def tell_some(rig, told, *, newest_first):
    """Answer as a server does that has `limit`, in one order or the other."""

    def answer(asked):
        given = asked.json
        after, before = given.get("between", [given.get("since"), "9999"])
        found = [each for each in told if after < each["created_at"] < before]
        found = sorted(found, key=lambda each: each["created_at"], reverse=newest_first)
        return yes(events=found[: given["limit"]])

    rig.cloud.on("POST", "/events/list", answer)


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("count", [0, 1, 4, 5, 6, 23])
def test_no_event_is_missed_whichever_way_they_come(rig, count, newest_first):
    tell_some(rig, stretch(count), newest_first=newest_first)

    feed = rig.driver().list_entries(rig.site_id, since=START, limit=5)

    assert [entry.remote_id for entry in feed.entries] == [f"e{n}" for n in range(count)]
    assert (feed.gap_reason, feed.is_complete) == ("", True)


def test_the_first_moment_is_asked_for_too(rig):
    rig.tell("events/list", events=[])

    rig.driver().list_entries(rig.site_id, since=START)

    assert rig.asked("events/list") == [{"limit": 500, "since": "2026-11-21T14:59:59.999Z"}]


@pytest.mark.parametrize("newest_first", [False, True])
def test_more_events_of_one_moment_than_fit_are_a_gap_and_no_endless_loop(rig, newest_first):
    same = [each | {"created_at": "2026-11-21T15:10:00.000Z"} for each in stretch(9)]
    tell_some(rig, same, newest_first=newest_first)

    feed = rig.driver().list_entries(rig.site_id, since=START, limit=5)

    assert len(feed.entries) == 5
    assert feed.gap_reason == "Seam has more events of one moment than it tells at once."


def more_than_is_read(rig, *, newest_first):
    tell_some(rig, stretch(300), newest_first=newest_first)
    return rig.driver().list_entries(rig.site_id, since=START, limit=5)


def test_what_is_not_read_at_once_is_asked_for_next_time(rig):
    feed = more_than_is_read(rig, newest_first=False)

    assert (feed.gap_reason, feed.is_complete) == ("", False)
    assert [entry.remote_id for entry in feed.entries][:3] == ["e0", "e1", "e2"]


def test_what_cannot_be_asked_for_next_time_is_a_gap(rig):
    feed = more_than_is_read(rig, newest_first=True)

    assert (feed.gap_reason, feed.is_complete) == ("Seam did not tell all of its events.", True)
    assert feed.entries[-1].remote_id == "e299"


@pytest.mark.parametrize(("newest_first", "reason"), [(False, ""), (True, "Seam did not tell")])
def test_an_outage_on_the_way_loses_nothing_unsaid(rig, newest_first, reason):
    tell_some(rig, stretch(23), newest_first=newest_first)
    script = rig.cloud.scripts["POST", "/events/list"]
    rest = [2]

    def fail_later(asked):
        rest[0] -= 1
        return script(asked) if rest[0] >= 0 else Answer(status=503)

    rig.cloud.on("POST", "/events/list", fail_later)

    feed = rig.driver().list_entries(rig.site_id, since=START, limit=5)

    assert feed.entries
    assert feed.is_complete is newest_first
    assert feed.gap_reason.startswith(reason)


def test_an_outage_from_the_start_is_an_error(rig):
    rig.cloud.on("POST", "/events/list", Answer(status=503))

    with pytest.raises(UncertainError):
        rig.driver().list_entries(rig.site_id, since=START)
