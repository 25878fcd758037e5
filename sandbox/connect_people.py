"""The Connect API's users, guests, PINs, keys, roles, groups and schedules.

Shapes measured in August 2026: docs/sandbox.md, Sources.
"""

from typing import Any

from starlette.responses import Response

from sandbox import people
from sandbox.ask import Ask, checked_id, id_list, listing, site_route
from sandbox.clock import format_utc
from sandbox.connect import lock_shape
from sandbox.replies import Json, RefusedError
from sandbox.things import Group, Member, Person, Schedule
from sandbox.world import World

# --- users --------------------------------------------------------------------------------


def me(ask: Ask) -> Response:
    extra: dict[str, Any] = {
        "ownership_state": "owner" if ask.site.owner_id == ask.person.id else "none",
        "member_of_pods": [],
        "guest_of_pods": [],
    }
    return Json(user_shape(ask.world, ask.member) | extra)


def users(ask: Ask) -> Response:
    rows = [user_shape(ask.world, m) for m in ask.world.members.where(site_id=ask.site.id)]
    return listing(ask.world, ask.request, rows)


def user(ask: Ask) -> Response:
    return Json(user_shape(ask.world, _member(ask)))


def _member(ask: Ask) -> Member:
    """Return the site user of the path; a platform user's id is not found here."""
    member = ask.world.members.get(checked_id(ask.params["user_id"]))
    gone = member and member.gone_at and member.gone_at <= ask.world.now()
    if member is None or member.site_id != ask.site.id or gone:
        raise RefusedError(404, "2202", "User not found")
    return member


def user_shape(world: World, member: Member) -> dict[str, Any]:
    return {
        "id": member.id,
        "user": person_shape(world.people[member.person_id]),
        "roles": [role_shape(code) for code in people.shown_roles(world, member)],
        "alias": member.alias,
        "toggle_easy_office_mode": member.toggle_easy_office_mode,
        "toggle_manual_office_mode": member.toggle_manual_office_mode,
        "remote_access": member.remote_access,
        "blocked": member.blocked,
        "tag_owned_by_this_site": member.tag_owned_by_this_site,
        "subscription_state": member.subscription_state,
        "override_privacy_mode": member.override_privacy_mode,
        "use_pin": member.use_pin,
        "data_removal_expires_at": None,
        "expires_at": format_utc(member.expires_at) if member.expires_at else None,
    }


def person_shape(person: Person) -> dict[str, Any]:
    return {
        "id": person.id,
        "first_name": person.first_name,
        "last_name": person.last_name,
        "email": person.email,
        "image_url": None,
        "tag_number": person.tag_number,
        "is_managed_by_current_site": person.password is None,
        "has_profile": person.password is not None,
    }


def role_shape(code: str) -> dict[str, Any]:
    role_id, name, parent_id, hierarchical = people.ROLES[code]
    return {
        "id": role_id,
        "customer_reference": name,
        "code": code,
        "parent_id": parent_id,
        "is_hierarchical": hierarchical,
    }


def roles(ask: Ask) -> Response:
    return listing(ask.world, ask.request, [role_shape(code) for code in people.ROLES])


def create_user(ask: Ask) -> Response:
    member = people.create_user(ask.world, ask.site, ask.body)
    return Json(user_shape(ask.world, member), 201)


def create_guest(ask: Ask) -> Response:
    member = people.create_guest(ask.world, ask.site, ask.body)
    return Json(user_shape(ask.world, member), 201)


def patch_user(ask: Ask) -> Response:
    member = _member(ask)
    people.patch_user(ask.world, member, ask.body)
    return Json(user_shape(ask.world, member))


def delete_user(ask: Ask) -> Response:
    people.delete_user(ask.world, ask.site, _member(ask))
    return Response(status_code=202)


def change_subscription(ask: Ask) -> Response:
    member = _member(ask)
    if "state" not in ask.body:
        raise RefusedError(400, "1101", "The value of state is invalid.")
    people.set_subscription(ask.world, ask.site, member, str(ask.body["state"]))
    return Json(user_shape(ask.world, member))


