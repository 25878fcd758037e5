"""The program: puts the simulated clouds, the control API and the pages behind one desk."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from sandbox import (
    connect,
    connect_people,
    connect_trail,
    control,
    doors,
    feed,
    identity,
    keypad_cloud,
    keypads,
    knowledge,
    legacy,
    people,
    seed,
    visit,
)
from sandbox.booking import desk as booking_desk
from sandbox.booking import feed as booking_feed
from sandbox.booking import seed as booking_seed
from sandbox.desk import Desk
from sandbox.exchange import SILENT
from sandbox.ks_system import credentials, readers, seats
from sandbox.ks_system import doors as ks_doors
from sandbox.ks_system import pages as tags
from sandbox.ks_system import seed as ks_seed
from sandbox.phones import keys as mobile_keys
from sandbox.phones import pages as phones
from sandbox.replies import Json, PlainRefusalError, RefusedError, SilenceError, problem
from sandbox.seam import attempts, codes, webhooks
from sandbox.seam import routes as seam
from sandbox.seam import seed as seam_seed
from sandbox.space import encoders, syncing
from sandbox.space import pages as cards
from sandbox.space import seed as space_seed
from sandbox.store import Store
from sandbox.world import World

LONGEST_NAP_SECONDS = 1.0


@dataclass(frozen=True)
class Config:
    """Where the data lives (None: nowhere) and how the outside world calls us."""

    folder: Path | None
    base_url: str

    @classmethod
    def from_env(cls) -> "Config":
        port = os.environ.get("LOCKBOARD_SANDBOX_PORT", "8001")
        return cls(
            folder=Path(os.environ.get("LOCKBOARD_SANDBOX_DATA", ".data/sandbox")),
            base_url=os.environ.get("LOCKBOARD_SANDBOX_URL", f"http://127.0.0.1:{port}").rstrip(
                "/"
            ),
        )


class Sandbox:
    """The ASGI application. The world is opened when the server starts, not on import."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.world: World | None = None
        self.desk: Desk | None = None

    def open(self) -> World:
        """Read the world from its file, or make a new one; the same world every time after."""
        if self.world is None:
            self.world = open_world(Store(self.config.folder))
            host = urlsplit(self.config.base_url).hostname or ""
            self.desk = Desk(application(self.world, self.config.base_url), self.world, {host})
        return self.world

    def close(self) -> None:
        if self.world:
            self.world.commit()
            self.world.store.close()
        self.world = self.desk = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.open()
        assert self.desk
        await self.desk(scope, receive, send)


#: Modules whose timers the world keeps.
TIMED = (
    *(doors, feed, keypads, knowledge, people),
    *(attempts, codes, encoders, syncing, webhooks),
    *(credentials, ks_doors, readers, seats, mobile_keys),
)


def open_world(store: Store) -> World:
    world = World(store)
    for part in TIMED:
        world.on_timer |= part.TIMERS
    world.load()
    if not world.sites:
        seed.plant(world)
    seed.plant_keypad_cloud(world)
    seam_seed.plant(world)
    space_seed.plant(world)
    ks_seed.plant(world)
    booking_seed.plant(world)
    world.settle()
    world.commit()
    return world


async def keep_time(world: World) -> None:
    """Let timers fire when they are due, also while nobody asks anything."""
    while True:
        world.settle()
        world.commit()
        world.wake.clear()
        left = world.seconds_to_next()
        nap = LONGEST_NAP_SECONDS if left is None else min(left, LONGEST_NAP_SECONDS)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(world.wake.wait(), nap)


def application(world: World, base_url: str) -> Starlette:
    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        ticking = asyncio.create_task(keep_time(world))
        yield
        ticking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await ticking
        world.commit()

    app = Starlette(routes=ROUTES, exception_handlers=REFUSALS, lifespan=lifespan)
    app.state.world, app.state.base_url = world, base_url
    return app


async def health(_request: Request) -> Response:
    return Json({"status": "ok", "simulated": True})


# --- refusals become responses ------------------------------------------------------------


async def refused(_request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, RefusedError | identity.RefusedTokenError)
    return refusal.response()


async def refused_plainly(_request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, PlainRefusalError)
    return refusal.response


async def silent(_request: Request, _silence: Exception) -> Response:
    return Response(status_code=SILENT)


async def no_such_path(_request: Request, wrong: Exception) -> Response:
    assert isinstance(wrong, HTTPException)
    return problem(wrong.status_code)


REFUSALS = {
    RefusedError: refused,
    identity.RefusedTokenError: refused,
    PlainRefusalError: refused_plainly,
    SilenceError: silent,
    HTTPException: no_such_path,
}


# --- routes -------------------------------------------------------------------------------

IDENTITY = [
    Route("/.well-known/openid-configuration", identity.discovery),
    Route("/.well-known/openid-configuration/jwks", identity.jwks),
    Route("/connect/authorize", identity.authorize, methods=["GET"]),
    Route("/login", identity.login_page, methods=["GET"]),
    Route("/login", identity.login, methods=["POST"]),
    Route("/consent", identity.consent_page, methods=["GET"]),
    Route("/consent", identity.consent, methods=["POST"]),
    Route("/connect/token", identity.token, methods=["POST"]),
    Route("/connect/userinfo", identity.userinfo, methods=["GET"]),
    Route("/connect/revocation", identity.revocation, methods=["POST"]),
]
CONNECT_V1 = [*connect.ROUTES, *connect_people.ROUTES, *connect_trail.ROUTES]
CONNECT = [
    Mount("/v1.1", routes=CONNECT_V1),
    Mount("/v1.2", routes=CONNECT_V1),
    Route("/v2/{rest:path}", connect.forbidden),
]
ROUTES = [
    Mount("/identity", routes=IDENTITY),
    Mount("/connect", routes=CONNECT),
    Mount("/legacy", routes=legacy.ROUTES),
    Mount("/keypad/v1", routes=keypad_cloud.ROUTES),
    Mount("/seam", routes=seam.ROUTES),
    Mount("/accept/identity", routes=IDENTITY),
    Mount("/accept/connect", routes=CONNECT),
    Mount("/control", routes=control.ROUTES),
    Route("/", visit.index),
    Route("/outbox", visit.outbox),
    Route("/doors", visit.doors_page, methods=["GET"]),
    Route("/doors", visit.stand_at_door, methods=["POST"]),
    Route("/cards", cards.cards_page, methods=["GET"]),
    Route("/cards", cards.use_cards, methods=["POST"]),
    Route("/cards/live", cards.lights, methods=["GET"]),
    Route("/tags", tags.tags_page, methods=["GET"]),
    Route("/tags", tags.use_tags, methods=["POST"]),
    Route("/tags/live", tags.lights, methods=["GET"]),
    Route("/phones", phones.phones_page, methods=["GET"]),
    Route("/phones/{phone_id}", phones.phone_page, methods=["GET"]),
    Route("/phones/{phone_id}", phones.use_phone, methods=["POST"]),
    Route("/phone/{token}", phones.link_page, methods=["GET"]),
    Route("/phone/{token}", phones.use_link, methods=["POST"]),
    Route("/calendars", booking_desk.calendars_page, methods=["GET"]),
    Route("/calendars", booking_desk.use_calendars, methods=["POST"]),
    Mount("/calendars", routes=booking_feed.ROUTES),
    Route("/healthz", health),
    Mount("/static", StaticFiles(directory=Path(__file__).parent / "static")),
]

app = Sandbox(Config.from_env())
