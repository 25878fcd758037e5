"""Tokens for Salto KS, by requests-oauthlib, through our door.

`OAuth2Session` writes the token requests (three grants, renewal, PKCE) and reads the answers.
It does not send them: it knows no total budget, follows redirects, and refuses http, which
the sandbox speaks. Setting OAUTHLIB_INSECURE_TRANSPORT would allow http to everybody, so
`_TokenSession` sends everything to its one token address through the door, which knows what
may be plain; the https spelling given to the library only satisfies its check.

Sources: https://developer.saltosystems.com/ks/connect-api/ (authentication),
https://claysolutions.freshdesk.com/support/solutions/articles/101000427069 (renewal),
seen November 2026.
"""

import base64
import io
import logging
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from json import dumps
from time import monotonic
from typing import Any

import requests
from oauthlib.oauth2 import (
    BackendApplicationClient,
    Client,
    LegacyApplicationClient,
    OAuth2Error,
    WebApplicationClient,
)
from requests_oauthlib import OAuth2Session

from accounts.providers.base import (
    AuthError,
    Code,
    Connection,
    MissingScopeError,
    ProviderError,
    RefusedError,
    Token,
    UncertainError,
    UnexpectedReplyError,
)
from accounts.providers.http import HttpDoor, Reply
from accounts.providers.salto_ks.environments import CONNECT, LEGACY, Environment
from accounts.providers.salto_ks.errors import LABEL, rate_limited
from accounts.providers.text import clean_text

# It writes passwords and tokens to its log at DEBUG. A filter survives logging's configuration.
logging.getLogger("requests_oauthlib.oauth2_session").addFilter(lambda record: False)

SIGN_IN_SCOPE = "user_api.full_access openid profile offline_access"
#: A password client may be limited to exactly this scope: asking for more gave invalid_scope.
PASSWORD_SCOPE = "user_api.full_access"  # noqa: S105 (a scope)
LEGACY_SCOPE = "locks:read locks:write users:read audit:read"

TOKEN_BUDGET_SECONDS = 5.0
SIGN_IN_BUDGET_SECONDS = 10.0
VERIFIER_LENGTH = 64
STATE_BYTES = 32
LIFETIME_DEFAULT_SECONDS = 300
LIFETIME_MIN_SECONDS = 30
LIFETIME_MAX_SECONDS = 24 * 3600

#: What only a person can mend. The word counts, whatever the status: one vendor sends
#: invalid_grant with 403 (https://github.com/binarydev/ha-generac/pull/296).
_CREDENTIALS_REFUSED = {"invalid_client", "invalid_grant", "unauthorized_client"}

ADDON_OFF = "The Connect API add-on is probably not enabled"

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


# --- fetching -------------------------------------------------------------------------------


def fetch_token(
    connection: Connection,
    latest: Token | None,
    *,
    door: HttpDoor,
    now: Clock = utc_now,
    budget_seconds: float = TOKEN_BUDGET_SECONDS,
) -> Token:
    """Return a new token: by the refresh token of `latest` if it has one, else by signing in.

    Where the refresh token is refused, password and client credentials sign in anew; an
    interactive sign-in cannot. Raises AuthError only for what a person must mend, and any
    other ProviderError where trying again later makes sense.
    """
    session = _TokenSession(connection, door=door, now=now, budget_seconds=budget_seconds)
    if latest is None or not latest.refresh_token:
        return session.sign_in()
    try:
        return session.renew(latest.refresh_token)
    except AuthError:
        if connection.grant == "authorization_code":
            raise
    return session.sign_in()


