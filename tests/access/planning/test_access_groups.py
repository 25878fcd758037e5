"""Groups for a grant: all that was granted where that can be had, and never a door more."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from access.planning.access_groups import AccessGroup, Membership, choose

LOBBY, LIFT, ROOM_101, ROOM_102, SPA = (UUID(int=number) for number in range(1, 6))


def group(name: str, *entrances: UUID) -> AccessGroup:
    number = 100 + sum(map(ord, name))
    return AccessGroup(id=UUID(int=number), name=name, entrance_ids=frozenset(entrances))


EVERYBODY = group("Everybody", LOBBY, LIFT)
ONLY_101 = group("Room 101", ROOM_101)
ONLY_102 = group("Room 102", ROOM_102)
STAY_101 = group("Stay in 101", LOBBY, LIFT, ROOM_101)
STAFF = group("Staff", LOBBY, LIFT, ROOM_101, ROOM_102, SPA)
ALL = [EVERYBODY, ONLY_101, ONLY_102, STAFF]


def names(found: Membership) -> list[str]:
    return [each.name for each in found.groups]


def test_a_room_with_the_way_to_it_takes_two_groups():
    found = choose([LOBBY, LIFT, ROOM_101], ALL)

    assert names(found) == ["Everybody", "Room 101"]
    assert found.unreachable == ()


def test_one_group_that_opens_just_this_is_enough():
    assert names(choose([LOBBY, LIFT, ROOM_101], [*ALL, STAY_101])) == ["Stay in 101"]


def test_a_group_that_opens_a_door_more_is_not_taken():
    found = choose([LOBBY, ROOM_101], ALL)

    assert names(found) == ["Room 101"]
    (lobby,) = found.unreachable
    assert (lobby.entrance_id, lobby.narrowest, lobby.others) == (LOBBY, EVERYBODY, {LIFT})


def test_what_they_may_open_anyway_may_come_with_it():
    assert names(choose([LOBBY, ROOM_101], ALL, opened=frozenset({LIFT}))) == [
        "Everybody",
        "Room 101",
    ]


def test_a_door_of_no_group_says_that_there_is_none():
    found = choose([SPA, ROOM_101], [ONLY_101])

    assert names(found) == ["Room 101"]
    assert [(each.entrance_id, each.narrowest) for each in found.unreachable] == [(SPA, None)]


def test_whoever_is_in_groups_for_it_stays_in_them():
    two = {EVERYBODY.id, ONLY_101.id}

    found = choose([LOBBY, LIFT, ROOM_101], [*ALL, STAY_101], kept=frozenset(two))

    assert names(found) == ["Everybody", "Room 101"]


def test_nothing_is_needed_for_nothing():
    assert choose([], ALL) == Membership()


ENTRANCES = st.frozensets(st.integers(1, 7).map(lambda number: UUID(int=number)), max_size=5)
GROUPS = st.lists(ENTRANCES, max_size=8).map(
    lambda found: [
        AccessGroup(id=UUID(int=50 + number), name=f"Group {number}", entrance_ids=each)
        for number, each in enumerate(found)
    ]
)


@given(ENTRANCES, GROUPS, ENTRANCES, st.randoms())
def test_never_a_door_more_and_none_forgotten(wanted, groups, opened, chance):
    found = choose(sorted(wanted), groups, opened=opened)

    gets_into = frozenset().union(*(each.entrance_ids for each in found.groups))
    assert gets_into <= wanted | opened
    assert {each.entrance_id for each in found.unreachable} == wanted - gets_into
    for each in found.unreachable:  # and there really is no way
        others = [g for g in groups if each.entrance_id in g.entrance_ids]
        assert all(g.entrance_ids - wanted - opened for g in others)
    # None is there for nothing, none moves when asked again, and the order says nothing.
    for each in found.groups:
        rest = frozenset().union(*(g.entrance_ids for g in found.groups if g is not each))
        assert each.entrance_ids & wanted - rest
    kept = frozenset(each.id for each in found.groups)
    assert choose(sorted(wanted), groups, opened=opened, kept=kept).groups == found.groups
    chance.shuffle(groups)
    assert choose(sorted(wanted), groups, opened=opened) == found
