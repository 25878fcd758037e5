"""The account itself: added with its sites, renewed, or replaced by another login."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError

from accounts.actors import Actor
from accounts.health import account_changed
from accounts.models import (
    AccountState,
    ConnectedAccount,
    ConnectedSite,
    ConnectWebview,
    Hub,
    Space,
    SpaceKind,
    WebviewStep,
    Workspace,
)
from accounts.onboarding import checking, choosing, credentials, progress, webviews
from accounts.onboarding.choosing import Choice
from accounts.onboarding.credentials import Credentials
from accounts.providers.base import Token
from accounts.signals import first_sync_requested
from audit.services import record
from audit.who import Who
from audit.words import How, Verb

#: The usual polls begin once the first sync is done; or now and then, should it be lost.
_WITHOUT_FIRST_SYNC = timedelta(minutes=2)


class CannotConnectError(Exception):
    """Something has changed since it was chosen. `str()` says what."""


class AlreadyConnectedError(CannotConnectError):
    """The same login is an account of this workspace already."""


class UnavailableSiteError(CannotConnectError):
    """A chosen site is operated through another account, or cannot be operated at all."""


def confirm(webview: ConnectWebview, *, name: str, by: Who, at: datetime) -> ConnectedAccount:
    """Add the account, its sites and their new properties, and ask for the first sync.

    All or nothing. Raises CompletedElsewhereError where it was added before,
    CannotConnectError where what was chosen is no longer possible.
    """
    try:
        with webviews.preparing(webview) as locked:
            account = _add(locked, name, by, at)
            _after(locked, account, WebviewStep.SYNC)
            progress.begin(locked, account.sites.all(), at=at)
            locked.save()
            first_sync_requested.send(ConnectWebview, webview_id=locked.pk, here=False)
    except IntegrityError as error:
        if "account_connected_once" in str(error):
            raise AlreadyConnectedError from None
        raise
    return account


def _add(webview: ConnectWebview, name: str, by: Who, at: datetime) -> ConnectedAccount:
    given, token = _signed_in(webview)
    if checking.twin_of(webview):
        raise AlreadyConnectedError
    choices = choosing.chosen(webview)
    if not choices:
        raise CannotConnectError("Choose at least one site.")
    refuse_unavailable(
        webview.workspace, webview.provider, [_site(webview, choice) for choice in choices]
    )
    account = ConnectedAccount(
        workspace=webview.workspace,
        provider=webview.provider,
        name=name,
        remote_id=webview.answers["identity"]["remote_id"],
        state_since=at,
        connected_at=at,
        next_status_poll_at=at + _WITHOUT_FIRST_SYNC,
        next_event_poll_at=at + _WITHOUT_FIRST_SYNC,
    )
    _sign(account, given, token, webview, at)
    account.save(force_insert=True)
    actor = webviews.authority(webview)
    if actor is None:
        raise CannotConnectError("The person who made this link may no longer connect accounts.")
    places = properties_of(actor, choices, by, at)
    for choice, place in zip(choices, places, strict=True):
        add_site(account, _site(webview, choice), place)
    record(
        Verb.ACCOUNT_CONNECTED,
        workspace_id=webview.workspace_id,
        at=at,
        who=by,
        place=account.as_place(),
        how=How.WEB,
        subject=name,
        grant=given.grant,
        api_base=given.api_base,
        sites=[
            f"{_site(webview, c)['name']} → {p.name}" for c, p in zip(choices, places, strict=True)
        ][:10],
    )
    return account


def _signed_in(webview: ConnectWebview) -> tuple[Credentials, Token | None]:
    given = credentials.kept(webview)
    if given is None or not checking.may_go_on(webview):
        raise CannotConnectError("Sign in again first.")
    return given, credentials.kept_token(webview)


def refuse_unavailable(
    workspace: Workspace, provider: str, sites: Iterable[dict[str, Any]]
) -> None:
    """Raise UnavailableSiteError unless each of these sites may be given to an account now.

    Two accounts that operate one site would each open its doors without knowing of the
    other. Whoever gives sites to accounts waits here for the others in the workspace, to the
    end of the transaction, so of two at once the second finds the first one's sites.
    """
    # No key changes: a click's row, which only refers to the workspace, does not wait.
    Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)
    rows = {site["remote_id"]: site for site in sites}
    taken = checking.operators_of(workspace.pk, provider, rows)
    reasons = checking.unavailable(rows.values(), taken, actor=None)
    for site_id, reason in reasons.items():
        raise UnavailableSiteError(f"{rows[site_id]['name']} cannot be chosen. {reason}")


def properties_of(actor: Actor, choices: list[Choice], by: Who, at: datetime) -> list[Space]:
    """Return the property of each choice, making the new ones. Sites may share one."""
    existing = {space.pk: space for space in webviews.properties_for(actor)}
    made: dict[str, Space] = {}
    places = []
    for choice in choices:
        if choice.property_id is not None:
            if choice.property_id not in existing:
                raise CannotConnectError("A chosen property is no longer there. Choose again.")
            places.append(existing[choice.property_id])
            continue
        if not webviews.may_add_properties(actor):
            raise CannotConnectError("Choose one of the existing properties.")
        if choice.name not in made:
            made[choice.name] = _add_property(actor.workspace, choice, by, at)
        places.append(made[choice.name])
    return places


def _add_property(workspace: Workspace, choice: Choice, by: Who, at: datetime) -> Space:
    same = Space.objects.properties().filter(workspace=workspace, name=choice.name)
    if same.exists():
        raise CannotConnectError(
            f"There is a property called {choice.name} by now. Choose it, or another name."
        )
    space = Space.objects.create(
        workspace=workspace,
        kind=SpaceKind.PROPERTY,
        name=choice.name,
        time_zone=choice.time_zone,
    )
    record(
        Verb.PROPERTY_CREATED,
        workspace_id=workspace.pk,
        at=at,
        who=by,
        how=How.WEB,
        subject=space.name,
        time_zone=space.time_zone,
    )
    return space


def add_site(account: ConnectedAccount, site: dict[str, Any], place: Space) -> None:
    ConnectedSite.objects.create(
        account=account,
        remote_id=site["remote_id"],
        name=site["name"],
        property=place,
        seats_used=site["seats_used"],
        seats_total=site["seats_total"],
    )


def _site(webview: ConnectWebview, choice: Choice) -> dict[str, Any]:
    sites: list[dict[str, Any]] = webview.answers["sites"]
    return next(site for site in sites if site["remote_id"] == choice.remote_id)


def _sign(
    account: ConnectedAccount,
    given: Credentials,
    token: Token | None,
    webview: ConnectWebview,
    at: datetime,
) -> None:
    """Put credentials and token into an account, sealed for its id and hosts. Does not save."""
    account.dialect, account.grant = given.dialect, given.grant
    account.api_base, account.auth_url = given.api_base, given.auth_url
    account.client_id = given.client_id
    # Whoever signed in at the provider's page has no name here; people ask for it later.
    account.username = given.username or (webview.answers["identity"]["email"])[:254]
    account.seal("client_secret", given.client_secret)
    account.seal("password", given.password)
    account.secret_set_at = at
    account.seal("token", "")
    account.token_expires_at = None
    account.token_version = (account.token_version or 0) + 1
    if token is not None:
        account.seal("token", credentials.token_text(token))
        account.token_expires_at = token.expires_at


def _after(webview: ConnectWebview, account: ConnectedAccount, step: WebviewStep) -> None:
    """The account holds the secrets now; the attempt forgets them. Does not save."""
    webview.account, webview.step, webview.state_hash = account, step, ""
    webview.seal_secrets("")


# --- renewing ---------------------------------------------------------------------------------


def reconnect(webview: ConnectWebview, account: ConnectedAccount, *, by: Who, at: datetime) -> None:
    """Renew the login of an account with what this attempt signed in with: the same person."""
    with webviews.preparing(webview) as locked:
        _signed_in(locked)
        row = _lock(account)
        if locked.answers["identity"]["remote_id"] != row.remote_id:
            raise CannotConnectError("This is a different account.")
        _renew(locked, row, by=by, at=at)
        _finish(locked, row, at)


def replace(webview: ConnectWebview, account: ConnectedAccount, *, by: Who, at: datetime) -> None:
    """Let this login take an account over. It must see every site the account operates.

    Raises CannotConnectError where it does not, AlreadyConnectedError where this login is an
    account of its own.
    """
    with webviews.preparing(webview) as locked:
        _signed_in(locked)
        if checking.twin_of(locked):
            raise AlreadyConnectedError
        row = _lock(account)
        if missing := missing_sites(locked, row):
            raise CannotConnectError(
                f"This login cannot see {', '.join(missing)}, so it cannot replace {row.name}."
            )
        # One-time codes belong to the person who activated them, not to the account.
        Hub.objects.filter(site__account=row).update(otp_sealed="", activated_at=None)
        before = row.remote_id
        row.remote_id = locked.answers["identity"]["remote_id"]
        _renew(locked, row, by=by, at=at, replaced=before)
        _finish(locked, row, at)


def add_instead(webview: ConnectWebview) -> None:
    """Turn an attempt to reconnect, which came back as somebody else, into a new account."""
    with webviews.preparing(webview) as locked:
        if checking.twin_of(locked):
            raise AlreadyConnectedError
        locked.reconnects = None
        locked.step = WebviewStep.SITES


def missing_sites(webview: ConnectWebview, account: ConnectedAccount) -> list[str]:
    """Return the names of the sites an account operates and this login does not see."""
    visible = {site["remote_id"] for site in webview.answers.get("sites", [])}
    return [site.name for site in account.sites.all() if site.remote_id not in visible]


def _lock(account: ConnectedAccount) -> ConnectedAccount:
    row = ConnectedAccount.objects.select_for_update().get(pk=account.pk)
    if row.state == AccountState.DISCONNECTED:
        raise CannotConnectError(f"{row.name} was disconnected meanwhile. Add it as a new account.")
    return row


def _renew(
    webview: ConnectWebview, row: ConnectedAccount, *, by: Who, at: datetime, **detail: Any
) -> None:
    given, token = _signed_in(webview)
    before = {"grant": row.grant, "api_base": row.api_base, "client_id": row.client_id}
    state = row.state
    _sign(row, given, token, webview, at)
    row.state, row.state_since = AccountState.CONNECTED, at
    row.trouble_code = row.trouble = ""
    row.otp_refusals = 0
    row.troubles.all().delete()
    row.throttled_until = row.token_lease_until = None
    row.next_status_poll_at = row.next_event_poll_at = at
    row.save()
    after = {"grant": row.grant, "api_base": row.api_base, "client_id": row.client_id}
    record(
        Verb.ACCOUNT_RECONNECTED,
        workspace_id=row.workspace_id,
        at=at,
        who=by,
        place=row.as_place(),
        how=How.WEB,
        subject=row.name,
        state_before=state,
        before={key: value for key, value in before.items() if value != after[key]},
        after={key: value for key, value in after.items() if value != before[key]},
        **detail,
    )
    account_changed.send(ConnectedAccount, account=row, at=at)


def _finish(webview: ConnectWebview, account: ConnectedAccount, at: datetime) -> None:
    _after(webview, account, WebviewStep.DONE)
    webview.finished_at = at
