"""Salto KS as an access system behind the simulated Seam: seats, PINs, tags, doors, its page."""

from datetime import timedelta

import pytest

from sandbox.clock import format_utc
from sandbox.ks_system import doors, seed
from tests.sandbox.conftest import NOW
from tests.sandbox.space import KEY, Desk, mutations, warnings
from tests.sandbox.test_seam import refusal
from tests.sandbox.test_space import CREDENTIAL, ENCODER, ENTRANCE, GROUP, SYSTEM, USER

IN_SYSTEM = {"acs_system_id": seed.SYSTEM_ID}
LISTS = [
    ("/users/list", "acs_users", USER, 4),
    ("/access_groups/list", "acs_access_groups", GROUP, 4),
    ("/entrances/list", "acs_entrances", ENTRANCE, 8),
    ("/credentials/list", "acs_credentials", CREDENTIAL, 3),
    ("/encoders/list", "acs_encoders", ENCODER, 4),
]
ERROR = "salto_ks_subscription_limit_exceeded"
ALMOST = "salto_ks_subscription_limit_almost_reached"
NOT_SUBSCRIBED = "salto_ks_user_not_subscribed"


class Site(Desk):
    """The site of Salto KS: as the desk of Space, but with tags and readers."""

    def __init__(self, client):
        super().__init__(client)
        self.encoder_id = seed.make_id("reader", "Weir Gate")
        self.system_id = seed.SYSTEM_ID

    def user(self, *groups, **fields):
        ids = [seed.make_id("group", each) for each in groups]
        return super().user(**{"acs_access_group_ids": ids} | fields)

    def seen_user(self, user):
        return self.said("/users/get", "acs_user", acs_user_id=user["acs_user_id"])

    def system(self):
        return self.said("/systems/get", "acs_system", **IN_SYSTEM)

    def pin(self, user):
        wish = {"acs_user_id": user["acs_user_id"], "access_method": "code"}
        key = self.said("/credentials/create", "acs_credential", **wish)
        self.client.pass_time(1)
        return self.seen_key(key)

    def start_scan(self, **fields):
        wish = {"acs_encoder_id": self.encoder_id}
        return self.said("/encoders/scan_credential", "action_attempt", **wish | fields)

    def start_assign(self, user, **fields):
        wish = {"acs_encoder_id": self.encoder_id, "acs_user_id": user["acs_user_id"]}
        return self.said("/encoders/scan_to_assign_credential", "action_attempt", **wish | fields)

    def hold(self, label, attempt):
        """Hold a tag to the reader that waits for it; return the attempt as it is then."""
        self.client.pass_time(1)
        self.client.control(f"tags/{self.tag(label)['id']}/hold", encoder_id=self.encoder_id)
        self.client.pass_time(1)
        return self.attempt(attempt)

    def tag(self, label):
        rows = self.client.get("/control/tags").json()
        return next(row for row in rows if row["label"] == label)

    def assign(self, user, label="Spare tag", **fields):
        return self.hold(label, self.start_assign(user, **fields))

    def try_tag(self, label, door="Weir Gate"):
        path = f"tags/{self.tag(label)['id']}/try"
        return self.client.control(path, door_id=door)["reason"]

    def try_pin(self, code, door="Weir Gate"):
        door_id = seed.make_id("door", door)
        return self.client.control(f"doors/{door_id}/pin", code=code)["reason"]

    def owner(self, label):
        return self.tag(label)["user_name"]


NEW_TAGS = {"salto_ks_metadata": {"detect_new_tags": True}}


@pytest.fixture
def site(client):
    return Site(client)


@pytest.fixture
def jane(site):
    return site.user("Tenants")


def codes(row):
    return [each["error_code"] for each in row["errors"]]


# --- what it looks like -------------------------------------------------------------------


def test_both_systems_are_listed(site):
    rows = site.said("/systems/list", "acs_systems")

    kinds = {row["name"]: row["external_type"] for row in rows}
    assert kinds == {
        "SIMULATED Harbour Annex": "salto_space_system",
        "SIMULATED Weir House": "salto_ks_site",
    }
    assert all(set(row) >= SYSTEM for row in rows)


