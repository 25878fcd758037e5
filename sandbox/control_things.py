"""The control API's changes to locks, sites, IQs and accounts; docs/sandbox.md lists them."""

from collections.abc import Callable
from typing import Any

from sandbox import connect, doors, feed, otp, people, tokens
from sandbox.things import Client, Iq, Lock, Person
from sandbox.wishes import WrongWishError, find_lock, find_row, route
from sandbox.world import World

Change = Callable[[World, Any, Any], None]


def apply_changes(world: World, thing: Any, body: dict[str, Any], table: dict[str, Change]) -> None:
    """Apply each field of `body` by its function; refuse the whole for an unknown field."""
    if unknown := set(body) - set(table):
        raise WrongWishError(
            f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(sorted(table))}"
        )
    for name, value in body.items():
        table[name](world, thing, value)


def set_field(name: str, kind: type | tuple[type, ...], *allowed: Any) -> Change:
    """Return a change that sets one field to a value of a type (and of a list, if given)."""

    def change(_world: World, thing: Any, value: Any) -> None:
        if not isinstance(value, kind) or (allowed and value not in allowed):
            raise WrongWishError(f"{name} cannot be {value!r}")
        setattr(thing, name, value)

    return change


def _reachable(world: World, lock: Lock, value: bool) -> None:  # noqa: FBT001 - a JSON value
    doors.set_lock_reachable(world, lock, reachable=bool(value))


def _iq_reachable(world: World, lock: Lock, value: bool) -> None:  # noqa: FBT001
    doors.set_iq_reachable(world, world.iqs[lock.iq_id], reachable=bool(value))


def _privacy(world: World, lock: Lock, value: bool) -> None:  # noqa: FBT001
    doors.set_privacy(world, lock, on=bool(value))


def _office_mode(world: World, lock: Lock, value: bool) -> None:  # noqa: FBT001
    if value:
        doors.start_office_mode(world, lock, cause="control", person=None)
    else:
        doors.end_office_mode(world, lock, cause="control")


def _open_seconds(_world: World, lock: Lock, value: Any) -> None:
    if not isinstance(value, int | float) or not 0 < value <= 240:
        raise WrongWishError("open_seconds must be above 0 and at most 240")
    lock.open_seconds = float(value)


def _battery(world: World, lock: Lock, value: Any) -> None:
    """Set the Connect API's word, and the legacy dialect's number with it."""
    lock.battery_level = str(value)
    lock.battery_percent = {"fresh": 92, "low": 18, "critical": 6}.get(str(value), 50)
    if value in {"low", "critical"}:
        feed.add_incident(world, lock, "low_battery_warning")


def _alarm(name: str, begins: str, ends: str) -> Change:
    def change(world: World, lock: Lock, value: Any) -> None:
        if getattr(lock, name) != bool(value):
            setattr(lock, name, bool(value))
            feed.add_incident(world, lock, begins if value else ends)

    return change


LOCK_CHANGES: dict[str, Change] = {
    "online": _reachable,
    "online_flag": lambda _world, lock, value: setattr(lock, "online", bool(value)),
    "iq_online": _iq_reachable,
    "battery_level": _battery,
    "battery_percent": set_field("battery_percent", int),
    "privacy_mode": _privacy,
    "office_mode": _office_mode,
    "left_open_alarm": _alarm(
        "left_open_alarm", "door_left_open_alarm", "end_of_door_left_open_alarm"
    ),
    "intrusion_alarm": _alarm("intrusion_alarm", "intrusion_alarm", "end_of_intrusion_alarm"),
    "open_seconds": _open_seconds,
    "lock_type": set_field("lock_type", str),
    "customer_reference": set_field("customer_reference", str),
    "floor": set_field("floor", (str, type(None))),
    "locked_state": set_field("locked_state", str),
    "iq_link_state": set_field("iq_link_state", str),
    "offline_answer": set_field(
        "offline_answer", (str, type(None)), None, "422", "3102", "503", "timeout"
    ),
    "supports_lock": set_field("supports_lock", bool),
    "code_lengths": set_field("code_lengths", list),
    "code_constraints": set_field("code_constraints", list),
    "code_slots": set_field("code_slots", int),
}


def list_locks(world: World, query: dict[str, str], _path: dict[str, str]) -> Any:
    """Return every lock, or those of `?site_id=`."""
    shapes = [control_lock_shape(world, lock) for lock in world.locks]
    return [row for row in shapes if row["site_id"] == query.get("site_id", row["site_id"])]


def change_lock(world: World, body: dict[str, Any], path: dict[str, str]) -> Any:
    lock = find_lock(world, path["lock_id"])
    apply_changes(world, lock, body, LOCK_CHANGES)
    world.locks.put(lock)
    world.settle()
    return control_lock_shape(world, lock)


def control_lock_shape(world: World, lock: Lock) -> dict[str, Any]:
    """Return the truth about a lock; `reported_state` is what the cloud believes."""
    return {
        "id": lock.id,
        "name": lock.customer_reference,
        "site_id": lock.site_id,
        "iq_id": lock.iq_id,
        "floor": lock.floor,
        "lock_type": lock.lock_type,
        "bolt": lock.bolt,
        "reported_state": lock.locked_state,
        "online": lock.reachable,
        "online_flag": lock.online,
        "iq_online": world.iqs[lock.iq_id].reachable,
        "battery_level": lock.battery_level,
        "battery_percent": lock.battery_percent,
        "privacy_mode": lock.privacy_mode,
        "left_open_alarm": lock.left_open_alarm,
        "intrusion_alarm": lock.intrusion_alarm,
        "open_seconds": lock.open_seconds,
        "offline_answer": lock.offline_answer,
        "supports_lock": lock.supports_lock,
    }


