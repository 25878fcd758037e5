"""The live stream of a board: an ASGI application of its own beside the pages.

A thousand open boards must cost neither a thread each nor Django's request machinery.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import datetime
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs

from django.conf import settings
from django.db import Error, connection
from django.utils.dateparse import parse_datetime

from locks.hub import OVERLAP, Board, frame, frames_of, gone, hub
from locks.models import Device
from locks.tiles import tiles
from locks.watching import Watch, watches

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

logger = logging.getLogger(__name__)

#: A stream ends after this; the browser comes back, and everything is looked at again.
LIFE_SECONDS = 15 * 60
_RETRY = b"retry: 2000\n\n"

_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # a proxy in front must not hold lines back
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
]


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["method"] != "GET":
        await _refuse(send, 405)
        return
    key = _session_key(scope)
    try:
        watch = await asyncio.to_thread(_watch, key)
    except Error:
        await _refuse(send, 503)
        return
    if watch is None:
        # 204 tells an EventSource to stop trying; a page that reloads will meet the sign-in.
        await _refuse(send, 204)
        return
    board = Board(key, watch)
    hub.join(board)
    try:
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        await _send_body(send, _RETRY + await _caught_up(scope, watch))
        await _serve(board, receive, send)
    finally:
        hub.leave(board)


async def _serve(board: Board, receive: Receive, send: Send) -> None:
    gone = asyncio.ensure_future(_until_gone(board, receive))
    try:
        async with asyncio.timeout(LIFE_SECONDS):
            while not board.ended:
                await board.wake.wait()
                if data := board.take():
                    await _send_body(send, data)
    except TimeoutError:
        board.ended = "renew"
    finally:
        gone.cancel()
    if board.ended != "gone":
        await send(
            {
                "type": "http.response.body",
                "body": frame("bye", board.ended),
                "more_body": False,
            }
        )


async def _until_gone(board: Board, receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    board.end("gone")


async def _send_body(send: Send, data: bytes) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": True})


async def _refuse(send: Send, status: int) -> None:
    await send({"type": "http.response.start", "status": status, "headers": _HEADERS[1:]})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _session_key(scope: Scope) -> str:
    raw = b"; ".join(value for name, value in scope["headers"] if name == b"cookie")
    try:
        cookies = SimpleCookie(raw.decode("latin-1"))
    except CookieError:
        return ""
    morsel = cookies.get(settings.SESSION_COOKIE_NAME)
    return morsel.value if morsel else ""


def _watch(session_key: str) -> Watch | None:
    try:
        return watches([session_key]).get(session_key) if session_key else None
    finally:
        connection.close()


async def _caught_up(scope: Scope, watch: Watch) -> bytes:
    """Return the tiles that changed since the browser last heard from us."""
    since = _cursor(scope)
    if since is None:
        return b""
    try:
        return await asyncio.to_thread(_missed, since, watch)
    except Error:
        return b""  # the hub's next look sends them


def _missed(since: datetime, watch: Watch) -> bytes:
    try:
        rows = Device.objects.filter(
            workspace_id=watch.workspace_id, changed_at__gt=since - OVERLAP
        ).only("revision", "removed_at", "workspace_id", "property_id")
        seen = [device for device in rows if watch.sees(device.workspace_id, device.property_id)]
        frames = [gone(device) for device in seen if device.removed_at]
        here = [(device.pk, device.revision) for device in seen if not device.removed_at]
        for tile, by_audience in frames_of(tiles.get(here).values()):
            if audience := watch.audience(tile):
                frames.append(by_audience[audience])
        return b"".join(frames)
    finally:
        connection.close()


def _cursor(scope: Scope) -> datetime | None:
    """Where the browser stopped listening: its last event's id, or the page's own moment."""
    headers = dict(scope["headers"])
    told = headers.get(b"last-event-id", b"").decode("latin-1")
    query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    for text in (told, *query.get("cursor", [])):
        try:
            moment = parse_datetime(text)
        except ValueError:
            continue
        if moment is not None and moment.tzinfo is not None:
            return moment
    return None