def put_pin(ask: Ask) -> Response:
    """Return the digits as a bare JSON string: the only time they are shown."""
    return Json(people.issue_pin(ask.world, ask.site, _member(ask), ask.body))


def put_custom_pin(ask: Ask) -> Response:
    return Json(people.set_custom_pin(ask.world, ask.site, _member(ask), ask.body))


def keys(ask: Ask) -> Response:
    member = _member(ask)
    rows: list[dict[str, Any]] = []
    if member.pin:
        expires_at = format_utc(member.pin_expires_at) if member.pin_expires_at else None
        rows.append(_key_shape("pin", "pin", expires_at, offline=False))
    tags = ask.world.tags.where(site_id=ask.site.id, person_id=member.person_id)
    rows += [_key_shape("tag", tag.number, None, offline=tag.offline_access) for tag in tags]
    return listing(ask.world, ask.request, rows)


def _key_shape(
    kind: str, identifier: str, expiry_date: str | None, *, offline: bool
) -> dict[str, Any]:
    return {
        "type": kind,
        "key_identifier": identifier,
        "expiry_date": expiry_date,
        "offline_access": offline,
    }


def users_iqs(ask: Ask) -> Response:
    rows = []
    for activation in ask.world.activations.where(person_id=_member(ask).person_id):
        iq = ask.world.iqs[activation.iq_id]
        if iq.site_id == ask.site.id and activation.state == "activated":
            rows.append(
                {
                    "id": iq.id,
                    "customer_reference": iq.customer_reference,
                    "otp_enabled": iq.otp_enabled,
                }
            )
    return listing(ask.world, ask.request, rows)


# --- groups -------------------------------------------------------------------------------


def groups(ask: Ask) -> Response:
    rows = [group_shape(group) for group in ask.world.groups.where(site_id=ask.site.id)]
    return listing(ask.world, ask.request, rows)


def group(ask: Ask) -> Response:
    return Json(group_shape(_group(ask)))


def group_shape(group: Group) -> dict[str, Any]:
    return {"id": group.id, "customer_reference": group.customer_reference}


def _group(ask: Ask) -> Group:
    group = ask.world.groups.get(checked_id(ask.params["group_id"]))
    if group is None or group.site_id != ask.site.id:
        raise RefusedError(404, "2202", "Access group not found")
    return group


def create_group(ask: Ask) -> Response:
    return Json(group_shape(people.create_group(ask.world, ask.site, _name(ask))))


def patch_group(ask: Ask) -> Response:
    group = _group(ask)
    group.customer_reference = _name(ask)
    ask.world.groups.put(group)
    return Json(group_shape(group))


def _name(ask: Ask) -> str:
    name = ask.body.get("customer_reference")
    if not isinstance(name, str) or not name.strip():
        raise RefusedError(400, "1100", "The customer_reference field is required.")
    return name


def delete_group(ask: Ask) -> Response:
    people.delete_group(ask.world, _group(ask))
    return Response(status_code=204)


def group_locks(ask: Ask) -> Response:
    locks = [ask.world.locks.get(key) for key in _group(ask).lock_ids]
    rows = [lock_shape(ask.world, lock) for lock in locks if lock]
    return listing(ask.world, ask.request, rows)


def change_group_locks(ask: Ask) -> Response:
    add, remove = _changes(ask, "lock_id")
    people.change_group_locks(ask.world, _group(ask), add=add, remove=remove)
    return group_locks(ask)


def remove_group_lock(ask: Ask) -> Response:
    gone = [checked_id(ask.params["lock_id"])]
    people.change_group_locks(ask.world, _group(ask), add=[], remove=gone)
    return Response(status_code=204)


def group_users(ask: Ask) -> Response:
    persons = [ask.world.people.get(key) for key in _group(ask).person_ids]
    return listing(ask.world, ask.request, [person_shape(p) for p in persons if p])


def change_group_users(ask: Ask) -> Response:
    add, remove = _changes(ask, "user_id")
    people.change_group_people(ask.world, _group(ask), add=add, remove=remove)
    return group_users(ask)


