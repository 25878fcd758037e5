"""What we are told to sign in with, and where: kept in the answers and sealed secrets."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings

from accounts.driving import HeldToken, door_for
from accounts.models import ConnectWebview, Dialect, Grant, Workspace
from accounts.onboarding.webviews import keep_secrets, secrets_of
from accounts.providers import open_driver
from accounts.providers.base import Connection, LockDriver, Token
from accounts.providers.salto_ks import PRODUCTION, Environment, sandbox_environment

#: The sandbox's public client: no secret, because everybody may try it.
SANDBOX_CLIENT_ID = "lockboard-web"


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """One way to sign in at a provider. The secrets never appear in a repr."""

    dialect: str
    grant: str
    api_base: str
    auth_url: str
    client_id: str = ""
    username: str = ""
    client_secret: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    def as_connection(self) -> Connection:
        return Connection(**asdict(self))


_SECRET = ("client_secret", "password")


def environment_for(workspace: Workspace) -> Environment | None:
    """Return where this workspace's accounts live; None for a sandbox that is not running."""
    if not workspace.is_sandbox:
        return PRODUCTION
    return sandbox_environment(settings.SANDBOX_URL) if settings.SANDBOX_URL else None


def interactive(workspace: Workspace) -> Credentials | None:
    """Return what *Sign in with Salto* uses, or None where this installation has no client."""
    environment = environment_for(workspace)
    client_id = SANDBOX_CLIENT_ID if workspace.is_sandbox else settings.SALTO_KS_CLIENT_ID
    if environment is None or not client_id:
        return None
    return Credentials(
        dialect=Dialect.CONNECT,
        grant=Grant.AUTHORIZATION_CODE,
        api_base=environment.api_base,
        auth_url=environment.token_url,
        client_id=client_id,
        client_secret="" if workspace.is_sandbox else settings.SALTO_KS_CLIENT_SECRET,
    )


def usual_addresses(workspace: Workspace, dialect: str) -> tuple[str, str]:
    """Return `api_base` and `auth_url` as most people have them."""
    environment = environment_for(workspace)
    if environment is None:
        return "", ""
    if dialect == Dialect.LEGACY:
        return environment.legacy_api_base, environment.legacy_token_url
    return environment.api_base, environment.token_url


# --- kept in an attempt -----------------------------------------------------------------------


def keep(webview: ConnectWebview, credentials: Credentials, token: Token | None) -> None:
    """Put these into the attempt, the secret parts sealed. Does not save."""
    parts = asdict(credentials)
    secrets = {name: parts.pop(name) for name in _SECRET}
    webview.answers["credentials"] = parts
    keep_secrets(webview, secrets | {"token": token_to_json(token)})


def kept(webview: ConnectWebview) -> Credentials | None:
    """Return what `keep` kept, or None."""
    parts = webview.answers.get("credentials")
    secrets = secrets_of(webview)
    if not parts or "token" not in secrets:
        return None
    return Credentials(**parts, **{name: secrets[name] for name in _SECRET})


def kept_token(webview: ConnectWebview) -> Token | None:
    return token_from_json(secrets_of(webview).get("token"))


def driver_for(
    workspace: Workspace, provider: str, credentials: Credentials, token: Token | None
) -> tuple[LockDriver, HeldToken]:
    """Return a driver for credentials that belong to no account yet, and its token's keeper."""
    held = HeldToken(token)
    driver = open_driver(
        provider, credentials.as_connection(), tokens=held, door=door_for(workspace)
    )
    return driver, held


def token_text(token: Token) -> str:
    """Return a token as accounts.driving reads it from an account's row."""
    parts = token_to_json(token)
    assert parts is not None
    return json.dumps({name: parts[name] for name in ("access", "refresh", "scope")})


def token_to_json(token: Token | None) -> dict[str, Any] | None:
    if token is None:
        return None
    return {
        "access": token.access_token,
        "refresh": token.refresh_token,
        "scope": token.scope,
        "expires_at": token.expires_at.isoformat(),
    }


def token_from_json(parts: dict[str, Any] | None) -> Token | None:
    if parts is None:
        return None
    return Token(
        access_token=parts["access"],
        refresh_token=parts["refresh"],
        scope=parts["scope"],
        expires_at=datetime.fromisoformat(parts["expires_at"]),
    )
