"""The live stream, driven as the plain ASGI application it is."""

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone
from redis.exceptions import ConnectionError as RedisConnectionError

from accounts.models import ConnectedAccount, Membership, Role
from accounts.receivers import access_changed
from config.asgi import application
from locks import hub as hub_module
from locks import live, stream
from locks.codes import waking
from locks.hub import Hub, frame
from locks.models import Device
from tests.make import client_of, make_account, make_device, make_site, make_user

pytestmark = pytest.mark.django_db(transaction=True)

Frame = tuple[str, str]


@pytest.fixture(autouse=True)
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A listener of this test's own that does not dawdle."""
    monkeypatch.setattr(hub_module, "_LOOK_EVERY_SECONDS", 0.1)
    monkeypatch.setattr(hub_module, "_PULSE_EVERY_SECONDS", 0.1)
    fresh = Hub()
    monkeypatch.setattr(stream, "hub", fresh)
    yield fresh
    fresh.close()
    if fresh._thread:
        fresh._thread.join(5)


@pytest.fixture
def device() -> Device:
    return make_device()


@pytest.fixture
def client(device: Device) -> Client:
    return client_of(make_user(Role.MANAGER, workspace=device.workspace))


def parse(data: bytes) -> list[Frame]:
    found = []
    for block in data.decode().split("\n\n"):
        lines = block.split("\n")
        event = next((line[7:] for line in lines if line.startswith("event: ")), "")
        if event:
            found.append((event, "\n".join(x[6:] for x in lines if x.startswith("data: "))))
    return found


class Ear:
    """One browser that listens."""

    def __init__(self, client: Client | None, *, query: str = "", **headers: str) -> None:
        cookies = "; ".join(f"{k}={m.value}" for k, m in client.cookies.items()) if client else ""
        sent = {"cookie": cookies} | {k.replace("_", "-"): v for k, v in headers.items()}
        self.scope = {
            "type": "http",
            "method": "GET",
            "path": "/stream",
            "query_string": query.encode(),
            "headers": [(k.encode(), v.encode()) for k, v in sent.items()],
        }
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.is_over = False
        self._news = asyncio.Event()
        self._gone = asyncio.Event()

    async def _receive(self) -> dict[str, str]:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {k.decode(): v.decode() for k, v in message["headers"]}
        else:
            self.body += message["body"]
            self.is_over = not message["more_body"]
        self._news.set()

    @property
    def frames(self) -> list[Frame]:
        return [each for each in parse(self.body) if each[0] != "pulse"]

    def tiles(self) -> list[str]:
        """The names on the tiles that came."""
        return [
            data.split('data-name="')[1].split('"')[0]
            for event, data in self.frames
            if event == "tile"
        ]

    async def until(self, true: Callable[[], Any]) -> None:
        async with asyncio.timeout(5):
            while not true():
                await self._news.wait()
                self._news.clear()

    async def pulses(self, more: int = 3) -> None:
        """Listen on until the listener has looked around a few times."""
        count = self.body.count(b"event: pulse") + more
        await self.until(lambda: self.body.count(b"event: pulse") >= count)

    def leave(self) -> None:
        self._gone.set()


def listen(ear: Ear, *acts: Callable[[], object], end: Callable[[Ear], Any] | None = None) -> Ear:
    """Open the stream, do things one after the other, and hear what comes of each."""

    async def run() -> None:
        task = asyncio.ensure_future(application(ear.scope, ear._receive, ear._send))
        try:
            await ear.until(lambda: ear.status)
            if not ear.is_over:
                await ear.pulses()
            for act in acts:
                await asyncio.to_thread(_do, act)
                await (ear.until(lambda: ear.is_over) if end else ear.pulses())
        finally:
            ear.leave()
            await asyncio.wait_for(task, 5)

    async_to_sync(run)()
    return ear


def _do(act: Callable[[], object]) -> None:
    try:
        act()
    finally:
        connection.close()


def rename(device: Device, name: str) -> Callable[[], None]:
    def act() -> None:
        Device.objects.filter(pk=device.pk).update(name=name)
        live.announce(device.workspace_id, device.pk)

    return act


