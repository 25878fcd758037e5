import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import ConnectedAccount, Hub, Space
from locks.models import Device
from locks.tiles import ALL_PROBLEMS, Audience, TileCache, make_tile, natural, problems_of, render
from tests.make import make_attempt, make_device, make_property, make_site

pytestmark = pytest.mark.django_db


def fetch(device: Device) -> Device:
    return Device.objects.with_tile().get(pk=device.pk)


def problems(device: Device) -> list[str]:
    return [problem.key for problem in problems_of(fetch(device))]


def test_a_door_that_is_fine_has_no_problems() -> None:
    assert problems(make_device()) == []


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"is_online": False}, ["offline"]),
        ({"is_online": None}, []),
        ({"battery_percent": 25}, ["battery"]),
        ({"battery_percent": 26}, []),
        ({"battery_percent": None}, []),
        ({"battery_percent": 0}, ["battery"]),
        ({"state": "unknown"}, ["unknown"]),
        ({"state": "unknown", "missing_since": datetime(2026, 11, 1, tzinfo=UTC)}, ["missing"]),
        ({"intrusion_alarm": True}, ["alarm"]),
        ({"left_open_alarm": True}, ["left_open"]),
        ({"office_mode": True}, ["office"]),
        ({"privacy_mode": True}, ["privacy"]),
        ({"troubles": [{"code": "x", "text": "X.", "hinders_opening": False}]}, []),
        ({"troubles": [{"code": "x", "text": "X.", "hinders_opening": True}]}, ["trouble"]),
    ],
    ids=str,
)
def test_each_thing_that_is_not_normal_is_told(fields: dict[str, Any], expected: list[str]) -> None:
    assert problems(make_device(**fields)) == expected


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("connected", []),
        ("degraded", []),
        ("throttled", []),
        ("actuation_blocked", []),
        ("reconnect_required", ["account"]),
        ("secret_unreadable", ["account"]),
    ],
)
def test_an_account_that_is_not_asked_is_a_problem_of_its_doors(
    state: str, expected: list[str]
) -> None:
    device = make_device()
    ConnectedAccount.objects.update(state=state)

    assert problems(device) == expected


def test_an_attempt_nobody_can_vouch_for_is_a_problem() -> None:
    device = make_device()
    device.attempt = make_attempt(device, status="unconfirmed")
    device.save()

    assert problems(device) == ["unconfirmed"]


def test_problems_are_told_most_urgent_first() -> None:
    device = make_device(
        battery_percent=3,
        intrusion_alarm=True,
        left_open_alarm=True,
        office_mode=True,
        is_online=False,
        state="unknown",
    )

    assert problems(device) == ["alarm", "left_open", "offline", "unknown", "battery", "office"]


def test_every_problem_has_a_word_and_a_tone() -> None:
    assert len({p.key for p in ALL_PROBLEMS}) == len(ALL_PROBLEMS)
    assert {p.tone for p in ALL_PROBLEMS} == {"danger", "warn", "unknown", "info"}


@pytest.mark.parametrize(
    "names",
    [
        ["Room 9", "Room 10", "Room 100"],
        ["9", "10", "Attic"],
        ["room 1", "Room 2", "ROOM 3"],
        ["A", "A 1", "A 1 b"],
        ["", "1", "a"],
    ],
)
def test_names_sort_as_people_count(names: list[str]) -> None:
    shuffled = names[::-1]

    assert sorted(shuffled, key=natural) == names


def test_digits_of_any_script_are_numbers() -> None:
    assert sorted(["٣", "²", "10", "2"], key=natural) == ["2", "٣", "10", "²"]


def test_doors_with_problems_come_first_and_then_by_name() -> None:
    site = make_site()
    for name, fields in [
        ("Room 10", {}),
        ("Room 9", {}),
        ("Room 12", {"is_online": False}),
        ("Room 1", {"office_mode": True}),
    ]:
        make_device(site, name=name, **fields)
    made = [make_tile(device) for device in Device.objects.with_tile()]

    assert [t.name for t in sorted(made, key=lambda t: t.sort_key)] == [
        "Room 12",
        "Room 1",
        "Room 9",
        "Room 10",
    ]


@pytest.mark.parametrize("audience", list(Audience))
def test_a_tile_is_about_a_door_and_about_nobody_in_particular(audience: Audience) -> None:
    device = make_device(last_event="opened", last_event_user="Jane Guest")
    device.attempt = make_attempt(device, status="unconfirmed", actor_name="Mia Manager")
    device.save()

    html = render(fetch(device), audience)

    assert "csrf" not in html.lower()
    assert "Mia Manager" not in html
    assert "Jane Guest" not in html