def remove_group_user(ask: Ask) -> Response:
    gone = [checked_id(ask.params["user_id"])]
    people.change_group_people(ask.world, _group(ask), add=[], remove=gone)
    return Response(status_code=204)


def _changes(ask: Ask, single: str) -> tuple[list[str], list[str]]:
    """Return ids to add and to remove: one by POST, many by PATCH."""
    if ask.request.method == "POST":
        return [checked_id(str(ask.body.get(single)))], []
    return id_list(ask.body.get("add_ids")), id_list(ask.body.get("remove_ids"))


# --- schedules ----------------------------------------------------------------------------


def schedules(ask: Ask) -> Response:
    rows = [schedule_shape(s) for s in ask.world.schedules.where(group_id=_group(ask).id)]
    return listing(ask.world, ask.request, rows)


def schedule_shape(schedule: Schedule) -> dict[str, Any]:
    return {"id": schedule.id} | schedule.body


def _schedule(ask: Ask) -> Schedule:
    schedule = ask.world.schedules.get(checked_id(ask.params["schedule_id"]))
    if schedule is None or schedule.group_id != _group(ask).id:
        raise RefusedError(404, "2202", "Time schedule not found")
    return schedule


def create_schedule(ask: Ask) -> Response:
    return Json(schedule_shape(people.save_schedule(ask.world, _group(ask), ask.body)))


def patch_schedule(ask: Ask) -> Response:
    changed = people.save_schedule(ask.world, _group(ask), ask.body, _schedule(ask))
    return Json(schedule_shape(changed))


def delete_schedule(ask: Ask) -> Response:
    people.delete_schedule(ask.world, _group(ask), _schedule(ask))
    return Response(status_code=204)


# --- routes -------------------------------------------------------------------------------

USER = "/users/{user_id}"
GROUP = "/access_groups/{group_id}"
SCHEDULE = GROUP + "/time_schedules/{schedule_id}"

ROUTES = [
    site_route("/me", "GET", me, always=True),
    site_route("/roles", "GET", roles, admin=True),
    site_route("/users", "GET", users, admin=True),
    site_route("/users", "POST", create_user, admin=True),
    site_route("/guests", "POST", create_guest, admin=True),
    site_route(USER, "GET", user, admin=True),
    site_route(USER, "PATCH", patch_user, admin=True),
    site_route(USER, "DELETE", delete_user, admin=True),
    site_route(USER + "/subscription", "PATCH", change_subscription, admin=True),
    site_route(USER + "/pin", "PUT", put_pin, admin=True),
    site_route(USER + "/pin/custom", "PUT", put_custom_pin, admin=True),
    site_route(USER + "/keys", "GET", keys, admin=True),
    site_route(USER + "/activated_iqs", "GET", users_iqs, admin=True),
    site_route("/access_groups", "GET", groups, admin=True),
    site_route("/access_groups", "POST", create_group, admin=True),
    site_route(GROUP, "GET", group, admin=True),
    site_route(GROUP, "PATCH", patch_group, admin=True),
    site_route(GROUP, "DELETE", delete_group, admin=True),
    site_route(GROUP + "/locks", "GET", group_locks, admin=True),
    site_route(GROUP + "/locks", "POST", change_group_locks, admin=True),
    site_route(GROUP + "/locks", "PATCH", change_group_locks, admin=True),
    site_route(GROUP + "/locks/{lock_id}", "DELETE", remove_group_lock, admin=True),
    site_route(GROUP + "/users", "GET", group_users, admin=True),
    site_route(GROUP + "/users", "POST", change_group_users, admin=True),
    site_route(GROUP + "/users", "PATCH", change_group_users, admin=True),
    site_route(GROUP + "/users/{user_id}", "DELETE", remove_group_user, admin=True),
    site_route(GROUP + "/time_schedules", "GET", schedules, admin=True),
    site_route(GROUP + "/time_schedules", "POST", create_schedule, admin=True),
    site_route(SCHEDULE, "PATCH", patch_schedule, admin=True),
    site_route(SCHEDULE, "DELETE", delete_schedule, admin=True),
]