def list_sites(world: World, _query: dict[str, str], _path: dict[str, str]) -> Any:
    return [
        {
            "id": site.id,
            "site_uid": site.site_uid,
            "name": site.customer_reference,
            "locks": len(world.locks.where(site_id=site.id)),
            "seats_used": people.seats_used(world, site.id),
            "seats_total": site.subscribed_user_amount,
            "accounts": _accounts_of(world, site.id),
        }
        for site in world.sites
    ]


def _accounts_of(world: World, site_id: str) -> list[str]:
    members = [world.people[m.person_id] for m in world.members.where(site_id=site_id)]
    clients = [client.id for client in world.clients if site_id in client.site_ids]
    return [person.account for person in members if person.password] + clients


SITE_CHANGES: dict[str, Change] = {
    "pin_enabled": set_field("pin_enabled", bool),
    "subscription_valid": set_field("subscription_valid", bool),
    "installation_state": set_field("installation_state", str),
    "subscribed_user_amount": set_field("subscribed_user_amount", int),
    "features": set_field("features", list),
    "customer_reference": set_field("customer_reference", str),
}


def change_site(world: World, body: dict[str, Any], path: dict[str, str]) -> Any:
    site = find_row(world.sites, path["site_id"], "site")
    apply_changes(world, site, body, SITE_CHANGES)
    world.sites.put(site)
    return connect.site_shape(world, site)


def _app_activation(world: World, iq: Iq, account: Any) -> None:
    """Somebody activates in the mobile app: `account`'s secret is worthless from now on."""
    person = _account(world, str(account))
    if not isinstance(person, Person):
        raise WrongWishError("app_activation names the e-mail of an account")
    otp.rotate_by_app(world, iq, person)


def _forget_activations(world: World, iq: Iq, value: Any) -> None:
    if value:
        for activation in world.activations.where(iq_id=iq.id):
            world.activations.drop(activation.id)


IQ_CHANGES: dict[str, Change] = {
    "online": lambda world, iq, value: doors.set_iq_reachable(world, iq, reachable=bool(value)),
    "online_flag": lambda _world, iq, value: setattr(iq, "online", bool(value)),
    "otp_enabled": set_field("otp_enabled", bool),
    "clock_skew_seconds": set_field("clock_skew_seconds", (int, float)),
    "app_activation": _app_activation,
    "forget_activations": _forget_activations,
}


def list_iqs(world: World, _query: dict[str, str], _path: dict[str, str]) -> Any:
    return [control_iq_shape(iq) for iq in world.iqs]


def change_iq(world: World, body: dict[str, Any], path: dict[str, str]) -> Any:
    iq = find_row(world.iqs, path["iq_id"], "IQ")
    apply_changes(world, iq, body, IQ_CHANGES)
    world.iqs.put(iq)
    world.settle()
    return control_iq_shape(iq)


def control_iq_shape(iq: Iq) -> dict[str, Any]:
    return {
        "id": iq.id,
        "name": iq.customer_reference,
        "site_id": iq.site_id,
        "online": iq.reachable,
        "online_flag": iq.online,
        "otp_enabled": iq.otp_enabled,
        "clock_skew_seconds": iq.clock_skew_seconds,
        "waiting": len(iq.waiting),
    }


# --- accounts -----------------------------------------------------------------------------


def _revoke_tokens(world: World, account: Person | Client, value: Any) -> None:
    if value:
        tokens.revoke_all(world, _account_name(account))


def _role(world: World, person: Person, code: Any) -> None:
    """Make somebody an admin (who may open remotely) or a plain user (who may not)."""
    if code not in people.ROLES:
        raise WrongWishError(f"role must be one of {', '.join(people.ROLES)}")
    for member in world.members.where(person_id=person.id):
        member.role_codes = [code]
        member.remote_access = code == "site_admin"
        world.members.put(member)


PERSON_CHANGES: dict[str, Change] = {
    "disabled": set_field("disabled", bool),
    "password": set_field("password", str),
    "revoke_tokens": _revoke_tokens,
    "role": _role,
    "drop_role": lambda world, person, value: _role(
        world, person, "site_user" if value else "site_admin"
    ),
}
CLIENT_CHANGES: dict[str, Change] = {
    "disabled": set_field("disabled", bool),
    "secret": set_field("secret", str),
    "revoke_tokens": _revoke_tokens,
    "scopes": set_field("scopes", list),
    "addon_enabled": set_field("addon_enabled", bool),
    "audit_route": set_field("audit_route", str, "audit-trails", "audit/log"),
}


def _account(world: World, name: str) -> Person | Client:
    people_found = world.people.where(email=name.lower())
    found = people_found[0] if people_found else world.clients.get(name)
    if found is None:
        raise WrongWishError("there is no account of this name", status=404)
    return found


def _account_name(account: Person | Client) -> str:
    return account.account if isinstance(account, Person) else account.id


def change_account(world: World, body: dict[str, Any], path: dict[str, str]) -> Any:
    """Change an account that signs in, or a legacy client, which is one too."""
    account = _account(world, path["name"])
    if isinstance(account, Person):
        apply_changes(world, account, body, PERSON_CHANGES)
        world.people.put(account)
    else:
        apply_changes(world, account, body, CLIENT_CHANGES)
        world.clients.put(account)
    return {"account": _account_name(account), "disabled": account.disabled}


ROUTES = [
    route("/locks", "GET", list_locks),
    route("/locks/{lock_id}", "POST", change_lock),
    route("/sites", "GET", list_sites),
    route("/sites/{site_id}", "POST", change_site),
    route("/iqs", "GET", list_iqs),
    route("/iqs/{iq_id}", "POST", change_iq),
    route("/accounts/{name}", "POST", change_account),
]
