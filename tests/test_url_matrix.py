"""Every address: which methods, who may, and that nobody else learns that it is there.

A new URL needs a line in ADDRESSES, or `test_every_address_is_here` fails. Pages opened by a
link with a token (`BY_TOKEN`) have their authority in the link; their tests are in
tests/accounts. What allauth serves (`user/…`) is tested where our templates and forms are.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from accounts.models import ConnectWebview, Hub, Invitation, Role
from accounts.permissions import Permission, roles_with
from locks.models import Device
from tests.access.guests import written_to
from tests.make import (
    client_of,
    make_acs_user,
    make_attempt,
    make_code,
    make_credential,
    make_device,
    make_encoder,
    make_entrance,
    make_feed,
    make_grant,
    make_group,
    make_job,
    make_method,
    make_property,
    make_system,
    make_user,
)

pytestmark = pytest.mark.django_db

GET = ("GET", "HEAD")
POST = ("POST",)
BOTH = (*GET, *POST)
ALL = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


class World:
    """One door and everything around it, in one workspace."""

    def __init__(self) -> None:
        self.device: Device = make_device()
        self.workspace = self.device.workspace
        self.property = self.device.property
        self.account = self.device.account
        self.code = make_code(self.device)
        self.attempt = make_attempt(self.device, status="unconfirmed")
        self.hub = Hub.objects.create(site=self.device.site, remote_id="iq", name="IQ")
        self.system = make_system(self.account, property=self.property)
        self.entrance = make_entrance(self.system)
        self.group = make_group(self.system, entrances=[self.entrance])
        self.cardholder = make_acs_user(self.system, groups=[self.group])
        self.suspended = make_acs_user(self.system, is_suspended=True)
        self.pin = make_credential(self.cardholder, access_method="code")
        self.card = make_credential(make_acs_user(self.system))
        self.mobile_key = make_credential(self.cardholder, access_method="mobile_key")
        self.job = make_job(make_acs_user(self.system), make_encoder(self.system), state="failed")
        self.feed = make_feed(self.property)
        self.grant = written_to.make_stay(self.property)
        self.message = written_to.ask(self.grant)
        self.stay = make_grant(self.property, devices=[self.device])
        self.guest = self.stay.identity
        self.method = make_method(self.stay, devices=[self.device])
        self.colleague = make_user(Role.AUDITOR, workspace=self.workspace, name="Colleague")
        now = timezone.now()
        ends = now + timedelta(hours=1)
        self.webview = ConnectWebview.objects.create(
            workspace=self.workspace, token_hash=uuid4().hex, created_at=now, expires_at=ends
        )
        self.invitation = Invitation.objects.create(
            workspace=self.workspace,
            email="new@example.org",
            role=Role.AUDITOR,
            token_hash=uuid4().hex,
            created_at=now,
            expires_at=ends,
        )
        self._cookies = {role: self._signed_in(role) for role in Role.values}

    def _signed_in(self, role: str) -> SimpleCookie:
        return client_of(make_user(role, workspace=self.workspace)).cookies

    def client(self, role: str) -> Client:
        """Return a browser in which somebody with this role is signed in."""
        client = Client()
        client.cookies = self._cookies[role]
        return client


@dataclass(frozen=True)
class Address:
    methods: tuple[str, ...]
    permission: Permission | None
    #: What of the world is in the address; nothing where it shows no single thing.
    of: Callable[[World], list[Any]] | None = None
    #: Whether somebody of another property must not learn of it either.
    per_property: bool = False


def pk_of(name: str) -> Callable[[World], list[Any]]:
    return lambda world: [getattr(world, name).pk]


ADDRESSES: dict[str, Address] = {
    # config
    "livez": Address(GET, None),
    "readyz": Address(GET, None),
    # audit
    "log": Address(GET, Permission.VIEW_LOG),
    # grants
    "grants": Address(GET, Permission.VIEW_GRANTS),
    "grants-calendar": Address(GET, Permission.VIEW_GRANTS),
    "grants-arrivals": Address(GET, Permission.VIEW_GRANTS),
    "grant": Address(GET, Permission.VIEW_GRANTS, pk_of("stay"), per_property=True),
    "grant-why": Address(GET, Permission.VIEW_GRANTS, pk_of("stay"), per_property=True),
    "grants-why": Address(GET, Permission.VIEW_GRANTS),
    "grant-revoke": Address(BOTH, Permission.MANAGE_GRANTS, pk_of("stay"), per_property=True),
    "grant-undo": Address(POST, Permission.MANAGE_GRANTS, pk_of("stay"), per_property=True),
    "grant-again": Address(POST, Permission.MANAGE_GRANTS, pk_of("stay"), per_property=True),
    "grant-reveal": Address(
        POST,
        Permission.REVEAL_CODES,
        lambda world: [world.stay.pk, world.method.pk],
        per_property=True,
    ),
    "grants-revoke": Address(POST, Permission.MANAGE_GRANTS),
    "grants-revoked": Address(GET, Permission.MANAGE_GRANTS),
    "grants-undo": Address(POST, Permission.MANAGE_GRANTS),
    "guests": Address(GET, Permission.VIEW_GRANTS),
    "known-guest": Address(GET, Permission.VIEW_GRANTS, pk_of("guest"), per_property=True),
    "guest-edit": Address(BOTH, Permission.MANAGE_GRANTS, pk_of("guest"), per_property=True),
    "guest-merge": Address(BOTH, Permission.MANAGE_GRANTS, pk_of("guest"), per_property=True),
    # locks
    "board": Address(GET, Permission.VIEW_BOARD),
    "stay": Address(POST, Permission.VIEW_BOARD),
    "door": Address(GET, Permission.VIEW_BOARD, pk_of("device"), per_property=True),
    "door-unlock": Address(BOTH, Permission.UNLOCK, pk_of("device"), per_property=True),
    "door-lock": Address(POST, Permission.UNLOCK, pk_of("device"), per_property=True),
    "door-refresh": Address(POST, Permission.VIEW_BOARD, pk_of("device"), per_property=True),
    "door-policy": Address(POST, Permission.MANAGE_DOORS, pk_of("device")),
    "property-policy": Address(POST, Permission.MANAGE_DOORS, pk_of("property")),
    "attempt-settle": Address(POST, Permission.UNLOCK, pk_of("attempt"), per_property=True),
    "door-codes": Address(GET, Permission.VIEW_CODES, pk_of("device"), per_property=True),
    "door-keypad": Address(POST, Permission.MANAGE_DOORS, pk_of("device")),
    "codes": Address(GET, Permission.VIEW_CODES),
    "code-new": Address(BOTH, Permission.MANAGE_CODES),
    "codes-extend": Address(BOTH, Permission.MANAGE_CODES),
    "codes-export": Address(POST, Permission.VIEW_CODES),
    "code": Address(GET, Permission.VIEW_CODES, pk_of("code"), per_property=True),
    "code-edit": Address(BOTH, Permission.MANAGE_CODES, pk_of("code"), per_property=True),
    "code-revoke": Address(BOTH, Permission.MANAGE_CODES, pk_of("code"), per_property=True),
    "code-reveal": Address(POST, Permission.REVEAL_CODES, pk_of("code"), per_property=True),
    "code-again": Address(POST, Permission.MANAGE_CODES, pk_of("code"), per_property=True),
    "code-adopt": Address(POST, Permission.MANAGE_CODES, pk_of("code"), per_property=True),
    # access
    "access": Address(GET, Permission.VIEW_ACCESS),
    "acs-system": Address(GET, Permission.VIEW_ACCESS, pk_of("system"), per_property=True),
    "acs-user-new": Address(
        BOTH, Permission.MANAGE_CARDHOLDERS, pk_of("system"), per_property=True
    ),
    "acs-opens": Address(POST, Permission.VIEW_ACCESS, pk_of("system"), per_property=True),
    "acs-groups": Address(GET, Permission.VIEW_ACCESS, pk_of("system"), per_property=True),
    "acs-entrances": Address(GET, Permission.VIEW_ACCESS, pk_of("system"), per_property=True),
    "acs-entrances-wired": Address(
        POST, Permission.MANAGE_SYSTEMS, pk_of("system"), per_property=True
    ),
    "acs-credentials": Address(GET, Permission.VIEW_ACCESS, pk_of("system"), per_property=True),
    "acs-encoders": Address(GET, Permission.VIEW_ACCESS, pk_of("system"), per_property=True),
    "acs-system-settings": Address(
        BOTH, Permission.MANAGE_SYSTEMS, pk_of("system"), per_property=True
    ),
    "acs-user": Address(GET, Permission.VIEW_ACCESS, pk_of("cardholder"), per_property=True),
    "acs-user-edit": Address(
        BOTH, Permission.MANAGE_CARDHOLDERS, pk_of("cardholder"), per_property=True
    ),
    "acs-user-suspend": Address(
        BOTH, Permission.MANAGE_CARDHOLDERS, pk_of("cardholder"), per_property=True
    ),
    "acs-user-unsuspend": Address(
        BOTH, Permission.MANAGE_CARDHOLDERS, pk_of("suspended"), per_property=True
    ),
    "acs-user-delete": Address(
        BOTH, Permission.MANAGE_CARDHOLDERS, pk_of("cardholder"), per_property=True
    ),
    "acs-user-again": Address(
        POST, Permission.MANAGE_CARDHOLDERS, pk_of("cardholder"), per_property=True
    ),
    "acs-user-pin": Address(
        POST, Permission.MANAGE_CARDHOLDERS, pk_of("cardholder"), per_property=True
    ),
    "acs-group": Address(GET, Permission.VIEW_ACCESS, pk_of("group"), per_property=True),
    "acs-entrance": Address(GET, Permission.VIEW_ACCESS, pk_of("entrance"), per_property=True),
    "guest-page": Address(
        BOTH, Permission.MANAGE_RESERVATIONS, pk_of("property"), per_property=True
    ),
    "guest-page-preview": Address(
        GET, Permission.MANAGE_RESERVATIONS, pk_of("property"), per_property=True
    ),
    "acs-entrance-link": Address(
        POST, Permission.MANAGE_SYSTEMS, pk_of("entrance"), per_property=True
    ),
    "acs-entrance-wired": Address(
        POST, Permission.MANAGE_SYSTEMS, pk_of("entrance"), per_property=True
    ),
    "acs-user-mobile-key": Address(
        POST, Permission.MANAGE_CARDHOLDERS, pk_of("cardholder"), per_property=True
    ),
    "acs-mobile-link": Address(
        POST, Permission.REVEAL_CODES, pk_of("mobile_key"), per_property=True
    ),
    "acs-mobile-link-new": Address(
        POST, Permission.MANAGE_CARDHOLDERS, pk_of("mobile_key"), per_property=True
    ),
    "acs-mobile-take-back": Address(
        BOTH, Permission.MANAGE_CARDHOLDERS, pk_of("mobile_key"), per_property=True
    ),
    "acs-credential-reveal": Address(
        POST, Permission.REVEAL_CODES, pk_of("pin"), per_property=True
    ),
    # access: reservations that come in
    "feeds": Address(GET, Permission.VIEW_GRANTS),
    "reservation-feed": Address(GET, Permission.VIEW_GRANTS, pk_of("feed"), per_property=True),
    "reservation-feed-new": Address(BOTH, Permission.MANAGE_RESERVATIONS),
    "reservation-feed-edit": Address(
        BOTH, Permission.MANAGE_RESERVATIONS, pk_of("feed"), per_property=True
    ),
    "reservation-feed-read": Address(
        POST, Permission.MANAGE_RESERVATIONS, pk_of("feed"), per_property=True
    ),
    "reservation-feed-pause": Address(
        POST, Permission.MANAGE_RESERVATIONS, pk_of("feed"), per_property=True
    ),
    "reservation-feed-remove": Address(
        BOTH, Permission.MANAGE_RESERVATIONS, pk_of("feed"), per_property=True
    ),
    "reservations-import": Address(BOTH, Permission.MANAGE_GRANTS),
    "reservations-sample": Address(GET, Permission.MANAGE_GRANTS),
    # access: the encoding station
    "cards": Address(GET, Permission.MAKE_CARDS),
    "cards-people": Address(GET, Permission.MAKE_CARDS),
    "card-ask": Address(POST, Permission.MAKE_CARDS),
    "cards-batch": Address(POST, Permission.MAKE_CARDS),
    "card-job": Address(GET, Permission.MAKE_CARDS, pk_of("job"), per_property=True),
    "card-again": Address(POST, Permission.MAKE_CARDS, pk_of("job"), per_property=True),
    "card-stop": Address(POST, Permission.MAKE_CARDS, pk_of("job"), per_property=True),
    "card-discard": Address(POST, Permission.MAKE_CARDS, pk_of("job"), per_property=True),
    "card-lost": Address(BOTH, Permission.CANCEL_CARDS, pk_of("card"), per_property=True),
    "card-returned": Address(BOTH, Permission.CANCEL_CARDS, pk_of("card"), per_property=True),
    # access: messages to guests
    "grant-messages": Address(GET, Permission.VIEW_GRANTS, pk_of("grant"), per_property=True),
    "grant-message-new": Address(BOTH, Permission.MANAGE_GRANTS, pk_of("grant"), per_property=True),
    "grant-message-copy": Address(
        POST, Permission.MANAGE_GRANTS, pk_of("grant"), per_property=True
    ),
    "grant-message-print": Address(
        POST, Permission.MANAGE_GRANTS, pk_of("grant"), per_property=True
    ),
    "message-again": Address(POST, Permission.MANAGE_GRANTS, pk_of("message"), per_property=True),
    "message-now": Address(POST, Permission.MANAGE_GRANTS, pk_of("message"), per_property=True),
    "message-cancel": Address(POST, Permission.MANAGE_GRANTS, pk_of("message"), per_property=True),
    "message-link-code": Address(
        POST, Permission.MANAGE_GRANTS, pk_of("message"), per_property=True
    ),
    "message-mail": Address(GET, Permission.MANAGE_GRANTS, pk_of("message"), per_property=True),
    # access: making and changing grants
    "grant-new": Address(BOTH, Permission.MANAGE_GRANTS),
    "grant-plan": Address(POST, Permission.MANAGE_GRANTS),
    "grants-people": Address(GET, Permission.MANAGE_GRANTS),
    "grants-places": Address(GET, Permission.MANAGE_GRANTS),
    "grant-change": Address(BOTH, Permission.MANAGE_GRANTS, pk_of("grant"), per_property=True),
    "grant-extend": Address(BOTH, Permission.MANAGE_GRANTS, pk_of("grant"), per_property=True),
    "grant-move": Address(BOTH, Permission.MANAGE_GRANTS, pk_of("grant"), per_property=True),
    # accounts
    "accounts": Address(GET, Permission.MANAGE_ACCOUNTS),
    "connect-new": Address(POST, Permission.MANAGE_ACCOUNTS),
    "webview-resume": Address(POST, Permission.MANAGE_ACCOUNTS, pk_of("webview")),
    "webview-cancel": Address(POST, Permission.MANAGE_ACCOUNTS, pk_of("webview")),
    "account": Address(GET, Permission.MANAGE_ACCOUNTS, pk_of("account"), per_property=True),
    "account-settings": Address(
        POST, Permission.MANAGE_ACCOUNTS, pk_of("account"), per_property=True
    ),
    "account-sync": Address(POST, Permission.MANAGE_ACCOUNTS, pk_of("account"), per_property=True),
    "account-sites": Address(BOTH, Permission.MANAGE_ACCOUNTS, pk_of("account"), per_property=True),
    "account-reconnect": Address(
        POST, Permission.MANAGE_ACCOUNTS, pk_of("account"), per_property=True
    ),
    "account-disconnect": Address(
        BOTH, Permission.MANAGE_ACCOUNTS, pk_of("account"), per_property=True
    ),
    "account-allow-opening": Address(
        POST, Permission.MANAGE_ACCOUNTS, pk_of("account"), per_property=True
    ),
    "account-hook-add": Address(
        POST, Permission.MANAGE_ACCOUNTS, pk_of("account"), per_property=True
    ),
    "account-hook-remove": Address(
        POST, Permission.MANAGE_ACCOUNTS, pk_of("account"), per_property=True
    ),
    "account-activate-hub": Address(
        POST,
        Permission.MANAGE_ACCOUNTS,
        lambda world: [world.account.pk, world.hub.pk],
        per_property=True,
    ),
    # people
    "people": Address(GET, Permission.MANAGE_PEOPLE),
    "person-invite": Address(BOTH, Permission.MANAGE_PEOPLE),
    "outbox": Address(GET, Permission.MANAGE_PEOPLE),
    "person": Address(BOTH, Permission.MANAGE_PEOPLE, pk_of("colleague")),
    "person-deactivate": Address(BOTH, Permission.MANAGE_PEOPLE, pk_of("colleague")),
    "person-reactivate": Address(POST, Permission.MANAGE_PEOPLE, pk_of("colleague")),
    "invitation-again": Address(POST, Permission.MANAGE_PEOPLE, pk_of("invitation")),
    "invitation-withdraw": Address(POST, Permission.MANAGE_PEOPLE, pk_of("invitation")),
    "you": Address(BOTH, Permission.VIEW_BOARD),
    "you-workspace": Address(POST, Permission.VIEW_BOARD),
}

#: Opened by a link whose token is the authority; nobody signs in.
BY_TOKEN = {
    "connect": GET,
    "connect-intro": BOTH,
    "connect-brand": BOTH,
    "connect-sign-in": BOTH,
    "connect-sign-in-go": POST,
    "connect-callback": GET,
    "connect-checks": BOTH,
    "connect-settle": POST,
    "connect-sites": BOTH,
    "connect-confirm": BOTH,
    "connect-sync": GET,
    "connect-done": GET,
    "connect-activate-hub": POST,
    "invitation": BOTH,
    # what guests see (tests/access/guests)
    "guest-link": GET,
    "guest": GET,
    "guest-code": POST,
    "guest-hold": POST,
    "guest-unlock": POST,
    "guest-attempt": GET,
    "guest-help": BOTH,
    "guest-calendar": GET,
    "guest-offline": GET,
    "guest-seen": POST,
    "guest-worker": GET,
}

#: Called by providers: a signature is the authority (tests/accounts/hooks).
BY_SIGNATURE = {"hook": POST}

GUARDED = {name: address for name, address in ADDRESSES.items() if address.permission}
OF_SOMETHING = {name: address for name, address in GUARDED.items() if address.of}
OF_A_PROPERTY = {name: address for name, address in OF_SOMETHING.items() if address.per_property}


def patterns(of: URLResolver, prefix: str = "") -> Iterator[tuple[str, str]]:
    for each in of.url_patterns:
        where = prefix + str(each.pattern)
        if isinstance(each, URLPattern):
            yield where, str(each.name)
        else:
            yield from patterns(each, where)


@pytest.fixture(scope="module")
def made(django_db_setup: None, django_db_blocker: Any) -> Iterator[bytes]:
    """One world for all, pickled: what a test changes is rolled back to it."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield pickle.dumps(World())
        transaction.set_rollback(True)


