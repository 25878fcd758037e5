"""A board of 1,000 doors: server time, queries, bytes. `python -m tests.bench.board`"""

import gzip
import time
from importlib import import_module
from typing import Any

from tests.bench import inside
from tests.processes.stack import Stack

DOORS = 1000


def main() -> None:
    with Stack(programs=(), world=False) as stack:
        inside.join(stack)
        _measure({doors: _client(doors) for doors in (0, 12, DOORS)})


def _client(doors: int) -> Any:
    """Return the browser of somebody who sees that many doors."""
    client = import_module("django.test").Client()
    key = inside.sign_in_somebody(inside.make_doors(doors))
    client.cookies[inside.session_cookie()] = key
    return client


def _get(client: Any) -> Any:
    answer = client.get("/", headers={"accept-encoding": "gzip", "host": "127.0.0.1"})
    assert answer.status_code == 200, answer.content
    return answer


def _measure(clients: dict[int, Any]) -> None:
    _get(clients[0])
    began = time.perf_counter()
    _get(clients[DOORS])
    cold = (time.perf_counter() - began) * 1000
    queries = {doors: _queries(client) for doors, client in clients.items()}
    zipped = _get(clients[DOORS]).content
    empty = inside.milliseconds(lambda: _get(clients[0]))
    board = inside.milliseconds(lambda: _get(clients[DOORS]))
    print(f"first page after a start, every tile rendered: {cold:.0f} ms")
    print(f"empty page {empty:.1f} ms, {DOORS} doors {board:.1f} ms: {board / empty:.1f} ×")
    print(f"queries by doors: {queries}")
    print(f"{len(gzip.decompress(zipped)) / 1000:.0f} kB, gzipped {len(zipped) / 1000:.0f} kB")


def _queries(client: Any) -> int:
    connection = import_module("django.db").connection
    capture = import_module("django.test.utils").CaptureQueriesContext
    _get(client)
    with capture(connection) as seen:
        _get(client)
    return len(seen)


if __name__ == "__main__":
    main()