def over(ear: Ear) -> bool:
    return ear.is_over


# --- who gets in ---------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["POST", "HEAD", "OPTIONS", "DELETE"])
def test_a_stream_is_only_read(client: Client, method: str) -> None:
    ear = Ear(client)
    ear.scope["method"] = method

    listen(ear)

    assert (ear.status, ear.body) == (405, b"")


@pytest.mark.parametrize(
    "cookie", ["", "garbage", "sid=;;;=", "=", "\xff", f"{settings.SESSION_COOKIE_NAME}=nobody"]
)
def test_who_is_not_signed_in_is_told_to_stop_asking(device: Device, cookie: str) -> None:
    ear = listen(Ear(None, cookie=cookie))

    assert (ear.status, ear.body) == (204, b"")


def test_without_a_database_the_browser_may_ask_again(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: str) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(stream, "_watch", fail)

    assert listen(Ear(client)).status == 503


def test_web_01_the_stream_has_headers_of_its_own(client: Client) -> None:
    ear = listen(Ear(client))

    assert ear.status == 200
    assert ear.headers == {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-store",
        "x-accel-buffering": "no",
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
        "x-frame-options": "DENY",
        "referrer-policy": "same-origin",
    }
    assert ear.body.startswith(b"retry: 2000\n\n")


# --- catching up ---------------------------------------------------------------------------------


def at(moment: Any) -> str:
    return f"cursor={quote(moment.isoformat())}"


def test_a_board_hears_what_it_missed_since_its_page(client: Client, device: Device) -> None:
    page = at(timezone.now())
    rename(device, "Renamed")()

    assert listen(Ear(client, query=page)).tiles()[0] == "Renamed"


def test_the_latest_event_goes_before_the_page(client: Client, device: Device) -> None:
    Device.objects.update(name="Renamed")
    soon = timezone.now() + timedelta(hours=1)

    data = listen_once(client, query=at(timezone.now()), last_event_id=soon.isoformat())

    assert data == []


def listen_once(client: Client, **options: str) -> list[str]:
    """Names on the tiles of the first answer alone, before the listener looked around."""
    ear = Ear(client, **options)
    key = client.cookies[settings.SESSION_COOKIE_NAME].value
    watch = stream._watch(key)
    assert watch is not None

    async def run() -> bytes:
        return await stream._caught_up(ear.scope, watch)

    ear.body = async_to_sync(run)()
    return ear.tiles()


@pytest.mark.parametrize(
    "query", ["", "cursor=", "cursor=yesterday", "cursor=2026-01-01T00:00:00", "cursor=2026-99-99"]
)
def test_a_cursor_that_is_none_catches_up_on_nothing(
    client: Client, device: Device, query: str
) -> None:
    assert listen_once(client, query=query) == []


def test_catching_up_is_for_the_doors_one_may_see(client: Client, device: Device) -> None:
    make_device(name="Foreign")
    other = make_device(make_site(make_account(device.workspace)), name="Next door")
    desk = client_of(make_user(Role.FRONT_DESK, workspace=device.workspace, place=device.property))
    page = at(timezone.now())

    assert listen_once(desk, query=page) == ["Room 204"]
    assert set(listen_once(client, query=page)) == {"Room 204", other.name}


def test_a_board_hears_of_a_door_that_went_while_it_was_away(
    client: Client, device: Device
) -> None:
    page = at(timezone.now())
    Device.objects.update(removed_at=timezone.now())

    ear = listen(Ear(client, query=page))

    assert ear.frames[0] == ("gone", str(device.pk))
    assert ear.tiles() == []


# --- while it is open ------------------------------------------------------------------------------


def test_a_change_reaches_the_board(client: Client, device: Device) -> None:
    ear = listen(Ear(client), rename(device, "First"), rename(device, "Second"))

    assert ear.tiles()[-2:] == ["First", "Second"]


def test_what_may_wait_reaches_the_board_all_the_same(client: Client, device: Device) -> None:
    def rename_patiently() -> None:
        Device.objects.update(name="Waited")
        live.announce(device.workspace_id, device.pk, patience_seconds=0.2)

    ear = listen(Ear(client), rename_patiently)

    assert ear.tiles()[-1] == "Waited"


