"""The Connect API's sites, locks and IQs.

Shapes measured in August 2026, commands as documented: docs/sandbox.md, Sources.
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox import doors, feed, identity, otp, people
from sandbox.ask import Ask, checked_id, id_list, listing, site_route
from sandbox.replies import Json, PlainRefusalError, RefusedError, SilenceError, problem
from sandbox.seed import make_id
from sandbox.things import Iq, Lock, Site
from sandbox.world import World

# --- sites and me -------------------------------------------------------------------------


async def sites(request: Request) -> Response:
    world: World = request.app.state.world
    person, _token = identity.bearer(request)
    mine = [m.site_id for m in world.members.where(person_id=person.id) if not m.blocked]
    return listing(world, request, [site_shape(world, world.sites[key]) for key in mine])


def site(ask: Ask) -> Response:
    return Json(site_shape(ask.world, ask.site))


def site_shape(world: World, site: Site) -> dict[str, Any]:
    owner = world.people[site.owner_id]
    return {
        "id": site.id,
        "site_uid": site.site_uid,
        "customer_reference": site.customer_reference,
        "active_user_amount": people.seats_used(world, site.id),
        "subscribed_user_amount": site.subscribed_user_amount,
        "active_iq_amount": len(world.iqs.where(site_id=site.id)),
        "pin_enabled": site.pin_enabled,
        "subscription_valid": site.subscription_valid,
        "country_code": site.country_code,
        "time_zone": site.time_zone,
        "installation_state": site.installation_state,
        "mkey_compatible": True,
        "store_events_ttl": f"{world.settings.retention_days}.00:00:00",
        "owner": {
            "id": owner.id,
            "first_name": owner.first_name,
            "last_name": owner.last_name,
            "email": owner.email,
            "image_url": None,
            "tag_number": owner.tag_number,
            "is_managed_by_current_site": False,
            "has_profile": True,
        },
    }


def subscription(ask: Ask) -> Response:
    amount = ask.site.subscribed_user_amount
    return Json({"user_amount": amount, "type": "default", "features": ask.site.features})


async def me(request: Request) -> Response:
    person, _token = identity.bearer(request)
    return Json(
        {
            "id": person.id,
            "first_name": person.first_name,
            "last_name": person.last_name,
            "phone": person.phone,
            "email": person.email,
            "language": "en",
            "tag_number": person.tag_number,
            "tag_rf_id_uid": None,
            "image_url": None,
        }
    )


async def activated_iqs(request: Request) -> Response:
    world: World = request.app.state.world
    person, _token = identity.bearer(request)
    here = {iq.id for iq in world.iqs.where(site_id=checked_id(request.path_params["site_id"]))}
    rows = [
        {
            "iq_id": activation.iq_id,
            "activated": activation.state == "activated",
            "activation_date": _moment(activation.activated_at),
        }
        for activation in world.activations.where(person_id=person.id)
        if activation.iq_id in here
    ]
    return listing(world, request, rows)


def _moment(at: Any) -> str | None:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ") if at else None


async def forbidden(request: Request) -> Response:
    """Answer v2 roles and permissions as measured: 403 for a user_api token."""
    identity.bearer(request)
    return problem(403)


# --- locks --------------------------------------------------------------------------------


def locks(ask: Ask) -> Response:
    rows = [lock_shape(ask.world, lock) for lock in ask.world.locks.where(site_id=ask.site.id)]
    return listing(ask.world, ask.request, rows)


def lock(ask: Ask) -> Response:
    return Json(lock_shape(ask.world, ask.lock()))


def lock_shape(world: World, lock: Lock) -> dict[str, Any]:
    """Return a lock with every measured field and nothing more; no site in it."""
    iq = world.iqs[lock.iq_id]
    attached = lock.iq_link_state in {"attached", "detached_pending"}
    return {
        "id": lock.id,
        "customer_reference": lock.customer_reference,
        "mac": lock.mac,
        "floor": lock.floor,
        "locked_state": lock.locked_state,
        "lock_type": lock.lock_type,
        "online": lock.online,
        "iq_link_state": lock.iq_link_state,
        "tag_registration_state": "not_started",
        "battery_level": lock.battery_level,
        "left_open_alarm": lock.left_open_alarm,
        "intrusion_alarm": lock.intrusion_alarm,
        "privacy_mode": lock.privacy_mode,
        "communication_type": "blue_net",
        "offline_access_keys_limit": 360,
        "offline_access_keys_count": len(lock.offline_key_ids),
        "easy_office_mode_schedule": lock.easy_office_mode_schedule,
        "iq": _iq_inside(iq) if attached else None,
        "repeater": None,
        "vendor": {
            "id": make_id("vendor"),
            "reference": "sallis",
            "display_name": "SIMULATED SALTO Sallis",
        },
    }


def _iq_inside(iq: Iq) -> dict[str, Any]:
    return {
        "id": iq.id,
        "customer_reference": iq.customer_reference,
        "mac_address": iq.mac,
        "is_online": iq.online,
        "revision": iq.revision,
        "otp_enabled": iq.otp_enabled,
    }


def locking(ask: Ask) -> Response:
    """Open for a moment, start office mode or end it.

    The order of the refusals is this sandbox's: body, permission, code missing, not reached,
    code wrong, privacy. The first two are the cloud's, the others the IQ's and the lock's.
    """
    lock, wanted = ask.lock(), ask.body.get("locked_state")
    if wanted not in ("unlocked", "office_mode", "locked"):
        raise RefusedError(400, "1101", "The value of locked_state is invalid.")
    if not ask.member.remote_access or (wanted == "office_mode" and not _may_office_mode(ask)):
        raise RefusedError(403, "2203", "User does not have permission for this operation")
    iq = ask.world.iqs[lock.iq_id]
    code = ask.body.get("otp")
    if iq.otp_enabled and not code:
        raise RefusedError(404, "2202", "Otp is invalid")
    if not doors.can_reach(ask.world, lock):
        raise_unreachable(ask.world, lock)
    if iq.otp_enabled:
        otp.check(ask.world, iq, ask.person, str(code), command="locking")
    if lock.privacy_mode and not ask.member.override_privacy_mode:
        ask.world.effect("lock_rejected", cause="remote", lock=lock, reason="privacy_mode")
        raise RefusedError(403, "3102", "Request execution failed with code: command_forbidden")
    _carry_out(ask, lock, wanted)
    return _locking_answer(ask.world, wanted)


def _may_office_mode(ask: Ask) -> bool:
    return (
        ask.is_admin
        or ask.member.toggle_manual_office_mode
        or "site_remote_office_mode_user" in ask.member.role_codes
    )


def _carry_out(ask: Ask, lock: Lock, wanted: str) -> None:
    if wanted == "office_mode":
        doors.start_office_mode(ask.world, lock, cause="remote", person=ask.person)
    elif wanted == "locked":
        doors.end_office_mode(ask.world, lock, cause="remote", person=ask.person)
    else:
        doors.open_door(ask.world, lock, cause="remote")
        feed.add_entry(
            ask.world,
            lock,
            "lock_opened",
            person=ask.person,
            alias=ask.member.alias,
            access_by="remote",
        )


def _locking_answer(world: World, wanted: str) -> Response:
    # Nobody has published the body of this 200.
    if world.settings.locking_body == "state":
        return Json({"locked_state": wanted})
    return Response(status_code=200)


def raise_unreachable(world: World, lock: Lock) -> None:
    """Answer for a lock or IQ that is off the air. Unknown in reality, so it can be chosen."""
    answer = lock.offline_answer or world.settings.offline_answer
    world.effect("lock_rejected", cause="remote", lock=lock, reason="offline")
    if answer == "timeout":
        raise SilenceError
    if answer == "503":
        raise PlainRefusalError(problem(503))
    status = 400 if answer == "3102" else 422
    raise RefusedError(status, "3102", "Request execution failed with code: lock_offline")


def lock_settings(ask: Ask) -> Response:
    return Json({"id": ask.lock().id, "open_time": round(ask.lock().open_seconds)})


def read_eom(ask: Ask) -> Response:
    schedule = ask.lock().easy_office_mode_schedule
    if schedule is None:
        raise RefusedError(404, "2202", "Easy office mode schedule not found")
    return Json(schedule)


def write_eom(ask: Ask) -> Response:
    lock = ask.lock()
    schedule = {"eom_auto_start": ask.body.get("eom_auto_start") is True}
    lock.easy_office_mode_schedule = schedule | people.schedule_body(ask.body)
    ask.world.locks.put(lock)
    ask.world.effect("easy_office_mode_changed", cause="remote", lock=lock)
    return Json(lock.easy_office_mode_schedule)


def delete_eom(ask: Ask) -> Response:
    lock = ask.lock()
    lock.easy_office_mode_schedule = None
    ask.world.locks.put(lock)
    ask.world.effect("easy_office_mode_changed", cause="remote", lock=lock)
    return Response(status_code=204)


def offline_keys(ask: Ask) -> Response:
    return listing(ask.world, ask.request, [{"id": key} for key in ask.lock().offline_key_ids])


def change_offline_keys(ask: Ask) -> Response:
    lock = ask.lock()
    remove = id_list(ask.body.get("remove_ids"))
    kept = [key for key in lock.offline_key_ids if key not in remove]
    lock.offline_key_ids = list(dict.fromkeys([*kept, *id_list(ask.body.get("add_ids"))]))
    ask.world.locks.put(lock)
    ask.world.effect("offline_keys_changed", cause="remote", lock=lock)
    return offline_keys(ask)


# --- IQs ----------------------------------------------------------------------------------


def iqs(ask: Ask) -> Response:
    rows = [iq_shape(iq) for iq in ask.world.iqs.where(site_id=ask.site.id)]
    return listing(ask.world, ask.request, rows)


def iq(ask: Ask) -> Response:
    return Json(iq_shape(ask.iq()))


def iq_shape(iq: Iq) -> dict[str, Any]:
    return {
        "id": iq.id,
        "customer_reference": iq.customer_reference,
        "time_zone": iq.time_zone,
        "mac": iq.mac,
        "operator": "SIMULATED Telecom",
        "state": "active",
        "restore_required": False,
        "reset_date": None,
        "online": iq.online,
        "led_enabled": True,
        "data_sync_state": "not_synced",  # the measured steady state; no health gate
        "signal_strength": 21,
        "revision": iq.revision,
        "otp_enabled": iq.otp_enabled,
    }


def iq_secret(ask: Ask) -> Response:
    """Return the secret, once; for who is activated already, prove the code and refuse."""
    iq, code = ask.iq(), ask.request.query_params.get("otp")
    if code:
        otp.check(ask.world, iq, ask.person, code, command="secret")
    return Json({"secret": otp.issue_secret(ask.world, iq, ask.person)})


def send_iq_pin(ask: Ask) -> Response:
    by_mail = ask.request.query_params.get("send_email", "").lower() == "true"
    otp.send_pin(ask.world, ask.iq(), ask.person, by_mail=by_mail)
    return Response(status_code=204)


def change_iq_pin(ask: Ask) -> Response:
    iq, delta = ask.iq(), ask.body.get("delta")
    if not isinstance(delta, str) or len(delta) != 4 or not delta.isdigit():
        raise RefusedError(400, "1100", "The delta field is required.")
    otp.change_pin(ask.world, iq, ask.person, code=_otp_field(ask), delta=delta)
    return Response(status_code=204)


def delete_iq_pin(ask: Ask) -> Response:
    iq = ask.iq()
    otp.check(ask.world, iq, ask.person, _otp_field(ask), command="delete_pin")
    members = ask.world.members.where(id=checked_id(ask.params["user_id"]), site_id=ask.site.id)
    if not members or not ask.world.activations.drop(f"{iq.id}:{members[0].person_id}"):
        raise RefusedError(404, "2202", "User not found")
    ask.world.effect("otp_deactivated", cause="remote", iq_id=iq.id)
    return Response(status_code=204)


def _otp_field(ask: Ask) -> str:
    code = ask.body.get("otp")
    if not isinstance(code, str) or not code:
        raise RefusedError(400, "1100", "The otp field is required.")
    return code


# --- routes -------------------------------------------------------------------------------

ROUTES = [
    Route("/sites", sites, methods=["GET"]),
    Route("/me", me, methods=["GET"]),
    Route("/me/{site_id}/activated_iqs", activated_iqs, methods=["GET"]),
    site_route("", "GET", site, always=True),
    site_route("/subscription", "GET", subscription, always=True),
    site_route("/locks", "GET", locks),
    site_route("/locks/{lock_id}", "GET", lock),
    site_route("/locks/{lock_id}/settings", "GET", lock_settings),
    site_route("/locks/{lock_id}/locking", "PATCH", locking),
    site_route("/locks/{lock_id}/easy_office_mode_schedule", "GET", read_eom),
    site_route("/locks/{lock_id}/easy_office_mode_schedule", "PUT", write_eom, admin=True),
    site_route("/locks/{lock_id}/easy_office_mode_schedule", "DELETE", delete_eom, admin=True),
    site_route("/locks/{lock_id}/offline_keys", "GET", offline_keys, admin=True),
    site_route("/locks/{lock_id}/offline_keys", "PATCH", change_offline_keys, admin=True),
    site_route("/iqs", "GET", iqs),
    site_route("/iqs/{iq_id}", "GET", iq),
    site_route("/iqs/{iq_id}/secret", "GET", iq_secret),
    site_route("/iqs/{iq_id}/pin", "GET", send_iq_pin),
    site_route("/iqs/{iq_id}/pin", "PUT", change_iq_pin),
    site_route("/iqs/{iq_id}/pin/{user_id}", "DELETE", delete_iq_pin),
]