@pytest.fixture
def world(made: bytes, db: None, settings: Any, tmp_path: Path) -> World:
    settings.DEMO_MAIL_FOLDER = str(tmp_path)  # a page of the demo only
    found: World = pickle.loads(made)  # noqa: S301  our own; copying takes five times as long
    return found


def url(name: str, world: World) -> str:
    of = ADDRESSES[name].of
    return reverse(name, args=of(world) if of else [])


def ask(client: Client, name: str, world: World, method: str = "") -> Any:
    return client.generic(method or ADDRESSES[name].methods[0], url(name, world))


def every(names: Any) -> Any:
    return pytest.mark.parametrize("name", sorted(names))


def test_every_address_is_here() -> None:
    served = {name for where, name in patterns(get_resolver()) if not where.startswith("user/")}

    assert served == set(ADDRESSES) | set(BY_TOKEN) | set(BY_SIGNATURE)


@every(GUARDED)
def test_who_is_not_signed_in_is_sent_to_sign_in(name: str, world: World) -> None:
    for method in ADDRESSES[name].methods:
        response = ask(Client(), name, world, method)

        assert response.status_code == 302
        assert response["Location"].partition("?")[0] == "/user/login/"


@every(GUARDED)
def test_who_may_not_is_refused(name: str, world: World) -> None:
    allowed = roles_with(ADDRESSES[name].permission)  # type: ignore[arg-type]
    for role in set(Role.values) - set(allowed):
        client = world.client(role)
        for method in ADDRESSES[name].methods:
            assert (role, ask(client, name, world, method).status_code) == (role, 403)


