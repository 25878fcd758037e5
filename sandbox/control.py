"""The control API: what tests read as the oracle, and how faults and people are driven.

Documented in docs/sandbox.md, because tests, pages and outside checks stand on it.
"""

from collections.abc import Callable
from dataclasses import asdict, fields, replace
from datetime import datetime, timedelta
from typing import Any

from sandbox import control_codes, control_things, doors, faults, feed, seed
from sandbox.booking import desk as booking_desk
from sandbox.clock import format_utc, parse_moment
from sandbox.ks_system import control as ks_control
from sandbox.phones import control as phone_control
from sandbox.seam import control as seam_control
from sandbox.seam import webhooks
from sandbox.space import control as space_control
from sandbox.things import Effect, Fault, RequestRow, Settings
from sandbox.wishes import WrongWishError, find_lock, route
from sandbox.world import Table, World

REALISTIC: dict[str, Any] = {
    "entry_lag_min_seconds": 0.7,
    "entry_lag_max_seconds": 79.0,
    "replication_min_seconds": 5.0,
    "replication_max_seconds": 60.0,
    "member_sync_seconds": 45.0,
    "schedule_sync_seconds": 214.0,
    "user_delete_seconds": 10.0,
    "lock_flag_delay_seconds": 300.0,
    "iq_flag_delay_seconds": 1800.0,
    "empty_page_every": 3,
    "keypad_set_seconds": 5.0,
    "keypad_removal_seconds": 20.0,
    "keypad_listing_lag_seconds": 30.0,
    "seam_attempt_seconds": 1.5,
    "seam_code_seconds": 12.0,
    "space_sync_seconds": 4.0,
    "space_report_seconds": 20.0,
}
PRESETS: dict[str, dict[str, Any]] = {
    "default": {},
    "realistic": REALISTIC,
    "instant": {"entry_lag_min_seconds": 0.0, "entry_lag_max_seconds": 0.0},
}


# --- logs ---------------------------------------------------------------------------------


def effects(world: World, query: dict[str, str], _path: dict[str, str]) -> Any:
    """Return side effects with `n` above `after`, oldest first."""
    return _log(world.effects, query, effect_shape)


def effect_shape(effect: Effect) -> dict[str, Any]:
    return {
        "n": effect.n,
        "at": format_utc(effect.at),
        "kind": effect.kind,
        "account": effect.account,
        "lock_id": effect.lock_id,
        "lock_name": effect.lock_name,
        "cause": effect.cause,
        "request_id": effect.request_id,
        "detail": effect.detail,
    }


def requests(world: World, query: dict[str, str], _path: dict[str, str]) -> Any:
    return _log(world.requests, query, request_shape)


def request_shape(row: RequestRow) -> dict[str, Any]:
    shape = asdict(row) | {"at": format_utc(row.at)}
    del shape["id"]
    return shape


def mails(world: World, query: dict[str, str], _path: dict[str, str]) -> Any:
    return _log(world.mails, query, lambda mail: asdict(mail) | {"at": format_utc(mail.at)})


