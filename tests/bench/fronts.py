"""One process, three fronts: Django's ASGI handler, a2wsgi, and a small bridge.

python -m tests.bench.fronts
"""

import statistics
import sys
from collections.abc import Callable
from typing import Any

from config.starting import free_port
from tests.bench import inside
from tests.processes.stack import Stack, until

ROUNDS = 3
DOORS = 12


def django_asgi() -> Any:
    from django.core.asgi import get_asgi_application

    return get_asgi_application()


def a2wsgi_bridge() -> Any:
    from a2wsgi import WSGIMiddleware

    from config.wsgi import application

    return WSGIMiddleware(application, workers=8)


def small_bridge() -> Any:
    from config.wsgi import application
    from tests.bench.bridge import Bridge

    return Bridge(application, workers=8)


FRONTS: tuple[Callable[[], Any], ...] = (django_asgi, a2wsgi_bridge, small_bridge)


def main() -> None:
    with Stack(programs=(), world=False) as stack:
        inside.join(stack)
        workspace = inside.make_doors(DOORS)
        cookie = f"{inside.session_cookie()}={inside.sign_in_somebody(workspace)}"
        pages = {"trivial view": "/livez", f"board of {DOORS} doors": "/"}
        for what, path in pages.items():
            speeds: dict[str, list[float]] = {front.__name__: [] for front in FRONTS}
            for _ in range(ROUNDS):  # in turns: the machine has moods
                for front in FRONTS:
                    speeds[front.__name__].append(_pages_per_second(stack, front, path, cookie))
            for name, found in speeds.items():
                print(f"{what:20} {name:14} {statistics.median(found):6.0f} pages/s")


def _pages_per_second(stack: Stack, front: Callable[[], Any], path: str, cookie: str) -> float:
    port = free_port()
    where = f"tests.bench.fronts:{front.__name__}"
    serve = [sys.executable, "-m", "uvicorn", "--factory", where, "--port", str(port)]
    program = stack.add(f"front-{port}", [*serve, "--no-access-log", "--log-level", "error"])
    program.start()
    until(lambda: inside.answers("127.0.0.1", port, "/livez"), seconds=30)
    done = stack.run("tests.bench.load", str(port), path, cookie)
    stack.drop(program)
    return float(done)


if __name__ == "__main__":
    main()