@every(GUARDED)
def test_who_may_is_answered(name: str, world: World) -> None:
    for n, role in enumerate(roles_with(ADDRESSES[name].permission)):  # type: ignore[arg-type]
        client = world.client(role)
        for method in ADDRESSES[name].methods:
            if method == "HEAD" and n:
                continue  # made as for GET, only not sent
            # What was cancelled by an earlier role is not there for the next one.
            gone = {404} if name in {"webview-cancel", "reservation-feed-remove"} else set()
            # One door, and four people within a second.
            soon = {429} if name == "door-refresh" else set()
            usual = {200, 204, 302, 400}
            assert ask(client, name, world, method).status_code in usual | gone | soon


@every(OF_SOMETHING)
def test_a_stranger_does_not_learn_that_it_is_there(name: str, world: World) -> None:
    stranger = client_of(make_user(Role.ADMIN))

    for method in ADDRESSES[name].methods:
        assert ask(stranger, name, world, method).status_code == 404


@every(OF_A_PROPERTY)
def test_a_neighbour_does_not_learn_that_it_is_there(name: str, world: World) -> None:
    elsewhere = make_property(world.workspace)
    for role in set(roles_with(ADDRESSES[name].permission)) - {Role.ADMIN}:  # type: ignore[arg-type]
        user = make_user(role, workspace=world.workspace, place=elsewhere)

        for method in ADDRESSES[name].methods:
            assert ask(client_of(user), name, world, method).status_code == 404


