"""Access control systems in memory, behind the driver contract, that fail when a test says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from django.utils import timezone

from accounts.providers.base import ProviderError, RefusedError, UncertainError
from accounts.providers.systems import (
    AccessMethod,
    AttemptState,
    EncoderAttempt,
    Identity,
    InstantKey,
    ListedCredential,
    ListedEncoder,
    ListedEntrance,
    ListedGroup,
    ListedSystem,
    ListedUser,
    UserWish,
)


@dataclass
class _Fault:
    error: Exception
    #: The call is carried out before it fails: its answer is lost.
    is_after: bool
    times: int


@dataclass
class FakeSystem:
    """What one system really has."""

    listed: ListedSystem
    users: dict[str, ListedUser] = field(default_factory=dict)
    groups: dict[str, ListedGroup] = field(default_factory=dict)
    entrances: dict[str, ListedEntrance] = field(default_factory=dict)
    encoders: dict[str, ListedEncoder] = field(default_factory=dict)
    credentials: dict[str, ListedCredential] = field(default_factory=dict)
    people_in: dict[str, set[str]] = field(default_factory=dict)
    opens: dict[str, set[str]] = field(default_factory=dict)


class FakeSystems:
    """Implements AccessSystems and MobileKeys. `calls` holds (name, first argument) in order.

    `fail("create_acs_user", error)` fails before anything happens; `is_after=True` after it.
    `during(name)` is a hook run while a call is under way.
    """

    label = "Fake systems"

    def __init__(self) -> None:
        self.systems: dict[str, FakeSystem] = {}
        self.calls: list[tuple[str, str]] = []
        self.faults: dict[str, _Fault] = {}
        self.hooks: dict[str, Callable[[], None]] = {}
        self.now: Callable[[], datetime] = timezone.now
        #: Identities by the key they were made with, and links by identity.
        self.identities: dict[str, Identity] = {}
        self.links: dict[str, list[InstantKey]] = {}
        #: What became of attempts at encoders, by id; a test writes it.
        self.attempts: dict[str, EncoderAttempt] = {}

    # --- what a test does ---

    def add_system(self, name: str = "Harbour Annex", **fields: Any) -> FakeSystem:
        fields = {"remote_id": str(uuid4()), "external_type": "salto_space_system"} | fields
        system = FakeSystem(ListedSystem(name=name, **fields))
        self.systems[system.listed.remote_id] = system
        return system

    def add_user(self, system: FakeSystem, name: str = "Mara", **fields: Any) -> ListedUser:
        fields = {"remote_id": str(uuid4()), "created_at": self.now()} | fields
        user = ListedUser(full_name=name, **fields)
        system.users[user.remote_id] = user
        return user

    def add_group(
        self, system: FakeSystem, name: str = "Staff", opens: tuple[str, ...] = ()
    ) -> ListedGroup:
        group = ListedGroup(remote_id=str(uuid4()), name=name)
        system.groups[group.remote_id] = group
        system.people_in[group.remote_id] = set()
        system.opens[group.remote_id] = set(opens)
        return group

    def add_entrance(
        self, system: FakeSystem, name: str = "Office", **fields: Any
    ) -> ListedEntrance:
        entrance = ListedEntrance(remote_id=str(uuid4()), name=name, **fields)
        system.entrances[entrance.remote_id] = entrance
        return entrance

    def add_encoder(self, system: FakeSystem, name: str = "Front desk 1") -> ListedEncoder:
        encoder = ListedEncoder(remote_id=str(uuid4()), name=name)
        system.encoders[encoder.remote_id] = encoder
        return encoder

    def add_credential(
        self, system: FakeSystem, user_id: str, method: str = "card", **fields: Any
    ) -> ListedCredential:
        fields = {"remote_id": str(uuid4()), "created_at": self.now()} | fields
        credential = ListedCredential(access_method=method, user_id=user_id, **fields)
        system.credentials[credential.remote_id] = credential
        return credential

    def change_user(self, user_id: str, **fields: Any) -> None:
        system = self._system_of_user(user_id)
        system.users[user_id] = replace(system.users[user_id], **fields)

    def fail(self, name: str, error: Exception, *, is_after: bool = False, times: int = 1) -> None:
        """Let the next calls of a method fail; `"*"` means whichever."""
        self.faults[name] = _Fault(error, is_after, times)

    def names(self) -> list[str]:
        return [name for name, _ in self.calls]

    def counts(self) -> Counter[str]:
        return Counter(self.names())

    # --- how calls go ---

    @contextmanager
    def _call(self, name: str, about: str) -> Iterator[None]:
        self.calls.append((name, about))
        if hook := self.hooks.get(name):
            hook()
        fault = self.faults.get(name) or self.faults.get("*")
        if fault is not None and fault.times > 0:
            fault.times -= 1
            if fault.is_after:
                yield
            raise fault.error
        yield

    def _system_of_user(self, user_id: str) -> FakeSystem:
        for system in self.systems.values():
            if user_id in system.users:
                return system
        raise RefusedError("No such user", code="not_found", status=404)

    def _system_of_group(self, group_id: str) -> FakeSystem:
        for system in self.systems.values():
            if group_id in system.groups:
                return system
        raise RefusedError("No such group", code="not_found", status=404)

    def _system_of_credential(self, credential_id: str) -> FakeSystem | None:
        mine = (s for s in self.systems.values() if credential_id in s.credentials)
        return next(mine, None)

    # --- the contract ---

    def list_systems(self) -> list[ListedSystem]:
        with self._call("list_systems", ""):
            return [system.listed for system in self.systems.values()]

    def list_acs_users(self, system_id: str) -> list[ListedUser]:
        with self._call("list_acs_users", system_id):
            return list(self.systems[system_id].users.values())

    def list_groups(self, system_id: str) -> list[ListedGroup]:
        with self._call("list_groups", system_id):
            return list(self.systems[system_id].groups.values())

    def list_entrances(self, system_id: str) -> list[ListedEntrance]:
        with self._call("list_entrances", system_id):
            return list(self.systems[system_id].entrances.values())

    def list_credentials(self, system_id: str, *, user_id: str = "") -> list[ListedCredential]:
        with self._call("list_credentials", user_id or system_id):
            found = self.systems[system_id].credentials.values()
            return [each for each in found if user_id in ("", each.user_id)]

    def list_encoders(self, system_id: str) -> list[ListedEncoder]:
        with self._call("list_encoders", system_id):
            return list(self.systems[system_id].encoders.values())

    def get_acs_user(self, user_id: str) -> ListedUser | None:
        with self._call("get_acs_user", user_id):
            found = [s.users[user_id] for s in self.systems.values() if user_id in s.users]
            return found[0] if found else None

    def get_credential(self, credential_id: str) -> ListedCredential | None:
        with self._call("get_credential", credential_id):
            system = self._system_of_credential(credential_id)
            return system.credentials[credential_id] if system else None

    def group_user_ids(self, group_id: str) -> list[str]:
        with self._call("group_user_ids", group_id):
            return sorted(self._system_of_group(group_id).people_in[group_id])

    def group_entrance_ids(self, group_id: str) -> list[str]:
        with self._call("group_entrance_ids", group_id):
            return sorted(self._system_of_group(group_id).opens[group_id])

    def user_group_ids(self, system_id: str, user_id: str) -> list[str]:
        with self._call("user_group_ids", user_id):
            people_in = self.systems[system_id].people_in
            return sorted(group for group, people in people_in.items() if user_id in people)

    def create_acs_user(
        self,
        system_id: str,
        wish: UserWish,
        *,
        group_ids: tuple[str, ...] = (),
        budget_seconds: float,
        request_id: str,
    ) -> ListedUser:
        with self._call("create_acs_user", wish.full_name):
            system = self.systems[system_id]
            if wish.email and any(u.email == wish.email for u in system.users.values()):
                raise RefusedError("Taken", code="email_not_accepted", status=400)
            user = self.add_user(
                system,
                wish.full_name,
                email=wish.email,
                phone=wish.phone,
                starts_at=wish.starts_at or (self.now() if wish.ends_at else None),
                ends_at=wish.ends_at,
            )
            for group_id in group_ids:
                system.people_in[group_id].add(user.remote_id)
            return user

    def update_acs_user(
        self, user_id: str, wish: UserWish, *, budget_seconds: float, request_id: str
    ) -> None:
        with self._call("update_acs_user", user_id):
            self.change_user(
                user_id,
                full_name=wish.full_name,
                email=wish.email,
                phone=wish.phone,
                starts_at=wish.starts_at,
                ends_at=wish.ends_at,
            )

    def set_suspended(
        self, user_id: str, *, is_suspended: bool, budget_seconds: float, request_id: str
    ) -> None:
        with self._call("set_suspended", user_id):
            self.change_user(user_id, is_suspended=is_suspended)

    def delete_acs_user(self, user_id: str, *, budget_seconds: float, request_id: str) -> None:
        with self._call("delete_acs_user", user_id):
            for system in self.systems.values():
                system.users.pop(user_id, None)
                for people in system.people_in.values():
                    people.discard(user_id)
                mine = [c.remote_id for c in system.credentials.values() if c.user_id == user_id]
                for credential_id in mine:
                    del system.credentials[credential_id]

    def add_to_group(
        self, group_id: str, user_id: str, *, budget_seconds: float, request_id: str
    ) -> None:
        with self._call("add_to_group", user_id):
            self._system_of_user(user_id)
            self._system_of_group(group_id).people_in[group_id].add(user_id)

    def remove_from_group(
        self, group_id: str, user_id: str, *, budget_seconds: float, request_id: str
    ) -> None:
        with self._call("remove_from_group", user_id):
            self._system_of_group(group_id).people_in[group_id].discard(user_id)

    def create_credential(
        self,
        user_id: str,
        *,
        access_method: AccessMethod,
        is_new_key: bool = True,
        starts_at: datetime | None = None,
        ends_at: datetime | None = None,
        budget_seconds: float,
        request_id: str,
    ) -> ListedCredential:
        with self._call("create_credential", user_id):
            code = "482913" if access_method == AccessMethod.CODE else ""
            system = self._system_of_user(user_id)
            if access_method == AccessMethod.MOBILE_KEY:
                self._check_mobile_key(system, user_id)
            return self.add_credential(
                system,
                user_id,
                access_method.value,
                is_issued=bool(code),
                code=code,
                starts_at=starts_at,
                ends_at=ends_at,
            )

    def delete_credential(
        self, credential_id: str, *, budget_seconds: float, request_id: str
    ) -> None:
        with self._call("delete_credential", credential_id):
            system = self._system_of_credential(credential_id)
            if system is not None:
                del system.credentials[credential_id]

    def _check_mobile_key(self, system: FakeSystem, user_id: str) -> None:
        mine = [each for each in system.credentials.values() if each.user_id == user_id]
        has_one = any(each.access_method == "mobile_key" for each in mine)
        if has_one or not system.users[user_id].identity_id:
            raise RefusedError("No identity, or a mobile key already", status=400)

    # --- mobile keys ---

    def issue_mobile_keys(self) -> None:
        """Let what happens by itself happen."""
        for system in self.systems.values():
            for key, each in system.credentials.items():
                if each.access_method == "mobile_key":
                    system.credentials[key] = replace(each, is_issued=True, issued_at=self.now())

    def find_identity(self, key: str) -> Identity | None:
        with self._call("find_identity", key):
            return self.identities.get(key)

    def create_identity(
        self,
        key: str,
        *,
        full_name: str,
        email: str = "",
        phone: str = "",
        budget_seconds: float,
        request_id: str,
    ) -> Identity:
        with self._call("create_identity", key):
            if key in self.identities:
                raise RefusedError("Taken", status=400)
            made = Identity(remote_id=str(uuid4()), full_name=full_name)
            self.links[made.remote_id] = []
            return self.identities.setdefault(key, made)

    def link_identity(
        self, identity_id: str, user_id: str, *, budget_seconds: float, request_id: str
    ) -> None:
        with self._call("link_identity", user_id):
            if identity_id not in self.links:
                raise RefusedError("No such identity", code="not_found", status=404)
            self.change_user(user_id, identity_id=identity_id)

    def list_instant_keys(self, identity_id: str) -> list[InstantKey]:
        with self._call("list_instant_keys", identity_id):
            return list(self.links[identity_id])

    def create_instant_key(
        self,
        identity_id: str,
        *,
        max_use_count: int = 1,
        budget_seconds: float,
        request_id: str,
    ) -> InstantKey:
        with self._call("create_instant_key", identity_id):
            now, key = self.now(), str(uuid4())
            made = InstantKey(
                remote_id=key,
                url=f"https://ik.seam.co/{key[:8]}",
                created_at=now,
                expires_at=now + timedelta(days=7),
            )
            self.links[identity_id].append(made)
            return made

    def delete_instant_key(
        self, instant_key_id: str, *, budget_seconds: float, request_id: str
    ) -> None:
        with self._call("delete_instant_key", instant_key_id):
            for links in self.links.values():
                links[:] = [each for each in links if each.remote_id != instant_key_id]

    def start_encode(
        self, encoder_id: str, credential_id: str, *, budget_seconds: float, request_id: str
    ) -> EncoderAttempt:
        with self._call("start_encode", credential_id):
            return self._attempt()

    def start_scan(
        self,
        encoder_id: str,
        *,
        detect_new_tags: bool = False,
        budget_seconds: float,
        request_id: str,
    ) -> EncoderAttempt:
        with self._call("start_scan", encoder_id):
            return self._attempt()

    def start_assign(
        self,
        encoder_id: str,
        user_id: str,
        *,
        detect_new_tags: bool = False,
        budget_seconds: float,
        request_id: str,
    ) -> EncoderAttempt:
        with self._call("start_assign", user_id):
            return self._attempt()

    def _attempt(self) -> EncoderAttempt:
        attempt = EncoderAttempt(remote_id=str(uuid4()), state=AttemptState.PENDING)
        self.attempts[attempt.remote_id] = attempt
        return attempt

    def get_encoder_attempt(self, attempt_id: str, *, budget_seconds: float) -> EncoderAttempt:
        with self._call("get_encoder_attempt", attempt_id):
            return self.attempts[attempt_id]


def lost() -> ProviderError:
    """An answer that never came: nobody knows whether the call was carried out."""
    return UncertainError("The provider did not answer.")
