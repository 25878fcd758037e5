"""Salto Space behind Seam, in front of the sandbox program."""

from contextlib import contextmanager

import pytest

from accounts.providers.base import Code, RefusedError
from accounts.providers.http import HttpDoor
from accounts.providers.seam.card_errors import card_failure
from accounts.providers.systems import (
    AccessMethod,
    AttemptState,
    CardFailure,
    SystemType,
    UserWish,
)
from sandbox.ks_system import readers
from sandbox.space import refusals
from tests.accounts.providers.mobile_contract import MobileContract
from tests.accounts.providers.salto_ks.rigs import SandboxProgram
from tests.accounts.providers.seam.rigs import driver_at
from tests.accounts.providers.systems_contract import SystemsContract, SystemsRig

pytestmark = pytest.mark.sandbox

KEY = "seam_test1_sandboxdemokey"


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    program = SandboxProgram(tmp_path_factory.mktemp("sandbox"))
    yield program
    program.close()


class SpaceRig(SystemsRig):
    secrets = (KEY,)
    type, encoder = SystemType.SALTO_SPACE, "Front desk 1"

    def __init__(self, program):
        self.program = program
        program.control("DELETE", "faults")
        program.control("POST", "reset")
        self.door = HttpDoor((), plain_origins=(program.origin,))
        [self.system_id] = [
            each.remote_id for each in self.driver().list_systems() if each.type is self.type
        ]
        encoders = program.control("GET", "encoders")
        self.encoder_id = next(each["id"] for each in encoders if each["name"] == self.encoder)
        self.set_encoder(write_seconds=0.1)
        self._blanks = 0

    def driver(self):
        return driver_at(f"{self.program.origin}/seam", self.door, key=KEY)

    def pass_time(self, seconds):
        self.program.control("POST", "clock", advance_seconds=seconds)

    def set_encoder(self, **changes):
        self.program.control("POST", f"encoders/{self.encoder_id}", **changes)

    def set_system(self, **changes):
        self.program.control("POST", f"systems/{self.system_id}", **changes)

    def place(self, label):
        self.program.control(
            "POST",
            f"cards/{self.card(label)['id']}/place",
            encoder_id=self.encoder_id,
        )

    def card(self, label):
        cards = self.program.control("GET", "cards")
        return next(each for each in cards if each["label"] == label)

    def place_blank(self):
        self._blanks += 1
        self.place(f"Blank {self._blanks}")

    def take_card(self):
        self.program.control("POST", f"cards/{self.card(f'Blank {self._blanks}')['id']}/take")

    @contextmanager
    def losing_answers(self):
        wish = {"effect": "drop_after", "times": None, "match": {"route": "api"}}
        self.program.control("POST", "faults", **wish)
        yield
        self.program.control("DELETE", "faults")

    def count_starts(self):
        asked = self.program.control("GET", "requests")
        starts = ("encode_credential", "scan_credential", "scan_to_assign_credential")
        return len([each for each in asked if each["path"].endswith(starts)])

    def rest(self):
        self.pass_time(3)

    def open_link(self, url):
        return self.program.control("POST", "phones", instant_key_url=url)["id"]

    def hold(self, phone, entrance_id):
        tried = self.program.control("POST", f"phones/{phone}/try", door_id=entrance_id)
        return tried["opened"]

    def close(self):
        self.program.control("DELETE", "faults")
        self.door.close()


@pytest.fixture
def rig(program):
    rig = SpaceRig(program)
    yield rig
    rig.close()


class TestSpace(SystemsContract):
    pass


class TestMobileKeysOfSpace(MobileContract):
    pass


def encode(rig, label="Blank 1", user=None):
    attempt = rig.encode(rig.make_key(user or rig.make_user()))
    if label:
        rig.place(label)
    return rig.end_of(attempt)