@pytest.mark.parametrize("each", LISTS)
def test_every_list_has_what_the_schema_requires(site, each):
    path, key, required, count = each
    rows = site.said(path, key, **IN_SYSTEM)

    assert len(rows) == count
    assert all(set(row) >= required for row in rows)
    assert {row["acs_system_id"] for row in rows} == {seed.SYSTEM_ID}


def test_everything_is_called_what_salto_ks_calls_it(site):
    words = {
        (key, row.get("external_type"))
        for path, key, _required, _count in LISTS
        for row in site.said(path, key, **IN_SYSTEM)
    }

    assert {word for _key, word in words if word} == {
        "salto_site_user",
        "salto_ks_access_group",
        "salto_ks_tag",
    }


def test_a_door_tells_how_it_is(site):
    rows = site.said("/entrances/list", "acs_entrances", **IN_SYSTEM)
    found = {row["display_name"]: row for row in rows}
    told = {name: row["salto_ks_metadata"] for name, row in found.items()}

    assert set(told["Weir Gate"]) == {
        *("door_name", "lock_type", "locked_state", "online", "battery_level"),
        *("privacy_mode", "left_open_alarm", "intrusion_alarm"),
    }
    assert (told["Archive"]["online"], told["Loading Bay"]["battery_level"]) == (False, "low")
    assert told["Café"]["locked_state"] == "office_mode"
    assert [each["warning_code"] for each in found["Studio 2"]["warnings"]] == ["privacy_mode"]
    assert found["Studio 1"]["can_unlock_with_code"] is True
    assert found["Studio 3"]["can_unlock_with_code"] is False


def test_the_account_is_one_of_salto_ks(client):
    rows = client.post("/seam/connected_accounts/list", {}, headers=KEY).json()
    [row] = [r for r in rows["connected_accounts"] if r["account_type"] == "salto_ks"]

    assert (row["display_name"], row["errors"]) == ("SIMULATED Weir House", [])
    assert row["accepted_capabilities"] == ["access_control"]


def test_an_older_world_gets_the_site_beside_what_it_has(client):
    world = client.world
    world.space_systems.drop(seed.SYSTEM_ID)
    before = [row.id for row in world.space_systems]

    seed.plant(world)
    seed.plant(world)

    assert [row.id for row in world.space_systems] == [*before, seed.SYSTEM_ID]


# --- seats --------------------------------------------------------------------------------


def test_users_take_seats_until_there_are_none(site):
    first, second, third = (site.user("Tenants", full_name=f"Person {n}") for n in range(3))
    assert warnings(site.system()) == [ALMOST]
    assert codes(site.system()) == []

    late = site.user("Tenants", full_name="One too many")

    assert site.seen_user(third)["salto_ks_metadata"] == {"is_subscribed": True}
    row = site.seen_user(late)
    assert row["salto_ks_metadata"] == {"is_subscribed": False}
    assert (codes(row), warnings(row)) == ([ERROR], [NOT_SUBSCRIBED])
    assert codes(site.system()) == [ERROR]

    site.ask("/users/delete", acs_user_id=first["acs_user_id"])
    site.client.pass_time(1)
    assert site.seen_user(late)["salto_ks_metadata"] == {"is_subscribed": True}
    assert codes(site.system()) == []
    assert second


def test_five_of_six_seats_are_almost_all(site):
    site.user(full_name="Fourth")
    assert warnings(site.system()) == []
    site.user(full_name="Fifth")
    assert warnings(site.system()) == [ALMOST]


def test_a_new_user_has_no_seat_before_salto_has_heard(site):
    body = {**IN_SYSTEM, "full_name": "Jane Doe"}
    user = site.said("/users/create", "acs_user", **body)

    assert mutations(user) == ["creating"]
    assert (codes(user), warnings(user)) == ([], [NOT_SUBSCRIBED])


def test_a_user_has_a_seat_for_as_long_as_their_schedule_runs(site, client):
    hour = timedelta(hours=1)
    schedule = {"starts_at": format_utc(NOW + hour), "ends_at": format_utc(NOW + 2 * hour)}
    user = site.user("Tenants", access_schedule=schedule)

    seen = []
    for _ in range(3):
        row = site.seen_user(user)
        seen.append((row["salto_ks_metadata"]["is_subscribed"], codes(row)))
        client.pass_time(3600)
    assert seen == [(False, []), (True, []), (False, [])]


