"""One onboarding attempt: its link, who stands behind it, its steps, its end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q

from accounts.actors import Actor, actor_of
from accounts.links import hash_token, new_token
from accounts.models import ConnectedAccount, ConnectWebview, Space, WebviewStep, Workspace
from accounts.permissions import PERMISSIONS_OF, Permission
from accounts.providers import PROVIDERS
from accounts.sealing import UnreadableError
from audit.services import record
from audit.who import Who
from audit.words import How, Verb

LIFETIME = timedelta(hours=24)

STEPS = tuple(WebviewStep)
#: Renewing a login asks for nothing but the login.
RECONNECT_STEPS = (WebviewStep.SIGN_IN, WebviewStep.CHECKS, WebviewStep.DONE)


class CompletedElsewhereError(Exception):
    """Another tab has already gone further than this step."""


def create(
    actor: Actor, *, at: datetime, reconnects: ConnectedAccount | None = None
) -> tuple[ConnectWebview, str]:
    """Begin an attempt. Return it with the token of its link, which is stored nowhere."""
    token = new_token()
    with transaction.atomic():
        webview = ConnectWebview.objects.create(
            workspace=actor.workspace,
            token_hash=hash_token(token),
            created_by=actor.user,
            created_at=at,
            expires_at=at + LIFETIME,
            reconnects=reconnects,
            provider=reconnects.provider if reconnects else "",
            step=WebviewStep.SIGN_IN if reconnects else WebviewStep.INTRO,
        )
        _record(Verb.WEBVIEW_CREATED, webview, actor.who, at, purpose=_purpose(webview))
    return webview, token


def renew_link(webview: ConnectWebview, *, by: Who, at: datetime) -> str:
    """Return the token of a new link to the same attempt. The old link stops working."""
    token = new_token()
    with changing(webview) as locked:
        locked.token_hash, locked.expires_at = hash_token(token), at + LIFETIME
        _record(Verb.WEBVIEW_CREATED, locked, by, at, purpose=_purpose(locked), link="renewed")
    return token


def cancel(webview: ConnectWebview, *, by: Who, at: datetime) -> None:
    """End an attempt: its link stops working and its secrets are gone. Safe to repeat."""
    with changing(webview) as locked:
        if locked.cancelled_at or locked.finished_at:
            return
        locked.cancelled_at, locked.state_hash = at, ""
        locked.seal_secrets("")
        _record(Verb.WEBVIEW_CANCELLED, locked, by, at, step=locked.step)


def find(token: str, at: datetime) -> ConnectWebview | None:
    """Return the attempt a link leads to, if link and authority behind it still hold.

    The link can do no more than the person who made it could do now: once that person is
    gone or may no longer connect accounts, it is not valid any more.
    """
    webview = (
        ConnectWebview.objects.filter(
            token_hash=hash_token(token), cancelled_at=None, expires_at__gt=at
        )
        .select_related("workspace", "created_by", "reconnects", "account")
        .first()
    )
    return webview if webview and authority(webview) else None


def find_by_state(state: str) -> ConnectWebview | None:
    if not state:
        return None
    return ConnectWebview.objects.filter(state_hash=hash_token(state), cancelled_at=None).first()


def authority(webview: ConnectWebview) -> Actor | None:
    """Return the person who made the link as they may act now, or None."""
    if webview.created_by is None:
        return None
    actor = actor_of(webview.created_by, webview.workspace_id)
    if actor is None or actor.workspace.pk != webview.workspace_id:
        return None
    return actor if actor.may(Permission.MANAGE_ACCOUNTS) else None


def properties_for(actor: Actor) -> list[Space]:
    """Return the properties whose accounts this person may manage, by name."""
    spaces = Space.objects.for_actor(actor).properties().order_by("name")
    return [space for space in spaces if actor.may(Permission.MANAGE_ACCOUNTS, space.pk)]


def may_add_properties(actor: Actor) -> bool:
    """Whoever manages some properties only would not see a new one."""
    return any(
        membership.property_id is None
        and Permission.MANAGE_ACCOUNTS in PERMISSIONS_OF[membership.role]
        for membership in actor.memberships
    )


# --- steps ------------------------------------------------------------------------------------


def steps_of(webview: ConnectWebview) -> tuple[WebviewStep, ...]:
    return RECONNECT_STEPS if webview.reconnects_id else STEPS


def has_reached(webview: ConnectWebview, step: WebviewStep) -> bool:
    return STEPS.index(step) <= STEPS.index(WebviewStep(webview.step))


@contextmanager
def changing(webview: ConnectWebview) -> Iterator[ConnectWebview]:
    """Lock the attempt's row and save what is changed in it: no tab loses another's step."""
    with transaction.atomic():
        locked = ConnectWebview.objects.select_for_update(of=("self",)).get(pk=webview.pk)
        yield locked
        locked.save()


@contextmanager
def preparing(webview: ConnectWebview) -> Iterator[ConnectWebview]:
    """As `changing`, for steps before the account is added.

    Raises CompletedElsewhereError if another tab has added it meanwhile.
    """
    with changing(webview) as locked:
        if locked.account_id or locked.finished_at or locked.cancelled_at:
            raise CompletedElsewhereError
        yield locked


def advance(webview: ConnectWebview, step: WebviewStep) -> None:
    """Remember that this step may be shown. Never leads back. Does not save."""
    if not has_reached(webview, step):
        webview.step = step


def begin_brand(webview: ConnectWebview) -> None:
    with preparing(webview) as locked:
        advance(locked, WebviewStep.BRAND)


def brands_for(workspace: Workspace) -> list[str]:
    """Return the names of the providers whose accounts may be connected here.

    A simulated brand has no locks on any wall: it is for sandboxes.
    """
    return [
        name
        for name, provider in PROVIDERS.items()
        if workspace.is_sandbox or not provider.is_simulated
    ]


def choose_brand(webview: ConnectWebview, provider: str) -> None:
    with preparing(webview) as locked:
        locked.provider = provider
        advance(locked, WebviewStep.SIGN_IN)


# --- secrets ----------------------------------------------------------------------------------


def secrets_of(webview: ConnectWebview) -> dict[str, Any]:
    """Return what waits sealed, or nothing where it cannot be opened any more."""
    try:
        text = webview.unseal_secrets()
    except UnreadableError:
        return {}
    opened: dict[str, Any] = json.loads(text) if text else {}
    return opened


def keep_secrets(webview: ConnectWebview, secrets: dict[str, Any]) -> None:
    """Seal these in place of what was there. Does not save."""
    webview.seal_secrets(json.dumps(secrets))


def forget_expired(now: datetime) -> int:
    """Erase the secrets of attempts that ended or that nobody can open any more."""
    over = ConnectWebview.objects.filter(
        Q(expires_at__lte=now) | Q(cancelled_at__isnull=False) | Q(finished_at__isnull=False)
    ).exclude(secrets_sealed="", state_hash="")
    return over.update(secrets_sealed="", state_hash="")


# --- the log ----------------------------------------------------------------------------------


def visitor(webview: ConnectWebview) -> Who:
    """Whoever holds the link, without a sign-in here."""
    return Who(
        kind="webview",
        id=str(webview.pk),
        name=f"Holder of a link by {webview.created_by or 'somebody who left'}"[:200],
    )


def _purpose(webview: ConnectWebview) -> str:
    return f"reconnect {webview.reconnects}" if webview.reconnects else "connect an account"


def _record(verb: Verb, webview: ConnectWebview, who: Who, at: datetime, **detail: Any) -> None:
    record(
        verb,
        workspace_id=webview.workspace_id,
        at=at,
        who=who,
        how=How.WEB,
        subject=_purpose(webview),
        webview=str(webview.pk),
        **detail,
    )
