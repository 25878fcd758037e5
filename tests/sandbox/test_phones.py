"""Mobile keys behind the simulated Seam: identities, keys, links, phones held to doors."""

from datetime import timedelta

import pytest

from sandbox.clock import format_utc
from sandbox.ks_system import seed as ks_seed
from sandbox.phones import doors
from tests.sandbox.conftest import NOW
from tests.sandbox.space import KEY, Desk, warnings
from tests.sandbox.test_ks_system import Site
from tests.sandbox.test_seam import refusal
from tests.sandbox.test_space import CREDENTIAL

IDENTITY = {
    *("acs_user_ids", "created_at", "display_name", "email_address", "errors", "full_name"),
    *("merged_user_identity_ids", "merged_user_identity_keys", "phone_number"),
    *("user_identity_id", "user_identity_key", "warnings", "workspace_id"),
}
INSTANT_KEY = {
    *("client_session_id", "created_at", "expires_at", "instant_key_id", "instant_key_url"),
    *("user_identity_id", "workspace_id"),
}
NOBODY = "5b0f6a0e-7a54-4c4b-9a4d-000000000000"


class Phones:
    """Somebody with a mobile key in a system, and what they do with their phone."""

    def __init__(self, client, desk):
        self.client, self.desk = client, desk

    def ask(self, path, **body):
        return self.client.post(f"/seam{path}", body, headers=KEY)

    def said(self, path, key, **body):
        answer = self.ask(path, **body)
        assert answer.status == 200, answer.text
        return answer.json().get(key)

    def identity(self, key="guest-1", **fields):
        wish = {"user_identity_key": key, "full_name": "Jane Doe"} | fields
        return self.said("/user_identities/create", "user_identity", **wish)

    def link_user(self, user, identity):
        ids = {k: row[k] for k, row in (("acs_user_id", user), ("user_identity_id", identity))}
        self.said("/user_identities/add_acs_user", "", **ids)

    def ask_key(self, user, **fields):
        wish = {"access_method": "mobile_key", "is_multi_phone_sync_credential": True}
        ids = {"acs_user_id": user["acs_user_id"]}
        return self.ask("/acs/credentials/create", **wish | ids | fields)

    def key(self, user):
        row = self.ask_key(user).json()["acs_credential"]
        self.client.pass_time(1)
        return self.desk.seen_key(row)

    def link(self, identity, **fields):
        wish = {"user_identity_id": identity["user_identity_id"]}
        return self.said("/user_identities/generate_instant_key", "instant_key", **wish | fields)

    def set_up(self, link):
        return self.client.control("phones", instant_key_url=link["instant_key_url"])

    def phone(self, user, identity=None):
        """Go through it: identity, link, key, phone."""
        identity = identity or self.identity()
        self.link_user(user, identity)
        self.key(user)
        return self.set_up(self.link(identity))

    def hold(self, phone, door):
        rows = self.client.get("/control/doors").json()
        found = [each for each in rows if each["name"] == door]
        mine = next(each for each in found if each["system_id"] == self.desk.system_id)
        return self.client.control(f"phones/{phone['id']}/try", door_id=mine["id"])["reason"]

    def on_it(self, phone):
        rows = self.client.get("/control/phones").json()
        return next(row for row in rows if row["id"] == phone["id"])["keys"]


@pytest.fixture
def desk(client):
    return Desk(client)


@pytest.fixture
def phones(client, desk):
    return Phones(client, desk)


@pytest.fixture
def weir(client):
    return Phones(client, Site(client))


# --- identities ---------------------------------------------------------------------------


def test_an_identity_has_what_the_schema_requires_and_is_found_by_id_and_key(phones):
    made = phones.identity()
    by_id = {"user_identity_id": made["user_identity_id"]}
    for wish in (by_id, {"user_identity_key": "guest-1"}):
        found = phones.said("/user_identities/get", "user_identity", **wish)
        assert found == made
    assert set(made) == IDENTITY
    assert phones.said("/user_identities/list", "user_identities", search="jane") == [made]
    answer = phones.ask("/user_identities/get", user_identity_key="nobody")
    assert refusal(answer)[:2] == (404, "user_identity_not_found")