@pytest.mark.django_db
def test_what_may_wait_is_told_together_with_what_follows() -> None:
    sent: list[set[str]] = []
    quiet = Hub()
    quiet._send_named = sent.append  # type: ignore[method-assign]
    patient, plain = {"d": ["a", "b"], "p": 0.5}, {"d": ["a"]}

    quiet._take([patient], now=10.0)
    quiet._take([plain], now=10.2)
    quiet._take([], now=10.4)
    quiet._take([], now=10.6)
    quiet._take([], now=10.8)

    assert sent == [{"a"}, {"b"}]


def test_a_change_reaches_the_board_without_valkey(
    client: Client, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Hub, "_hints", lambda self, wait: (self._stop.wait(0.05) and None) or [])

    ear = listen(Ear(client), lambda: Device.objects.update(name="Seen all the same"))

    assert ear.tiles()[-1] == "Seen all the same"


@pytest.mark.parametrize(("role", "has_button"), [(Role.MANAGER, True), (Role.AUDITOR, False)])
def test_everybody_gets_the_tile_of_their_audience(
    device: Device, role: Role, has_button: bool
) -> None:
    ear = Ear(client_of(make_user(role, workspace=device.workspace)))

    listen(ear, rename(device, "Changed"))

    assert ("data-unlock=" in ear.frames[-1][1]) == has_button


def test_a_foreign_door_is_never_sent(device: Device) -> None:
    foreign = make_device(name="Foreign")
    next_door = make_device(make_site(make_account(device.workspace)), name="Next door")
    desk = make_user(Role.FRONT_DESK, workspace=device.workspace, place=device.property)

    ear = listen(
        Ear(client_of(desk)),
        rename(foreign, "Foreign again"),
        rename(next_door, "Next door again"),
        rename(device, "Mine"),
    )

    assert set(ear.tiles()) <= {"Room 204", "Mine"}
    assert ear.tiles()[-1] == "Mine"


def test_changed_codes_are_told_by_door_to_who_may_see_it(device: Device) -> None:
    far = make_device(make_site(device.account))
    user = make_user(Role.AUDITOR, workspace=device.workspace, place=device.property)

    ear = listen(
        Ear(client_of(user)),
        lambda: waking.announce(device.workspace_id, device.pk, far.pk),
        lambda: waking.announce(make_device().workspace_id, device.pk),
    )

    assert {each for each in ear.frames if each[0] != "tile"} == {("codes", str(device.pk))}


def test_a_door_that_goes_leaves_the_board(client: Client, device: Device) -> None:
    def remove() -> None:
        Device.objects.filter(pk=device.pk).update(removed_at=timezone.now())
        live.announce(device.workspace_id, device.pk)

    ear = listen(Ear(client), remove)

    assert ear.frames[-1] == ("gone", str(device.pk))


def test_an_account_that_was_polled_is_told_with_its_banners(
    client: Client, device: Device
) -> None:
    polled = timezone.now()

    def poll() -> None:
        ConnectedAccount.objects.update(
            status_polled_at=polled, state="degraded", state_since=polled, trouble="Why."
        )
        live.announce_account(device.workspace_id, device.account_id)

    ear = listen(Ear(client), poll)

    told = dict(ear.frames)
    assert json.loads(told["seen"]) == {
        "account": str(device.account_id),
        "at": polled.isoformat(),
    }
    assert "Test account: Salto KS has not answered since" in told["banners"]


def test_a_pulse_carries_the_time_as_a_cursor(client: Client) -> None:
    ear = listen(Ear(client))

    pulse = next(b for b in ear.body.decode().split("\n\n") if "event: pulse" in b)
    head, event, data = pulse.split("\n")
    assert (event, head[4:]) == ("event: pulse", data[6:])


def test_a_role_that_is_removed_ends_what_is_shown(client: Client, device: Device) -> None:
    def remove() -> None:
        user = Membership.objects.get().user
        access_changed(user)
        Membership.objects.all().delete()
        rename(device, "Not for you")()

    ear = listen(Ear(client), remove, end=over)

    assert ear.frames[-1] == ("bye", "signed_out")
    assert "Not for you" not in ear.tiles()