def test_ux_02_an_outcome_nobody_knows_is_never_called_a_success_or_a_failure() -> None:
    device = make_device()
    device.attempt = make_attempt(device, status="unconfirmed")
    device.save()

    text = " ".join(re.sub("<[^>]+>", " ", render(fetch(device), Audience.OPERATOR)).split())

    assert "Sent, not confirmed. The door may have opened. Check the door." in text
    assert "did not open" not in text


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("queued", "Sending…"),
        ("sending", "Sending…"),
        ("expired", "Not sent – took too long. Nothing happened."),
        ("cancelled", "Not sent – no longer allowed."),
        ("failed", "Offline. The door did not open."),
    ],
)
def test_ux_02_every_outcome_has_its_words(status: str, words: str) -> None:
    device = make_device()
    error = "Offline." if status == "failed" else ""
    device.attempt = make_attempt(device, status=status, error=error)
    device.save()

    text = " ".join(re.sub("<[^>]+>", " ", render(fetch(device), Audience.OPERATOR)).split())

    assert words in text


def test_only_operators_get_buttons() -> None:
    device = fetch(make_device(can_lock=True))

    assert "<button" not in render(device, Audience.VIEWER)
    operator = render(device, Audience.OPERATOR)
    assert set(re.findall(r'data-control="(\w+)"', operator)) == {"name", "unlock", "lock"}


def test_every_rendering_has_a_key_of_its_own() -> None:
    device = fetch(make_device())
    keys = {re.search(r'data-key="([^"]+)"', render(device, Audience.OPERATOR))[1] for _ in "abc"}

    assert len(keys) == 3


def test_a_hostile_name_is_only_a_name() -> None:
    name = '<img src=x onerror=alert(1)>" hx-get="/x" {{7*7}}'

    html = render(fetch(make_device(name=name)), Audience.OPERATOR)

    assert "<img" not in html
    assert ' hx-get="/x"' not in html
    assert "{{7*7}}" in html


def test_a_notice_is_shown_where_the_button_was() -> None:
    html = render(fetch(make_device()), Audience.OPERATOR, notice="Anna is unlocking this door.")

    assert "<span data-notice-text>Anna is unlocking this door.</span>" in html


# --- the cache -----------------------------------------------------------------------------------


def rows() -> list[Any]:
    return list(Device.objects.order_by("name").values_list("pk", "revision"))


def test_a_tile_is_rendered_once_per_revision(django_assert_num_queries: Any) -> None:
    cache = TileCache()
    device = make_device()
    first = cache.get(rows())

    with django_assert_num_queries(0):
        assert cache.get([(device.pk, device.revision)])[device.pk] is first[device.pk]

    Device.objects.update(name="Other")
    assert cache.get(rows())[device.pk].name == "Other"


def test_a_newer_tile_than_asked_for_will_do() -> None:
    cache = TileCache()
    device = make_device()
    newest = cache.get(rows())[device.pk]

    assert cache.get([(device.pk, device.revision - 1)])[device.pk] is newest


def test_a_full_cache_starts_over_and_still_returns_every_tile() -> None:
    cache = TileCache(limit=2)
    site = make_site()
    for n in range(4):
        make_device(site, name=f"Room {n}")
    cache.get(rows())
    make_device(site, name="Room 4")

    found = cache.get(rows())

    assert [tile.name for tile in found.values()] == [f"Room {n}" for n in range(5)]


def test_a_door_that_is_gone_has_no_tile() -> None:
    device = make_device()
    device.delete()

    assert TileCache().get([(device.pk, 1)]) == {}


# --- what cannot be opened from here ---------------------------------------------------------------


def say(device: Device, audience: Audience = Audience.OPERATOR) -> str:
    return " ".join(re.sub("<[^>]+>", " ", render(fetch(device), audience)).split())


def behind_a_hub(**fields: Any) -> Device:
    device = make_device()
    device.hub = Hub.objects.create(
        site=device.site, remote_id="iq", name="IQ", otp_enabled=True, **fields
    )
    device.save()
    return device


def test_a_door_behind_a_hub_that_is_not_activated_says_so_and_where_to_do_it() -> None:
    device = behind_a_hub()

    html = render(fetch(device), Audience.OPERATOR)

    assert "Remote opening is not activated on its IQ. Activate" in say(device)
    assert f'class="for-managers" href="/accounts/{device.account_id}/#hub-{device.hub_id}"' in html
    assert f'aria-label="Unlock Room 204" aria-describedby="why-{device.pk}"' in html
    assert "data-unlock=" not in html