@pytest.mark.parametrize(
    "taken",
    [
        {"user_identity_key": "a"},
        {"email_address": "jane@example.com"},
        {"phone_number": "+15555550100"},
    ],
)
def test_key_email_and_phone_are_once_in_a_workspace(phones, taken):
    phones.identity("other", **taken)
    answer = phones.ask("/user_identities/create", **taken)

    assert answer.status == 400
    assert set(answer.json()["error"]["validation_errors"]) == {"_errors", *taken}


def test_an_identity_is_changed(phones):
    made = phones.identity()
    ids = {"user_identity_id": made["user_identity_id"]}
    phones.said("/user_identities/update", "", **ids, full_name="Jane Miller", phone_number=None)

    found = phones.said("/user_identities/get", "user_identity", **ids)
    assert (found["full_name"], found["user_identity_key"]) == ("Jane Miller", "guest-1")


def test_a_user_is_linked_once_and_twice_is_no_error(phones, desk):
    user, identity, other = desk.user(), phones.identity(), phones.identity("guest-2")
    for _ in range(2):
        phones.link_user(user, identity)

    ids = {"user_identity_id": identity["user_identity_id"]}
    assert [user["acs_user_id"]] == [
        row["acs_user_id"]
        for row in phones.said("/user_identities/list_acs_users", "acs_users", **ids)
    ]
    seen = desk.said("/users/get", "acs_user", acs_user_id=user["acs_user_id"])
    assert seen["user_identity_id"] == identity["user_identity_id"]
    wish = {"acs_user_id": user["acs_user_id"]}
    answer = phones.ask(
        "/user_identities/add_acs_user", **wish, user_identity_id=other["user_identity_id"]
    )
    assert answer.status == 400
    phones.said("/user_identities/remove_acs_user", "", **wish, **ids)
    assert phones.said("/user_identities/list_acs_users", "acs_users", **ids) == []


def test_linking_by_a_new_key_makes_the_identity(phones, desk):
    user = desk.user(email_address="jane@example.com")
    wish = {"acs_user_id": user["acs_user_id"], "user_identity_key": "new"}
    phones.said("/user_identities/add_acs_user", "", **wish)

    found = phones.said("/user_identities/get", "user_identity", user_identity_key="new")
    assert (found["full_name"], found["email_address"]) == ("Jane Doe", "jane@example.com")
    assert found["acs_user_ids"] == [user["acs_user_id"]]


def test_a_deleted_identity_takes_everything_of_theirs_along(phones, desk, client):
    user, identity = desk.user("Everybody"), phones.identity()
    phone = phones.phone(user, identity)

    ids = {"user_identity_id": identity["user_identity_id"]}
    phones.said("/user_identities/delete", "", **ids)
    client.pass_time(1)

    assert phones.on_it(phone) == {}
    assert desk.ask("/users/get", acs_user_id=user["acs_user_id"]).status == 404
    assert phones.said("/instant_keys/list", "instant_keys") == []


# --- the credential -----------------------------------------------------------------------


def test_a_mobile_key_is_issued_by_itself(phones, desk, client):
    user = desk.user("Everybody")
    phones.link_user(user, phones.identity())
    row = phones.ask_key(user).json()["acs_credential"]
    assert set(row) >= CREDENTIAL
    assert (row["is_issued"], warnings(row)) == (False, ["waiting_to_be_issued"])
    client.pass_time(1)

    seen = desk.seen_key(row)
    assert (seen["access_method"], seen["is_issued"], seen["issued_at"] is not None) == (
        "mobile_key", True, True,
    )  # fmt: skip
    assert seen["is_multi_phone_sync_credential"] is True
    assert "acs_credential.issued" in desk.events()


