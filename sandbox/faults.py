"""Faults that can be switched on: which request they hit, and what they do to it.

The table of effects and their options is in docs/sandbox.md.
"""

import asyncio
import json
import uuid
import zlib
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

from sandbox import feed, routes
from sandbox.clock import parse_moment
from sandbox.exchange import Exchange, Reply
from sandbox.seam.http import error_body
from sandbox.things import Fault
from sandbox.world import Call, World

Effect = Callable[[Exchange], Awaitable[None]]

#: Options that must be numbers, so that a wrong one is refused when it is said.
NUMBERS = (
    "seconds",
    "interval_seconds",
    "chunk_bytes",
    "bytes",
    "count",
    "keep",
    "status",
    "retry_after_date_in_seconds",
)
MATCH_FIELDS = {"route", "account", "lock_id", "method"}
ELSEWHERE = "http://elsewhere.invalid/"
HTML = b"<!doctype html><title>SIMULATED proxy</title><h1>SIMULATED proxy page</h1>"


class FaultyFaultError(ValueError):
    """A fault that cannot be switched on; the text says why."""


def add(world: World, wish: dict[str, Any]) -> Fault:
    """Switch a fault on: `match`, `effect`, `times`, `after`, and the effect's own options."""
    match, effect = wish.get("match") or {}, wish.get("effect")
    if effect not in EFFECTS:
        raise FaultyFaultError(f"effect must be one of {', '.join(EFFECTS)}")
    if not isinstance(match, dict) or not set(match) <= MATCH_FIELDS:
        raise FaultyFaultError(f"match may name {', '.join(sorted(MATCH_FIELDS))}")
    if match.get("route", "*") not in routes.known_words():
        raise FaultyFaultError(f"route must be one of {', '.join(routes.known_words())}")
    for name in (*NUMBERS, "times", "after"):
        if isinstance(wish.get(name, 0), bool | str | list | dict):
            raise FaultyFaultError(f"{name} must be a number")
    known = {"match", "effect", "times", "after"}
    fault = Fault(
        id=str(world.count("faults")),
        match=match,
        effect=effect,
        options={name: value for name, value in wish.items() if name not in known},
        times=wish.get("times", 1),
        after=wish.get("after") or 0,
    )
    return world.faults.put(fault)


def take(world: World, call: Call) -> Fault | None:
    """Return the oldest fault that hits this request, and count the hit."""
    for fault in world.faults:
        if fault.times == 0 or not _matches(fault, call):
            continue
        world.faults.put(fault)
        if fault.after > 0:
            fault.after -= 1
            continue
        fault.hits += 1
        fault.times = None if fault.times is None else fault.times - 1
        return fault
    return None


def _matches(fault: Fault, call: Call) -> bool:
    words = routes.families_of(call.path) | {call.route}
    wanted = fault.match
    return (
        wanted.get("route", "*") in words
        and wanted.get("account", call.account) == call.account
        and wanted.get("lock_id", call.lock_id) == call.lock_id
        and wanted.get("method", call.method).upper() == call.method
    )


def _option(exchange: Exchange, name: str, default: Any) -> Any:
    assert exchange.fault
    return exchange.fault.options.get(name, default)


def _flag(exchange: Exchange, name: str) -> bool:
    return bool(_option(exchange, name, 0))


async def _maybe_act(exchange: Exchange, *, default: bool) -> Reply | None:
    """Do what was asked if the fault's `act` says so; return the honest answer."""
    return await exchange.act() if _option(exchange, "act", default) else None


# --- answers that are not the answer ------------------------------------------------------


async def status(exchange: Exchange) -> None:
    await _maybe_act(exchange, default=False)
    reply = Reply.of(
        int(_option(exchange, "status", 500)), _option(exchange, "body", {}), **_headers(exchange)
    )
    await exchange.deliver(reply)


async def error(exchange: Exchange) -> None:
    """Answer with an error body of the cloud's own: `error_code`, `message`, `status`."""
    await _maybe_act(exchange, default=False)
    text = str(_option(exchange, "message", "SIMULATED error"))
    if exchange.call.path.startswith("/seam/"):
        body = error_body(str(_option(exchange, "error_code", "internal_server_error")), text)
    else:
        body = {"ErrorCode": str(_option(exchange, "error_code", "2201")), "Message": text}
    number = int(_option(exchange, "status", 500))
    await exchange.deliver(Reply.of(number, body, **_headers(exchange)))


def _headers(exchange: Exchange) -> dict[str, str]:
    headers = {str(k): str(v) for k, v in _option(exchange, "headers", {}).items()}
    if (text := _option(exchange, "retry_after", None)) is not None:
        headers["Retry-After"] = str(text)
    if (seconds := _option(exchange, "retry_after_date_in_seconds", None)) is not None:
        at = exchange.world.now() + timedelta(seconds=seconds)
        headers["Retry-After"] = format_datetime(at, usegmt=True)
    return headers


