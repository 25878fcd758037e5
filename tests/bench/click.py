"""From the click to the outcome, with 200 open boards: `python -m tests.bench.click`

Ours is what we add: from sending the POST until the provider has the request, and from its
answer until the last of the boards has the change. Durable commits and Celery are in the path.
The bare minimum beside it: one durable commit, and one HTTP request over a new connection.
"""

import asyncio
import statistics
import threading
import time
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import psycopg
import requests

from config.starting import free_port
from tests.bench import inside
from tests.bench.listeners import Listeners
from tests.processes.stack import CSRF, NO_LIMIT, Stack

BOARDS = 200
CLICKS = 120
SITES, DOORS = 2, 60


def main() -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with Stack(
        programs=(),
        world=False,
        durable=True,
        environment=NO_LIMIT | {"LOCKBOARD_SANDBOX_URL": url},
    ) as stack:
        inside.start_provider(stack, port, sites=SITES, doors=DOORS)
        inside.join(stack)
        workspace = inside.connect_accounts(SITES)
        settings = import_module("django.conf").settings
        device = import_module("locks.models").Device
        doors = [str(pk) for pk in device.objects.values_list("pk", flat=True)]
        cookies = [
            {settings.SESSION_COOKIE_NAME: inside.sign_in_somebody(workspace)}
            for _ in range(BOARDS)
        ]
        stack.start("web", "actuator", "worker", "beat")
        clicker = Clicker(stack, cookies, settings.CSRF_COOKIE_NAME)
        took = asyncio.run(_click(stack, clicker, doors))
        bare = _bare(stack, url)
    _tell(took, bare)


class Clicker:
    """Clicks over a kept connection, as a browser does."""

    def __init__(self, stack: Stack, cookies: list[dict[str, str]], csrf_name: str) -> None:
        self.cookies = [f"{name}={key}" for one in cookies for name, key in one.items()]
        self._url = stack.url
        self._csrf = f"{csrf_name}={CSRF}"
        self._session = requests.Session()

    def click(self, n: int, door: str) -> float:
        """Click; return the moment before it was sent."""
        cookie = self.cookies[n % len(self.cookies)]
        headers = {
            "Cookie": f"{cookie}; {self._csrf}",
            "X-CSRFToken": CSRF,
            "X-Requested-With": "XMLHttpRequest",
        }
        began = time.monotonic()
        answer = self._session.post(
            f"{self._url}/doors/{door}/unlock/",
            headers=headers,
            data={"idempotency_key": f"{n}-{door}"},
            timeout=10,
        )
        assert answer.status_code == 200, answer.text
        return began


async def _click(stack: Stack, clicker: Clicker, doors: Sequence[str]) -> list[dict[str, float]]:
    took = []
    provider = stack.environment["LOCKBOARD_SANDBOX_URL"]
    async with Listeners(stack.demo.port, clicker.cookies) as boards:
        await asyncio.sleep(2)
        for n in range(CLICKS):
            await asyncio.sleep(0.15)
            door = doors[n % len(doors)]
            boards.expect(f'id="door-{door}"[^>]*data-outcome="success"')
            began = await asyncio.to_thread(clicker.click, n, door)
            last = await boards.wait()
            (call,) = (await asyncio.to_thread(_log, provider))[n:]
            before, after = call["arrived"] - began, last - call["answered"]
            took.append({"before": before, "after": after, "both": before + after})
    return took[20:]  # the first ones warm it up


def _log(provider: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = requests.get(f"{provider}/log", timeout=10).json()
    return found


def _bare(stack: Stack, url: str) -> list[float]:
    took = []
    with psycopg.connect(stack.engines.database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE bare (n int)")
        for n in range(100):
            time.sleep(0.05)  # as cold as ours
            began = time.perf_counter()
            connection.execute("INSERT INTO bare VALUES (%s)", [n])
            requests.patch(f"{url}/locking", data=b"{}", timeout=5)
            took.append(time.perf_counter() - began)
    return took


def _tell(took: list[dict[str, float]], bare: list[float]) -> None:
    assert threading.active_count() < 100
    for what in ("before", "after", "both"):
        values = [one[what] * 1000 for one in took]
        print(
            f"{what:6} median {statistics.median(values):.1f} ms,"
            f" p95 {inside.percentile(values, 95):.1f} ms"
        )
    usual, worst = statistics.median(bare) * 1000, inside.percentile(bare, 95) * 1000
    ours = [one["both"] * 1000 for one in took]
    print(f"bare   median {usual:.1f} ms, p95 {worst:.1f} ms")
    print(
        f"ratio  median {statistics.median(ours) / usual:.1f} ×,"
        f" p95 {inside.percentile(ours, 95) / worst:.1f} ×"
    )


if __name__ == "__main__":
    main()
