"""The identity host: discovery, sign-in with consent, tokens.

Source: https://developer.saltosystems.com/ks/connect-api/ (authentication), refusals measured.

Two environments share the code: production under `/identity`, accept (Salto's test
environment) under `/accept/identity`. An account signs in at either, and its tokens name
the environment it belongs to as issuer, so that a client can see it came to the wrong one.
"""

import base64
import hashlib
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sandbox import pages, tokens
from sandbox.replies import Json, unauthorized
from sandbox.things import Client, Person, SignIn, Token
from sandbox.world import World

SIGN_IN_SECONDS = 600
CODE_SECONDS = 60


class OAuthError(Exception):
    """A refusal of the token endpoint, in OAuth's words."""

    def __init__(self, error: str, description: str = "", *, status: int = 400) -> None:
        super().__init__(error)
        self.error, self.description, self.status = error, description, status

    def response(self) -> Response:
        body = {"error": self.error}
        if self.description:
            body["error_description"] = self.description
        return Json(body, self.status, headers={"Cache-Control": "no-store"})


def issuer(request: Request, environment: str) -> str:
    prefix = "/accept" if environment == "accept" else ""
    return f"{request.app.state.base_url}{prefix}/identity"


def _environment(request: Request) -> str:
    return "accept" if request.url.path.startswith("/accept/") else "production"


