"""1,000 boards on one web process: memory, a change to the last of them, pages meanwhile.

python -m tests.bench.boards
"""

import asyncio
import json
import statistics
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from importlib import import_module
from itertools import count

import psutil

from tests.bench import inside
from tests.bench.listeners import Listeners
from tests.processes.stack import Stack

BOARDS = 1000
CHANGES = 20


def main() -> None:
    with Stack(programs=("web",)) as stack:
        inside.join(stack)
        workspace = inside.make_doors(100)
        sessions = [inside.sign_in_somebody(workspace) for _ in range(BOARDS)]
        change = _changer(stack, str(workspace.pk))
        asyncio.run(_measure(stack, change, sessions))


async def _measure(
    stack: Stack, change: Callable[[], Callable[[], object]], sessions: list[str]
) -> None:
    cookies = [f"{stack.world['session_cookie']}={key}" for key in sessions]
    port, web = stack.demo.port, stack.programs["web"]
    await _pages(stack, cookies[0])  # warm: the tiles are rendered, the threads are there
    before = psutil.Process(web.pid).memory_full_info().uss
    alone = await _pages(stack, cookies[0])
    after_pages = psutil.Process(web.pid).memory_full_info().uss
    async with AsyncExitStack() as cleanup:
        boards = await cleanup.enter_async_context(Listeners(port, cookies))
        await asyncio.sleep(3)
        full = psutil.Process(web.pid).memory_full_info().uss
        took = [await boards.time_of(change) for _ in range(CHANGES)]
        meanwhile = await _pages(stack, cookies[0])
        again = psutil.Process(web.pid).memory_full_info().uss
    await asyncio.sleep(1)
    alone_again = await _pages(stack, cookies[0])
    usual = statistics.mean((alone, alone_again))
    print(f"memory: {before / 1e6:.0f} MB, {after_pages / 1e6:.0f} MB after pages;"
          f" with {BOARDS} boards {full / 1e6:.0f} MB: {(full - after_pages) / BOARDS / 1e3:.0f} kB each;"
          f" later {again / 1e6:.0f} MB")  # fmt: skip
    print(f"a change at the last board: median {statistics.median(took) * 1000:.0f} ms,"
          f" worst {max(took) * 1000:.0f} ms")  # fmt: skip
    print(f"pages/s: {usual:.0f} alone, {meanwhile:.0f} with boards: {meanwhile / usual:.0%}")


async def _pages(stack: Stack, cookie: str) -> float:
    arguments = ("tests.bench.load", str(stack.demo.port), "/?q=Room+101", cookie)
    return float(await asyncio.to_thread(stack.run, *arguments))


def _changer(stack: Stack, workspace: str) -> Callable[[], Callable[[], object]]:
    """Return what changes a door as a worker does; what that returns tells the boards of it."""
    device = import_module("locks.models").Device
    live = import_module("locks.live")
    rows = device.objects.filter(workspace_id=workspace)
    doors = [str(pk) for pk in rows.values_list("pk", flat=True)]
    client, channel = live.client(), live.channel()
    turn = count()

    def change() -> Callable[[], object]:
        n = next(turn)
        pk = doors[n % len(doors)]
        query = "UPDATE locks_device SET battery_percent = %s WHERE id = %s"
        stack.rows(query, 20 + n % 70, pk)
        return partial(client.publish, channel, json.dumps({"w": workspace, "d": [pk]}))

    return change


if __name__ == "__main__":
    main()