class _TokenSession(OAuth2Session):
    """requests-oauthlib with our door as its only way out, and only to one address."""

    def __init__(
        self, connection: Connection, *, door: HttpDoor, now: Clock, budget_seconds: float
    ) -> None:
        super().__init__(client=_client(connection))
        self.connection = connection
        self.door = door
        self.now = now
        self.deadline = monotonic() + budget_seconds
        # requests-oauthlib compares it with what comes back and stops where Salto gives less.
        self.asked_scope = connection.scope or _default_scope(connection)

    def request(  # type: ignore[override]
        self,
        method: str,
        url: str,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        **_: Any,
    ) -> requests.Response:
        """Send what the library wrote to the token address, and hand back a reply it can read."""
        reply = self.door.request(
            "POST",
            self.connection.auth_url,
            data=data,
            headers={**(headers or {}), **_basic(auth)},
            budget_seconds=self.deadline - monotonic(),
        )
        if problem := token_problem(reply, self.connection.dialect, self.now()):
            raise problem
        return _readable(read_token(reply))

    def sign_in(self) -> Token:
        connection = self.connection
        if connection.grant == "authorization_code":
            raise AuthError("The sign-in has ended: a person must sign in again")
        fields = {"scope": self.asked_scope, **self._who()}
        if connection.grant == "password":
            fields |= {"username": connection.username, "password": connection.password}
        return self._asked(lambda: self.fetch_token(self._address, **fields))

    def exchange(self, code: str, code_verifier: str, redirect_uri: str) -> Token:
        self.redirect_uri = redirect_uri
        fields = {"code": code, "code_verifier": code_verifier, **self._who()}
        return self._asked(lambda: self.fetch_token(self._address, **fields))

    def renew(self, refresh_token: str) -> Token:
        who = self._who()
        fields = {"auth": who["auth"]} if "auth" in who else {"client_id": self.client_id}
        return self._asked(
            lambda: self.refresh_token(self._address, refresh_token=refresh_token, **fields)
        )

    @property
    def _address(self) -> str:
        """The token address in the spelling the library insists on; see the module's comment."""
        return f"https:{self.connection.auth_url.partition(':')[2]}"

    def _who(self) -> dict[str, Any]:
        """A confidential client shows its secret in the header; a public one just its name."""
        if self.connection.client_secret:
            return {"auth": (self.connection.client_id, self.connection.client_secret)}
        return {"include_client_id": True}

    def _asked(self, ask: Callable[[], Mapping[str, Any]]) -> Token:
        asked_at = self.now()  # before the reply, so that the token never lives too long
        try:
            answer = ask()
        except (OAuth2Error, ValueError, Warning):
            answer = {}  # their words may quote the reply
        if not answer:
            raise UnexpectedReplyError(f"{LABEL} gave us a token we cannot read")
        return Token(
            access_token=answer["access_token"],
            refresh_token=answer.get("refresh_token") or "",
            scope=answer.get("granted_scope", ""),
            issued_at=asked_at,
            expires_at=asked_at + timedelta(seconds=answer["expires_in"]),
        )


def _client(connection: Connection) -> Client:
    kinds: dict[str, type[Client]] = {
        "password": LegacyApplicationClient,
        "client_credentials": BackendApplicationClient,
    }
    return kinds.get(connection.grant, WebApplicationClient)(connection.client_id)


def _default_scope(connection: Connection) -> str:
    return LEGACY_SCOPE if connection.dialect == LEGACY else PASSWORD_SCOPE


def _basic(auth: tuple[str, str] | None) -> dict[str, str]:
    if auth is None:
        return {}
    both = base64.b64encode(":".join(auth).encode()).decode()
    return {"Authorization": f"Basic {both}"}


def _readable(token: Mapping[str, Any]) -> requests.Response:
    response = requests.Response()
    response.status_code = 200
    response.encoding = "utf-8"
    response.raw = io.BytesIO(dumps(token).encode())
    response.request = requests.PreparedRequest()  # empty: the library looks into it to log it
    return response


# --- reading --------------------------------------------------------------------------------


def token_problem(reply: Reply, dialect: str, now: datetime) -> ProviderError | None:
    """Return the error a token reply stands for, or None.

    AuthError, which stops everything until a person acts, only where the reply says so in
    OAuth's words; in the older dialect also for a 401, which has no other meaning there:
    https://docs.harnessautomation.com/gem/admin/integrations/salto_ks
    """
    word = _oauth_error(reply)
    if word in _CREDENTIALS_REFUSED:
        return _refused_credentials(word, dialect, reply.status)
    if reply.status == 429:
        return rate_limited(reply, now)
    if reply.status >= 500 or reply.status == 408:
        return UncertainError(f"{LABEL} gave no token (HTTP {reply.status})", status=reply.status)
    if word == "invalid_scope":
        return MissingScopeError(f"{LABEL} does not give us the rights we ask for")
    if dialect == LEGACY and (problem := _legacy_problem(reply)):
        return problem
    if reply.is_success and not word:
        return None
    return UnexpectedReplyError(f"{LABEL} gave no token (HTTP {reply.status})", status=reply.status)


