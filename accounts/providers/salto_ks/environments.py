"""Where Salto KS lives.

Sources: https://developer.saltosystems.com/ks/connect-api/ and
https://docs.harnessautomation.com/gem/admin/integrations/salto_ks for the older dialect,
seen in November 2026. No host is ever derived from another: they changed separately before.
"""

import re
from base64 import urlsafe_b64decode
from dataclasses import dataclass, replace
from json import loads
from urllib.parse import SplitResult, urlsplit

from accounts.providers.base import Connection, ProviderError
from accounts.providers.http import HttpDoor

CONNECT = "connect"
LEGACY = "legacy"

#: For settings: the hosts an installation may speak to unless told otherwise.
DEFAULT_HOSTS: tuple[str, ...] = (
    "connect.my-clay.com",
    "identity.eu.my-clay.com",
    "clp.my-clay.com",
    "*.saltoks.com",
)

_VERSION = re.compile(r"/v\d+(\.\d+)?$")


@dataclass(frozen=True, kw_only=True)
class Environment:
    """One Salto KS: production, their test system, or our sandbox."""

    name: str
    label: str
    identity_base: str
    authorize_url: str
    token_url: str
    api_base: str
    legacy_token_url: str = ""
    legacy_api_base: str = ""


PRODUCTION = Environment(
    name="production",
    label="Salto KS",
    identity_base="https://identity.eu.my-clay.com",
    authorize_url="https://identity.eu.my-clay.com/connect/authorize",
    token_url="https://identity.eu.my-clay.com/connect/token",  # noqa: S106 (an address)
    api_base="https://connect.my-clay.com",
    legacy_token_url="https://clp.my-clay.com/oauth2/token",  # noqa: S106
    legacy_api_base="https://clp.my-clay.com/v1.1",
)
ACCEPT = Environment(
    name="accept",
    label="Salto KS Accept (test system)",
    identity_base="https://identity-acc.eu.my-clay.com",
    authorize_url="https://identity-acc.eu.my-clay.com/connect/authorize",
    token_url="https://identity-acc.eu.my-clay.com/connect/token",  # noqa: S106
    api_base="https://clp-accept-user.my-clay.com",
)
#: Every name the test system was seen under.
ACCEPT_HOSTS = frozenset(
    {
        "identity-acc.eu.my-clay.com",
        "clp-accept-identityserver.my-clay.com",
        "clp-accept-identityserver.saltoks.com",
        "clp-accept-user.my-clay.com",
        "clp-accept-user.saltoks.com",
    }
)


def sandbox_environment(origin: str) -> Environment:
    """Return the simulated Salto KS at `origin`, such as `http://127.0.0.1:8001`."""
    origin = origin.rstrip("/")
    return Environment(
        name="sandbox",
        label="Sandbox",
        identity_base=f"{origin}/identity",
        authorize_url=f"{origin}/identity/connect/authorize",
        token_url=f"{origin}/identity/connect/token",
        api_base=f"{origin}/connect",
        legacy_token_url=f"{origin}/legacy/oauth2/token",
        legacy_api_base=f"{origin}/legacy/v1.1",
    )


def discover(environment: Environment, door: HttpDoor) -> Environment:
    """Return the environment with the addresses its identity server announces.

    What cannot be fetched, or belongs to another origin, stays as it was.
    Source: https://openid.net/specs/openid-connect-discovery-1_0.html
    """
    url = f"{environment.identity_base}/.well-known/openid-configuration"
    try:
        announced = door.request("GET", url, budget_seconds=5).body_json()
    except ProviderError:
        return environment
    if not isinstance(announced, dict):
        return environment
    return replace(
        environment,
        authorize_url=_own(environment, announced.get("authorization_endpoint"))
        or environment.authorize_url,
        token_url=_own(environment, announced.get("token_endpoint")) or environment.token_url,
    )


def _own(environment: Environment, url: object) -> str:
    if isinstance(url, str) and url.startswith(f"{environment.identity_base}/"):
        return url
    return ""


def api_root(connection: Connection) -> str:
    """Return the address without a trailing slash, in the connect dialect without version."""
    root = connection.api_base.rstrip("/")
    return root if connection.dialect == LEGACY else _VERSION.sub("", root)


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def environment_name(connection: Connection, door: HttpDoor, access_token: str = "") -> str:
    """Return production, accept, sandbox, mixed (two of these), or other.

    An account of the test system may sign in at production's page: its token says so.
    """
    if _name(_issuer(access_token), door) == "accept":
        return "accept"
    names = {_name(connection.api_base, door), _name(connection.auth_url, door)}
    return names.pop() if len(names) == 1 else "mixed"


def _issuer(access_token: str) -> str:
    """Return who issued a token, unverified: good enough to warn by, not to trust."""
    try:
        payload = access_token.split(".")[1]
        claims = loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        issuer = claims.get("iss")
    except (IndexError, ValueError, AttributeError, RecursionError):
        return ""
    return issuer if isinstance(issuer, str) else ""


def _name(url: str, door: HttpDoor) -> str:
    parts = _split(url)
    host = parts.hostname or ""
    if door.is_plain(url):
        return "accept" if parts.path.startswith("/accept/") else "sandbox"
    if host in ACCEPT_HOSTS:
        return "accept"
    ours = (PRODUCTION.api_base, PRODUCTION.identity_base, PRODUCTION.legacy_api_base)
    known = {urlsplit(base).hostname for base in ours}
    return "production" if host in known else "other"
