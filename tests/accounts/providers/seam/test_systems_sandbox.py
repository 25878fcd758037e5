"""Salto Space behind Seam, in front of the sandbox program."""

from contextlib import contextmanager

import pytest

from accounts.providers.base import Code, RefusedError
from accounts.providers.http import HttpDoor
from accounts.providers.systems import AttemptState, CardFailure, SystemType, UserWish
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

    def __init__(self, program):
        self.program = program
        program.control("DELETE", "faults")
        program.control("POST", "reset")
        self.door = HttpDoor((), plain_origins=(program.origin,))
        [self.system_id] = [
            each.remote_id
            for each in self.driver().list_systems()
            if each.type is SystemType.SALTO_SPACE
        ]
        encoders = program.control("GET", "encoders")
        self.encoder_id = next(each["id"] for each in encoders if each["name"] == "Front desk 1")
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
    rig.set_system(grow={"users": 3000, "groups": 1, "doors": 1000})
    driver, before = rig.driver(), len(rig.program.control("GET", "requests"))

    users = driver.list_acs_users(rig.system_id)
    entrances = driver.list_entrances(rig.system_id)
    [group] = [each for each in driver.list_groups(rig.system_id) if "Group 0" in each.name]
    members = driver.group_user_ids(group.remote_id)
    asked = len(rig.program.control("GET", "requests")) - before

    assert (len(users), len(entrances), len(members)) == (3003, 1012, 3000)
    assert asked == 7 + 2 + 1 + 1


def test_a_change_of_a_person_keeps_what_seam_cannot_empty(rig):
    user = rig.make_user(phone="+15555550100")

    wish = UserWish(full_name="Jane Doe")
    rig.driver().update_acs_user(user.remote_id, wish, **rig.options())

    kept = rig.driver().get_acs_user(user.remote_id)
    assert (kept.email, kept.phone) == ("jane.doe@example.com", "+15555550100")