def test_more_seats_can_be_had(site, client):
    users = [site.user(full_name=f"Person {n}") for n in range(4)]
    client.control(f"systems/{seed.SYSTEM_ID}", seats=10)

    assert all(site.seen_user(user)["salto_ks_metadata"]["is_subscribed"] for user in users)
    assert (codes(site.system()), warnings(site.system())) == ([], [])


# --- PINs ---------------------------------------------------------------------------------


def test_salto_makes_a_pin_and_the_door_takes_it(site, jane):
    wish = {"acs_user_id": jane["acs_user_id"], "access_method": "code"}
    key = site.said("/credentials/create", "acs_credential", **wish)
    assert (key["code"], key["is_issued"], warnings(key)) == (None, False, ["waiting_to_be_issued"])

    site.client.pass_time(1)
    key = site.seen_key(key)
    assert (len(key["code"]), key["is_issued"], warnings(key)) == (6, True, [])
    assert key["external_type"] == "salto_ks_credential"
    assert site.try_pin(key["code"]) == "opened"
    assert site.try_pin("000") == "unknown_pin"
    assert site.events()[-1] == "acs_credential.issued"


def test_a_pin_comes_once_there_is_a_seat(site, client):
    users = [site.user("Tenants", full_name=f"Person {n}") for n in range(4)]
    key = site.pin(users[-1])
    assert key["code"] is None

    client.control(f"systems/{seed.SYSTEM_ID}", seats=7)
    client.pass_time(1)

    assert site.try_pin(site.seen_key(key)["code"]) == "opened"


@pytest.mark.parametrize(
    "body",
    [
        {"access_method": "code", "code": "123456"},
        {"access_method": "card"},
        {"access_method": "mobile_key"},
    ],
)
def test_what_salto_ks_does_not_make_is_refused(site, jane, body):
    answer = site.ask("/credentials/create", acs_user_id=jane["acs_user_id"], **body)

    assert refusal(answer) == (400, "invalid_input")


def test_a_user_has_one_pin(site, jane):
    site.pin(jane)
    wish = {"acs_user_id": jane["acs_user_id"], "access_method": "code"}

    assert refusal(site.ask("/credentials/create", **wish)) == (400, "invalid_input")


def test_a_pins_digits_cannot_be_chosen_later(site, jane):
    wish = {"acs_credential_id": site.pin(jane)["acs_credential_id"]}

    assert refusal(site.ask("/credentials/update", **wish, code="1234")) == (400, "invalid_input")
    ends = format_utc(NOW + timedelta(minutes=1))
    assert site.ask("/credentials/update", **wish, ends_at=ends).status == 200


def test_a_deleted_pin_opens_nothing_from_then_on(site, jane):
    key = site.pin(jane)
    site.drop_key(key)

    assert site.try_pin(key["code"]) == "unknown_pin"
    assert site.events()[-1] == "acs_credential.deleted"


def test_the_log_never_holds_the_digits(site, client, jane):
    code = site.pin(jane)["code"]

    assert code not in client.get("/control/effects").text


# --- tags ---------------------------------------------------------------------------------


def test_a_registered_tag_is_given_to_a_user(site, jane):
    now = site.assign(jane)

    assert (now["status"], now["action_type"]) == ("success", "SCAN_TO_ASSIGN_CREDENTIAL")
    assert now["result"]["acs_user_id"] == jane["acs_user_id"]
    assert now["result"]["external_type"] == "salto_ks_tag"
    assert now["result"]["card_number"] == site.tag("Spare tag")["number"]
    assert site.try_tag("Spare tag") == "opened"
    assert site.events()[-1] == "acs_credential.issued"


@pytest.mark.parametrize("start", ["start_scan", "start_assign"])
def test_a_reader_does_not_see_a_tag_that_is_not_registered(site, client, jane, start):
    people = [jane] if start == "start_assign" else []
    attempt = getattr(site, start)(*people)

    assert site.hold("New tag 1", attempt)["status"] == "pending"
    client.pass_time(30)
    assert site.outcome(attempt) == "no_credential_on_encoder"