def test_what_a_mobile_key_needs_is_said(phones, desk):
    user = desk.user()
    nobody = phones.ask_key(user)
    phones.link_user(user, phones.identity())
    plain = phones.ask_key(user, is_multi_phone_sync_credential=False)
    phones.key(user)
    second = phones.ask_key(user)

    wrong = [answer.json()["error"]["validation_errors"] for answer in (nobody, plain, second)]
    assert [set(each) - {"_errors"} for each in wrong] == [
        {"user_identity_id"},
        {"is_multi_phone_sync_credential"},
        {"access_method"},
    ]
    assert {answer.status for answer in (nobody, plain, second)} == {400}


def test_lists_tell_mobile_keys_from_cards(phones, desk):
    user = desk.user()
    card = desk.key(user)
    phones.link_user(user, phones.identity())
    key = phones.key(user)
    ids = {"acs_user_id": user["acs_user_id"]}

    listed = {
        wanted: [
            row["acs_credential_id"]
            for row in desk.said(
                "/credentials/list", "acs_credentials", **ids,
                is_multi_phone_sync_credential=wanted,
            )
        ]
        for wanted in (True, False)
    }  # fmt: skip
    assert listed == {True: [key["acs_credential_id"]], False: [card["acs_credential_id"]]}


def test_while_the_bridge_is_down_no_key_is_issued(phones, desk, client):
    client.control(f"systems/{desk.system_id}", is_bridge_up=False)
    user = desk.user("Everybody")
    phones.link_user(user, phones.identity())
    key = phones.key(user)
    assert key["is_issued"] is False

    client.control(f"systems/{desk.system_id}", is_bridge_up=True)
    client.pass_time(1)
    assert desk.seen_key(key)["is_issued"] is True


def test_salto_ks_issues_one_once_its_user_has_a_seat(weir, client):
    client.control(f"systems/{ks_seed.SYSTEM_ID}", seats=0)
    user = weir.desk.user("Tenants")
    weir.link_user(user, weir.identity())
    key = weir.key(user)
    assert key["is_issued"] is False

    client.control(f"systems/{ks_seed.SYSTEM_ID}", seats=50)
    client.pass_time(1)
    assert weir.desk.seen_key(key)["is_issued"] is True


# --- links --------------------------------------------------------------------------------


def test_a_link_is_listed_found_by_its_address_and_deleted(phones):
    identity = phones.identity()
    link = phones.link(identity)
    assert set(link) == INSTANT_KEY
    assert link["instant_key_url"].startswith("http://127.0.0.1:8001/phone/")

    by_url = {"instant_key_url": link["instant_key_url"]}
    ids = {"user_identity_id": identity["user_identity_id"]}
    assert phones.said("/instant_keys/get", "instant_key", **by_url) == link
    assert phones.said("/instant_keys/list", "instant_keys", **ids) == [link]
    phones.said("/instant_keys/delete", "", instant_key_id=link["instant_key_id"])
    assert phones.said("/instant_keys/list", "instant_keys", **ids) == []
    again = phones.ask("/instant_keys/delete", instant_key_id=link["instant_key_id"])
    assert refusal(again)[:2] == (404, "instant_key_not_found")


@pytest.mark.parametrize("count", [0, 1.5, -1])
def test_a_link_is_used_a_whole_number_of_times(phones, count):
    ids = {"user_identity_id": phones.identity()["user_identity_id"]}
    answer = phones.ask("/user_identities/generate_instant_key", **ids, max_use_count=count)

    assert answer.status == 400


def test_a_link_sets_up_as_many_phones_as_it_may_and_not_for_ever(phones, client):
    identity = phones.identity()
    link = phones.link(identity, max_use_count=2)
    for _ in range(2):
        phones.set_up(link)
    wish = {"instant_key_url": link["instant_key_url"]}
    third = client.post("/control/phones", wish)
    late = phones.link(identity)
    client.pass_time(8 * 86400)
    expired = client.post("/control/phones", {"instant_key_url": late["instant_key_url"]})

    assert (third.status, third.json()["error"]) == (400, "the link was used as often as it may be")
    assert (expired.status, expired.json()["error"]) == (400, "the link has expired")
    assert client.post("/control/phones", {"instant_key_url": "x"}).status == 404


# --- at doors of Salto Space --------------------------------------------------------------


