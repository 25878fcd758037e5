"""The sentences of a guest's page, in the language that is spoken at the moment."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from access.guests.languages import day_and_time, short
from access.guests.stay import Phase, Progress, Stay
from access.models import AccessGrant
from accounts.models import Space
from accounts.providers.base import Code
from accounts.providers.systems import AccessMethod as Mode
from locks import actuation
from locks.models import ActionAttempt
from locks.states import AttemptStatus


@dataclass(frozen=True, kw_only=True)
class Times:
    starts: str
    ends: str
    #: "Fri 15:00"
    starts_short: str
    zone: str


@dataclass(frozen=True, kw_only=True)
class Step:
    """Something that has to be so before somebody gets in."""

    text: str
    is_met: bool


@dataclass(frozen=True, kw_only=True)
class Outcome:
    tone: str
    sentence: str
    #: What comes next; shown below.
    more: str = ""
    #: The attempt to ask again for, while it is under way.
    poll: UUID | None = None


def times_of(place: Space, starts_at: datetime, ends_at: datetime | None, *, at: datetime) -> Times:
    zone = place.zone
    return Times(
        starts=day_and_time(starts_at, zone),
        ends=day_and_time(ends_at, zone) if ends_at else "",
        starts_short=short(starts_at, zone, now=at),
        zone=zone.key,
    )


def context_of(stay: Stay, at: datetime) -> dict[str, Any]:
    return {
        "stay": stay,
        "times": times_of(stay.place, stay.starts_at, stay.ends_at, at=at),
        "greeting": greeting(stay.guest_name, at.astimezone(stay.zone).hour),
        "steps": steps_of(stay),
        "of_code": [way for way in stay.ways if way.mode == Mode.CODE],
        "of_card": [way for way in stay.ways if way.mode == Mode.CARD],
        "of_mobile_key": [way for way in stay.ways if way.mode == Mode.MOBILE_KEY],
    }


def greeting(name: str, hour: int) -> str:
    named = {"name": name}
    if 5 <= hour < 12:
        return _("Good morning, %(name)s") % named if name else _("Good morning")
    if 12 <= hour < 18:
        return _("Good afternoon, %(name)s") % named if name else _("Good afternoon")
    if hour >= 18:
        return _("Good evening, %(name)s") % named if name else _("Good evening")
    return _("Hello, %(name)s") % named if name else _("Hello")  # in the night


def steps_of(stay: Stay) -> list[Step]:
    """Return what has to be so before each way in works, and whether it is."""
    if stay.is_after:
        return []
    begun = _("Your stay has begun") if stay.is_during else _("Your stay begins")
    steps = [Step(text=begun, is_met=stay.is_during)]
    if not stay.is_during:
        return steps
    words = {
        Mode.CODE: (_("Your code is on the lock"), _("Your code is not on the lock yet")),
        Mode.CARD: (_("Your card is ready"), _("Your card is not made yet")),
        Mode.MOBILE_KEY: (_("Your mobile key is ready"), _("Your mobile key is not ready yet")),
    }
    for mode, (ready, pending) in words.items():
        ways = [way for way in stay.ways if way.mode == mode]
        if ways:
            is_met = all(way.progress == Progress.READY for way in ways)
            steps.append(Step(text=ready if is_met else pending, is_met=is_met))
    return steps


# --- opening ------------------------------------------------------------------------------


def outside(phase: Phase, grant: AccessGrant, *, at: datetime) -> str:
    if phase == Phase.AFTER:
        return _("Access ended.")
    times = times_of(grant.property, grant.starts_at, grant.ends_at, at=at)
    return _("Access from %(when)s (%(zone)s).") % {"when": times.starts, "zone": times.zone}


def refused(error: actuation.RefusedHere) -> str:
    """Say why nothing was sent, without names of other people or of systems."""
    if isinstance(error, actuation.BusyError):
        return _("Somebody else is using this door at the moment. Try again in a few seconds.")
    if isinstance(error, actuation.TooManyError):
        return _wait(error.retry_after_seconds)
    if isinstance(error, actuation.NotAllowedError):
        return _("Not sent – no longer allowed.") + " " + _("Nothing happened.")
    return _("This door cannot be opened from here at the moment. Nothing was sent.")


def _wait(seconds: float) -> str:
    whole = math.ceil(seconds)
    return ngettext(
        "Too many requests; try again in %(count)d second.",
        "Too many requests; try again in %(count)d seconds.",
        whole,
    ) % {"count": whole}


def opened_often(until: datetime, zone: ZoneInfo, *, at: datetime) -> str:
    return _("This page has opened doors very often. It can again from %(when)s.") % {
        "when": short(until, zone, now=at)
    }


def outcome_of(attempt: ActionAttempt, zone: ZoneInfo) -> Outcome:
    """Say how an attempt stands, in words that are true (ux 3)."""
    match attempt.status:
        case AttemptStatus.QUEUED | AttemptStatus.SENDING:
            return Outcome(tone="info", sentence=_("Sending…"), poll=attempt.pk)
        case AttemptStatus.SUCCESS:
            return _released(attempt, zone)
        case AttemptStatus.UNCONFIRMED:
            return Outcome(
                tone="warn",
                sentence=_("Sent, not confirmed."),
                more=_("The door may have opened. Check the door."),
                poll=attempt.pk,
            )
        case AttemptStatus.EXPIRED:
            sentence = _("Not sent – took too long.")
        case AttemptStatus.CANCELLED:
            sentence = _("Not sent – no longer allowed.")
        case _:
            return Outcome(tone="danger", sentence=_not_opened(attempt), more=_did_not_open())
    return Outcome(tone="unknown", sentence=sentence, more=_("Nothing happened."))


def _released(attempt: ActionAttempt, zone: ZoneInfo) -> Outcome:
    time = f"{attempt.moved_about.astimezone(zone):%H:%M:%S}"
    if attempt.released_seconds is None:
        sentence = _("Door released %(time)s.") % {"time": time}
    else:
        seconds = round(attempt.released_seconds)
        sentence = ngettext(
            "Door released %(time)s for %(count)d second.",
            "Door released %(time)s for %(count)d seconds.",
            seconds,
        ) % {"time": time, "count": seconds}
    return Outcome(tone="ok", sentence=sentence, more=_("Push the door now."))


def _not_opened(attempt: ActionAttempt) -> str:
    if attempt.retry_after_seconds:
        return _wait(attempt.retry_after_seconds)
    if attempt.error_code == Code.PRIVACY_MODE:
        return _("Somebody inside has closed the door for privacy.")
    if attempt.error_code == Code.OFFLINE_OR_UNSUPPORTED:
        return _("The lock cannot be reached at the moment.")
    return _("The lock refused.")


def _did_not_open() -> str:
    return _("The door did not open.")


# --- the link code ------------------------------------------------------------------------


def too_many_tries(wait_seconds: float) -> str:
    return _wait(wait_seconds)


def not_a_code() -> str:
    return _("A link code has six digits.")


def wrong_code(tries_left: int) -> str:
    return ngettext(
        "That is not the code. One more try, then the link is locked.",
        "That is not the code. You have %(count)d more tries.",
        tries_left,
    ) % {"count": tries_left}


# --- help ---------------------------------------------------------------------------------


def troubles() -> list[tuple[str, str]]:
    return [
        ("code", _("The code does not work")),
        ("card", _("The card does not work")),
        ("mobile", _("The mobile key does not work")),
        ("page", _("The page does not open the door")),
        ("door", _("I cannot find the door")),
        ("other", _("Something else")),
    ]


def advice_of(stay: Stay) -> list[tuple[str, list[str]]]:
    """Return what to try, by kind of way in."""
    told = {
        Mode.CODE: (
            _("With a code"),
            [
                _(
                    "Wake the keypad: touch it with your palm or press a key, and wait for its light."
                ),
                _(
                    "Type the digits slowly, one after another. Some keypads want # or ✓ at the end."
                ),
                _("A red light or three beeps: wait ten seconds and type it again from the start."),
                _("A code works from the start of your stay and at the doors named on your page."),
            ],
        ),
        Mode.CARD: (
            _("With a card"),
            [
                _("Hold the card flat against the reader and leave it there for two seconds."),
                _("Keep it away from other cards and from your phone while you do."),
                _("If it stays red, have the card written again at the desk."),
            ],
        ),
        Mode.MOBILE_KEY: (
            _("With a mobile key"),
            [
                _("Switch Bluetooth on, and wake the phone before you hold it to the lock."),
                _("Open the key's app once while you have a connection."),
            ],
        ),
        Mode.CLOUD_KEY: (
            _("With this page"),
            [
                _("Type the link code you were told. It is not in the message with the link."),
                _("Hold the button for a whole second, then push the door while it is released."),
                _("Your phone needs a connection. Beside thick walls mobile data may work better."),
            ],
        ),
    }
    return [told[mode] for mode in stay.modes]
