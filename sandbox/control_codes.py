"""The control API's oracle of codes: which digits open a lock now, whatever any cloud says."""

from typing import Any

from sandbox import doors, knowledge
from sandbox.clock import format_utc
from sandbox.things import Lock
from sandbox.wishes import find_lock, route
from sandbox.world import World


def list_codes(world: World, query: dict[str, str], _path: dict[str, str]) -> Any:
    """Return every PIN that the cloud or the hub of a lock knows, for `?lock_id=` or all locks."""
    if "lock_id" in query:
        return _codes_on(world, find_lock(world, query["lock_id"]))
    return [row for lock in world.locks for row in _codes_on(world, lock)]


def _codes_on(world: World, lock: Lock) -> list[dict[str, Any]]:
    """Return the PINs of a Salto KS lock: of the cloud's members, and of those its IQ keeps.

    A PIN that was replaced or taken away in the cloud is a row of its own until the IQ heard.
    """
    if not lock.has_keypad:
        return []
    known = knowledge.members_known(world.iqs[lock.iq_id])
    in_cloud = {(m.id, m.pin): m.alias for m in world.members.where(site_id=lock.site_id) if m.pin}
    at_hub = {(fact["id"], fact["pin"]): fact["alias"] for fact in known if fact["pin"]}
    expiries = {fact["id"]: fact["expires_at"] for fact in known}
    rows = []
    for (member_id, digits), name in (at_hub | in_cloud).items():
        verdict = doors.judge_code(world, lock, digits)
        member, ends_at = world.members.get(member_id), expiries.get(member_id)
        ends_at = member.expires_at if member else ends_at
        rows.append(
            {
                "lock_id": lock.id,
                "lock_name": lock.customer_reference,
                "remote_id": member_id,
                "name": name,
                "digits": digits,
                "opens_now": verdict.opens,
                "reason": verdict.reason,
                "in_cloud": (member_id, digits) in in_cloud,
                "on_lock": (member_id, digits) in at_hub,
                "ends_at": format_utc(ends_at) if ends_at else None,
            }
        )
    return rows


ROUTES = [route("/codes", "GET", list_codes)]
