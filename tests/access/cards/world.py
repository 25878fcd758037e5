"""A house with a Salto Space installation, somebody who lives there, and somebody at the desk."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any

from django.utils import timezone

from access.cards import asking, rows, working
from access.cards.asking import Order
from access.models import AcsCredential, AcsEncoder, AcsSystem, AcsUser, EncodeJob
from access.states import Intent
from accounts.actors import Actor
from accounts.models import Role
from tests.access.cards.fakes import FakeDesk
from tests.make import (
    actor,
    make_acs_user,
    make_credential,
    make_encoder,
    make_entrance,
    make_group,
    make_system,
    make_user,
)

_keys = count()


@dataclass
class House:
    desk: FakeDesk
    external_type: str = "salto_space_system"
    system: AcsSystem = field(init=False)
    encoder: AcsEncoder = field(init=False)
    jane: AcsUser = field(init=False)
    ana: Actor = field(init=False)

    def __post_init__(self) -> None:
        self.system = make_system(name="Harbour Annex", external_type=self.external_type)
        self.encoder = make_encoder(self.system, name="Front desk 1")
        self.office = make_entrance(self.system, name="Office", is_wired=False)
        self.lobby = make_entrance(self.system, name="Lobby", is_wired=True)
        self.group = make_group(self.system, name="Guests", entrances=[self.office, self.lobby])
        self.jane = self.person("Jane Doe")
        self.ana = self.at_desk("Ana")

    def person(self, name: str, **fields: Any) -> AcsUser:
        return make_acs_user(self.system, full_name=name, groups=[self.group], **fields)

    def at_desk(self, name: str, role: str = Role.FRONT_DESK) -> Actor:
        return actor(make_user(role, workspace=self.system.workspace, name=name))

    def card_of(self, user: AcsUser) -> AcsCredential:
        """A card that was written an hour ago, here and at the provider."""
        card = make_credential(user)
        self.desk.put_card(
            user.remote_id,
            remote_id=card.remote_id,
            is_issued=True,
            issued_at=card.issued_at,
            card_number=card.card_number,
            created_at=card.created_at,
            warnings=(),
        )
        return card

    def order(self, intent: Intent = Intent.FIRST, **fields: Any) -> Order:
        user = None if intent == Intent.READ else self.jane
        defaults = {"encoder": self.encoder, "user": user, "key": f"key-{next(_keys)}"}
        return Order(intent=intent, **defaults | fields)

    def ask(self, intent: Intent = Intent.FIRST, *, by: Actor | None = None, **fields: Any) -> Any:
        return asking.ask(self.order(intent, **fields), by=by or self.ana, at=timezone.now())

    def again(self, job: EncodeJob, **options: Any) -> EncodeJob:
        key = f"key-{next(_keys)}"
        defaults = {"by": self.ana, "station": job.station}
        return asking.try_again(job, key=key, at=timezone.now(), **defaults | options)

    def work(self, job: EncodeJob) -> EncodeJob:
        """Carry a job as far as it goes in one call, and return it as it is then."""
        working.work(job.pk)
        return self.seen(job)

    def make(self, intent: Intent = Intent.FIRST, **fields: Any) -> EncodeJob:
        return self.work(self.ask(intent, **fields))

    @staticmethod
    def seen(job: EncodeJob) -> EncodeJob:
        found = rows.load(job.pk)
        assert found is not None
        return found

    @staticmethod
    def pass_time(job: EncodeJob, seconds: float) -> None:
        """Let so much time pass for a job: all its moments lie further back."""
        back = timedelta(seconds=seconds)
        now = EncodeJob.objects.get(pk=job.pk)
        for name in [
            "created_at",
            "send_by",
            "requested_at",
            "waiting_since",
            "card_by",
            "deadline",
            "watched_until",
            "lease_until",
            "finished_at",
        ]:
            at = getattr(now, name)
            if at:
                setattr(now, name, at - back)
        now.save()