async def discovery(request: Request) -> Response:
    here = issuer(request, _environment(request))
    return Json(
        {
            "issuer": here,
            "jwks_uri": f"{here}/.well-known/openid-configuration/jwks",
            "authorization_endpoint": f"{here}/connect/authorize",
            "token_endpoint": f"{here}/connect/token",
            "userinfo_endpoint": f"{here}/connect/userinfo",
            "revocation_endpoint": f"{here}/connect/revocation",
            "scopes_supported": ["openid", "profile", "user_api.full_access", "offline_access"],
            "grant_types_supported": [
                "authorization_code",
                "client_credentials",
                "refresh_token",
                "password",
            ],
            "response_types_supported": ["code"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }
    )


async def jwks(request: Request) -> Response:
    return Json(tokens.key_set(request.app.state.world))


# --- signing in ---------------------------------------------------------------------------


async def authorize(request: Request) -> Response:
    """Begin a sign-in: show the login page, or send the client's mistake back to it."""
    world: World = request.app.state.world
    query = request.query_params
    client = world.clients.get(query.get("client_id"))
    redirect_uri = query.get("redirect_uri", "")
    if client is None or "authorization_code" not in client.grants:
        return pages.problem("This application is not known here (client_id).")
    if not is_local(redirect_uri):
        return pages.problem("This address to return to is not allowed (redirect_uri).")
    if wrong := _mistake(client, query):
        return _back(redirect_uri, state=query.get("state", ""), error=wrong)
    sign_in = SignIn(
        id=secrets.token_urlsafe(24),
        client_id=client.id,
        redirect_uri=redirect_uri,
        state=query.get("state", ""),
        scopes=query.get("scope", "").split(),
        challenge=query.get("code_challenge", ""),
        nonce=query.get("nonce", ""),
        environment=_environment(request),
        expires_at=world.now() + timedelta(seconds=SIGN_IN_SECONDS),
    )
    world.sign_ins.put(sign_in)
    return pages.login(sign_in, email=query.get("login_hint", ""))


def is_local(uri: str) -> bool:
    """Tell whether a redirect leads to this machine: any port, http only."""
    try:
        parts = urlsplit(uri)
        return parts.scheme == "http" and parts.hostname in {"127.0.0.1", "localhost"}
    except ValueError:
        return False


def _mistake(client: Client, query: Mapping[str, str]) -> str:
    if query.get("response_type") != "code":
        return "unsupported_response_type"
    scopes = query.get("scope", "").split()
    if not scopes or not set(scopes) <= set(client.scopes):
        return "invalid_scope"
    if query.get("code_challenge_method") != "S256" or not query.get("code_challenge"):
        return "invalid_request"
    return "login_required" if query.get("prompt") == "none" else ""


OVER = "This sign-in took too long, or is over. Go back to where you came from."


async def login_page(request: Request) -> Response:
    """Show the login page again, after a wrong password."""
    sign_in = _open_sign_in(request.app.state.world, request.query_params.get("sign_in", ""))
    if sign_in is None or sign_in.code:
        return pages.problem(OVER)
    return pages.login(sign_in, email=sign_in.wrong_email, wrong=True)


async def login(request: Request) -> Response:
    """Check the password. What follows is a page of its own, so that *Back* asks for no form."""
    world: World = request.app.state.world
    form = await request.form()
    sign_in = _open_sign_in(world, str(form.get("sign_in")))
    if sign_in is None or sign_in.code:
        return pages.problem(OVER)
    email = str(form.get("email", "")).strip().lower()
    person = person_with_password(world, email, str(form.get("password", "")))
    if person is None:
        world.effect("sign_in_failed", cause="sign_in", account=email)
        sign_in.wrong_email = email
        world.sign_ins.put(sign_in)
        return _page(sign_in, "login")
    sign_in.person_id = person.id
    world.sign_ins.put(sign_in)
    return _page(sign_in, "consent")


def _page(sign_in: SignIn, name: str) -> Response:
    query = urlencode({"sign_in": sign_in.id})
    return RedirectResponse(f"{pages.prefix(sign_in)}/identity/{name}?{query}", 303)


async def consent_page(request: Request) -> Response:
    world: World = request.app.state.world
    sign_in = _open_sign_in(world, request.query_params.get("sign_in", ""))
    if sign_in is None or sign_in.person_id is None or sign_in.code:
        return pages.problem(OVER)
    return pages.consent(sign_in, world.people[sign_in.person_id])


async def consent(request: Request) -> Response:
    world: World = request.app.state.world
    form = await request.form()
    sign_in = _open_sign_in(world, str(form.get("sign_in")))
    if sign_in is None or sign_in.person_id is None or sign_in.code:
        return pages.problem(OVER)
    if form.get("decision") != "allow":
        world.sign_ins.drop(sign_in.id)
        return _back(sign_in.redirect_uri, state=sign_in.state, error="access_denied")
    code = secrets.token_urlsafe(32)
    sign_in.code = tokens.digest(code)
    sign_in.expires_at = world.now() + timedelta(seconds=CODE_SECONDS)
    world.sign_ins.put(sign_in)
    return _back(sign_in.redirect_uri, code=code, state=sign_in.state)


def person_with_password(world: World, email: str, password: str) -> Person | None:
    for person in world.people.where(email=email):
        known = person.password or ""
        right = secrets.compare_digest(known.encode(), password.encode())
        if known and right and not person.disabled:
            return person
    return None


def _open_sign_in(world: World, key: str) -> SignIn | None:
    for sign_in in world.sign_ins:
        if sign_in.expires_at < world.now():
            world.sign_ins.drop(sign_in.id)
    return world.sign_ins.get(key)


def _back(redirect_uri: str, **answer: str) -> Response:
    query = urlencode({name: value for name, value in answer.items() if value})
    joint = "&" if "?" in redirect_uri else "?"
    return RedirectResponse(f"{redirect_uri}{joint}{query}", 303)


# --- tokens -------------------------------------------------------------------------------


async def token(request: Request) -> Response:
    """Answer all grants of a Connect client, each with the refusals that were measured."""
    form = {name: str(value) for name, value in (await request.form()).items()}
    grants = {
        "password": _password,
        "authorization_code": _authorization_code,
        "refresh_token": _refresh,
        # Listed in discovery, but of no use to a Connect client (measured).
        "client_credentials": _refuse_client,
    }
    try:
        client = authenticate_client(request, form, dialect="connect")
        grant = grants.get(form.get("grant_type", ""))
        if grant is None:
            raise OAuthError("unsupported_grant_type")
        answer = grant(request, client, form)
    except OAuthError as refusal:
        return refusal.response()
    return Json(answer, headers={"Cache-Control": "no-store"})


def authenticate_client(request: Request, form: Mapping[str, str], *, dialect: str) -> Client:
    """Return the client by Basic or by form; a public one needs no secret."""
    world: World = request.app.state.world
    basic = basic_credentials(request.headers.get("authorization", ""))
    name, secret = basic or (form.get("client_id", ""), form.get("client_secret", ""))
    status = 401 if basic or dialect == "legacy" else 400
    client = world.clients.get(name)
    if client is None or client.dialect != dialect or client.disabled:
        raise OAuthError("invalid_client", status=status)
    if not secret and client.is_public:
        return client
    if not secrets.compare_digest(secret.encode(), client.secret.encode()):
        raise OAuthError("invalid_client", status=status)
    return client


def basic_credentials(header: str) -> tuple[str, str] | None:
    kind, _, text = header.partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(text).decode().partition(":")
    except ValueError:
        return ("", "")
    return name, secret


def _refuse_client(_request: Request, _client: Client, _form: Mapping[str, str]) -> dict[str, Any]:
    raise OAuthError("unauthorized_client")


def _password(request: Request, client: Client, form: Mapping[str, str]) -> dict[str, Any]:
    world: World = request.app.state.world
    if "password" not in client.grants:
        raise OAuthError("unauthorized_client")
    scopes = form.get("scope", "").split()
    if not scopes or not set(scopes) <= set(client.scopes):
        raise OAuthError("invalid_scope")
    email = form.get("username", "").strip().lower()
    person = person_with_password(world, email, form.get("password", ""))
    if person is None:
        world.effect("sign_in_failed", cause="sign_in", account=email)
        raise OAuthError("invalid_grant", "invalid_username_or_password")
    return _issue(request, client, person, scopes)


def _authorization_code(
    request: Request, client: Client, form: Mapping[str, str]
) -> dict[str, Any]:
    """Exchange a code, once, with the verifier of its challenge."""
    world: World = request.app.state.world
    code = tokens.digest(form.get("code", ""))
    sign_in = next(iter(world.sign_ins.where(code=code, client_id=client.id)), None)
    if sign_in is None:
        raise OAuthError("invalid_grant")
    world.sign_ins.drop(sign_in.id)
    person = world.people.get(sign_in.person_id)
    if (
        person is None
        or person.disabled
        or sign_in.expires_at < world.now()
        or sign_in.redirect_uri != form.get("redirect_uri")
        or sign_in.challenge != challenge_of(form.get("code_verifier", ""))
    ):
        raise OAuthError("invalid_grant")
    answer = _issue(request, client, person, sign_in.scopes)
    if "openid" in sign_in.scopes:
        here = issuer(request, person.environment)
        answer["id_token"] = tokens.identity_token(
            world, client, person, issuer=here, nonce=sign_in.nonce
        )
    return answer


def challenge_of(verifier: str) -> str:
    """Return the S256 challenge of a PKCE verifier."""
    hashed = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(hashed).rstrip(b"=").decode()


def _refresh(request: Request, client: Client, form: Mapping[str, str]) -> dict[str, Any]:
    world: World = request.app.state.world
    old = tokens.find(world, form.get("refresh_token", ""), kind="refresh")
    if old is None or old.client_id != client.id or old.expires_at < world.now():
        raise OAuthError("invalid_grant")
    person = world.people.get(old.person_id)
    if person is None or person.disabled:
        raise OAuthError("invalid_grant")
    answer = _issue(request, client, person, old.scopes)
    if world.settings.refresh_rotation:
        world.tokens.drop(old.id)
    else:
        world.tokens.drop(tokens.digest(answer["refresh_token"]))
        answer["refresh_token"] = form["refresh_token"]
    return answer


def _issue(request: Request, client: Client, person: Person, scopes: list[str]) -> dict[str, Any]:
    world: World = request.app.state.world
    here = issuer(request, person.environment)
    claim = tokens.Claim(client=client, issuer=here, scopes=scopes, person=person)
    return tokens.issue(world, claim)


async def userinfo(request: Request) -> Response:
    person, _ = bearer(request)
    return Json({"sub": tokens.subject_of(person), "name": person.name, "email": person.email})


async def revocation(request: Request) -> Response:
    """Forget a token. Always 200, as RFC 7009 asks."""
    world: World = request.app.state.world
    form = {name: str(value) for name, value in (await request.form()).items()}
    try:
        client = authenticate_client(request, form, dialect="connect")
    except OAuthError as refusal:
        return refusal.response()
    found = world.tokens.get(tokens.digest(form.get("token", "")))
    if found and found.client_id == client.id:
        world.tokens.drop(found.id)
    return Response(status_code=200)


def bearer(request: Request) -> tuple[Person, Token]:
    """Return who asks, by the bearer token of a Connect client. Raises a 401 without body."""
    world: World = request.app.state.world
    found = find_bearer(request, kind="connect")
    person = world.people.get(found.person_id)
    if person is None or person.disabled:
        raise RefusedTokenError("The user is not active")
    return person, found


class RefusedTokenError(Exception):
    """A bearer token that is missing (no detail) or no good."""

    def response(self) -> Response:
        return unauthorized(str(self))


def find_bearer(request: Request, *, kind: str) -> Token:
    """Return the token sent. Raises RefusedTokenError: none, unknown, expired, other audience."""
    world: World = request.app.state.world
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not text:
        raise RefusedTokenError
    found = world.tokens.get(tokens.digest(text.strip()))
    if found is None or found.kind == "refresh":
        raise RefusedTokenError("The token is invalid")
    if found.kind != kind:
        raise RefusedTokenError(f"The audience '{tokens.AUDIENCES[found.kind]}' is invalid")
    if found.expires_at <= world.now():
        raise RefusedTokenError(f"The token expired at '{found.expires_at:%m/%d/%Y %H:%M:%S}'")
    return found