def _refused_credentials(word: str, dialect: str, status: int) -> AuthError:
    if dialect == LEGACY and word == "unauthorized_client":
        return AuthError(ADDON_OFF, code=Code.ADDON_OFF, status=status)
    return AuthError(f"{LABEL} refused the sign-in ({word})", status=status)


def _legacy_problem(reply: Reply) -> ProviderError | None:
    if reply.status == 401:
        return AuthError(f"{LABEL} refused the credential", status=401)
    if reply.status == 400:
        return RefusedError(ADDON_OFF, code=Code.ADDON_OFF, status=400)
    return None


def _oauth_error(reply: Reply) -> str:
    try:
        body = reply.body_json()
    except UnexpectedReplyError:
        return ""
    word = body.get("error") if isinstance(body, dict) else None
    # Only words of the standard's alphabet are repeated in our sentences.
    return word if isinstance(word, str) and re.fullmatch(r"[a-z_]{1,40}", word) else ""


def read_token(reply: Reply) -> dict[str, Any]:
    """Return the parts of a token reply that can be trusted; raises UnexpectedReplyError.

    `expires_in` is a number of seconds from 30 to 86 400; 300 where the reply does not say
    or says nonsense. The granted scope goes under a name of its own: see `_TokenSession`.
    """
    body = reply.body_json()
    access_token = body.get("access_token") if isinstance(body, dict) else None
    if not _is_token(access_token) or str(body.get("token_type", "")).lower() != "bearer":
        raise UnexpectedReplyError(f"{LABEL} gave us a token we cannot read", status=reply.status)
    parts = {
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_in": _lifetime_seconds(body.get("expires_in")),
        "granted_scope": clean_text(body.get("scope"), limit=500),
    }
    if _is_token(body.get("refresh_token")):
        parts["refresh_token"] = body["refresh_token"]
    return parts


def _is_token(value: object) -> bool:
    return isinstance(value, str) and bool(re.fullmatch(r"[!-~]{1,16384}", value))


def _lifetime_seconds(value: object) -> int:
    if not isinstance(value, int | float) or isinstance(value, bool) or value <= 0:
        return LIFETIME_DEFAULT_SECONDS
    return int(min(max(value, LIFETIME_MIN_SECONDS), LIFETIME_MAX_SECONDS))


# --- signing in as a person -----------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class SignIn:
    """Where to send the browser, and what to keep until it comes back."""

    url: str = field(repr=False)
    state: str = field(repr=False)
    code_verifier: str = field(repr=False)


def begin_sign_in(environment: Environment, client_id: str, redirect_uri: str) -> SignIn:
    """Return the address of Salto's sign-in page: authorization code with PKCE (S256).

    The caller keeps `state` and `code_verifier` in the session and compares the state when
    the browser returns. Source: https://developer.saltosystems.com/ks/connect-api/
    """
    client = WebApplicationClient(client_id)
    code_verifier = client.create_code_verifier(VERIFIER_LENGTH)
    session = OAuth2Session(client=client, scope=SIGN_IN_SCOPE.split(), redirect_uri=redirect_uri)
    scheme, _, rest = environment.authorize_url.partition(":")
    url, state = session.authorization_url(
        f"https:{rest}",
        state=secrets.token_urlsafe(STATE_BYTES),
        code_challenge=client.create_code_challenge(code_verifier, "S256"),
        code_challenge_method="S256",
    )
    return SignIn(url=f"{scheme}:{url.partition(':')[2]}", state=state, code_verifier=code_verifier)


def finish_sign_in(
    environment: Environment,
    door: HttpDoor,
    *,
    client_id: str,
    client_secret: str,
    redirect_uri: str,
    code: str,
    code_verifier: str,
    now: Clock = utc_now,
) -> Token:
    """Exchange the code the browser brought for a token with refresh token.

    `client_secret` is "" for a public client. Raises ProviderError; AuthError where the code
    was used before, is too old, or the client is refused.
    """
    connection = Connection(
        dialect=CONNECT,
        grant="authorization_code",
        api_base=environment.api_base,
        auth_url=environment.token_url,
        client_id=client_id,
        client_secret=client_secret,
    )
    session = _TokenSession(connection, door=door, now=now, budget_seconds=SIGN_IN_BUDGET_SECONDS)
    return session.exchange(code, code_verifier, redirect_uri)
