"""What an act on a code will do, told before it is done (ux 4.6)."""

from datetime import datetime

from locks.code_models import CodePhase
from locks.codes import room
from locks.codes.capability import brand_of, capability_of
from locks.codes.rules import clock
from locks.codes.services import Wish, digits_end, needs_new_digits
from locks.models import AccessCode


def of_change(code: AccessCode, after: AccessCode, wish: Wish, *, at: datetime) -> list[str]:
    """Return what a change will do, a sentence each; nothing if nothing.

    `after` is the code as it would be (`services.rehearse`).
    """
    window, zone = room.window_of(after), code.device.property.zone
    said = []
    if after.name != code.name:
        said.append(f"It is called “{after.name}” instead of “{code.name}”.")
    if window.starts_at != code.starts_at:
        said.append(
            f"It starts {clock(window.starts_at, zone, at)}."
            if window.starts_at
            else "It has no start and no end any more: it works until somebody revokes it."
        )
    if window.ends_at and window.ends_at != code.ends_at:
        said.append(f"It stops working {clock(window.ends_at, zone, at)}.")
    if after.digits_index != code.digits_index and wish.digits:
        said.append("The old digits stop working as soon as the lock has the new ones.")
    elif needs_new_digits(code, window):
        said.append(_new_digits(code, at))
    elif said:
        said.append("The digits stay the same.")
    if said and code.phase != CodePhase.WAITING:
        said.append(f"{brand_of(code.account)} and the lock hear of it within a minute or two.")
    return said


def _new_digits(code: AccessCode, at: datetime) -> str:
    end = digits_end(code)
    until = f" on {end.astimezone(code.device.property.zone):%-d %b %Y}" if end else ""
    told = " Somebody was told the old ones: tell them the new ones." if code.delivered_at else ""
    brand = brand_of(code.account)
    return (
        f"The digits change: {brand} ends the present ones{until}, so it makes new ones and the"
        f" old ones stop working at once.{told}"
    )


def of_revoking(code: AccessCode) -> list[str]:
    """Return what revoking a code, or removing one found at the provider, will do."""
    brand = brand_of(code.account)
    said = [f"“{code.name}” stops opening {code.device}. This cannot be undone."]
    if not code.is_managed:
        said.append(f"It was not made here: it is deleted in {brand}, for everybody there.")
    if code.phase == CodePhase.WAITING and not code.remote_id:
        said.append("No lock knows it yet, so it is gone at once.")
    elif code.device.is_online is False or (code.device.hub and not code.device.hub.is_online):
        said.append(
            "The lock is offline now: the PIN goes on working there until it is online again."
        )
    else:
        said.append("The lock hears of it within a minute. Until then the page says so.")
    capability = capability_of(code.device)
    if capability.rules and capability.rules.takes_seat:
        said.append(f"Its seat at {code.site.name} is free again.")
    said.append("Its digits are not given to anybody else before it was seen gone.")
    return said


def of_adopting(code: AccessCode) -> list[str]:
    """Return what adopting a code found at the provider will do."""
    brand = brand_of(code.account)
    return [
        f"Lockboard keeps it as it is now, and puts its own mark in front of the name in {brand}.",
        "Its digits stay. They are not known here and cannot be shown.",
        f"If somebody changes it in {brand}, Lockboard changes it back.",
    ]