def test_a_door_behind_an_activated_hub_can_be_opened() -> None:
    device = behind_a_hub(activated_at=timezone.now())

    assert "data-unlock=" in render(fetch(device), Audience.OPERATOR)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("reconnect_required", "Account needs reconnect. Reconnect"),
        ("actuation_blocked", "Remote opening is blocked for this account. See the account"),
    ],
)
def test_an_account_that_stops_opening_says_so_at_every_door(state: str, words: str) -> None:
    device = make_device(office_mode=True)
    ConnectedAccount.objects.update(state=state)

    html = render(fetch(device), Audience.OPERATOR)

    assert words in say(device)
    assert f'href="/accounts/{device.account_id}/"' in html
    assert "data-unlock=" not in html
    assert "data-lock=" not in html


@pytest.mark.parametrize(("office_mode", "is_told"), [(True, True), (False, False)])
def test_a_door_that_stays_open_says_that_it_was_opened(
    *, office_mode: bool, is_told: bool
) -> None:
    device = make_device(office_mode=office_mode)
    Device.objects.update(attempt=make_attempt(device, status="success"))

    assert ("Opened. It stays open anyway (office mode)." in say(device)) == is_told


# --- slow answers and late evidence ----------------------------------------------------------------

AT = datetime(2026, 11, 21, 8, 25, 59, tzinfo=UTC)


def seconds_later(number: int) -> datetime:
    return AT + timedelta(seconds=number)


def told_of(**fields: Any) -> str:
    device = make_device(**fields.pop("device", {}))
    device.attempt = make_attempt(device, **fields)
    device.save()
    return say(device)


def test_a_slow_answer_says_between_when_the_door_opened() -> None:
    words = told_of(
        status="success",
        sent_at=AT,
        finished_at=seconds_later(8),
        released_seconds=7,
        device={"released_until": seconds_later(15)},
    )

    assert "Opened between 09:25:59 and 09:26:07 , locked again by 09:26:14" in words


def test_a_confirmed_opening_says_when_it_was() -> None:
    words = told_of(
        status="success",
        evidence="feed",
        sent_at=AT,
        opened_at=AT,
        settled_at=seconds_later(30),
    )

    assert "Confirmed: it opened 09:25:59 ." in words


@pytest.mark.parametrize(("action", "verb"), [("unlock", "open"), ("lock", "lock")])
def test_what_somebody_saw_is_told_as_such(action: str, verb: str) -> None:
    seen = {"evidence": "human", "settled_at": AT, "action": action}

    assert f"Somebody looked: it {verb}ed." in told_of(status="success", **seen)
    assert f"Somebody looked: it did not {verb}." in told_of(status="failed", **seen)


def test_no_line_stands_twice_on_a_tile() -> None:
    device = make_device(privacy_mode=True)
    assert say(device).count("omebody") == 1
    assert "It will be refused." in say(device)
    device.attempt = make_attempt(
        device,
        status="failed",
        error_code="privacy_mode",
        error="Somebody is inside (privacy mode). Not opened.",
    )
    device.save()
    ConnectedAccount.objects.update(state="reconnect_required")

    assert say(device).count("omebody is inside") == 1
    assert "did not open" not in say(device)
    assert "It will be refused." not in say(device)
    assert say(device).lower().count("reconnect") == 2  # the sentence, and its link
    assert "Account needs reconnect" in say(device, Audience.VIEWER)


def test_a_door_in_doubt_keeps_its_state_and_says_since_when() -> None:
    device = make_device(unheard_since=AT)

    assert "Not confirmed since 09:25:59" in say(device)
    assert 'data-state="locked"' in render(fetch(device), Audience.OPERATOR)
    assert " data-unheard" in render(fetch(device), Audience.OPERATOR)
    assert problems(device) == []


# --- places ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("of", ["property", "floor"])
@pytest.mark.parametrize("how", ["save", "update"])
def test_a_place_that_is_renamed_is_renamed_on_its_tiles_however_it_was_done(
    of: str, how: str
) -> None:
    device = make_device()
    home = device.property
    floor = make_property(
        device.workspace, kind="floor", parent=home, property=home, name="First", time_zone=""
    )
    device.space = floor
    device.save()
    other = make_device(make_site(device.account))
    cache = TileCache()
    cache.get(rows())
    before = dict(rows())
    place = device.property if of == "property" else floor

    if how == "save":
        place.name = "Renamed"
        place.save()
    else:
        Space.objects.filter(pk=place.pk).update(name="Renamed")

    after = dict(rows())
    assert after[device.pk] > before[device.pk]
    assert after[other.pk] == before[other.pk]
    assert "renamed" in cache.get(after.items())[device.pk].search


def test_a_place_that_is_saved_as_it_was_redraws_nothing() -> None:
    device = make_device()
    before = rows()

    device.property.save()

    assert rows() == before
