"""What the web server runs: the live stream natively, every page through WSGI.

Django's own ASGI handler serves a fraction of what its WSGI handler does, while a stream per
thread would need a thread per board; so each gets what it is good at, on one origin
(docs/decisions/0002-one-origin-two-handlers.md).
"""

import os

from a2wsgi import WSGIMiddleware

from config.wsgi import application as pages  # first: it sets Django up

from locks import stream  # isort: skip
from locks.hub import hub  # isort: skip

STREAM_PATH = "/stream"

_pages = WSGIMiddleware(
    pages,  # type: ignore[arg-type]  # Django answers what WSGI asks for
    workers=int(os.environ.get("LOCKBOARD_WEB_THREADS", "8")),
)


async def application(scope: stream.Scope, receive: stream.Receive, send: stream.Send) -> None:
    if scope["type"] == "http" and scope["path"] == STREAM_PATH:
        await stream.application(scope, receive, send)
    elif scope["type"] == "http":
        await _pages(scope, receive, send)  # type: ignore[arg-type]
    elif scope["type"] == "lifespan":
        await _lifespan(receive, send)


async def _lifespan(receive: stream.Receive, send: stream.Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            hub.close()
            await send({"type": "lifespan.shutdown.complete"})
            return