@every([name for name in OF_SOMETHING if name.startswith(("acs-", "card-"))])
def test_what_nobody_has_placed_is_there_for_nobody(name: str, world: World) -> None:
    world.system.is_placed = False
    world.system.save()
    for role in roles_with(ADDRESSES[name].permission):  # type: ignore[arg-type]
        may_place = name == "acs-system-settings" and role != Role.FRONT_DESK
        client = world.client(role)

        status = ask(client, name, world).status_code

        assert (role, status) == (role, 200 if may_place else 404)


@every(OF_SOMETHING)
def test_what_is_not_there_looks_the_same_as_what_is_not_yours(name: str, world: World) -> None:
    client = world.client(Role.ADMIN)
    args = [uuid4() for _ in ADDRESSES[name].of(world)]  # type: ignore[misc]

    response = client.generic(ADDRESSES[name].methods[0], reverse(name, args=args))

    assert response.status_code == 404


@every(ADDRESSES)
def test_other_methods_are_refused(name: str, world: World) -> None:
    client = world.client(Role.ADMIN)

    # Those that are not refused are asked in `test_who_may_is_answered`.
    for method in set(ALL) - set(ADDRESSES[name].methods):
        assert (method, ask(client, name, world, method).status_code) == (method, 405)


@every(BY_TOKEN)
def test_other_methods_are_refused_by_pages_behind_a_link(name: str) -> None:
    own = {"connect-activate-hub": ["token", uuid4()], "guest-attempt": [uuid4()]}
    has_token = name == "guest-link" or not name.startswith(("guest", "connect-callback"))
    address = reverse(name, args=own.get(name, ["token"] if has_token else []))

    refused = {m for m in ALL if Client().generic(m, address).status_code == 405}

    assert refused == set(ALL) - set(BY_TOKEN[name])


@every(BY_SIGNATURE)
def test_other_methods_are_refused_where_a_signature_is_the_authority(name: str) -> None:
    address = reverse(name, args=[uuid4()])

    refused = {m for m in ALL if Client().generic(m, address).status_code == 405}

    assert refused == set(ALL) - set(BY_SIGNATURE[name])


@every([name for name, address in ADDRESSES.items() if "POST" in address.methods])
def test_web_03_a_post_without_our_token_is_refused(name: str, world: World) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_user(Role.ADMIN, workspace=world.workspace))

    assert client.post(url(name, world)).status_code == 403


@every([name for name, address in ADDRESSES.items() if "GET" in address.methods])
def test_web_01_every_page_has_its_headers_and_nothing_inline(name: str, world: World) -> None:
    client = world.client(Role.ADMIN)

    response = client.get(url(name, world))

    html = response.content.decode()
    assert response.status_code == 200
    assert "default-src 'none'" in response["Content-Security-Policy"].split("; ")
    assert response["Cache-Control"] == "no-store"
    assert "style=" not in html
    assert "javascript:" not in html
    assert " onclick=" not in html
