"""What may be typed of a person: name, e-mail, phone, schedule. Pure.

Sentences are those of reliability C and stand next to the field they are about.
"""

import re
from datetime import datetime

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from locks.codes import rules
from locks.codes.rules import RuleError

NAME_LONGEST = 100
_EMAIL_LONGEST = 254
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
#: What people put between the digits of a phone number.
_BETWEEN = re.compile(r"[ \u00a0\u202f().\-/]")

_YEARS = range(2000, 2100)

Schedule = tuple[datetime | None, datetime | None]


def clean_full_name(text: str) -> str:
    """Return a name as it is kept. Raises RuleError."""
    try:
        return rules.clean_name(text, longest=NAME_LONGEST, of="characters")
    except RuleError as error:
        raise RuleError("full_name", error.sentence) from None


def clean_email(text: str) -> str:
    """Return an e-mail address, its domain in small letters; "" for none. Raises RuleError."""
    email = text.strip()
    if not email:
        return ""
    try:
        validate_email(email)
    except ValidationError:
        raise RuleError("email", "e-mail address is not valid") from None
    if len(email) > _EMAIL_LONGEST:
        raise RuleError("email", "e-mail address is not valid")
    local, _, domain = email.rpartition("@")
    return f"{local}@{domain.lower()}"


def clean_phone(text: str) -> str:
    """Return a phone number as E.164 has it; "" for none. Raises RuleError."""
    phone = _BETWEEN.sub("", text.strip())
    if phone and not _PHONE.fullmatch(phone):
        raise RuleError("phone", "phone: international format +33…")
    return phone


def clean_schedule(schedule: Schedule, *, now: datetime, was: Schedule = (None, None)) -> Schedule:
    """Return a schedule as it is kept: both None for none, no end where it is open.

    One that ends and has no start begins now. What stays as it was may be over. Raises
    RuleError.
    """
    starts_at, ends_at = schedule
    if schedule == was:
        return schedule
    _check_years(schedule, was)
    if ends_at is not None and ends_at <= now:
        raise RuleError("ends_at", "end is already over")
    if starts_at is None and ends_at is not None:
        starts_at = rules.rounded(now, 60)
    if starts_at is not None and ends_at is not None and ends_at <= starts_at:
        raise RuleError("ends_at", "end must be after start")
    if starts_at is not None and ends_at is not None:
        # Who came long ago may stay as long as anybody who comes now.
        lasts = ends_at - (max(starts_at, now) if was[0] else starts_at)
        if not rules.SHORTEST <= lasts <= rules.LONGEST:
            raise RuleError("ends_at", "duration 1 minute – 5 years")
    return starts_at, ends_at


def _check_years(schedule: Schedule, was: Schedule) -> None:
    for field, moment, before in zip(("starts_at", "ends_at"), schedule, was, strict=True):
        if moment is not None and moment != before and moment.year not in _YEARS:
            raise RuleError(field, "date and time between 2000 and 2100")
