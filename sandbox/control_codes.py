"""The control API's oracle of codes: which digits open a lock now, whatever any cloud says."""

from datetime import datetime
from typing import Any

from sandbox import doors, keypads, knowledge
from sandbox.clock import format_utc
from sandbox.seam import codes as seam_codes
from sandbox.things import Lock
from sandbox.wishes import find_lock, route
from sandbox.world import World


def list_codes(world: World, query: dict[str, str], _path: dict[str, str]) -> Any:
    """Return every PIN that the cloud or the hub of a lock knows, for `?lock_id=` or all locks."""
    if "lock_id" in query:
        return _codes_on(world, find_lock(world, query["lock_id"]))
    return [row for lock in world.locks for row in _codes_on(world, lock)]


def _codes_on(world: World, lock: Lock) -> list[dict[str, Any]]:
    if not lock.has_keypad:
        return []
    readers = {keypads.BRAND: _of_keypad_cloud, seam_codes.BRAND: _of_seam}
    return readers.get(world.sites[lock.site_id].brand, _of_salto_ks)(world, lock)


def _of_seam(world: World, lock: Lock) -> list[dict[str, Any]]:
    """Return the codes at Seam; digits that are being replaced are a row of their own."""
    return [
        _row(
            world,
            lock,
            remote_id=code.id,
            name=code.name or "",
            digits=digits,
            in_cloud=code.deleted_at is None and digits == code.digits,
            on_lock=digits == code.on_lock,
            ends_at=code.ends_at,
        )
        for code in world.seam_codes.where(lock_id=lock.id)
        for digits in dict.fromkeys((code.digits, code.on_lock or code.digits))
    ]


def _of_keypad_cloud(world: World, lock: Lock) -> list[dict[str, Any]]:
    return [
        _row(
            world,
            lock,
            remote_id=code.id,
            name=code.name,
            digits=code.digits,
            in_cloud=code.deleted_at is None,
            on_lock=code.on_lock,
            ends_at=None,
        )
        for code in world.keypad_codes.where(lock_id=lock.id)
        if code.gone_at is None
    ]


def _of_salto_ks(world: World, lock: Lock) -> list[dict[str, Any]]:
    """Return the PINs of the cloud's members, and those the lock's IQ keeps.

    A PIN that was replaced or taken away in the cloud is a row of its own until the IQ heard.
    """
    known = knowledge.members_known(world.iqs[lock.iq_id])
    in_cloud = {(m.id, m.pin): m.alias for m in world.members.where(site_id=lock.site_id) if m.pin}
    at_hub = {(fact["id"], fact["pin"]): fact["alias"] for fact in known if fact["pin"]}
    expiries = {fact["id"]: fact["expires_at"] for fact in known}
    rows = []
    for (member_id, digits), name in (at_hub | in_cloud).items():
        member, ends_at = world.members.get(member_id), expiries.get(member_id)
        rows.append(
            _row(
                world,
                lock,
                remote_id=member_id,
                name=name,
                digits=digits,
                in_cloud=(member_id, digits) in in_cloud,
                on_lock=(member_id, digits) in at_hub,
                ends_at=member.expires_at if member else ends_at,
            )
        )
    return rows


def _row(
    world: World, lock: Lock, *, digits: str, ends_at: datetime | None, **more: Any
) -> dict[str, Any]:
    verdict = doors.judge_code(world, lock, digits)
    return {
        "lock_id": lock.id,
        "lock_name": lock.customer_reference,
        "digits": digits,
        "opens_now": verdict.opens,
        "reason": verdict.reason,
        "ends_at": format_utc(ends_at) if ends_at else None,
    } | more


ROUTES = [route("/codes", "GET", list_codes)]
