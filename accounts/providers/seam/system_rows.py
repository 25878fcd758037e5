"""Rows of access control systems at Seam, read into ours.

Each raises ValueError for a row without a usable id. What Seam writes of a cardholder or a
card is personal, and none of it is logged.
"""

import re
from typing import Any

from accounts.providers.base import UncertainError
from accounts.providers.rows import Row, id_of
from accounts.providers.seam import words
from accounts.providers.seam.api import read_row, unexpected
from accounts.providers.seam.card_errors import card_failure
from accounts.providers.seam.errors import LABEL, MAX_SAID
from accounts.providers.seam.rows import digits_of, part, problem_words, time_of
from accounts.providers.systems import (
    AccessMethod,
    AttemptState,
    CardOnEncoder,
    EncoderAttempt,
    ListedCredential,
    ListedEncoder,
    ListedEntrance,
    ListedGroup,
    ListedSystem,
    ListedUser,
    Mutation,
    Problem,
    ScanResult,
)
from accounts.providers.text import clean_text, flag, is_id, text_of, whole

_DIGITS = re.compile(r"\d{4,}")


def problems(row: Row, name: str) -> tuple[Problem, ...]:
    """Return the errors or warnings of a row; one that has no word is left out.

    Guides and schema name their fields differently, so both names are read. What may be a
    PIN in the text about a PIN is taken out.
    """
    quotes_digits = row.get("access_method") == AccessMethod.CODE
    listed = row.get(name)
    return tuple(
        Problem(code=code, message=_said(each, quotes_digits=quotes_digits))
        for each in (listed if isinstance(listed, list) else [])
        if isinstance(each, dict) and (code := text_of(each, "warning_code", "error_code"))
    )


def _said(row: Row, *, quotes_digits: bool) -> str:
    said = clean_text(row.get("message") or row.get("warning_message"), MAX_SAID)
    return _DIGITS.sub("…", said) if quotes_digits else said


def _troubles(row: Row) -> dict[str, tuple[Problem, ...]]:
    return {"errors": problems(row, "errors"), "warnings": problems(row, "warnings")}


def _mutations(row: Row) -> tuple[Mutation, ...]:
    listed = row.get("pending_mutations")
    return tuple(
        Mutation(code=code, group_id=_group_of(each), scheduled_at=time_of(each, "scheduled_at"))
        for each in (listed if isinstance(listed, list) else [])
        if isinstance(each, dict) and (code := text_of(each, "mutation_code"))
    )


def _group_of(row: Row) -> str:
    sides = (row, part(row, "to"), part(row, "from"))
    return next((found for side in sides if (found := _id(side, "acs_access_group_id"))), "")


def _id(row: Row, key: str) -> str:
    value = row.get(key)
    return value if isinstance(value, str) and is_id(value) else ""


# --- systems, people, doors ---------------------------------------------------------------


def read_system(row: Row, seats: Row | None = None) -> ListedSystem:
    """Read a system. `seats`: what its account says of it, where the seats run out."""
    told = seats or {}
    return ListedSystem(
        remote_id=id_of(row, "acs_system_id"),
        name=text_of(row, "name"),
        external_type=text_of(row, "external_type", "system_type"),
        time_zone=text_of(part(row, "location"), "time_zone"),
        seats_used=whole(told.get("subscribed_site_user_count")),
        seats_total=whole(told.get("site_user_subscription_limit")),
        **_troubles(row),
    )


def lacks_seats(row: Row) -> bool:
    return bool(words.SEATS_RUN_OUT & set(problem_words(row)))


def seats_of(account: Row) -> dict[str, Row]:
    """Return the seats of an account's Salto KS sites, by the site's name.

    Seam counts them only in the errors and warnings of the account, when they run out; its
    systems have other ids than those sites, so the name is all there is to go by.
    """
    found = {}
    for name in ("errors", "warnings"):
        listed = account.get(name)
        for each in listed if isinstance(listed, list) else ():
            sites = part(each, "salto_ks_metadata").get("sites") if isinstance(each, dict) else None
            for site in sites if isinstance(sites, list) else ():
                if isinstance(site, dict) and (site_name := text_of(site, "site_name")):
                    found[site_name] = site
    return found


def read_user(row: Row) -> ListedUser:
    schedule = part(row, "access_schedule")
    return ListedUser(
        remote_id=id_of(row, "acs_user_id"),
        full_name=text_of(row, "full_name", "display_name"),
        created_at=time_of(row, "created_at"),
        email=text_of(row, "email_address", "email"),
        phone=text_of(row, "phone_number"),
        starts_at=time_of(schedule, "starts_at"),
        ends_at=time_of(schedule, "ends_at"),
        is_suspended=row.get("is_suspended") is True,
        is_subscribed=_is_subscribed(row),
        external_number=text_of(part(row, "salto_space_metadata"), "user_id"),
        identity_id=_id(row, "user_identity_id"),
        is_managed=row.get("is_managed") is not False,
        mutations=_mutations(row),
        **_troubles(row),
    )