def _log(
    table: Table[Any], query: dict[str, str], shape: Callable[[Any], dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return what came `after`, and has the values of any other parameter named as a field."""
    after = _whole(query.get("after", "0"), "after")
    wanted = {name: value for name, value in query.items() if name not in {"after", "limit"}}
    rows = [shape(row) for row in table if row.n > after]
    rows = [row for row in rows if all(str(row.get(k)) == v for k, v in wanted.items())]
    return rows[: _whole(query.get("limit", "100000"), "limit")]


def _whole(text: str, name: str) -> int:
    if not text.isdigit():
        raise WrongWishError(f"{name} must be a whole number")
    return int(text)


# --- people at doors ----------------------------------------------------------------------


def keypad(world: World, body: dict[str, Any], _path: dict[str, str]) -> Any:
    return doors.type_pin(world, find_lock(world, body.get("lock_id")), str(body.get("code", "")))


def tag(world: World, body: dict[str, Any], _path: dict[str, str]) -> Any:
    return doors.hold_tag(world, find_lock(world, body.get("lock_id")), str(body.get("tag", "")))


def inside(world: World, body: dict[str, Any], _path: dict[str, str]) -> Any:
    doors.use_inside_handle(world, find_lock(world, body.get("lock_id")))
    return {"opened": True, "reason": "inside"}


# --- faults -------------------------------------------------------------------------------


def list_faults(world: World, _query: dict[str, str], _path: dict[str, str]) -> Any:
    return [fault_shape(fault) for fault in world.faults]


def add_fault(world: World, body: dict[str, Any], _path: dict[str, str]) -> Any:
    return fault_shape(faults.add(world, body))


def delete_faults(world: World, _query: dict[str, str], _path: dict[str, str]) -> Any:
    count = len(world.faults)
    world.faults.clear()
    return {"deleted": count}


def delete_fault(world: World, _query: dict[str, str], path: dict[str, str]) -> Any:
    if world.faults.drop(path["fault_id"]) is None:
        raise WrongWishError("there is no fault of this id", status=404)
    return {"deleted": 1}


def fault_shape(fault: Fault) -> dict[str, Any]:
    shape = asdict(fault)
    options: dict[str, Any] = shape.pop("options")
    return shape | options


# --- audit trail --------------------------------------------------------------------------


def add_entries(world: World, body: dict[str, Any], _path: dict[str, str]) -> Any:
    """Write rows as wished: `count` of them, at `at` or `age_seconds` ago, readable after
    `arrive_in_seconds`, with `row` over the usual fields or `raw` instead of them."""
    lock = find_lock(world, body.get("lock_id"))
    at = world.now() - timedelta(seconds=float(body.get("age_seconds", 0)))
    at = _moment(body["at"]) if "at" in body else at
    arrives_at = world.now() + timedelta(seconds=float(body.get("arrive_in_seconds", 0)))
    ids = []
    for _ in range(int(body.get("count", 1))):
        entry = feed.inject(world, lock, body.get("row") or {}, at=at)
        entry.arrived_at = arrives_at
        if isinstance(body.get("raw"), dict):
            entry.row = body["raw"]
        ids.append(entry.id)
    return {"ids": ids}


def _moment(text: Any) -> datetime:
    try:
        return parse_moment(str(text))
    except ValueError as wrong:
        raise WrongWishError(f"{text!r} is no ISO time") from wrong


# --- clock, settings, reset ---------------------------------------------------------------


def read_clock(world: World, _query: dict[str, str], _path: dict[str, str]) -> Any:
    return world.clock.describe()


def move_clock(world: World, body: dict[str, Any], _path: dict[str, str]) -> Any:
    """Move time by `advance_seconds`, to `set`, back by `reset`; stop or start by `freeze`."""
    moves: dict[str, Callable[[Any], None]] = {
        "reset": lambda _value: world.clock.reset(),
        "freeze": lambda value: world.clock.freeze() if value else world.clock.thaw(),
        "set": lambda value: world.clock.set(_moment(value)),
        "advance_seconds": lambda value: world.clock.advance(float(value)),
    }
    if not set(body) <= set(moves):
        raise WrongWishError(f"known: {', '.join(moves)}")

    def move() -> None:
        for name, value in body.items():
            moves[name](value)

    world.move_clock(move)
    return world.clock.describe()


def read_settings(world: World, _query: dict[str, str], _path: dict[str, str]) -> Any:
    return _settings_shape(world.settings)


def change_settings(world: World, body: dict[str, Any], _path: dict[str, str]) -> Any:
    """Start from a `preset` if one is named, then set the fields named."""
    settings = world.settings
    if "preset" in body:
        if body["preset"] not in PRESETS:
            raise WrongWishError(f"preset must be one of {', '.join(PRESETS)}")
        settings = replace(Settings(id="settings"), **PRESETS[body.pop("preset")])
    kinds = {field.name: type(field.default) for field in fields(Settings) if field.name != "id"}
    for name, value in body.items():
        if name not in kinds or not isinstance(value, _accepted(kinds[name])):
            raise WrongWishError(f"{name} cannot be {value!r}; known: {', '.join(kinds)}")
        change: dict[str, Any] = {name: value}
        settings = replace(settings, **change)
    return _settings_shape(world.settings_table.put(settings))


def _accepted(kind: type) -> type | tuple[type, ...]:
    return (int, float) if kind is float else kind


def _settings_shape(settings: Settings) -> dict[str, Any]:
    shape = asdict(settings)
    del shape["id"]
    return shape


def reset(world: World, body: dict[str, Any], _path: dict[str, str]) -> Any:
    """Make the world new. Sign-ins stay good unless `keep_sign_ins` is false."""
    world.clock.reset()
    seed.start_over(world, keep_sign_ins=body.get("keep_sign_ins", True) is not False)
    world.move_clock(world.clock.reset)
    return {"reset": True}


# --- routes -------------------------------------------------------------------------------


ROUTES = [
    *control_codes.ROUTES,
    *control_things.ROUTES,
    *space_control.ROUTES,
    *ks_control.ROUTES,
    *phone_control.ROUTES,
    *seam_control.ROUTES,
    *webhooks.CONTROL,
    *booking_desk.CONTROL,
    route("/effects", "GET", effects),
    route("/requests", "GET", requests),
    route("/outbox", "GET", mails),
    route("/keypad", "POST", keypad),
    route("/tag", "POST", tag),
    route("/inside", "POST", inside),
    route("/faults", "GET", list_faults),
    route("/faults", "POST", add_fault),
    route("/faults", "DELETE", delete_faults),
    route("/faults/{fault_id}", "DELETE", delete_fault),
    route("/entries", "POST", add_entries),
    route("/clock", "GET", read_clock),
    route("/clock", "POST", move_clock),
    route("/settings", "GET", read_settings),
    route("/settings", "POST", change_settings),
    route("/reset", "POST", reset),
]
