"""The two ways in: at the provider's own page (authorization code, PKCE), or with credentials.

The browser leaves with a random `state`, whose hash is stored, and comes back with it. It
counts once, for ten minutes, and only in the browser that left: a cookie named after the
state carries the link's token there and back, so nobody can be led into finishing somebody
else's sign-in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.conf import settings

from accounts.driving import door_for
from accounts.links import hash_token
from accounts.models import ConnectWebview, WebviewStep
from accounts.onboarding import credentials, webviews
from accounts.onboarding.credentials import Credentials
from accounts.providers.base import AuthError, Code, ProviderError, Reach, Token
from accounts.providers.salto_ks import SignIn, advice, begin_sign_in, finish_sign_in

SIGN_IN_LIFETIME = timedelta(minutes=10)
RETURN_PATH = "/connect/return"


class SignInError(Exception):
    """The sign-in did not succeed. `str()` is the sentence for people."""


DENIED = (
    "You did not allow access at Salto, so nothing was connected. "
    "Sign in again if you change your mind."
)
DENIED_EARLIER = (
    "You did not allow access at Salto in an older tab. A newer sign-in had replaced that one, "
    "so it changed nothing."
)
EXPIRED = "That sign-in took longer than 10 minutes and has expired. Sign in again."
USED = "That sign-in was already used, or a newer one replaced it. Sign in again."
OTHER_BROWSER = (
    "That sign-in was begun in another browser. Open the link in this browser and sign in again."
)


def return_address() -> str:
    return f"{settings.LOCKBOARD_ORIGIN}{RETURN_PATH}"


def why_unavailable(webview: ConnectWebview) -> str:
    """Return why *Sign in with Salto* cannot be offered, or ""."""
    if credentials.interactive(webview.workspace):
        return ""
    if webview.workspace.is_sandbox:
        return "The sandbox is not running: LOCKBOARD_SANDBOX_URL is not set on this server."
    return (
        "Salto has not issued a client to this installation yet: your administrator sets "
        "SALTO_KS_CLIENT_ID and SALTO_KS_CLIENT_SECRET. Back-end credentials work without it."
    )


def begin(webview: ConnectWebview, *, at: datetime) -> SignIn:
    """Remember a sign-in under way and return where to send the browser.

    A second one replaces the first. Raises SignInError where there is no client to sign in with.
    """
    environment = credentials.environment_for(webview.workspace)
    client = credentials.interactive(webview.workspace)
    if environment is None or client is None:
        raise SignInError(why_unavailable(webview))
    sign_in = begin_sign_in(environment, client.client_id, return_address())
    with webviews.preparing(webview) as locked:
        locked.state_hash = hash_token(sign_in.state)
        under_way = {
            "verifier": sign_in.code_verifier,
            "until": (at + SIGN_IN_LIFETIME).isoformat(),
        }
        webviews.keep_secrets(locked, webviews.secrets_of(locked) | {"under_way": under_way})
    return sign_in


def finish(webview: ConnectWebview, answer: Mapping[str, str], *, at: datetime) -> None:
    """Take what the provider's page sent the browser back with. The state counts only once.

    Raises SignInError with a sentence, CompletedElsewhereError.
    """
    has_denied = answer.get("error") == "access_denied"
    under_way = _take_sign_in(webview, hash_token(answer.get("state", "")))
    if under_way is None:
        raise SignInError(DENIED_EARLIER if has_denied else USED)
    if at > datetime.fromisoformat(under_way["until"]):
        raise SignInError(EXPIRED)
    if has_denied:
        raise SignInError(DENIED)
    if "error" in answer or not answer.get("code"):
        raise SignInError(f"Salto did not sign you in ({_word(answer)}). Sign in again.")
    client = credentials.interactive(webview.workspace)
    if client is None:
        raise SignInError(why_unavailable(webview))
    token = _exchange(webview, client, answer["code"], under_way["verifier"])
    _keep(webview, client, token)


def _take_sign_in(webview: ConnectWebview, state_hash: str) -> dict[str, str] | None:
    """Return the sign-in that left with this state, once; None if it is not the one under way."""
    with webviews.preparing(webview) as locked:
        secrets = webviews.secrets_of(locked)
        under_way: dict[str, str] | None = secrets.pop("under_way", None)
        if locked.state_hash != state_hash or under_way is None:
            return None
        locked.state_hash = ""
        webviews.keep_secrets(locked, secrets)
    return under_way


def _exchange(webview: ConnectWebview, client: Credentials, code: str, verifier: str) -> Token:
    environment = credentials.environment_for(webview.workspace)
    assert environment is not None  # `interactive` would have been None
    try:
        return finish_sign_in(
            environment,
            door_for(webview.workspace),
            client_id=client.client_id,
            client_secret=client.client_secret,
            redirect_uri=return_address(),
            code=code,
            code_verifier=verifier,
        )
    except AuthError:
        raise SignInError(
            "Salto did not accept the sign-in: it took too long or was used already. Sign in again."
        ) from None
    except ProviderError as error:
        raise SignInError(_sentence(error, client)) from None


def with_credentials(webview: ConnectWebview, given: Credentials) -> None:
    """Try back-end credentials and keep them if they are good. Raises SignInError."""
    driver, held = credentials.driver_for(webview.workspace, webview.provider, given, None)
    try:
        driver.refresh_token()
    except ProviderError as error:
        raise SignInError(_sentence(error, given)) from None
    _keep(webview, given, held.token)


def _keep(webview: ConnectWebview, given: Credentials, token: Token | None) -> None:
    with webviews.preparing(webview) as locked:
        credentials.keep(locked, given, token)
        for answer in ("checks", "checked_at", "identity", "sites"):
            locked.answers.pop(answer, None)
        locked.step = WebviewStep.CHECKS
        locked.state_hash = ""


def _sentence(error: ProviderError, given: Credentials) -> str:
    if error.code == Code.UNAUTHORIZED and given.grant == "password":
        return (
            "Salto refused the sign-in: client id, client secret, user name or password is wrong, "
            "or the credential was disabled. Nothing was stored."
        )
    if error.reach is Reach.NOT_SENT and error.code == Code.UNREACHABLE:
        return f"Salto could not be reached: {error}. Check the addresses, or try again later."
    found = advice(error.code, dialect=given.dialect)
    return f"{found.title}. {found.fix}"


def _word(answer: Mapping[str, str]) -> str:
    # It comes out of an address bar: only a word of the standard's alphabet is repeated.
    word = answer.get("error", "")
    return word if re.fullmatch(r"[a-z_]{1,40}", word) else "no answer"
