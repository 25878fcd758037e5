"""Site users, guests, seats, PINs, groups and their schedules, as the cloud keeps them.

Sources: docs/sandbox.md. What a door makes of it is `knowledge`.
"""

import re
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sandbox import knowledge
from sandbox.clock import parse_moment
from sandbox.replies import RefusedError
from sandbox.things import Group, Member, Person, Schedule, Site, Timer
from sandbox.world import World, new_id

PIN_LIFETIME = timedelta(days=90)  # where the caller names no expiry_date

#: code → (id, name, parent's id, hierarchical). Fixed ids seen on the real service.
ROLES = {
    "site_admin": ("7d53b0b3-3ef7-11e8-9f1c-0050568d6e36", "Site Admin", None, True),
    "site_user": (
        "8f6081a3-80fb-11e8-a892-000d3a221c5b",
        "Site User",
        "76f7e578-80fb-11e8-a892-000d3a221c5b",
        True,
    ),
    "site_mobile_user": ("9df437bb-80fb-11e8-a892-000d3a221c5b", "Mobile User", None, False),
    "site_remote_office_mode_user": (
        "58ebcde4-d01d-11eb-b9e0-000d3a46a880",
        "Remote Office Mode User",
        None,
        False,
    ),
    "site_pod_member": ("1243f463-1033-11ea-ac2c-000d3a46a880", "Pod Member", None, False),
    "site_guest": ("51a7edc0-de00-5000-8000-000000000001", "Site Guest", None, False),
}
ROLE_CODES = {role[0]: code for code, role in ROLES.items()}

MEMBER_SWITCHES = (
    "blocked",
    "override_privacy_mode",
    "toggle_easy_office_mode",
    "toggle_manual_office_mode",
    "remote_access",
    "use_pin",
)


# --- seats --------------------------------------------------------------------------------


def seats_used(world: World, site_id: str) -> int:
    """Count who takes a seat: everybody subscribed, guests too, expired ones too."""
    return len(world.members.where(site_id=site_id, subscription_state="subscribed"))


def _seat_for_one_more(world: World, site: Site) -> str:
    free = seats_used(world, site.id) < site.subscribed_user_amount
    return "subscribed" if free else "suspended"


def set_subscription(world: World, site: Site, member: Member, state: str) -> None:
    """Give or take a seat. Raises RefusedError if there is none to give."""
    if state not in {"subscribed", "suspended"}:
        raise RefusedError(400, "1101", "The value of subscription_state is invalid.")
    wants_seat = state == "subscribed" != member.subscription_state
    if wants_seat and _seat_for_one_more(world, site) == "suspended":
        raise RefusedError(403, "2203", "The amount of subscribed users is reached.")
    member.subscription_state = state
    _changed(world, member, "user_subscription_changed", state=state)


# --- users and guests ---------------------------------------------------------------------


def create_user(world: World, site: Site, body: dict[str, Any]) -> Member:
    """Add a user. A full site answers yes too, and gives them no seat."""
    email = body.get("email")
    if email is not None and "@" not in str(email):
        raise RefusedError(400, "1101", f"Email '{email}' is not valid")
    codes = _role_codes(body)
    person = _person_for(world, body, email)
    if world.members.where(site_id=site.id, person_id=person.id):
        raise RefusedError(400, "1101", "The user is already a member of this site.")
    member = _enrol(world, site, person, codes or ["site_user"], alias=_text(body, "alias", ""))
    _apply_switches(member, body)
    if email:
        world.mail(
            kind="invite",
            channel="email",
            to=str(email),
            subject=f"SIMULATED Invitation to {site.customer_reference}",
            text=f"SIMULATED message: you were invited to {site.customer_reference}.",
        )
    return member


def create_guest(world: World, site: Site, body: dict[str, Any]) -> Member:
    """Add a guest: no mail, no PIN yet, known everywhere only after a while."""
    alias = body.get("alias")
    if not isinstance(alias, str) or not alias.strip():
        raise RefusedError(400, "1100", "The alias field is required.")
    person = Person(id=new_id(), first_name="SIMULATED Guest", last_name=alias)
    world.people.put(person)
    member = _enrol(world, site, person, ["site_guest"], alias=alias)
    member.expires_at = _moment(body.get("expires_at"), "expires_at")
    return member


def _person_for(world: World, body: dict[str, Any], email: str | None) -> Person:
    known = world.people.where(email=email) if email else []
    return (
        known[0]
        if known
        else world.people.put(
            Person(
                id=new_id(),
                email=email,
                first_name=_text(body, "first_name", ""),
                last_name=_text(body, "last_name", ""),
            )
        )
    )