def test_a_new_tag_is_registered_within_two_minutes(site, client):
    attempt = site.start_scan(**NEW_TAGS)
    client.pass_time(110)
    assert site.outcome(attempt) == "pending"

    found = site.hold("New tag 1", attempt)["result"]

    assert found["acs_credential_on_encoder"]["card_number"] == site.tag("New tag 1")["number"]
    assert found["acs_credential_on_seam"]["is_issued"] is False
    assert "acs_user_id" not in found["acs_credential_on_seam"]
    assert site.tag("New tag 1")["system_id"] == seed.SYSTEM_ID


def test_the_two_minutes_end(site, client):
    attempt = site.start_scan(**NEW_TAGS)
    client.pass_time(121)

    assert site.outcome(attempt) == "no_credential_on_encoder"


def test_a_new_tag_can_be_registered_and_given_at_once(site, jane):
    assert site.assign(jane, "New tag 1", **NEW_TAGS)["status"] == "success"
    assert site.owner("New tag 1") == jane["full_name"]


@pytest.mark.parametrize(
    ("label", "words"),
    [("Noor's tag", "belongs to another user"), ("Tag of another site", "another site")],
)
def test_a_tag_of_somebody_else_is_refused(site, jane, label, words):
    error = site.assign(jane, label, **NEW_TAGS)["error"]

    assert error["type"] == "uncategorized_error"
    assert words in error["message"]


def test_a_scan_tells_whose_a_tag_is(site):
    found = site.hold("Noor's tag", site.start_scan())["result"]

    assert found["acs_credential_on_seam"]["acs_user_id"] == seed.make_id("user", "Noor Haddad")
    assert found["warnings"] == []


@pytest.mark.parametrize(
    ("scenario", "is_on_reader", "is_on_seam"),
    [
        ("credential_exists_on_seam", True, True),
        ("credential_does_not_exist_on_seam", True, False),
        ("credential_on_encoder_is_empty", False, False),
    ],
)
def test_the_next_scan_finds_what_was_wished(site, client, scenario, is_on_reader, is_on_seam):
    wish = {"acs_encoder_id": site.encoder_id, "scenario": scenario}
    site.ask("/encoders/simulate/next_credential_scan_will_succeed", **wish)
    attempt = site.start_scan()
    client.pass_time(1)

    found = site.attempt(attempt)["result"]
    assert bool(found["acs_credential_on_encoder"]) is is_on_reader
    assert bool(found["acs_credential_on_seam"]) is is_on_seam


def test_a_reader_that_stalls_expires(site, client, jane):
    client.control(f"encoders/{site.encoder_id}", mode="stalled")
    attempt = site.start_assign(jane)
    site.hold("Spare tag", attempt)
    client.pass_time(60)

    assert site.outcome(attempt) == "action_attempt_expired"
    assert site.owner("Spare tag") is None


@pytest.mark.parametrize(
    ("door", "start", "kind"),
    [
        ("Archive", "start_scan", "encoder_not_online"),
        ("Archive", "start_assign", "uncategorized_error"),
        ("Weir Gate", "start_scan", "uncategorized_error"),
    ],
)
def test_a_lock_offline_or_in_office_mode_reads_no_tag(site, jane, door, start, kind):
    site.client.control(f"doors/{seed.make_id('door', 'Weir Gate')}", bolt="office_mode")
    site.encoder_id = seed.make_id("reader", door)
    attempt = getattr(site, start)(*([jane] if start == "start_assign" else []))
    site.client.pass_time(1)

    assert site.outcome(attempt) == kind


def test_a_reader_does_one_thing_at_a_time(site, client):
    site.start_scan()
    second = site.start_scan()
    client.pass_time(1)

    assert site.attempt(second)["error"]["message"] == "The encoder is busy."


def test_a_lost_answer_leaves_the_tag_given(site, client, jane):
    client.control("scripts", phase="after", error="action_attempt_expired")

    assert site.assign(jane)["error"]["type"] == "action_attempt_expired"
    assert site.owner("Spare tag") == jane["full_name"]


def test_an_answer_that_never_comes_expires_with_the_tag_given(site, client, jane):
    client.control("scripts", phase="after", error=None)
    attempt = site.start_assign(jane)
    assert site.hold("Spare tag", attempt)["status"] == "pending"
    client.pass_time(60)

    assert site.outcome(attempt) == "action_attempt_expired"
    assert site.owner("Spare tag") == jane["full_name"]


def test_a_failure_in_the_middle_gives_nothing(site, client, jane):
    client.control("scripts", phase="during", error="uncategorized_error")

    assert site.assign(jane)["status"] == "error"
    assert site.owner("Spare tag") is None


