"""What the pages for people ask and do; how they look is in `pages`."""

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sandbox import doors, pages
from sandbox.things import Lock
from sandbox.world import World

#: Every word that `{opened, reason}` may hold, for people.
REASONS = {
    "opened": "the door opens.",
    "inside": "the door opens from inside.",
    "office_mode": "the door stands open already.",
    "unknown_pin": "this lock does not know that PIN.",
    "unknown_tag": "this lock does not know that tag.",
    "not_synced": "the PIN has not reached this lock yet.",
    "no_group": "this person has no access to this door.",
    "no_schedule": "their access has no time schedule, so the lock never heard of it.",
    "outside_schedule": "not at this time.",
    "suspended": "their subscription is suspended.",
    "blocked": "they are blocked.",
    "expired": "their access has expired.",
    "use_pin_off": "they may not use a PIN.",
    "pin_disabled": "this site has PINs switched off.",
    "privacy_mode": "somebody inside wants privacy.",
    "no_keypad": "this lock has no keypad.",
    "lock_offline": "the lock is offline.",
}


async def index(request: Request) -> Response:
    return pages.index(request.app.state.world, request.app.state.base_url)


async def outbox(request: Request) -> Response:
    world: World = request.app.state.world
    return pages.outbox([*world.mails])


async def doors_page(request: Request) -> Response:
    world: World = request.app.state.world
    site = world.sites.get(request.query_params.get("site")) or next(iter(world.sites))
    lock = world.locks.get(request.query_params.get("lock"))
    words = REASONS.get(request.query_params.get("reason", ""), "")
    return pages.doors(world, site, f"{lock.customer_reference}: {words}" if lock else "")


async def stand_at_door(request: Request) -> Response:
    """Do what a person at a door does, and go back to the page."""
    world: World = request.app.state.world
    if refused := pages.refused(request):
        return refused
    form = await request.form()
    lock = world.locks.get(str(form.get("lock_id")))
    if lock is None:
        return pages.problem("There is no such door.", status=404)
    reason = _act(world, lock, str(form.get("act")), str(form.get("code", "")).strip())
    query = urlencode({"site": lock.site_id, "lock": lock.id, "reason": reason})
    return RedirectResponse(f"/doors?{query}", 303)


def _act(world: World, lock: Lock, act: str, code: str) -> str:
    if act == "inside":
        doors.use_inside_handle(world, lock)
        return "inside"
    use = doors.type_pin if act == "pin" else doors.hold_tag
    return str(use(world, lock, code)["reason"])