def _enrol(world: World, site: Site, person: Person, codes: list[str], *, alias: str) -> Member:
    low, high = world.settings.replication_min_seconds, world.settings.replication_max_seconds
    delay = timedelta(seconds=world.chance.uniform(low, max(low, high)))
    member = Member(
        id=new_id(),
        site_id=site.id,
        person_id=person.id,
        role_codes=codes,
        alias=alias,
        subscription_state=_seat_for_one_more(world, site),
        replicated_at=world.now() + delay,
    )
    _changed(world, member, "user_created", guest=codes == ["site_guest"])
    return member


def patch_user(world: World, member: Member, body: dict[str, Any]) -> None:
    """Change what the body names. Raises RefusedError while the user is not replicated."""
    _raise_if_new(world, member)
    person = world.people[member.person_id]
    person.first_name = _text(body, "first_name", person.first_name)
    person.last_name = _text(body, "last_name", person.last_name)
    world.people.put(person)
    _apply_switches(member, body)
    member.alias = _text(body, "alias", member.alias)
    if "expires_at" in body:
        member.expires_at = _moment(body["expires_at"], "expires_at")
    member.role_codes = _role_codes(body) or member.role_codes
    _changed(world, member, "user_changed", fields=sorted(body))


def delete_user(world: World, site: Site, member: Member) -> None:
    """Free the seat now; the user is readable a little longer. The owner cannot go."""
    if member.person_id == site.owner_id:
        raise _no_permission()
    member.subscription_state, member.pin = "suspended", None
    for group in world.groups.where(site_id=site.id):
        if member.person_id in group.person_ids:
            group.person_ids.remove(member.person_id)
            world.groups.put(group)
            knowledge.tell_group(world, site.id, group.id)
    member.gone_at = world.now() + timedelta(seconds=world.settings.user_delete_seconds)
    _changed(world, member, "user_deleted")
    world.schedule(
        f"gone:{member.id}", "user-gone", world.settings.user_delete_seconds, member_id=member.id
    )


def _forget(world: World, timer: Timer) -> None:
    if member := world.members.drop(timer.payload["member_id"]):
        knowledge.tell_member(world, member.site_id, member.id)


TIMERS: dict[str, Callable[[World, Timer], None]] = {"user-gone": _forget}


# --- PINs ---------------------------------------------------------------------------------


def issue_pin(world: World, site: Site, member: Member, body: dict[str, Any]) -> str:
    """Return six new digits, the only time anybody sees them; the old ones are void."""
    return _set_pin(world, site, member, body, _free_digits(world, site))


def set_custom_pin(world: World, site: Site, member: Member, body: dict[str, Any]) -> str:
    """Set chosen digits. They may be somebody else's too: a PIN then opens both sets."""
    if "custom_pin" not in site.features:
        raise RefusedError(403, "2203", "The subscription does not allow custom pins.")
    digits = str(body.get("pin") or "")
    if not re.fullmatch(r"[0-9]{4,6}", digits):
        raise RefusedError(400, "1101", "The pin should have 4 to 6 digits.")
    return _set_pin(world, site, member, body, digits)


def _set_pin(world: World, site: Site, member: Member, body: dict[str, Any], digits: str) -> str:
    if not _is_replicated(world, member) or not site.pin_enabled:
        raise _no_permission()
    wished = _moment(body.get("expiry_date"), "expiry_date")
    rotated = member.pin is not None
    member.pin, member.pin_expires_at = digits, wished or world.now() + PIN_LIFETIME
    _changed(world, member, "pin_issued", rotated=rotated)
    return digits


def _free_digits(world: World, site: Site) -> str:
    taken = {member.pin for member in world.members.where(site_id=site.id)}
    while (digits := f"{secrets.randbelow(10**6):06}") in taken:
        pass
    return digits


# --- groups -------------------------------------------------------------------------------


def change_group_locks(world: World, group: Group, *, add: list[str], remove: list[str]) -> None:
    for lock_id in add:
        lock = world.locks.get(lock_id)
        if lock is None or lock.site_id != group.site_id:
            raise RefusedError(404, "2202", "Lock not found")
    group.lock_ids = _merged(group.lock_ids, add, remove)
    _group_changed(world, group)


def change_group_people(world: World, group: Group, *, add: list[str], remove: list[str]) -> None:
    """Change who is in. The ids are people's, never site users': those are not found."""
    for person_id in add:
        found = world.members.where(site_id=group.site_id, person_id=person_id)
        if not found or not _is_replicated(world, found[0]):
            raise RefusedError(404, "2202", "User not found")
    group.person_ids = _merged(group.person_ids, add, remove)
    _group_changed(world, group)


def _merged(ids: list[str], add: list[str], remove: list[str]) -> list[str]:
    return [key for key in dict.fromkeys([*ids, *add]) if key not in set(remove)]


