"""A provider that is down for ten minutes across a check-out (acceptance 4, CODE-02)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.utils import timezone

from access.grants import keeping
from access.models import AccessGrant
from accounts.models import ConnectedAccount
from accounts.providers.base import UnreachableError
from audit.models import Event
from audit.words import Verb
from locks.codes import reconciling
from locks.codes.states import CodePhase
from locks.models import AccessCode, Device
from tests.access.grants.house import LEAVES, House, create
from tests.locks.codes.conftest import CodesDriver
from tests.locks.codes.conftest import keypad as keypad  # noqa: PLC0414  a fixture
from tests.make import client_of

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
#: As often as the tick and the workers look.
STEP = timedelta(seconds=10)


class Outage:
    """The house, its provider, and a clock that is moved instead of waited for."""

    def __init__(self, cloud: CodesDriver, clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cloud, self.clock = cloud, clock
        self.is_down, self.began = False, timezone.now()
        monkeypatch.setattr(cloud, "_maybe_fail", self._fail)
        # Passes go by the clock of the database, which no test can move.
        monkeypatch.setattr(reconciling._Clock, "now", lambda _: timezone.now())
        monkeypatch.setattr(reconciling, "_take_lease", _take_lease)
        self.house = House()
        self.grant = create(self.house, self.house.gate, at=timezone.now())
        # An empty listing proves nothing for a while (CODE-06): somebody else goes on staying.
        other = {"email": "other@example.com", "ends_at": LEAVES + 60 * MINUTE}
        create(self.house, self.house.shed, at=timezone.now(), **other)

    def _fail(self, what: str) -> None:
        if self.is_down:
            raise UnreachableError("away")

    def run(self, lasts: timedelta) -> None:
        until = timezone.now() + lasts
        while timezone.now() < until:
            self.clock.shift(STEP)
            self.step()

    def step(self) -> None:
        now = timezone.now()
        self.cloud.cloud.t = (now - self.began).total_seconds()
        polled = {} if self.is_down else {"status_polled_at": now}
        ConnectedAccount.objects.filter(pk=self.house.gate.account_id).update(**polled)
        keeping.tick(now)
        reconciling.run(self.house.gate.account_id)

    def page(self) -> str:
        client = client_of(self.house.by.user)  # anew: who was idle so long is signed out
        return client.get(self.grant.get_absolute_url()).content.decode()

    def opens(self) -> list[str]:
        """Return what opens the gate at the provider."""
        lock = self.house.gate.remote_id
        return [each.remote_id for each in self.cloud.cloud.alive if each.lock_id == lock]

    def fresh(self) -> AccessGrant:
        return AccessGrant.objects.get(pk=self.grant.pk)

    @property
    def code(self) -> AccessCode:
        return AccessCode.objects.get(grant_id=self.grant.pk)


def _take_lease(account_id: UUID) -> datetime:
    until = timezone.now() + reconciling.LEASE
    ConnectedAccount.objects.filter(pk=account_id).update(codes_lease_until=until)
    return until


@pytest.fixture
def outage(keypad: CodesDriver, monkeypatch: pytest.MonkeyPatch) -> Iterator[Outage]:
    with time_machine.travel(LEAVES - 9 * MINUTE, tick=False) as clock:
        found = Outage(keypad, clock, monkeypatch)
        Device.objects.update(is_online=True, online_since=timezone.now() - 60 * MINUTE)
        yield found


def test_what_should_be_gone_is_said_and_goes_within_a_minute_of_recovery(outage: Outage) -> None:
    outage.run(4 * MINUTE)
    assert outage.code.phase == CodePhase.ON_LOCK

    outage.is_down = True
    outage.run(10 * MINUTE)  # five before the end, five after
    page = outage.page()
    assert "STILL ACTIVE on <bdi>Gate</bdi>" in page
    assert "removing since 12:00, " in page  # of the property's clock
    assert f'name="code" value="{outage.code.pk}"' in page
    assert outage.opens() == [outage.code.remote_id]
    assert outage.fresh().gone_at is None
    late = Event.objects.get(verb=Verb.GRANT_OVERDUE)  # once, however often it is looked at
    assert (late.subject, late.detail["after"]) == ("Jane Doe", "Gate")

    outage.is_down = False
    back = timezone.now()
    outage.run(MINUTE)
    assert outage.opens() == []

    # The provider's list may be a minute old, so it is seen gone that much later.
    outage.run(outage.cloud.cloud.rules.settle)
    grant = outage.fresh()
    assert outage.code.is_gone
    assert grant.gone_at is not None
    assert grant.gone_at - back <= MINUTE + outage.cloud.cloud.rules.settle
    assert "STILL ACTIVE" not in outage.page()
    gone = Event.objects.get(verb=Verb.GRANT_GONE)
    assert gone.detail["after"] == f"{keeping.lateness(grant.gone_at - LEAVES)} after its end"
    assert gone.detail["after"].startswith("6 min")


def test_a_later_stay_whose_digits_the_lock_has_already_gets_others(outage: Outage) -> None:
    """A lock without times hears of a stay only when it begins; its codes tell no digits."""
    house, cloud = outage.house, outage.cloud.cloud
    cloud.add("", house.gate.remote_id, name="Caretaker", digits="4711")
    starts_at = timezone.now() + 65 * MINUTE
    grant = create(
        house,
        house.gate,
        at=timezone.now(),
        email="late@example.com",
        full_name="Late",
        digits="4711",
        starts_at=starts_at,
        ends_at=starts_at + 60 * MINUTE,
    )

    def code() -> AccessCode:
        return AccessCode.objects.get(grant_id=grant.pk, revoked_at=None)

    outage.run(2 * MINUTE)
    assert code().unseal_digits() == "4711"
    assert code().phase == CodePhase.WAITING

    outage.run(10 * MINUTE)  # within an hour of the start
    assert code().phase == CodePhase.ON_LOCK
    assert code().unseal_digits() != "4711"
    grant.refresh_from_db()
    assert [each["code"] for each in grant.warnings] == ["requested_code_unavailable"]
