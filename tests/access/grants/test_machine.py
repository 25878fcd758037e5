"""Grants made, changed, revoked and left to time, in any order: what is wished stays right.

A state machine over real rows. After each step every door is wished open by just the methods
of grants that stand, when they want it, with digits that nobody else has there then.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from access.grants import keeping, services
from access.models import (
    AccessGrant,
    AccessMethod,
    AcsEntrance,
    AcsMembership,
    AcsUser,
    DoorShare,
    MethodDoor,
)
from access.planning.asked import Request
from access.planning.windows import hull
from access.states import Phase
from accounts.providers.systems import AccessMethod as Mode
from audit.ids import new_id
from locks.codes.rules import Window, overlap
from locks.codes.services import RefusedError
from locks.codes.states import CodePhase
from locks.models import AccessCode, Device
from tests.access.grants.house import ARRIVES, DAY, NOW, House, asked, target
from tests.make import make_code

MODES = st.sampled_from([(Mode.CODE,), (Mode.CARD,), (Mode.CODE, Mode.CARD), (Mode.CLOUD_KEY,)])
GUESTS = st.sampled_from(["ana@example.com", "bo@example.com"])
DIGITS = st.sampled_from(["", "", "4711", "473829"])
STARTS = st.integers(0, 4)
NIGHTS = st.sampled_from([1, 2, 3, None])


class Grants(RuleBasedStateMachine):
    """One house, two guests, five days."""

    def __init__(self) -> None:
        super().__init__()
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        self.now = NOW
        self.house = House()
        _, rooms = self.house.system("Room 1", "Room 2")
        self.suite = self.house.room("Suite")
        self.things: list[Any] = [
            self.house.gate,
            self.house.shed,
            self.house.lobby,
            self.house.back,
            *rooms,
            self.suite,
        ]
        AccessGrant.objects.all()

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.atomic.__exit__(None, None, None)

    # --- what people do ---

    def _wish(self, places: list[int], start: int, nights: int | None, **more: Any) -> Any:
        starts_at = ARRIVES + start * DAY
        ends_at = None if nights is None else starts_at + nights * DAY - timedelta(hours=4)
        things = [self.things[n % len(self.things)] for n in places]
        fields = {"starts_at": starts_at, "ends_at": ends_at} | more
        return asked(self.house, *dict.fromkeys(things), **fields)

    @rule(
        places=st.lists(st.integers(0, 6), min_size=1, max_size=3),
        start=STARTS,
        nights=NIGHTS,
        modes=MODES,
        email=GUESTS,
        digits=DIGITS,
    )
    def create(self, places: list[int], start: int, nights: int | None, **more: Any) -> None:
        if Mode.CODE not in more["modes"]:
            more["digits"] = ""
        wish = self._wish(places, start, nights, full_name="Guest", **more)
        with suppress(RefusedError):
            services.create(wish, pk=new_id(), outline=None, by=self.house.by, at=self.now)

    def _grant(self, n: int) -> AccessGrant | None:
        rows = list(AccessGrant.objects.order_by("created_at", "pk"))
        return rows[n % len(rows)] if rows else None

    def _change(self, n: int, **fields: Any) -> None:
        grant = self._grant(n)
        if grant is None:
            return
        wish = replace(services.asked_of(grant), **fields)
        with suppress(RefusedError):
            services.change(
                grant,
                wish,
                generation=grant.generation,
                outline=None,
                by=self.house.by,
                at=self.now,
            )

    @rule(n=st.integers(0, 9), start=STARTS, nights=NIGHTS)
    def move_in_time(self, n: int, start: int, nights: int | None) -> None:
        wish = self._wish([0], start, nights)
        self._change(n, starts_at=wish.starts_at, ends_at=wish.ends_at)

    @rule(n=st.integers(0, 9), places=st.lists(st.integers(0, 6), min_size=1, max_size=3))
    def move_in_place(self, n: int, places: list[int]) -> None:
        things = dict.fromkeys(self.things[p % len(self.things)] for p in places)
        self._change(n, targets=tuple(map(target, things)))

    @rule(n=st.integers(0, 9), modes=MODES, digits=DIGITS)
    def ask_for_other_ways(self, n: int, modes: tuple[Mode, ...], digits: str) -> None:
        requests = [Request(mode=m, digits=digits if m == Mode.CODE else "") for m in modes]
        self._change(n, requests=tuple(requests))

    @rule(n=st.integers(0, 9))
    def revoke(self, n: int) -> None:
        if grant := self._grant(n):
            services.revoke([grant], by=self.house.by, at=self.now)

    @rule(n=st.integers(0, 9))
    def undo(self, n: int) -> None:
        if grant := self._grant(n):
            services.undo([grant], by=self.house.by, at=self.now)

    @rule(door=st.sampled_from(["gate", "shed"]), inside=st.booleans())
    def rearrange(self, door: str, inside: bool) -> None:
        device: Device = getattr(self.house, door)
        Device.objects.filter(pk=device.pk).update(space=self.suite if inside else None)
        keeping.follow_spaces(self.now)

    @precondition(lambda self: self.now < ARRIVES)
    @rule()
    def somebody_else_has_a_code(self) -> None:
        digits = "4711"
        if not AccessCode.objects.filter(device=self.house.shed, grant_id=None).exists():
            index_taken = [
                code
                for code in AccessCode.objects.filter(device=self.house.shed, revoked_at=None)
                if code.unseal_digits() == digits
            ]
            if not index_taken:
                make_code(self.house.shed, digits=digits)

    # --- what time and providers do ---

    @rule(hours=st.sampled_from([0, 1, 20, 24, 48]))
    def pass_time(self, hours: int) -> None:
        self.now += timedelta(hours=hours, seconds=11)
        keeping.tick(self.now)

    @rule()
    def provider_sets_codes(self) -> None:
        AccessCode.objects.filter(revoked_at=None, phase=CodePhase.WAITING).update(
            phase=CodePhase.ON_LOCK, remote_id="there"
        )
        AcsUser.objects.filter(phase=Phase.CREATING).update(phase=Phase.LIVE)

    @rule()
    def provider_removes_what_shall_go(self) -> None:
        AccessCode.objects.filter(revoked_at__isnull=False).update(phase=CodePhase.REMOVED)
        AccessCode.objects.filter(ends_at__lte=self.now).update(phase=CodePhase.REMOVED)
        AcsUser.objects.filter(phase=Phase.DELETING).update(phase=Phase.GONE)

    @rule()
    def somebody_uses_a_code(self) -> None:
        AccessCode.objects.filter(starts_at__lte=self.now, phase=CodePhase.ON_LOCK).update(
            last_used_at=self.now
        )

    # --- what must hold ---

    @invariant()
    def each_code_is_wanted_by_a_grant_that_stands(self) -> None:
        for code in AccessCode.objects.filter(grant_id__isnull=False):
            if not code.is_wanted(self.now):
                continue
            door = MethodDoor.objects.get(code=code)
            shares = DoorShare.objects.filter(door=door, ended_at=None).select_related("grant")
            assert door.ended_at is None
            assert shares
            assert all(share.grant.given_up_at is None for share in shares)
            window: Window | None = None
            for share in shares:
                window = hull(window, share.window) if window else share.window
            assert window is not None
            assert code.ends_at == window.ends_at
            if window.ends_at is not None and window.starts_at and window.starts_at > self.now:
                assert code.starts_at == window.starts_at

    @invariant()
    def each_share_is_kept_by_something(self) -> None:
        shares = DoorShare.objects.filter(ended_at=None).select_related(
            "door__code", "door__method__acs_user", "grant"
        )
        for share in shares:
            door, method = share.door, share.door.method
            assert door.ended_at is None
            assert method.revoked_at is None
            if share.grant.is_over(self.now) or method.mode == Mode.CLOUD_KEY:
                continue
            if door.device_id and door.code is None:
                assert door.ends_at is None
                assert door.starts_at > self.now - timedelta(hours=1)
            elif door.device_id and door.code:
                assert door.code.is_wanted(self.now)
            else:
                assert method.acs_user is not None
                assert method.acs_user.delete_asked_at is None

    @invariant()
    def nobody_has_the_digits_of_another(self) -> None:
        for device in (self.house.gate, self.house.shed):
            codes = [
                code
                for code in AccessCode.objects.filter(device=device).not_gone()
                if code.digits_index
            ]
            for i, one in enumerate(codes):
                for other in codes[i + 1 :]:
                    if one.digits_index != other.digits_index:
                        continue
                    assert not overlap(
                        Window(one.starts_at, one.ends_at),
                        Window(other.starts_at, other.ends_at),
                        apart=timedelta(0),
                    ) or not (one.is_wanted(self.now) and other.is_wanted(self.now))

    @invariant()
    def people_of_systems_open_what_was_granted(self) -> None:
        for user in AcsUser.objects.filter(delete_asked_at=None):
            methods = AccessMethod.objects.filter(acs_user=user, revoked_at=None)
            assert methods
            granted = set(
                MethodDoor.objects.filter(method__in=methods, ended_at=None).values_list(
                    "entrance_id", flat=True
                )
            )
            groups = AcsMembership.objects.filter(user=user, is_wanted=True).values("group")
            opens = set(AcsEntrance.objects.filter(groups__in=groups).values_list("pk", flat=True))
            assert opens == granted
            ends = {
                door.ends_at
                for door in MethodDoor.objects.filter(method__in=methods, ended_at=None)
            }
            assert ends == {user.ends_at}


@pytest.mark.django_db
def test_grants_in_any_order() -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Grants,
        settings=settings(
            max_examples=20,
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