def test_a_role_that_shrinks_takes_the_buttons_away_with_the_next_tile(
    client: Client, device: Device
) -> None:
    def shrink() -> None:
        access_changed(Membership.objects.get().user)
        Membership.objects.update(role=Role.AUDITOR)

    ear = listen(Ear(client), shrink, rename(device, "Changed"))

    assert ear.tiles()[-1] == "Changed"
    assert "data-unlock=" not in ear.frames[-1][1]


def test_auth_05_signing_out_ends_the_stream(client: Client) -> None:
    ear = listen(Ear(client), lambda: client.post("/user/logout/"), end=over)

    assert ear.frames[-1] == ("bye", "signed_out")


def test_a_stream_ends_after_a_while_and_asks_to_be_opened_anew(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "LIFE_SECONDS", 0.6)

    ear = listen(Ear(client), lambda: None, end=over)

    assert ear.frames[-1] == ("bye", "renew")


def test_a_restart_is_told(client: Client, hub: Hub) -> None:
    ear = listen(Ear(client), hub.close, end=over)

    assert ear.frames[-1] == ("bye", "restart")


def test_a_browser_that_left_is_forgotten(client: Client, hub: Hub) -> None:
    ear = listen(Ear(client))

    assert hub._boards == set()
    assert "bye" not in dict(ear.frames)


@pytest.mark.parametrize(
    "hint",
    [
        b"{",
        json.dumps({"w": "x", "d": ["no id"]}).encode(),
        json.dumps({"w": 1, "d": 5, "a": []}).encode(),
        json.dumps({"w": "x", "d": ["no id", 7], "p": 0.01}).encode(),
        json.dumps({"w": "x", "d": 5, "p": "soon"}).encode(),
        json.dumps({"w": "x", "d": [str(uuid4())], "a": str(uuid4())}).encode(),
    ],
)
def test_act_07_a_forged_hint_does_not_end_anybody_s_view(
    client: Client, device: Device, hint: bytes
) -> None:
    ear = listen(
        Ear(client), lambda: live.client().publish(live.channel(), hint), rename(device, "Later")
    )

    assert ear.tiles()[-1] == "Later"


@pytest.mark.parametrize("error", [OperationalError("gone"), RuntimeError("a slip of ours")])
def test_ux_03_a_listener_that_stumbles_goes_on(
    client: Client, device: Device, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    look, stumbles = Hub._look, [error]

    def stumble_once(hub: Hub) -> None:
        if stumbles:
            raise stumbles.pop()
        look(hub)

    monkeypatch.setattr(Hub, "_look", stumble_once)
    ear = listen(Ear(client), rename(device, "Seen"))

    assert ear.tiles()[-1] == "Seen"


def test_a_listener_that_loses_valkey_subscribes_anew(
    client: Client, device: Device, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    gather, breaks = live.Subscription.gather, [RedisConnectionError("gone")]

    def break_once(self: live.Subscription, *seconds: float) -> Any:
        if breaks:
            raise breaks.pop()
        return gather(self, *seconds)

    monkeypatch.setattr(live.Subscription, "gather", break_once)

    ear = listen(Ear(client), rename(device, "Heard"))

    assert ear.tiles()[-1] == "Heard"


def test_a_slow_reader_gets_the_newest_of_each_and_no_backlog(
    client: Client, device: Device
) -> None:
    watch = stream._watch(client.cookies[settings.SESSION_COOKIE_NAME].value)
    assert watch is not None
    board = hub_module.Board("key", watch)
    for number in range(1000):
        board.push("a door", frame("tile", str(number)))
        board.push("pulse", frame("pulse", str(number)))

    assert parse(board.take()) == [("tile", "999"), ("pulse", "999")]
    assert board.take() == b""


def test_a_frame_keeps_lines_apart() -> None:
    assert frame("tile", "<a>\n<b>", event_id="7") == (
        b"id: 7\nevent: tile\ndata: <a>\ndata: <b>\n\n"
    )
    assert frame("gone", "") == b"event: gone\ndata: \n\n"