def test_a_tag_changes_hands_without_a_reader(site, jane):
    tag = {"acs_credential_id": site.tag("Spare tag")["credential_id"]}
    me = {"acs_user_id": jane["acs_user_id"]}
    other = {"acs_user_id": seed.make_id("user", "Noor Haddad")}

    assert site.ask("/credentials/assign", **tag, **me).status == 200
    assert refusal(site.ask("/credentials/assign", **tag, **other)) == (400, "invalid_input")
    assert refusal(site.ask("/credentials/unassign", **tag, **other)) == (400, "invalid_input")
    assert site.ask("/credentials/unassign", **tag, **me).status == 200
    assert site.try_tag("Spare tag") == "unassigned"


def test_a_deleted_user_leaves_a_tag_and_no_pin(site, client, jane):
    site.assign(jane)
    pin = site.pin(jane)["code"]
    site.ask("/users/delete", acs_user_id=jane["acs_user_id"])
    client.pass_time(1)

    assert (site.try_tag("Spare tag"), site.try_pin(pin)) == ("unassigned", "unknown_pin")


def test_a_deleted_tag_is_not_registered_any_more(site):
    site.drop_key({"acs_credential_id": site.tag("Spare tag")["credential_id"]})

    assert site.tag("Spare tag")["system_id"] is None
    assert site.try_tag("Spare tag") == "unknown_tag"


def test_nothing_is_encoded_here(site):
    tag = site.tag("Spare tag")["credential_id"]
    wish = {"acs_encoder_id": site.encoder_id, "acs_credential_id": tag}

    assert refusal(site.ask("/encoders/encode_credential", **wish)) == (400, "invalid_input")


def test_space_takes_no_tags(client):
    desk, site = Desk(client), Site(client)
    user = desk.user("Everybody")
    wish = {"acs_encoder_id": desk.encoder_id, "acs_user_id": user["acs_user_id"]}
    strange = wish | {"acs_encoder_id": site.encoder_id}

    for body in (wish, strange):
        answer = desk.ask("/encoders/scan_to_assign_credential", **body)
        assert refusal(answer) == (400, "invalid_input")


# --- doors --------------------------------------------------------------------------------


def test_a_change_counts_at_the_door_at_once(site, client, jane):
    site.assign(jane)
    assert site.try_tag("Spare tag") == "opened"
    assert site.try_tag("Spare tag", "Studio 1") == "no_group"

    site.ask("/users/suspend", acs_user_id=jane["acs_user_id"])
    client.pass_time(1)
    assert site.try_tag("Spare tag") == "suspended"
    assert site.seen_user(jane)["salto_ks_metadata"] == {"is_subscribed": True}

    site.ask("/users/unsuspend", acs_user_id=jane["acs_user_id"])
    group = seed.make_id("group", "Tenants")
    wish = {"acs_user_id": jane["acs_user_id"], "acs_access_group_id": group}
    site.ask("/users/remove_from_access_group", **wish)
    client.pass_time(1)
    assert site.try_tag("Spare tag") == "no_group"


@pytest.mark.parametrize(
    ("label", "door", "reason"),
    [
        ("Piet's tag", "Archive", "lock_offline"),
        ("Piet's tag", "Café", "office_mode"),
        ("Piet's tag", "Studio 2", "privacy_mode"),
        ("Piet's tag", "Studio 3", "opened"),
        ("New tag 1", "Weir Gate", "unknown_tag"),
        ("Tag of another site", "Weir Gate", "unknown_tag"),
    ],
)
def test_a_door_says_why_it_stays_shut(site, label, door, reason):
    assert site.try_tag(label, door) == reason


def test_a_person_comes_too_early_too_late_and_without_a_seat(site, client):
    hour = timedelta(hours=1)
    schedule = {"starts_at": format_utc(NOW + hour), "ends_at": format_utc(NOW + 2 * hour)}
    user = site.user("Tenants", access_schedule=schedule)
    site.assign(user)

    assert site.try_tag("Spare tag") == "not_started"
    client.control(f"systems/{seed.SYSTEM_ID}", seats=0)
    client.pass_time(3600)
    assert site.try_tag("Spare tag") == "not_subscribed"
    client.pass_time(3600)
    assert site.try_tag("Spare tag") == "expired"


