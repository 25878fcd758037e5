"""Remote opening's second factor: what an IQ checks, and how a person becomes known to it.

`otp` = the first five hex characters of MD5(UTC `YYYYMMDDHHMMSS` + secret + 4-digit PIN),
good for three minutes either way and as often as one likes.
Source: https://saltoks.com/developers/connect/generating-otp, activation measured.
"""

import hashlib
import secrets
import string
from datetime import UTC, datetime, timedelta

from sandbox.replies import RefusedError
from sandbox.things import Activation, Iq, Person
from sandbox.world import World

WINDOW_SECONDS = 180
ALPHABET = string.ascii_uppercase + string.digits


def one_time_code(at: datetime, secret: str, pin: str) -> str:
    text = at.astimezone(UTC).strftime("%Y%m%d%H%M%S") + secret + pin
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:5]


def apply_delta(pin: str, delta: str) -> str:
    """Return the new PIN: digit by digit, old minus delta, modulo ten."""
    return "".join(str((int(a) - int(b)) % 10) for a, b in zip(pin, delta, strict=True))


def activation_of(world: World, iq: Iq, person: Person) -> Activation | None:
    return world.activations.get(f"{iq.id}:{person.id}")


def issue_secret(world: World, iq: Iq, person: Person) -> str:
    """Return a new secret, once. Raises RefusedError for whoever had one already."""
    if activation_of(world, iq, person):
        raise RefusedError(403, "2203", "Cannot get first secret for an already activated Iq.")
    secret = "".join(secrets.choice(ALPHABET) for _ in range(16))
    world.activations.put(
        Activation(id=f"{iq.id}:{person.id}", iq_id=iq.id, person_id=person.id, secret=secret)
    )
    world.effect("otp_secret_issued", cause="remote", iq_id=iq.id)
    return secret


def send_pin(world: World, iq: Iq, person: Person, *, by_mail: bool) -> None:
    """Send the four digits to the person; they are to be read at the outbox page."""
    activation = activation_of(world, iq, person)
    if activation is None:
        raise _execution_failed(400, "pin_not_changed")
    if activation.state == "activated":
        raise _execution_failed(403, "command_forbidden")
    activation.pin = activation.pin or "".join(secrets.choice(string.digits) for _ in range(4))
    activation.state = "pin_sent"
    world.activations.put(activation)
    world.effect("otp_pin_sent", cause="remote", iq_id=iq.id)
    world.mail(
        kind="iq_pin",
        channel="email" if by_mail else "sms",
        to=(person.email if by_mail else person.phone) or "",
        subject=f"SIMULATED Your PIN for {iq.customer_reference}",
        text=f"SIMULATED message: your PIN for {iq.customer_reference} is {activation.pin}.",
        pin=activation.pin,
    )


def change_pin(world: World, iq: Iq, person: Person, *, code: str | None, delta: str) -> None:
    """Prove secret and PIN, and so become activated; a delta other than 0000 moves the PIN."""
    activation = check(world, iq, person, code, command="pin", allow_inactive=True)
    activation.pin = apply_delta(activation.pin, delta)
    if activation.state != "activated":
        activation.state, activation.activated_at = "activated", world.now()
        world.effect("otp_activated", cause="remote", iq_id=iq.id)
    world.activations.put(activation)


def check(
    world: World,
    iq: Iq,
    person: Person,
    code: str | None,
    *,
    command: str,
    allow_inactive: bool = False,
) -> Activation:
    """Return the activation if `code` is good now; raise RefusedError in Salto's words if not.

    Failures are counted per command; too many block that command for a while. They never
    appear in the audit trail.
    """
    if not code:
        raise RefusedError(404, "2202", "Otp is invalid")
    activation = activation_of(world, iq, person)
    if activation is None or (activation.state != "activated" and not allow_inactive):
        raise _execution_failed(400, "pin_not_changed")
    if not activation.pin:
        raise _execution_failed(400, "pin_not_changed")
    _raise_if_blocked(world, activation, command)
    if not _is_good(world, iq, activation, code):
        raise _failed(world, activation, command)
    activation.failures.pop(command, None)
    world.activations.put(activation)
    return activation


def rotate_by_app(world: World, iq: Iq, person: Person) -> None:
    """The person activates in the mobile app: the API's secret is worthless from now on."""
    activation = activation_of(world, iq, person) or Activation(
        id=f"{iq.id}:{person.id}", iq_id=iq.id, person_id=person.id, pin="0000"
    )
    activation.secret = "".join(secrets.choice(ALPHABET) for _ in range(16))
    activation.state = "activated"
    activation.activated_at = activation.activated_at or world.now()
    world.activations.put(activation)
    world.effect("otp_secret_rotated", cause="control", account=person.account, iq_id=iq.id)


def _is_good(world: World, iq: Iq, activation: Activation, code: str) -> bool:
    here = world.now() + timedelta(seconds=iq.clock_skew_seconds)
    return any(
        one_time_code(here + timedelta(seconds=s), activation.secret, activation.pin)
        == code.lower()
        for s in range(-WINDOW_SECONDS, WINDOW_SECONDS + 1)
    )


def _raise_if_blocked(world: World, activation: Activation, command: str) -> None:
    until = activation.blocked_until.get(command)
    if until and until > world.now():
        raise _execution_failed(403, "otp_blocked")
    if until:
        del activation.blocked_until[command]
        activation.failures.pop(command, None)


def _failed(world: World, activation: Activation, command: str) -> RefusedError:
    failures = activation.failures.get(command, 0) + 1
    activation.failures[command] = failures
    blocked = failures >= world.settings.otp_block_after
    if blocked:
        seconds = timedelta(seconds=world.settings.otp_block_seconds)
        activation.blocked_until[command] = world.now() + seconds
    world.activations.put(activation)
    world.effect(
        "otp_failed", cause="remote", iq_id=activation.iq_id, command=command, failures=failures
    )
    return (
        _execution_failed(403, "otp_blocked") if blocked else _execution_failed(400, "otp_invalid")
    )


def _execution_failed(status: int, code: str) -> RefusedError:
    return RefusedError(status, "3102", f"Request execution failed with code: {code}")
