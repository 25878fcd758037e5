"""One listener per web process: hears what changed, renders it once, hands it to every board.

Hints come over Valkey; without them (lost, flushed, away) the database is looked at each
second, so a board is at most that late.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import threading
import time
from collections.abc import Callable, Collection, Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import Error, connection
from django.db.models import F, QuerySet
from django.template.loader import render_to_string
from django.utils import timezone
from redis.exceptions import RedisError

from accounts.models import ConnectedAccount, Workspace
from locks import live
from locks.board import banners_of
from locks.models import Device
from locks.tiles import Audience, Tile, tiles
from locks.watching import Watch, watches

logger = logging.getLogger(__name__)

#: A change is looked for this far back: a transaction may commit some time after it wrote.
OVERLAP = timedelta(seconds=15)
_LOOK_EVERY_SECONDS = 1.0
_CHECK_WATCHERS_EVERY_SECONDS = 10.0
_PULSE_EVERY_SECONDS = 5.0
#: A hint that asks for more patience than this is none of ours.
_MOST_PATIENCE_SECONDS = 1.0
#: Several changes of one moment travel together; nobody waits for more of them than this.
_GATHER_SECONDS = 0.0005


def frame(event: str, data: str, *, event_id: str = "") -> bytes:
    """Write one server-sent event."""
    head = f"id: {event_id}\n" if event_id else ""
    body = "".join(f"data: {line}\n" for line in data.splitlines() or [""])
    return f"{head}event: {event}\n{body}\n".encode()


class Board:
    """One open board: what it may see, and what is waiting to be sent to it."""

    __slots__ = ("ended", "pending", "session_key", "wake", "watch")

    def __init__(self, session_key: str, watch: Watch) -> None:
        self.session_key = session_key
        self.watch = watch
        #: By thing, so that a slow reader gets the newest of each and no backlog.
        self.pending: dict[str, bytes] = {}
        self.wake = asyncio.Event()
        self.ended = ""

    def push(self, key: str, data: bytes) -> None:
        self.pending[key] = data
        self.wake.set()

    def end(self, why: str) -> None:
        self.ended = why
        self.wake.set()

    def take(self) -> bytes:
        data = b"".join(self.pending.values())
        self.pending.clear()
        self.wake.clear()
        return data


class Hub:
    """Belongs to one event loop. Its thread touches the database; the loop touches boards."""

    def __init__(self) -> None:
        self._boards: set[Board] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._sent: dict[UUID, int] = {}
        self._versions: dict[UUID, int] = {}
        self._since = timezone.now()
        self._subscription: live.Subscription | None = None
        #: Doors whose tiles may wait a moment for what comes next, and until when.
        self._patient: dict[str, float] = {}

    # --- on the loop ---

    def join(self, board: Board) -> None:
        self._boards.add(board)
        if self._thread is None or not self._thread.is_alive():
            self._loop = asyncio.get_running_loop()
            self._stop.clear()
            self._thread = threading.Thread(target=self._listen, name="board-hub", daemon=True)
            self._thread.start()

    def leave(self, board: Board) -> None:
        self._boards.discard(board)

    def close(self) -> None:
        self._stop.set()
        for board in list(self._boards):
            board.end("restart")

    def _on_loop(self, what: Callable[..., object], *args: object) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(what, *args)

    def _deliver(self, changed: list[tuple[Tile, dict[Audience, bytes]]]) -> None:
        for board in self._boards:
            for tile, frames in changed:
                audience = board.watch.audience(tile)
                if audience is not None:
                    board.push(str(tile.pk), frames[audience])

    def _deliver_gone(self, device: Device) -> None:
        for board in self._boards:
            if board.watch.sees(device.workspace_id, device.property_id):
                board.push(str(device.pk), gone(device))

    def _deliver_codes(self, device: Device) -> None:
        for board in self._boards:
            if board.watch.sees(device.workspace_id, device.property_id):
                board.push(f"codes:{device.pk}", frame("codes", str(device.pk)))

    def _deliver_topic(
        self, workspace_id: UUID, property_id: UUID, topic: str, thing_id: str
    ) -> None:
        for board in self._boards:
            if board.watch.sees(workspace_id, property_id):
                board.push(f"{topic}:{thing_id}", frame(topic, thing_id))

    def _deliver_to_workspace(self, workspace_id: UUID, key: str, data: bytes) -> None:
        for board in self._boards:
            if board.watch.workspace_id == workspace_id:
                board.push(key, data)

    def _deliver_banners(self, rendered: dict[int, bytes]) -> None:
        for board in self._boards:
            if data := rendered.get(id(board.watch)):
                board.push("banners", data)

    def _pulse(self, data: bytes) -> None:
        for board in self._boards:
            board.push("pulse", data)

    def _renew(self, found: dict[str, Watch], asked: set[str]) -> None:
        for board in list(self._boards):
            if board.session_key not in asked:
                continue
            if watch := found.get(board.session_key):
                board.watch = watch
            else:
                board.end("signed_out")

    # --- in the thread ---

    def _listen(self) -> None:
        due = {self._look: 0.0, self._check_watchers: 0.0, self._send_pulse: 0.0}
        every = {
            self._look: _LOOK_EVERY_SECONDS,
            self._check_watchers: _CHECK_WATCHERS_EVERY_SECONDS,
            self._send_pulse: _PULSE_EVERY_SECONDS,
        }
        self._since = timezone.now()
        while not self._stop.is_set():
            hints = self._hints(self._rest_seconds())
            now = time.monotonic()
            try:
                self._take(hints, now)
                for job in [job for job, at in due.items() if now >= at]:
                    due[job] = now + every[job]
                    job()
            except Error:
                logger.warning("boards cannot read the database just now")
                self._stop.wait(1)
            except Exception:
                # One change that cannot be shown must not end the view of all others.
                logger.exception("boards could not be told of a change")
                self._stop.wait(1)
            finally:
                connection.close()
        self._drop_subscription()

    def _send_pulse(self) -> None:
        at = timezone.now().isoformat()
        self._on_loop(self._pulse, frame("pulse", at, event_id=at))

    def _hints(self, wait_seconds: float) -> list[dict[str, Any]]:
        """Return what was announced; wait at most this long for the first of it."""
        try:
            if self._subscription is None:
                self._subscription = live.Subscription()
            return self._subscription.gather(wait_seconds, _GATHER_SECONDS)
        except RedisError:
            self._drop_subscription()
            self._stop.wait(wait_seconds)
            return []

    def _drop_subscription(self) -> None:
        if self._subscription is not None:
            self._subscription.close()
            self._subscription = None

    def _rest_seconds(self) -> float:
        """How long to wait for hints, at most."""
        due = min(self._patient.values(), default=math.inf) - time.monotonic()
        return max(min(due, _LOOK_EVERY_SECONDS / 2), 0.001)

    def _take(self, hints: list[dict[str, Any]], now: float) -> None:
        """Send what was announced, and what has waited long enough for something newer."""
        named: set[str] = set()
        for hint in hints:
            patience = hint.get("p")
            if isinstance(patience, float) and patience <= _MOST_PATIENCE_SECONDS:
                self._patient |= dict.fromkeys(hint.get("d", ()), now + patience)
            else:
                named |= set(hint.get("d", ()))
        named |= {pk for pk, until in self._patient.items() if until <= now}
        for pk in named:
            self._patient.pop(pk, None)
        if named:
            self._send_named(named)
        self._send_accounts({hint["a"] for hint in hints if "a" in hint})
        self._send_codes({pk for hint in hints for pk in hint.get("c", ())})
        self._send_topics([hint for hint in hints if "t" in hint])

    def _send_named(self, named: set[str]) -> None:
        """Send these doors, with one question to the database: a click is waiting for it."""
        rows = Device.objects.with_tile().filter(pk__in=named)
        devices = list(rows.annotate(access_version=F("workspace__access_version")))
        versions = {d.workspace_id: d.access_version for d in devices}  # type: ignore[attr-defined]  # annotated
        if any(self._versions.get(pk) != version for pk, version in versions.items()):
            self._look_at_rights()
        fresh = [d for d in devices if d.revision > self._sent.get(d.pk, 0)]
        self._send_gone(fresh)
        self._send_made([tiles.keep(device) for device in fresh if not device.removed_at])

    def _look(self) -> None:
        """Send what changed without our hearing of it."""
        began = timezone.now()
        self._look_at_rights()
        self._send_doors(
            Device.objects.filter(
                workspace_id__in=self._workspaces(), changed_at__gt=self._since - OVERLAP
            )
        )
        self._since = began

    def _workspaces(self) -> set[UUID]:
        return {board.watch.workspace_id for board in list(self._boards)}

    def _send_doors(self, rows: QuerySet[Device]) -> None:
        """Send the tiles of these doors; of those that were put away, only that they went."""
        changed = [
            device
            for device in rows.only("revision", "removed_at", "workspace_id", "property_id")
            if device.revision > self._sent.get(device.pk, 0)
        ]
        self._send_gone(changed)
        here = [(d.pk, d.revision) for d in changed if not d.removed_at]
        self._send_made(tiles.get(here).values() if here else ())

    def _send_gone(self, changed: Iterable[Device]) -> None:
        for device in changed:
            if device.removed_at:
                self._sent[device.pk] = device.revision
                self._on_loop(self._deliver_gone, device)

    def _send_made(self, fresh: Collection[Tile]) -> None:
        if fresh:
            self._sent.update((tile.pk, tile.revision) for tile in fresh)
            self._on_loop(self._deliver, list(frames_of(fresh)))

    def _send_accounts(self, named: set[str]) -> None:
        if not named:
            return
        for account in ConnectedAccount.objects.filter(pk__in=named):
            polled = account.status_polled_at
            data = json.dumps(
                {"account": str(account.pk), "at": polled.isoformat() if polled else ""}
            )
            self._on_loop(
                self._deliver_to_workspace,
                account.workspace_id,
                f"seen:{account.pk}",
                frame("seen", data),
            )
        self._send_banners()

    def _send_codes(self, named: set[str]) -> None:
        """Tell of which doors the codes changed; pages ask for them, as whoever looks."""
        if not named:
            return
        self._look_at_rights()
        for device in Device.objects.filter(pk__in=named).only("workspace_id", "property_id"):
            self._on_loop(self._deliver_codes, device)

    def _send_topics(self, hints: list[dict[str, Any]]) -> None:
        """Tell of things the apps above look after. Ids only; pages ask for the rest."""
        if not hints:
            return
        self._look_at_rights()
        told = {(hint["w"], hint["r"], hint["t"], hint["i"]) for hint in hints}
        for workspace_id, property_id, topic, thing_id in told:
            self._on_loop(
                self._deliver_topic, UUID(workspace_id), UUID(property_id), topic, thing_id
            )

    def _send_banners(self) -> None:
        rendered: dict[object, bytes] = {}
        for_watch: dict[int, bytes] = {}
        for watch in {id(b.watch): b.watch for b in list(self._boards)}.values():
            actor = watch.actor
            sort = (actor.workspace.pk, actor.property_ids, actor.role_words)
            if sort not in rendered:
                accounts = list(ConnectedAccount.objects.for_actor(actor))
                html = render_to_string(
                    "locks/board.html#banners", {"banners": banners_of(accounts, actor)}
                )
                rendered[sort] = frame("banners", html)
            for_watch[id(watch)] = rendered[sort]
        self._on_loop(self._deliver_banners, for_watch)

    def _look_at_rights(self) -> None:
        """If anybody's rights changed, look everybody's up before the next tile goes out."""
        versions = dict(
            Workspace.objects.filter(pk__in=self._workspaces()).values_list("pk", "access_version")
        )
        moved = [pk for pk, v in versions.items() if self._versions.get(pk, v) != v]
        self._versions = versions
        if moved:
            self._check_watchers()

    def _check_watchers(self) -> None:
        asked = {board.session_key for board in list(self._boards)}
        if asked:
            found = watches(asked)
            done = threading.Event()
            self._on_loop(self._renew, found, asked)
            self._on_loop(done.set)
            done.wait(1)  # what follows must meet the new rights


def gone(device: Device) -> bytes:
    """Write that a door is no longer on the board."""
    return frame("gone", str(device.pk))


def frames_of(changed: Iterable[Tile]) -> Iterable[tuple[Tile, dict[Audience, bytes]]]:
    for tile in changed:
        yield tile, {audience: frame("tile", html) for audience, html in tile.html.items()}


hub = Hub()