@pytest.mark.parametrize(
    ("system", "encoder", "failure"),
    [
        ({"is_bridge_up": False}, {}, CardFailure.BRIDGE_DOWN),
        ({"is_server_up": False}, {}, CardFailure.UNKNOWN_ERROR),
        ({"has_licence": False}, {}, CardFailure.LICENCE),
        ({"denylist_size": 0}, {}, CardFailure.POOL_FULL),
        ({}, {"mode": "offline"}, CardFailure.ENCODER_OFFLINE),
        ({}, {"mode": "uninitialised"}, CardFailure.ENCODER_UNINIT),
        ({}, {"mode": "auto_update"}, CardFailure.ENCODER_BUSY),
        ({}, {"wait_seconds": 0.1}, CardFailure.NO_CARD),
    ],
)
def test_what_stands_in_the_way_is_told_by_name(rig, system, encoder, failure):
    key = rig.make_key(rig.make_user())
    rig.set_system(**system)
    rig.set_encoder(**encoder)

    ended = rig.end_of(rig.encode(key))

    assert (ended.state, ended.failure) == (AttemptState.ERROR, failure)
    assert ended.message


@pytest.mark.parametrize(
    ("label", "failure"),
    [
        ("Staff card", CardFailure.STAFF_CARD),
        ("Foreign card", CardFailure.BAD_CARD),
        ("Damaged card", CardFailure.BAD_CARD),
        ("Mara's card", CardFailure.CARD_OF_OTHER),
    ],
)
def test_what_lies_there_is_told_by_name(rig, label, failure):
    assert encode(rig, label).failure is failure


def test_a_person_that_is_edited_elsewhere_or_suspended_gets_no_card(rig):
    user = rig.make_user()
    rig.program.control("POST", f"users/{user.remote_id}", is_locked=True)
    edited = encode(rig, "", user)
    rig.program.control("POST", f"users/{user.remote_id}", is_locked=False)
    rig.driver().set_suspended(user.remote_id, is_suspended=True, **rig.options())
    rig.rest()
    suspended = encode(rig, "", user)

    assert [edited.failure, suspended.failure] == [CardFailure.USER_LOCKED, CardFailure.RULE]


def test_an_email_that_another_user_has_is_refused_by_name(rig):
    rig.make_user()

    with pytest.raises(RefusedError) as caught:
        rig.make_user(full_name="John Doe")

    assert caught.value.code == Code.WRONG_EMAIL
    assert "another user may have it" in str(caught.value)


def test_a_removed_encoder_is_listed_as_such(rig):
    rig.set_encoder(is_removed=True)

    listed = {each.remote_id: each.is_removed for each in rig.driver().list_encoders(rig.system_id)}

    assert listed[rig.encoder_id] is True
    assert list(listed.values()).count(False) == 1


def test_a_big_system_is_read_in_few_requests_even_where_seam_has_no_pages(rig):
    driver = rig.driver()
    small = {each.remote_id for each in driver.list_groups(rig.system_id)}
    counts = [len(driver.list_acs_users(rig.system_id)), len(driver.list_entrances(rig.system_id))]
    rig.set_system(grow={"users": 3000, "groups": 1, "doors": 1000})
    before = len(rig.program.control("GET", "requests"))

    users = driver.list_acs_users(rig.system_id)
    entrances = driver.list_entrances(rig.system_id)
    [group] = [e for e in driver.list_groups(rig.system_id) if e.remote_id not in small]
    members = driver.group_user_ids(group.remote_id)
    asked = len(rig.program.control("GET", "requests")) - before

    grown = [len(users) - counts[0], len(entrances) - counts[1], len(members)]
    assert grown == [3000, 1000, 3000]
    assert asked == 7 + 2 + 1 + 1


def test_a_change_of_a_person_keeps_what_seam_cannot_empty(rig):
    user = rig.make_user(phone="+15555550100")

    wish = UserWish(full_name="Jane Doe")
    rig.driver().update_acs_user(user.remote_id, wish, **rig.options())

    kept = rig.driver().get_acs_user(user.remote_id)
    assert (kept.email, kept.phone) == ("jane.doe@example.com", "+15555550100")


# --- Salto KS ---


class SiteRig(SpaceRig):
    """Weir House: rights are in the cloud, and locks read tags."""

    type, encoder = SystemType.SALTO_KS, "Weir Gate"

    def hold_tag(self, label):
        tags = self.program.control("GET", "tags")
        tag_id = next(each["id"] for each in tags if each["label"] == label)
        self.program.control("POST", f"tags/{tag_id}/hold", encoder_id=self.encoder_id)

    def held(self, attempt, label):
        self.pass_time(1)
        self.hold_tag(label)
        self.pass_time(1)
        return self.end_of(attempt)


@pytest.fixture
def site(program):
    rig = SiteRig(program)
    yield rig
    rig.close()


class TestMobileKeysOfSaltoKs(MobileContract):
    @pytest.fixture
    def rig(self, site):
        return site