def _is_subscribed(row: Row) -> bool | None:
    if words.UNSUBSCRIBED & set(problem_words(row)):
        return False
    return flag(part(row, "salto_ks_metadata").get("is_subscribed"))


def read_group(row: Row) -> ListedGroup:
    return ListedGroup(
        remote_id=id_of(row, "acs_access_group_id"),
        name=text_of(row, "name", "display_name"),
        mutations=_mutations(row),
        **_troubles(row),
    )


def read_entrance(row: Row) -> ListedEntrance:
    space, ks = part(row, "salto_space_metadata"), part(row, "salto_ks_metadata")
    is_private = bool(words.PRIVACY_WARNINGS & set(problem_words(row)))
    return ListedEntrance(
        remote_id=id_of(row, "acs_entrance_id"),
        name=text_of(row, "display_name")
        or text_of(space, "door_name")
        or text_of(ks, "door_name"),
        room_name=text_of(space, "room_name"),
        description=text_of(space, "door_description", "room_description"),
        is_online=flag(ks.get("online")),
        battery=text_of(ks, "battery_level"),
        privacy_mode=True if is_private else flag(ks.get("privacy_mode")),
        takes_code=flag(row.get("can_unlock_with_code")),
        takes_card=flag(row.get("can_unlock_with_card")),
        takes_mobile_key=flag(row.get("can_unlock_with_mobile_key")),
        can_belong_to_reservation=flag(row.get("can_belong_to_reservation")),
        **_troubles(row),
    )


def read_credential(row: Row) -> ListedCredential:
    return ListedCredential(
        remote_id=id_of(row, "acs_credential_id"),
        access_method=text_of(row, "access_method"),
        user_id=_id(row, "acs_user_id"),
        created_at=time_of(row, "created_at"),
        display_name=text_of(row, "display_name"),
        external_type=text_of(row, "external_type"),
        card_number=text_of(row, "card_number"),
        code=digits_of(row),
        is_issued=flag(row.get("is_issued")),
        issued_at=time_of(row, "issued_at"),
        starts_at=time_of(row, "starts_at"),
        ends_at=time_of(row, "ends_at"),
        is_managed=row.get("is_managed") is not False,
        **_troubles(row),
    )


def read_encoder(row: Row) -> ListedEncoder:
    told = problems(row, "errors")
    return ListedEncoder(
        remote_id=id_of(row, "acs_encoder_id"),
        name=text_of(row, "display_name"),
        is_removed=any(each.code == "acs_encoder_removed" for each in told),
        errors=told,
    )


# --- attempts -----------------------------------------------------------------------------


def read_attempt(row: Row) -> EncoderAttempt:
    """Read one look at an attempt. Raises UncertainError where it cannot be followed.

    A success whose result says nothing is a success without credential or scan: whoever asked
    has to look for itself.
    """
    attempt_id = _id(row, "action_attempt_id")
    if not attempt_id:
        raise UncertainError(f"{LABEL} took it, but does not say how to follow it")
    match row.get("status"):
        case "pending":
            return EncoderAttempt(remote_id=attempt_id, state=AttemptState.PENDING)
        case "success":
            return _succeeded(attempt_id, part(row, "result"))
        case "error":
            return _failed(attempt_id, part(row, "error"))
    raise UncertainError(f"{LABEL} took it, but does not say what came of it")


def _failed(attempt_id: str, error: Row) -> EncoderAttempt:
    kind, said = text_of(error, "type"), clean_text(error.get("message"), MAX_SAID)
    return EncoderAttempt(
        remote_id=attempt_id,
        state=AttemptState.ERROR,
        failure=card_failure(kind, said),
        error_type=kind,
        message=said,
    )


def _succeeded(attempt_id: str, result: Row) -> EncoderAttempt:
    is_scan = bool({"acs_credential_on_encoder", "acs_credential_on_seam"} & result.keys())
    is_credential = "acs_credential_id" in result
    return EncoderAttempt(
        remote_id=attempt_id,
        state=AttemptState.SUCCESS,
        credential=read_row(result, read_credential) if is_credential else None,
        scan=_scan(result) if is_scan else None,
    )


def _scan(result: Row) -> ScanResult:
    card = _half(result, "acs_credential_on_encoder")
    credential = _half(result, "acs_credential_on_seam")
    return ScanResult(
        card=None if card is None else _card(card),
        credential=None if credential is None else read_row(credential, read_credential),
        warnings=problems(result, "warnings"),
    )


def _half(result: Row, key: str) -> Row | None:
    """Return half of a scan. Raises UnexpectedReplyError for what is neither there nor null:
    taken for null, a card that tells something odd would look blank.
    """
    value: Any = result.get(key)
    if value is None or isinstance(value, dict):
        return value
    raise unexpected()


def _card(row: Row) -> CardOnEncoder:
    return CardOnEncoder(
        card_number=text_of(row, "card_number"),
        is_issued=flag(row.get("is_issued")),
        starts_at=time_of(row, "starts_at"),
        ends_at=time_of(row, "ends_at"),
    )