def test_a_lock_without_keypad_takes_no_pin(site, jane):
    assert site.try_pin(site.pin(jane)["code"], "Loading Bay") == "no_keypad"


def test_a_door_locks_again_and_everybody_hears_of_it(site, client):
    site.try_tag("Noor's tag")
    door = {"acs_entrance_id": seed.make_id("door", "Weir Gate")}
    assert site.said("/entrances/get", "acs_entrance", **door)["is_locked"] is False

    client.pass_time(8)

    assert site.said("/entrances/get", "acs_entrance", **door)["is_locked"] is True
    assert client.kinds() == ["lock_opened", "lock_relocked"]
    body = {"since": "2026-01-01T00:00:00Z", "event_type": "lock.unlocked"}
    [event] = client.post("/seam/events/list", body, headers=KEY).json()["events"]
    assert event["acs_user_id"] == seed.make_id("user", "Noor Haddad")
    assert (event["acs_entrance_id"], event["method"]) == (door["acs_entrance_id"], "card")


def test_a_tag_says_nothing_to_a_door_of_space(site, client):
    answer = client.post(f"/control/tags/{site.tag('Spare tag')['id']}/try", {"door_id": "Lift"})

    assert answer.status == 400


def test_tags_can_be_made(client):
    made = client.control("tags", label="Fob", number="SIM99")

    assert (made["label"], made["system_id"]) == ("Fob", None)
    for wish in ({"number": "SIM99"}, {"colour": "red"}):
        assert client.post("/control/tags", wish).status == 400


def test_the_control_api_tells_the_truth_about_pins_and_tags(site, client, jane):
    pin = site.pin(jane)
    rows = {row["id"]: row for row in client.get("/control/credentials").json()}

    assert rows[pin["acs_credential_id"]]["code"] == pin["code"]
    assert rows[pin["acs_credential_id"]]["user_name"] == "Jane Doe"


# --- the page -----------------------------------------------------------------------------


def use(client, **form):
    answer = client.post("/tags", form=form)
    assert answer.status == 303
    return client.get(answer.headers["location"]).text


def test_a_person_can_hold_a_tag_to_a_reader_and_to_a_door(site, client, jane):
    attempt = site.start_assign(jane)
    client.pass_time(1)
    assert "Waiting for a tag, 29 s left" in client.get("/tags").text
    tag_id = site.tag("Spare tag")["id"]

    said = use(client, act="hold", tag_id=tag_id, encoder_id=site.encoder_id)
    assert "Spare tag at Weir Gate: the reader sees it." in said
    client.pass_time(1)
    assert site.outcome(attempt) == "success"
    assert "Of Jane Doe" in client.get("/tags").text

    door = seed.make_id("door", "Studio 1")
    said = use(client, act="tag", tag_id=tag_id, door_id=door)
    assert "Spare tag at Studio 1: this person has no access here." in said
    said = use(client, act="pin", code="1", door_id=door)
    assert "PIN at Studio 1: nobody has this PIN." in said


def test_the_lights_can_be_asked_for(site, client):
    site.start_scan()
    client.pass_time(1)
    rows = {row["id"]: row for row in client.get("/tags/live").json()}

    assert rows[site.encoder_id]["words"] == "Waiting for a tag, 29 s left"
    assert rows[site.encoder_id]["state"] == "waiting"


def test_the_pin_that_was_typed_is_in_no_address(client):
    form = {"act": "pin", "code": "246810", "door_id": seed.make_id("door", "Weir Gate")}

    assert "246810" not in client.post("/tags", form=form).headers["location"]


@pytest.mark.parametrize("form", [{}, {"act": "hold", "tag_id": "x"}, {"act": "pin"}])
def test_what_is_not_there_is_not_found(client, form):
    assert client.post("/tags", form=form).status == 404


def test_a_form_from_another_site_opens_nothing(client):
    headers = {"sec-fetch-site": "cross-site"}
    form = {"act": "pin", "code": "1", "door_id": seed.make_id("door", "Weir Gate")}

    assert client.post("/tags", form=form, headers=headers).status == 403
    assert client.effects() == []


def test_every_reason_has_a_sentence():
    assert all(words.endswith(".") for words in doors.REASONS.values())