async def html(exchange: Exchange) -> None:
    await _maybe_act(exchange, default=False)
    await exchange.deliver(Reply.of(int(_option(exchange, "status", 200)), HTML))


async def redirect(exchange: Exchange) -> None:
    await _maybe_act(exchange, default=False)
    number = int(_option(exchange, "status", 302))
    location = str(_option(exchange, "location", ELSEWHERE))
    await exchange.deliver(Reply.of(number, b"", Location=location))


async def bad_json(exchange: Exchange) -> None:
    """Cut the honest answer in the middle of its JSON, but end it properly as HTTP."""
    reply = await _maybe_act(exchange, default=True) or Reply.of(200, {"items": []})
    body = reply.body or b'{"items": [}'
    await exchange.deliver(reply.with_body(body[: max(len(body) // 2, 1)]))


async def wrong_shape(exchange: Exchange) -> None:
    reply = await _maybe_act(exchange, default=True)
    number = reply.status if reply and reply.status < 300 else 200
    body = _option(exchange, "body", {"result": {"unexpected": ["SIMULATED"]}})
    await exchange.deliver(Reply.of(number, body))


async def big_body(exchange: Exchange) -> None:
    """Send JSON that is far too long, or a small gzip that unpacks to it."""
    await _maybe_act(exchange, default=False)
    size = int(_option(exchange, "bytes", 100_000_000))
    if _flag(exchange, "gzip"):
        reply = Reply.of(200, {}, **{"content-encoding": "gzip"})
        await exchange.deliver(reply.with_body(_gzip_bomb(size)))
        return
    await exchange.begin(Reply.of(200, {}), length=-1)
    await _send_part(exchange, b'{"items": [], "padding": "')
    for _ in range(0, size, 65_536):
        await _send_part(exchange, b"x" * 65_536)
        await asyncio.sleep(0)
    await _send_part(exchange, b'"}', more=False)


def _gzip_bomb(size: int) -> bytes:
    packer = zlib.compressobj(wbits=31)
    parts = [packer.compress(b'{"items": [], "padding": "')]
    parts += [packer.compress(b"x" * 65_536) for _ in range(0, size, 65_536)]
    return b"".join([*parts, packer.compress(b'"}'), packer.flush()])


# --- time ---------------------------------------------------------------------------------


async def slow(exchange: Exchange) -> None:
    await asyncio.sleep(float(_option(exchange, "seconds", 5)))
    await exchange.deliver(await exchange.act())


async def drip(exchange: Exchange) -> None:
    """Act at once, then send the body a byte at a time."""
    reply = await exchange.act()
    reply = reply if reply.body else reply.with_body(b"{}" + b" " * 98)
    await exchange.begin(reply)
    step = int(_option(exchange, "chunk_bytes", 1))
    for start in range(0, len(reply.body), step):
        await _send_part(exchange, reply.body[start : start + step])
        await asyncio.sleep(float(_option(exchange, "interval_seconds", 0.7)))
    await _send_part(exchange, b"", more=False)


async def hang(exchange: Exchange) -> None:
    """Answer only once the fault is deleted; act before that if `act` says so."""
    assert exchange.fault
    reply = await _maybe_act(exchange, default=False)
    gone = asyncio.create_task(exchange.gone())
    while not gone.done() and exchange.world.faults.get(exchange.fault.id):
        await asyncio.wait({gone}, timeout=0.02)
    if gone.done():
        return
    gone.cancel()
    await exchange.deliver(reply or await exchange.act())


async def late_execute(exchange: Exchange) -> None:
    """Wait until the client gives up, then some seconds more, and then do it."""
    await exchange.gone()
    await asyncio.sleep(float(_option(exchange, "seconds", 1)))
    await exchange.act()


# --- connections --------------------------------------------------------------------------


async def drop_before(exchange: Exchange) -> None:
    await exchange.drop(reset=_flag(exchange, "reset"))


async def drop_after(exchange: Exchange) -> None:
    await exchange.act()
    await exchange.drop(reset=_flag(exchange, "reset"))


async def truncate(exchange: Exchange) -> None:
    """Act, promise the whole body, send half of it, hang up."""
    reply = await exchange.act()
    reply = reply if reply.body else reply.with_body(b"{}" + b" " * 98)
    await exchange.begin(reply)
    await _send_part(exchange, reply.body[: len(reply.body) // 2])
    await exchange.drop(flush=True)


async def _send_part(exchange: Exchange, part: bytes, *, more: bool = True) -> None:
    await exchange.send({"type": "http.response.body", "body": part, "more_body": more})


# --- lists --------------------------------------------------------------------------------

Rows = list[Any]


def _list_fault(change: Callable[[Exchange, Rows], Rows], *, ends: bool = False) -> Effect:
    """Return an effect that changes the rows of a list; `ends`: and says nothing follows."""

    async def effect(exchange: Exchange) -> None:
        reply = await exchange.act()
        try:
            body = json.loads(reply.body)
        except ValueError:
            body = None
        if isinstance(body, list):
            body = change(exchange, body)
        elif isinstance(body, dict) and isinstance(body.get("items"), list):
            body["items"] = change(exchange, body["items"])
            if ends:
                body |= dict.fromkeys({"next_page_link", "continuation_token"} & set(body))
        elif isinstance(body, dict) and "ok" in body:
            _change_seam_lists(body, lambda rows: change(exchange, rows), ends=ends)
        else:
            await exchange.deliver(reply)
            return
        await exchange.deliver(reply.with_body(json.dumps(body).encode()))

    return effect


def _change_seam_lists(body: dict[str, Any], change: Callable[[Rows], Rows], *, ends: bool) -> None:
    """Change each list of one of Seam's answers; it may have two names."""
    for name, rows in body.items():
        if isinstance(rows, list):
            body[name] = change(rows)
    if ends and "pagination" in body:
        none = {"has_next_page": False, "next_page_cursor": None, "next_page_url": None}
        body["pagination"] = none


def _none(_exchange: Exchange, _rows: Rows) -> Rows:
    return []


def _part(exchange: Exchange, rows: Rows) -> Rows:
    return rows[: int(_option(exchange, "keep", len(rows) // 2))]


def _twice(_exchange: Exchange, rows: Rows) -> Rows:
    return [copy for row in rows for copy in (row, row)]


def _lagging(exchange: Exchange, rows: Rows) -> Rows:
    """Leave out what is younger than `seconds`: it will be there the next time."""
    limit = exchange.world.now() - timedelta(seconds=float(_option(exchange, "seconds", 60)))
    return [row for row in rows if (_moment_of(row) or limit) <= limit]


TIME_FIELDS = ("utc_date_time", "timestamp", "created_at")


def _moment_of(row: dict[str, Any]) -> datetime | None:
    try:
        return parse_moment(str(next((row[k] for k in TIME_FIELDS if row.get(k)), None)))
    except ValueError:
        return None


POISONS: dict[str, Callable[[str], dict[str, Any]]] = {
    "nul": lambda name: {name: "SIMULATED \x00 door"},
    "surrogate": lambda name: {name: "SIMULATED \ud800 door"},
    "huge": lambda name: {name: "SIMULATED " + "x" * 1_000_000},
    "wrong_types": lambda name: {name: {"not": "a text"}, "utc_date_time": 17, "timestamp": 17},
    "not_a_number": lambda name: {name: float("nan"), "utc_date_time": None, "timestamp": None},
    "future": lambda _name: {
        "utc_date_time": "2099-01-01T00:00:00Z",
        "timestamp": "2099-01-01T00:00:00Z",
    },
}
NAME_FIELDS = (
    "lock_customer_reference",
    "lockName",
    "customer_reference",
    "display_name",
    "name",
)


def _poisoned(exchange: Exchange, rows: Rows) -> Rows:
    """Put unreadable rows in front. Their ids stay the same from one poll to the next."""
    assert exchange.fault
    sample: dict[str, Any] = rows[0] if rows and isinstance(rows[0], dict) else {}
    name = next((field for field in NAME_FIELDS if field in sample), "lock_customer_reference")
    kinds = _option(exchange, "kinds", [*POISONS])
    space = uuid.UUID(int=int(exchange.fault.id))
    bad: Rows = [
        sample | {"id": str(uuid.uuid5(space, kind))} | POISONS[kind](name)
        for kind in kinds
        if kind in POISONS
    ]
    if "no_object" in kinds:
        bad.append("SIMULATED: no object at all")
    return [*bad, *rows]


async def burst(exchange: Exchange) -> None:
    """Write `count` entries within one second, then answer honestly."""
    world = exchange.world
    lock = world.locks.get(_option(exchange, "lock_id", exchange.call.lock_id))
    here = world.locks.where(site_id=routes.site_in(exchange.call.path))
    for target in [lock] if lock else here[:1]:
        for _ in range(int(_option(exchange, "count", 1000))):
            entry = feed.inject(world, target, {}, at=world.now())
            entry.arrived_at = world.now()
    await exchange.deliver(await exchange.act())


EFFECTS: dict[str, Effect] = {
    "status": status,
    "error": error,
    "slow": slow,
    "drip": drip,
    "drop_before": drop_before,
    "drop_after": drop_after,
    "truncate": truncate,
    "hang": hang,
    "html": html,
    "bad_json": bad_json,
    "wrong_shape": wrong_shape,
    "empty_list": _list_fault(_none, ends=True),
    "partial_list": _list_fault(_part, ends=True),
    "redirect": redirect,
    "big_body": big_body,
    "late_execute": late_execute,
    "duplicate_rows": _list_fault(_twice),
    "poison_rows": _list_fault(_poisoned),
    "burst": burst,
    "lag": _list_fault(_lagging),
}