@pytest.mark.parametrize(
    ("door", "reason"),
    [
        ("Main Entrance", "opened"),
        ("Lift", "opened"),
        ("Room 101", "opened"),
        ("Room 102", "not_allowed_here"),
        ("Linen Store", "no_bluetooth"),
    ],
)
def test_groups_decide_what_a_phone_opens(phones, desk, door, reason):
    phone = phones.phone(desk.user("Everybody", "Room 101"))

    assert phones.hold(phone, door) == reason


@pytest.mark.parametrize("door", ["Lift", "Room 101"])
def test_the_schedule_decides_when(phones, desk, client, door):
    starts, ends = NOW + timedelta(hours=1), NOW + timedelta(hours=2)
    schedule = {"starts_at": format_utc(starts), "ends_at": format_utc(ends)}
    phone = phones.phone(desk.user("Everybody", "Room 101", access_schedule=schedule))
    reasons = []
    for _ in range(3):
        reasons.append(phones.hold(phone, door))
        client.pass_time(3600)

    assert reasons == ["not_activated", "opened", "expired"]


@pytest.mark.parametrize("door", ["Lift", "Room 101"])
def test_who_is_suspended_opens_nothing(phones, desk, client, door):
    user = desk.user("Everybody", "Room 101")
    phone = phones.phone(user)
    desk.ask("/users/suspend", acs_user_id=user["acs_user_id"])
    client.pass_time(1)

    assert phones.hold(phone, door) == "not_allowed_here"


@pytest.mark.parametrize("what", ["credential", "user", "link"])
def test_what_is_taken_back_is_off_the_phone(phones, desk, client, what):
    user, identity = desk.user("Everybody"), phones.identity()
    phones.link_user(user, identity)
    key, link = phones.key(user), phones.link(identity)
    phone = phones.set_up(link)
    assert len(phones.on_it(phone)) == 1

    acts = {
        "credential": ("/acs/credentials/delete", "acs_credential_id", key),
        "user": ("/acs/users/delete", "acs_user_id", user),
        "link": ("/instant_keys/delete", "instant_key_id", link),
    }
    path, name, row = acts[what]
    assert phones.ask(path, **{name: row[name]}).status == 200
    client.pass_time(1)

    assert phones.on_it(phone) == {}
    assert phones.hold(phone, "Main Entrance") == "no_key"


def test_a_phone_without_network_believes_what_it_has_and_so_do_offline_doors(phones, desk, client):
    user = desk.user("Everybody", "Room 101")
    phone = phones.phone(user)
    client.control(f"phones/{phone['id']}", has_network=False)
    key = desk.said("/credentials/list", "acs_credentials", acs_user_id=user["acs_user_id"])[0]
    desk.ask("/credentials/delete", acs_credential_id=key["acs_credential_id"])
    client.pass_time(1)

    assert phones.hold(phone, "Room 101") == "opened"
    assert phones.hold(phone, "Lift") == "cancelled"
    client.control(f"phones/{phone['id']}", has_network=True)
    assert phones.hold(phone, "Room 101") == "no_key"


def test_while_the_bridge_is_down_a_phone_keeps_what_it_has(phones, desk, client):
    phone = phones.phone(desk.user("Everybody", "Room 101"))
    client.control(f"systems/{desk.system_id}", is_bridge_up=False)

    assert phones.hold(phone, "Room 101") == "opened"


def test_a_wired_door_tells_seam_and_an_offline_one_nobody(phones, desk, client):
    user, identity = desk.user("Everybody", "Room 101"), phones.identity()
    phone = phones.phone(user, identity)
    for door in ("Lift", "Room 101", "Car Park Gate"):
        phones.hold(phone, door)

    rows = client.post("/seam/events/list", {"since": format_utc(NOW)}, headers=KEY).json()
    told = [each for each in rows["events"] if each["event_type"].startswith("lock.")]
    assert [each["event_type"] for each in told] == ["lock.unlocked", "lock.access_denied"]
    opened = told[0]
    assert (opened["method"], opened["is_via_bluetooth"]) == ("unknown", True)
    assert opened["acs_user_id"] == user["acs_user_id"]
    assert opened["user_identity_id"] == identity["user_identity_id"]
    kinds = [(each["kind"], each["cause"]) for each in client.effects(cause="phone")]
    assert kinds[1:] == [
        ("lock_opened", "phone"),
        ("lock_opened", "phone"),
        ("lock_rejected", "phone"),
    ]