def test_a_registered_tag_is_read_and_given_to_somebody(site):
    driver, user = site.driver(), site.make_user()

    read = site.held(driver.start_scan(site.encoder_id, **site.options()), "Spare tag")
    site.rest()
    started = driver.start_assign(site.encoder_id, user.remote_id, **site.options())
    given = site.held(started, "Spare tag")

    assert (read.state, read.scan.credential.user_id) == (AttemptState.SUCCESS, "")
    assert given.credential.user_id == user.remote_id
    assert given.credential.card_number == read.scan.card.card_number
    [tag] = driver.list_credentials(site.system_id, user_id=user.remote_id)
    assert (tag.access_method, tag.external_type) == ("card", "salto_ks_tag")


def test_a_tag_that_belongs_to_somebody_is_not_given_away(site):
    user = site.make_user()

    started = site.driver().start_assign(site.encoder_id, user.remote_id, **site.options())
    refused = site.held(started, "Noor's tag")

    assert refused.failure is CardFailure.CARD_OF_OTHER


def test_a_pin_is_made_by_salto_a_moment_later(site):
    driver, user = site.driver(), site.make_user()

    made = driver.create_credential(
        user.remote_id, access_method=AccessMethod.CODE, **site.options()
    )
    site.pass_time(60)
    told = driver.get_credential(made.remote_id)

    assert (made.code, len(told.code), told.is_issued) == ("", 6, True)
    assert driver.get_acs_user(user.remote_id).is_subscribed


def test_a_user_for_whom_no_seat_is_left_says_so(site):
    site.set_system(seats=1)
    user = site.make_user()

    seen = site.driver().get_acs_user(user.remote_id)
    [system] = [e for e in site.driver().list_systems() if e.type is SystemType.SALTO_KS]

    assert seen.is_subscribed is False
    assert "salto_ks_subscription_limit_exceeded" in [each.code for each in seen.errors]
    assert "salto_ks_subscription_limit_exceeded" in [each.code for each in system.errors]


# --- words ---


@pytest.mark.parametrize(
    "name",
    [
        "MISPLACED",
        "CARD_FULL",
        "CARD_OF_OTHER",
        "STAFF_CARD",
        "USER_LOCKED",
        "ROOM_LOCKED",
        "ROOM_BAD",
        "RULE",
        "LICENCE",
        "POOL_FULL",
        "SERVER_DB",
        "CANCELLED",
        "PROTOCOL",
        "HAS_KEY",
        "OTHER_CARD",
    ],
)
def test_each_sentence_of_the_sandbox_is_understood_as_it_is_meant(name):
    said = getattr(refusals, name)

    assert card_failure(said.kind, said.message) is CardFailure[name]


@pytest.mark.parametrize(
    ("said", "failure"),
    [
        (refusals.BUSY, CardFailure.ENCODER_BUSY),
        (refusals.NO_CARD, CardFailure.NO_CARD),
        (refusals.EXPIRED, CardFailure.EXPIRED),
        (refusals.INTERRUPTED, CardFailure.INTERRUPTED),
        (refusals.DELETED, CardFailure.CREDENTIAL_GONE),
        (refusals.OFFLINE, CardFailure.ENCODER_OFFLINE),
        (refusals.LOST, CardFailure.COMMS_TIMEOUT),
        (refusals.BRIDGE, CardFailure.BRIDGE_DOWN),
        (refusals.NO_KEY, CardFailure.NO_KEY_TO_UPDATE),
        (refusals.WRONG_CARD, CardFailure.BAD_CARD),
        (refusals.UNREADABLE, CardFailure.BAD_CARD),
        (refusals.UNINITIALISED, CardFailure.ENCODER_UNINIT),
        (refusals.NO_SERVER, CardFailure.UNKNOWN_ERROR),
        (readers.OFFLINE_FOR_ASSIGN, CardFailure.ENCODER_OFFLINE),
        (readers.OFFICE_MODE, CardFailure.UNKNOWN_ERROR),
        (readers.OTHER_SITE, CardFailure.BAD_CARD),
        (readers.OTHER_USER, CardFailure.CARD_OF_OTHER),
        (readers.USER_GONE, CardFailure.CREDENTIAL_GONE),
    ],
)
def test_its_other_sentences_too(said, failure):
    assert card_failure(said.kind, said.message) is failure
