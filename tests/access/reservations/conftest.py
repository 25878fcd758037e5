"""Grants without doors: what readings ask of them, and a host of calendars."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from access.grants import services
from access.grants.asking import Asked, Guest, Target, TargetKind
from access.models import (
    AccessGrant,
    FeedStay,
    GrantTarget,
    RequestedMethod,
    ReservationFeed,
    UserIdentity,
)
from access.planning.asked import Policy, Request
from access.planning.outcome import Plan
from access.reservations import polling
from accounts.models import Space, SpaceKind
from accounts.providers.systems import AccessMethod
from locks.codes.rules import RuleError
from locks.codes.services import RefusedError
from tests.accounts.providers.servers import Answer, Cloud
from tests.make import make_feed, make_property

PATH = "/ical/canary-secret-91.ics"


class FakeGrants:
    """Has the signatures of access.grants.services, and keeps rows only."""

    def __init__(self) -> None:
        #: Names of guests, or of rooms, that are refused, and with what.
        self.refused: dict[str, RuleError] = {}
        self.created: list[Asked] = []
        self.changed: list[Asked] = []
        self.revoked: list[tuple[AccessGrant, str]] = []
        self.before_change: Any = None

    def preview(self, asked: Asked, *, at: datetime, grant: Any = None) -> Plan:
        self._refuse(asked)
        return Plan()

    def create(self, asked: Asked, *, pk: Any, outline: Any, by: Any, at: datetime) -> AccessGrant:
        self._refuse(asked)
        person = self._person(asked.guest, asked.property, at)
        grant = AccessGrant.objects.create(
            pk=pk,
            workspace=asked.property.workspace,
            property=asked.property,
            identity=person,
            starts_at=asked.starts_at,
            ends_at=asked.ends_at,
            source=asked.source,
            note=asked.note,
            policy=asked.policy,
            created_by=by.user,
            created_at=at,
        )
        for number, target in enumerate(asked.targets):
            GrantTarget.objects.create(
                grant=grant, position=number, **{f"{target.kind.value}_id": target.id}
            )
        for number, request in enumerate(asked.requests):
            RequestedMethod.objects.create(
                grant=grant, position=number, mode=request.mode, created_at=at
            )
        self.created.append(asked)
        return grant

    def change(
        self,
        grant: AccessGrant,
        asked: Asked,
        *,
        generation: int,
        outline: Any,
        by: Any,
        at: Any,
        is_told: bool,
    ) -> AccessGrant:
        assert is_told
        if self.before_change:
            self.before_change(grant)
        self._refuse(asked)
        rows = AccessGrant.objects.filter(pk=grant.pk, generation=generation)
        if not rows.update(
            starts_at=asked.starts_at, ends_at=asked.ends_at, generation=generation + 1
        ):
            raise services.ChangedMeanwhileError(Plan(), ["times"])
        self.changed.append(asked)
        grant.refresh_from_db()
        return grant

    def revoke(self, grants: Any, *, by: Any, at: datetime, reason: str = "", is_told: bool) -> int:
        assert is_told
        for grant in grants:
            grant.revoked_at = at
            grant.save(update_fields=["revoked_at"])
            self.revoked.append((grant, reason))
        return len(grants)

    def asked_of(self, grant: AccessGrant) -> Asked:
        targets = tuple(
            Target(TargetKind.SPACE, each.space_id) for each in grant.targets.all() if each.space_id
        )
        return Asked(
            property=grant.property,
            guest=Guest(id=grant.identity_id),
            targets=targets,
            starts_at=grant.starts_at,
            ends_at=grant.ends_at,
            requests=tuple(Request(mode=AccessMethod(r.mode)) for r in grant.requests.all()),
            policy=Policy(grant.policy),
        )

    def _refuse(self, asked: Asked) -> None:
        name = asked.guest.full_name
        if not name and asked.guest.id:
            name = UserIdentity.objects.get(pk=asked.guest.id).full_name
        if problem := self.refused.get(name):
            if problem.field in {"email", "phone"} and not getattr(asked.guest, problem.field):
                return
            raise RefusedError([problem])

    def _person(self, guest: Guest, place: Space, at: datetime) -> UserIdentity:
        people = UserIdentity.objects.filter(workspace=place.workspace)
        known = people.filter(email=guest.email).first() if guest.email else None
        return known or UserIdentity.objects.create(
            workspace=place.workspace,
            full_name=guest.full_name,
            email=guest.email,
            phone=guest.phone,
            created_at=at,
        )


@pytest.fixture
def grants(monkeypatch: pytest.MonkeyPatch) -> FakeGrants:
    fake = FakeGrants()
    for name in ("preview", "create", "change", "revoke", "asked_of"):
        assert hasattr(services, name)
        monkeypatch.setattr(services, name, getattr(fake, name))
    return fake


@pytest.fixture
def cloud(settings: Any) -> Any:
    cloud = Cloud()
    settings.SANDBOX_URL = cloud.origin
    yield cloud
    cloud.close()


@pytest.fixture
def place(db: None) -> Space:
    return make_property(name="Harbour House")


def make_room(place: Space, name: str = "Room 204") -> Space:
    room, _ = Space.objects.get_or_create(
        workspace=place.workspace,
        parent=place,
        name=name,
        defaults={"property": place, "kind": SpaceKind.ROOM, "time_zone": ""},
    )
    return room


class Desk:
    """A room with a calendar at a host, read when a test says so."""

    def __init__(self, cloud: Cloud, room: Space, travel: Any) -> None:
        self.cloud, self.room, self.travel = cloud, room, travel
        self.feed = make_feed(room, f"{cloud.origin}{PATH}", host="127.0.0.1")

    def serves(self, content: bytes = b"", **answer: Any) -> None:
        self.cloud.on("GET", PATH, Answer(raw=content, **answer))

    def read(
        self, content: bytes | None = None, *, after: timedelta = timedelta(minutes=15)
    ) -> Any:
        """Read once more, some time later. Return the feed as it is then."""
        if content is not None:
            self.serves(content)
        self.travel.shift(after)
        ReservationFeed.objects.filter(pk=self.feed.pk).exclude(next_read_at=None).update(
            next_read_at=datetime(2020, 1, 1, tzinfo=UTC), lease_until=None
        )
        assert polling.read(self.feed.pk)
        self.feed = ReservationFeed.objects.select_related("property", "space").get(pk=self.feed.pk)
        return self.feed

    @property
    def stays(self) -> list[FeedStay]:
        return list(self.feed.stays.select_related("grant__identity").order_by("created_at", "uid"))

    def report(self) -> Any:
        return self.feed.readings.order_by("-at").first()

    def said(self) -> list[str]:
        return [line["sentence"] for line in self.report().lines]


@pytest.fixture
def travel() -> Any:
    with time_machine.travel(datetime(2026, 11, 21, 12, tzinfo=UTC), tick=False) as traveller:
        yield traveller


@pytest.fixture
def desk(cloud: Cloud, place: Space, grants: FakeGrants, travel: Any) -> Desk:
    return Desk(cloud, make_room(place), travel)