# --- at doors of Salto KS -----------------------------------------------------------------


def test_salto_ks_decides_in_the_cloud(weir, client):
    user = weir.desk.user("Tenants")
    phone = weir.phone(user)
    seen = {door: weir.hold(phone, door) for door in ("Weir Gate", "Archive")}
    weir.desk.ask("/users/suspend", acs_user_id=user["acs_user_id"])
    client.pass_time(30)

    assert seen == {"Weir Gate": "opened", "Archive": "lock_offline"}
    assert weir.hold(phone, "Weir Gate") == "suspended"


def test_a_house_without_a_key_knows_no_phone(phones, desk, weir):
    phone = phones.phone(desk.user("Everybody"))

    assert weir.hold(phone, "Weir Gate") == "unknown_key"


# --- the pages ----------------------------------------------------------------------------


def path_of(link):
    return link["instant_key_url"].removeprefix("http://127.0.0.1:8001")


def test_looking_at_a_link_uses_nothing_up(phones, client):
    path = path_of(phones.link(phones.identity()))
    for _ in range(3):
        assert "Put the keys on this phone" in client.get(path).text

    assert client.get("/control/phones").json() == []


def test_the_link_opens_a_phone_with_a_button_per_door(phones, desk, client):
    user, identity = desk.user("Everybody", "Room 101"), phones.identity()
    phones.link_user(user, identity)
    phones.key(user)
    path = path_of(phones.link(identity))
    answer = client.post(path)
    assert answer.status == 303
    phone = answer.headers["location"]

    page = client.get(phone).text
    assert "Phone of Jane Doe" in page
    assert page.index("Room 101") < page.index("Other doors of the house") < page.index("Spa")
    door_id = next(iter(client.world.space_doors.where(name="Room 101"))).id
    held = client.post(phone, form={"act": "hold", "door_id": door_id})
    said = client.get(held.headers["location"]).text
    assert '<p role="status" class="verdict good">Room 101: the door opens.</p>' in said
    spa = next(iter(client.world.space_doors.where(name="Spa"))).id
    held = client.post(phone, form={"act": "hold", "door_id": spa})
    said = client.get(held.headers["location"]).text
    assert '<p role="status" class="verdict bad">Spa: the key has no right here.</p>' in said

    cookie = answer.headers["set-cookie"].partition(";")[0]
    assert client.get(path, headers={"cookie": cookie}).headers["location"] == phone
    assert client.post(path, headers={"cookie": cookie}).headers["location"] == phone
    assert "was used already" in client.get(path).text
    assert client.post(path).status == 410
    assert "1 key" in client.get("/phones").text


def test_the_network_of_a_phone_can_be_cut_by_hand(phones, desk, client):
    phone = phones.phone(desk.user("Everybody"))
    answer = client.post(f"/phones/{phone['id']}", form={"act": "network"})

    assert "is <strong>off</strong>" in client.get(answer.headers["location"]).text


@pytest.mark.parametrize("path", ["/phone/nothing", f"/phones/{NOBODY}"])
def test_what_is_not_there_is_not_found(client, path):
    assert client.get(path).status == 404
    assert client.post(path).status == 404


def test_a_form_from_another_site_moves_nothing(phones, desk, client):
    phone = phones.phone(desk.user("Everybody"))
    path = path_of(phones.link(phones.identity("guest-2")))
    for where in (path, f"/phones/{phone['id']}"):
        headers = {"sec-fetch-site": "cross-site"}
        assert client.post(where, form={"act": "network"}, headers=headers).status == 403


def test_every_reason_has_words():
    assert {"no_key", "no_bluetooth", "cancelled", "opened"} <= set(doors.REASONS)
