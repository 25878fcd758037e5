"""Webhooks: events sent out, signed as Svix does; to this machine only.

A delivery may be sent again, late, out of order, tampered with: `POST /control/webhooks/<id>`.
Nothing is sent twice by itself: a delivery that fails is not tried again, as the receiver
must live with lost ones anyway.
Source of the signature: https://docs.svix.com/receiving/verifying-payloads/how-manual
"""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import ipaddress
import json
import secrets
import urllib.request
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from sandbox.clock import format_utc
from sandbox.seam import events
from sandbox.seam.http import Ask, call, invalid, not_found
from sandbox.seam.things import SeamEvent, Webhook
from sandbox.things import Timer
from sandbox.wishes import WrongWishError, find_row, route
from sandbox.world import World, new_id

SECONDS_BETWEEN = 1.0
KEPT = 100
TIMEOUT_SECONDS = 3.0


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: Any, **_more: Any) -> None:
        """Follow nobody: it might lead off this machine."""


#: Straight to the receiver: no proxy, no redirect.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)


# --- signing and sending ------------------------------------------------------------------


def sign(secret: str, message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """Return the three headers of a delivery."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    stamp = str(int(at.timestamp()))
    digest = hmac.new(key, f"{message_id}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "svix-id": message_id,
        "svix-timestamp": stamp,
        "svix-signature": "v1," + base64.b64encode(digest).decode(),
    }


def deliver(
    world: World,
    hook: Webhook,
    event: SeamEvent,
    *,
    age_seconds: float = 0.0,
    tampered: bool = False,
) -> dict[str, Any]:
    """Send one event and note it. Returns before the receiver has answered."""
    body = json.dumps(events.shape(event)).encode()
    # The same event keeps its message id: that is how a receiver knows a copy.
    at = world.now() - timedelta(seconds=age_seconds)
    headers = sign(hook.secret, f"msg_{event.id}", at, body)
    other = b" " + body  # the same JSON, and not what was signed
    row: dict[str, Any] = {
        "at": format_utc(world.now()),
        "event_id": event.id,
        "event_type": event.event_type,
    }
    row["headers"] = headers
    hook.sent = [*hook.sent[-(KEPT - 1) :], row]
    world.webhooks.put(hook)
    _post(hook.url, headers, other if tampered else body)
    return row


def _post(url: str, headers: dict[str, str], body: bytes) -> None:
    """Send in a thread of its own; not while the world is only being opened."""
    asked = urllib.request.Request(  # noqa: S310 - http to the loopback, see `create`
        url, body, {"content-type": "application/json", **headers}
    )

    def post() -> None:
        with (
            contextlib.suppress(OSError),
            OPENER.open(asked, timeout=TIMEOUT_SECONDS),
        ):
            pass

    with contextlib.suppress(RuntimeError):
        asyncio.get_running_loop().run_in_executor(None, post)


def _look(world: World, timer: Timer) -> None:
    """Send what is new, and come back as long as the webhook is there."""
    hook = world.webhooks.get(timer.payload["webhook_id"])
    if hook is None:
        return
    for event in events.listed(world, hook.workspace_id):
        if event.created_at > hook.sent_until and _wants(hook, event):
            deliver(world, hook, event)
    hook.sent_until = world.now()
    world.webhooks.put(hook)
    _come_back(world, hook)


def _wants(hook: Webhook, event: SeamEvent) -> bool:
    return "*" in hook.event_types or event.event_type in hook.event_types


def _come_back(world: World, hook: Webhook) -> None:
    world.schedule(f"webhook:{hook.id}", "webhook", SECONDS_BETWEEN, webhook_id=hook.id)


TIMERS: dict[str, Callable[[World, Timer], None]] = {"webhook": _look}


# --- calls --------------------------------------------------------------------------------


def shape(hook: Webhook) -> dict[str, Any]:
    return {
        "webhook_id": hook.id,
        "url": hook.url,
        "event_types": hook.event_types,
        "secret": hook.secret,
    }


def create(ask: Ask) -> dict[str, Any]:
    if not _is_here(ask.get("url")):
        raise invalid("This simulation sends to this machine only.", url="Invalid url")
    hook = Webhook(
        id=new_id(),
        workspace_id=ask.workspace_id,
        url=ask.get("url"),
        secret="whsec_" + base64.b64encode(secrets.token_bytes(24)).decode(),
        event_types=ask.get("event_types") or ["*"],
        sent_until=ask.world.now(),
    )
    ask.world.webhooks.put(hook)
    _come_back(ask.world, hook)
    return {"webhook": shape(hook)}


def _is_here(url: str) -> bool:
    try:
        parts = urlsplit(url)
        is_loopback = ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False
    return parts.scheme == "http" and is_loopback


def _one(ask: Ask) -> Webhook:
    hook = ask.world.webhooks.get(ask.get("webhook_id"))
    if hook is None or hook.workspace_id != ask.workspace_id:
        raise not_found("webhook")
    return hook


def get(ask: Ask) -> dict[str, Any]:
    return {"webhook": shape(_one(ask))}


def list_webhooks(ask: Ask) -> dict[str, Any]:
    hooks = ask.world.webhooks.where(workspace_id=ask.workspace_id)
    return {"webhooks": [shape(hook) for hook in hooks]}


def update(ask: Ask) -> dict[str, Any]:
    hook = _one(ask)
    hook.event_types = ask.get("event_types")
    ask.world.webhooks.put(hook)
    return {}


def delete(ask: Ask) -> dict[str, Any]:
    ask.world.webhooks.drop(_one(ask).id)
    return {}


# --- by hand ------------------------------------------------------------------------------


def send(world: World, body: dict[str, Any], path: dict[str, str]) -> Any:
    """Send `event_ids` in that order; `age_seconds` old, `tampered`, as often as named."""
    hook = find_row(world.webhooks, path["webhook_id"], "webhook")
    known = {event.id: event for event in events.listed(world, hook.workspace_id)}
    ids = body.get("event_ids") or []
    if not set(ids) <= set(known):
        raise WrongWishError("event_ids names an event that is not there", status=404)
    age_seconds, tampered = float(body.get("age_seconds", 0)), bool(body.get("tampered"))
    return [
        deliver(world, hook, known[key], age_seconds=age_seconds, tampered=tampered) for key in ids
    ]


def list_sent(world: World, _query: dict[str, str], _path: dict[str, str]) -> Any:
    return [{"webhook_id": hook.id, "url": hook.url, "sent": hook.sent} for hook in world.webhooks]


ID = "webhook_id*:text"
ROUTES = [
    call("/webhooks/create", "", "url*:text event_types:texts", create),
    call("/webhooks/get", "GET", ID, get),
    call("/webhooks/list", "GET", "", list_webhooks),
    call("/webhooks/update", "PUT", f"{ID} event_types*:texts", update),
    call("/webhooks/delete", "DELETE", ID, delete),
]
CONTROL = [
    route("/webhooks", "GET", list_sent),
    route("/webhooks/{webhook_id}", "POST", send),
]
