"""Wishes, faults and other people's changes in any order; then peace, and all is as wished."""

import random
from typing import Any

import pytest
from django.utils import timezone

from access.models import AcsMembership, AcsSystem, AcsUser, SystemsWatch
from access.states import Part
from accounts.models import ConnectedAccount
from accounts.providers.base import RefusedError, UnreachableError
from tests.access.fakes import FakeSystems, lost
from tests.access.looking import connect, look, wish, wish_deleted, wish_group
from tests.make import make_acs_user

pytestmark = pytest.mark.django_db

CALLS = (
    "create_acs_user",
    "update_acs_user",
    "set_suspended",
    "delete_acs_user",
    "add_to_group",
    "remove_from_group",
    "get_acs_user",
    "user_group_ids",
    "list_acs_users",
    "group_user_ids",
)


class _Storm:
    def __init__(self, cloud: FakeSystems, seed: int) -> None:
        self.cloud, self.chance = cloud, random.Random(seed)  # noqa: S311
        self.house = cloud.add_system()
        for name in ("Staff", "Spa", "Parking"):
            cloud.add_group(self.house, name)
        for name in ("Mara", "Tom"):
            cloud.add_user(self.house, name)
        self.account: ConnectedAccount = connect(cloud)
        look(self.account)
        self.made = 0

    def blow(self) -> None:
        act = self.chance.choice(
            [self._create, self._delete, self._suspend, self._move, self._rename, self._fail]
        )
        act()
        if self.chance.random() < 0.3:
            self.cloud.hooks[self.chance.choice(CALLS)] = self._meanwhile
        look(self.account, seconds=self.chance.choice([0, 1, 3, 15, 61]))

    def _meanwhile(self) -> None:
        """Somebody wishes something, or a second worker comes along, during a call."""
        self.cloud.hooks.clear()
        if self.chance.random() < 0.3:
            SystemsWatch.objects.update(lease_until=None)
            look(self.account)
        else:
            self.chance.choice([self._suspend, self._move, self._rename])()

    def _someone(self) -> AcsUser | None:
        found = list(AcsUser.objects.filter(delete_asked_at=None).exclude(phase="gone"))
        return self.chance.choice(found) if found else None

    def _create(self) -> None:
        self.made += 1
        user = make_acs_user(
            AcsSystem.objects.get(),
            full_name=f"Guest {self.made}",
            remote_id="",
            phase="creating",
            pending=[Part.INFORMATION, Part.SCHEDULE],
        )
        for group in AcsSystem.objects.get().groups.order_by("?")[: self.chance.randint(0, 2)]:
            AcsMembership.objects.create(user=user, group=group, wanted_at=timezone.now())
        wish(user)

    def _delete(self) -> None:
        if (user := self._someone()) and self.chance.random() < 0.4:
            wish_deleted(user)

    def _suspend(self) -> None:
        if user := self._someone():
            wish(user, Part.SUSPENSION, is_suspended=self.chance.random() < 0.6)

    def _move(self) -> None:
        if user := self._someone():
            groups = list(AcsSystem.objects.get().groups.order_by("name"))
            is_wanted = self.chance.random() < 0.5
            wish_group(user, self.chance.choice(groups), is_wanted=is_wanted)

    def _rename(self) -> None:
        if user := self._someone():
            wish(user, Part.INFORMATION, phone=f"+3312345{self.chance.randint(1000, 9999)}")

    def _fail(self) -> None:
        error = self.chance.choice([lost(), UnreachableError("away"), RefusedError("no")])
        is_after = isinstance(error, type(lost())) and self.chance.random() < 0.5
        name = self.chance.choice([*CALLS, "*"])
        self.cloud.fail(name, error, is_after=is_after, times=self.chance.randint(1, 3))

    def wait(self) -> None:
        self.cloud.faults.clear()
        self.cloud.hooks.clear()
        for _ in range(25):
            look(self.account, seconds=30)
            if self.is_quiet() and self.there() == self.wished():
                break
        look(self.account, seconds=61)  # another listing changes nothing any more

    def is_quiet(self) -> bool:
        return not (
            AcsUser.objects.filter(next_run_at__isnull=False).exists()
            or AcsUser.objects.filter(phase="deleting").exists()
            or AcsUser.objects.exclude(pending=[]).exclude(phase="gone").exists()
            or AcsMembership.objects.exclude(is_wanted=True, is_seen=True).exists()
        )

    def wished(self) -> dict[str, Any]:
        rows = AcsUser.objects.filter(delete_asked_at=None).exclude(phase="gone")
        return {
            row.full_name: (
                row.phone,
                row.is_suspended,
                sorted(m.group.name for m in row.memberships.all() if m.is_wanted),
            )
            for row in rows
        }

    def there(self) -> dict[str, Any]:
        house = self.house
        names = [user.full_name for user in house.users.values()]
        assert len(names) == len(set(names)), "made twice"
        return {
            user.full_name: (
                user.phone,
                user.is_suspended,
                sorted(
                    house.groups[group].name
                    for group, people in house.people_in.items()
                    if user.remote_id in people
                ),
            )
            for user in house.users.values()
        }


@pytest.mark.parametrize("seed", range(3))
def test_after_a_storm_everything_is_as_wished(cloud: FakeSystems, seed: int) -> None:
    storm = _Storm(cloud, seed)
    for _ in range(20):
        storm.blow()
    before = storm.wished()

    storm.wait()

    assert storm.there() == storm.wished() == before
    assert storm.is_quiet()
