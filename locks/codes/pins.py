"""Digits: made, kept, compared, shown."""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.db.models import Q

from accounts.actors import Actor
from accounts.permissions import Permission
from accounts.providers.codes import REF_ALPHABET, REF_LENGTH, CodeRules
from audit.services import record
from audit.words import How, Verb
from locks.code_models import SecretState
from locks.codes.rules import RuleError, check_digits
from locks.models import AccessCode, CodeMoment

#: So many tries before saying that a lock's rules leave nothing to make.
_TRIES = 1000


def make(rules: CodeRules, *, length: int = 0) -> str:
    """Return new digits that the lock takes and nobody guesses, from the system's randomness.

    Raises RuleError where the rules leave none.
    """
    count = length if length in rules.lengths else _usual_length(rules)
    for _ in range(_TRIES):
        digits = "".join(secrets.choice("0123456789") for _ in range(count))
        try:
            check_digits(digits, rules)
        except RuleError:
            continue
        return digits
    raise RuleError("digits", "this lock's rules leave no digits to choose from")


def _usual_length(rules: CodeRules) -> int:
    """Six where the lock takes six: a thousand possible codes per code in use (CODE-10)."""
    return 6 if 6 in rules.lengths else min(rules.lengths, key=lambda each: abs(each - 6))


def new_ref() -> str:
    """Return our mark for a code or a door at the provider."""
    return "".join(secrets.choice(REF_ALPHABET) for _ in range(REF_LENGTH))


# --- kept -----------------------------------------------------------------------------


def store(code: AccessCode, digits: str) -> None:
    """Put digits into a row: sealed, and so that equal ones are found. Does not save."""
    code.seal_digits(digits)
    code.digits_index = blind_index(code.site_id, digits) if digits else ""
    code.secret_state = SecretState.STORED if digits else SecretState.NONE


def drop(code: AccessCode) -> None:
    """Have the provider make new ones: lost, and not handed out, is what leads to that."""
    code.digits_sealed = code.digits_index = ""
    code.secret_state = SecretState.LOST
    code.delivered_at = None


def blind_index(site_id: UUID, digits: str) -> str:
    """Return what digits are compared by: equal within a site, and worthless without the key.

    A plain hash of four to nine digits is undone in a second (reliability SEC-07).
    """
    return hmac.new(_key(), f"{site_id}:{digits}".encode(), hashlib.sha256).hexdigest()


def _key() -> bytes:
    return _parse(settings.PIN_INDEX_KEY)


@cache
def _parse(encoded: str) -> bytes:
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) < 32:
        raise ImproperlyConfigured("PIN_INDEX_KEY: base64 of at least 32 random bytes")
    return key


# --- shown ----------------------------------------------------------------------------


def reveal(code: AccessCode, *, by: Actor, at: datetime) -> str:
    """Return the digits to one who may see them, and write down that they did.

    From the first time on they count as handed out. Raises sealing.UnreadableError.
    """
    by.require(Permission.REVEAL_CODES, code.device.property_id)
    digits = code.unseal_digits()
    if not digits:
        return ""
    with transaction.atomic():
        mark_handed_out([code], at=at)
        CodeMoment.objects.create(
            code=code, at=at, what="revealed", text="Digits shown", who=by.who.name
        )
        record(
            Verb.CODE_REVEALED,
            workspace_id=code.workspace_id,
            at=at,
            who=by.who,
            place=code.device.as_place(),
            subject=code.name,
            how=How.WEB,
            ref=code.ref,
        )
    return digits


def mark_handed_out(codes: Iterable[AccessCode], *, at: datetime) -> bool:
    """Note that somebody knows these digits: from now on they never change silently (CODE-08).

    Digits that open several doors are marked at each of them. Return whether any were not yet.
    """
    told = Q()
    for code in codes:
        told |= Q(pk=code.pk)
        if code.shared_key:
            told |= Q(account_id=code.account_id, ref=code.ref, shared_key=code.shared_key)
    if not told:
        return False
    return bool(AccessCode.objects.filter(told, delivered_at=None).update(delivered_at=at))
