"""What a mail scanner lacks: the link code, told on another channel (reliability GST-01)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from django.db import transaction

from access.guests import alerting
from access.guests.noting import note
from access.models import GuestDevice, GuestLink
from accounts.limits import Limit, take
from accounts.links import hash_token, new_token
from accounts.sealing import UnreadableError
from audit.context import request_facts
from audit.words import Verb

MOST_WRONG = 5
#: More phones and browsers than this on one stay are worth a look.
USUAL_DEVICES = 3
#: Guesses of one address, over all links.
_GUESSES = Limit(per_second=10 / 600, burst=10)
_CODE_DIGITS, _PHONE_DIGITS = 6, 4


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What became of one typed code. `cookie` is for the browser that typed the right one."""

    cookie: str = ""
    #: It was no code at all: nothing was counted.
    is_malformed: bool = False
    is_locked: bool = False
    tries_left: int = 0
    wait_seconds: float = 0.0


def hash_agent(agent: str) -> str:
    return sha256(agent.encode()).hexdigest() if agent else ""


def takes_phone(link: GuestLink) -> bool:
    """Whether the last digits of the phone on the booking will do, too."""
    return len(_only_digits(link.grant.identity.phone)) > _PHONE_DIGITS


def prove(link: GuestLink, typed: str, *, agent: str, at: datetime) -> Proof:
    """Compare what was typed with the link code, or with the end of the guest's phone number.

    Five wrong ones lock the link to browsers that have not proved themselves. What cannot be a code is not counted, so that a program that
    fills in forms at random locks nobody out.
    """
    digits = _only_digits(typed)
    if len(digits) not in (_CODE_DIGITS, _PHONE_DIGITS):
        return Proof(is_malformed=True)
    if wait := take(f"guest-code:{request_facts().ip}", _GUESSES):
        return Proof(wait_seconds=wait)
    with transaction.atomic():
        locked = GuestLink.objects.select_for_update(of=("self",)).select_related(
            "grant__identity", "grant__property"
        )
        link = locked.get(pk=link.pk)
        if link.locked_at:
            return Proof(is_locked=True)
        if _fits(link, digits):
            return Proof(cookie=_admit(link, agent, at))
        return _count_wrong(link, agent, at)


def _fits(link: GuestLink, digits: str) -> bool:
    if len(digits) == _PHONE_DIGITS:
        phone = _only_digits(link.grant.identity.phone)
        return takes_phone(link) and secrets.compare_digest(phone[-_PHONE_DIGITS:], digits)
    try:
        return secrets.compare_digest(link.unseal_code(), digits)
    except UnreadableError:
        return False


def _count_wrong(link: GuestLink, agent: str, at: datetime) -> Proof:
    link.wrong_codes += 1
    if link.wrong_codes >= MOST_WRONG:
        link.locked_at = at
    link.save(update_fields=["wrong_codes", "locked_at"])
    if link.locked_at is None:
        return Proof(tries_left=MOST_WRONG - link.wrong_codes)
    note(Verb.GUEST_LINK_LOCKED, link, at=at, agent_hash=hash_agent(agent))
    transaction.on_commit(lambda: alerting.tell_of_locked_link(link.grant))
    return Proof(is_locked=True)


def _admit(link: GuestLink, agent: str, at: datetime) -> str:
    """Bind the browser to the link. Return its cookie."""
    cookie = new_token()
    GuestDevice.objects.create(
        link=link,
        cookie_hash=hash_token(cookie),
        agent_hash=hash_agent(agent),
        created_at=at,
    )
    GuestLink.objects.filter(pk=link.pk).update(wrong_codes=0)
    count = GuestDevice.objects.filter(link__grant=link.grant_id).count()
    note(
        Verb.GUEST_DEVICE_ADDED,
        link,
        at=at,
        after=f"{count} in all" if count > 1 else "",
        agent_hash=hash_agent(agent),
    )
    if count == USUAL_DEVICES + 1:
        transaction.on_commit(lambda: alerting.tell_of_many_devices(link.grant, count))
    return cookie


def find_device(link: GuestLink, cookie: str) -> GuestDevice | None:
    """Return the browser that a cookie proves, if it came by this link or another of its grant.

    A link that was locked since lets nobody else in, but keeps those who proved themselves:
    whoever guesses at it must not shut its guest out.
    """
    if not cookie:
        return None
    return GuestDevice.objects.filter(
        cookie_hash=hash_token(cookie),
        link__grant=link.grant_id,
        link__revoked_at=None,
    ).first()


def _only_digits(text: str) -> str:
    return "".join(each for each in text if each in "0123456789")
