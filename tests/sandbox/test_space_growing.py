"""A large installation of the simulated Salto Space."""

import pytest

from sandbox.space import seed
from tests.sandbox.space import Desk

IN_SYSTEM = {"acs_system_id": seed.SYSTEM_ID}
USERS, GROUPS, DOORS = 60, 10, 40


@pytest.fixture
def desk(client):
    wish = {"users": USERS, "groups": GROUPS, "doors": DOORS}
    client.control(f"systems/{seed.SYSTEM_ID}", grow=wish)
    return Desk(client)


def test_it_has_what_was_wished_and_cards_for_six_in_ten(desk):
    counts = {
        what: len(desk.said(f"/{what}/list", f"acs_{what}", **IN_SYSTEM))
        for what in ("users", "access_groups", "entrances", "credentials")
    }

    assert counts == {
        "users": 3 + USERS,
        "access_groups": 9 + GROUPS,
        "entrances": 12 + DOORS,
        "credentials": 1 + USERS * 6 // 10,
    }


def test_groups_open_every_door_and_users_are_in_a_few(desk, client):
    groups = [row for row in client.world.space_groups if row.name.startswith("SIMULATED Group")]
    users = [row for row in client.world.space_users if "Person" in row.full_name]

    assert {len(row.door_ids) for row in groups} <= set(range(4, 11))
    assert len({door for row in groups for door in row.door_ids}) == DOORS
    assert {len(set(row.group_ids)) for row in users} == {1, 2, 3}


def test_its_credentials_are_issued_and_up_to_date(desk, client):
    rows = desk.said("/credentials/list", "acs_credentials", **IN_SYSTEM)

    assert all(row["is_issued"] and row["card_number"] and not row["warnings"] for row in rows)
    assert len({row["card_number"] for row in rows}) == len(rows)
    assert len(client.get("/control/cards").json()) == 12  # none of their cards is at hand


def test_a_card_in_a_pocket_is_updated_by_no_other(desk, client):
    user = next(row for row in client.world.space_users if row.key_id and "Person" in row.full_name)
    key = desk.key({"acs_user_id": user.id}, is_new=False)

    assert key["acs_credential_id"] == user.key_id
    assert desk.encode(key) == "credential_cannot_be_reissued"


def test_a_system_grows_more_than_once(desk, client):
    for wish in ({"users": 1}, {"groups": 1}, {"doors": 3, "groups": 1}):
        client.control(f"systems/{seed.SYSTEM_ID}", grow=wish)

    rows = desk.said("/users/list", "acs_users", **IN_SYSTEM)
    assert len(rows) == 3 + USERS + 1
    assert len({row["salto_space_metadata"]["user_id"] for row in rows}) == len(rows)