def _group_changed(world: World, group: Group) -> None:
    world.groups.put(group)
    world.effect("group_changed", cause="remote", group_id=group.id)
    knowledge.tell_group(world, group.site_id, group.id)


def create_group(world: World, site: Site, name: str) -> Group:
    group = world.groups.put(Group(id=new_id(), site_id=site.id, customer_reference=name))
    _group_changed(world, group)
    return group


def delete_group(world: World, group: Group) -> None:
    for schedule in world.schedules.where(group_id=group.id):
        world.schedules.drop(schedule.id)
    world.groups.drop(group.id)
    world.effect("group_deleted", cause="remote", group_id=group.id)
    knowledge.tell_group(world, group.site_id, group.id)
    knowledge.tell_schedules(world, group.site_id, group.id)


def save_schedule(
    world: World, group: Group, body: dict[str, Any], schedule: Schedule | None = None
) -> Schedule:
    """Add a schedule, or change one. Raises RefusedError for a body without a day."""
    wished = schedule_body(body, (schedule.body if schedule else {}))
    if schedule:
        schedule.body = wished
    else:
        schedule = Schedule(id=new_id(), group_id=group.id, body=wished)
    world.schedules.put(schedule)
    world.effect("schedule_changed", cause="remote", group_id=group.id)
    knowledge.tell_schedules(world, group.site_id, group.id)
    return schedule


def delete_schedule(world: World, group: Group, schedule: Schedule) -> None:
    world.schedules.drop(schedule.id)
    world.effect("schedule_changed", cause="remote", group_id=group.id)
    knowledge.tell_schedules(world, group.site_id, group.id)


def schedule_body(body: dict[str, Any], before: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a schedule in Salto's shape: seven booleans, `HH:MM:SS`, two naive moments."""
    merged = {"start_time": "00:00", "end_time": "23:59"} | (before or {}) | body
    days = {day: merged.get(day) is True for day in knowledge.DAYS}
    if not any(days.values()):
        raise RefusedError(400, "1101", "At least one day should be selected")
    return days | {
        "start_time": _clock_time(merged["start_time"], "00"),
        # `18:00` means to the end of that minute: the server answers 18:00:59
        "end_time": _clock_time(merged["end_time"], "59"),
        "start_date": _local_moment(merged.get("start_date"), "start_date"),
        "end_date": _local_moment(merged.get("end_date"), "end_date"),
    }


def _clock_time(text: Any, seconds: str) -> str:
    if not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?", str(text)):
        raise RefusedError(400, "1101", f"The time '{text}' is invalid.")
    return str(text) if len(text) == 8 else f"{text}:{seconds}"


def _local_moment(text: Any, name: str) -> str | None:
    moment = _moment(text, name)
    return moment.strftime("%Y-%m-%dT%H:%M:%S") if moment else None


# --- small things -------------------------------------------------------------------------


def _role_codes(body: dict[str, Any]) -> list[str]:
    """Return the codes of `role_ids`; empty if none are named. Raises RefusedError 1101."""
    ids = body.get("role_ids") or []
    if not isinstance(ids, list) or not {str(key) for key in ids} <= set(ROLE_CODES):
        raise RefusedError(400, "1101", "The value of role_ids is invalid.")
    return [ROLE_CODES[str(key)] for key in ids]


def _text(body: dict[str, Any], name: str, default: str) -> str:
    value = body.get(name, default)
    if not isinstance(value, str):
        raise RefusedError(400, "1101", f"The value of {name} is invalid.")
    return value


def _apply_switches(member: Member, body: dict[str, Any]) -> None:
    for name in MEMBER_SWITCHES:
        if isinstance(body.get(name), bool):
            setattr(member, name, body[name])


def _changed(world: World, member: Member, kind: str, **detail: Any) -> None:
    world.members.put(member)
    world.effect(kind, cause="remote", site_user_id=member.id, **detail)
    knowledge.tell_member(world, member.site_id, member.id)


def _is_replicated(world: World, member: Member) -> bool:
    return member.replicated_at is None or member.replicated_at <= world.now()


def shown_roles(world: World, member: Member) -> list[str]:
    """Return the role codes; none while the cloud still replicates the user."""
    return member.role_codes if _is_replicated(world, member) else []


def _raise_if_new(world: World, member: Member) -> None:
    if not _is_replicated(world, member):
        raise RefusedError(404, "2202", "User not found")


def _no_permission() -> RefusedError:
    return RefusedError(
        403, "2203", "User does not have permission for this operation on this user"
    )


def _moment(text: Any, name: str) -> datetime | None:
    if text is None or text == "":
        return None
    try:
        return parse_moment(text)
    except (ValueError, TypeError) as problem:
        raise RefusedError(400, "1101", f"The value of {name} is invalid.") from problem
