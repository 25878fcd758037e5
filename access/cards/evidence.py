"""What counts as proof that a card was written, and what a reading tells. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from accounts.providers.systems import ListedCredential, ScanResult

#: Digits in a row, or pairs with : - or a blank between them.
_CARD_NUMBER = re.compile(
    r"(?<![0-9A-Fa-f])(?:[0-9A-Fa-f]{8,}|[0-9A-Fa-f]{2}(?:[:\- ][0-9A-Fa-f]{2}){3,})(?![0-9A-Fa-f])"
)
_OF_SCAN = {
    "starts_at": "start",
    "ends_at": "end",
    "access": "doors",
    "structure": "structure",
    "card_number": "card number",
}


def is_new_proof(seen: ListedCredential, *, issued_before: datetime | None) -> bool:
    """Tell whether the provider's credential shows a write that was not there before.

    Both moments are of the provider's clock, so ours does not matter. `issued_before` is what
    it said just before the job; None: it was not issued.
    """
    if seen.is_issued is not True:
        return False
    if issued_before is None:
        return True
    return seen.issued_at is not None and seen.issued_at > issued_before


def confirms(seen: ListedCredential, *, issued_before: datetime | None) -> bool:
    """Tell whether the credential bears out an attempt that is said to have succeeded.

    A card that is written again may keep the moment of its first writing (what Seam does is
    not documented): then it is enough that nothing is left to be written.
    """
    if is_new_proof(seen, issued_before=issued_before):
        return True
    return seen.is_issued is True and not seen.needs_to_be_reissued


def without_numbers(message: str) -> str:
    """Return a provider's message with card numbers shortened to their end (CARD-06)."""
    return _CARD_NUMBER.sub(_end_of, message)[:300]


def _end_of(found: re.Match[str]) -> str:
    return "…" + re.sub(r"[:\- ]", "", found[0])[-4:]


class Finding(StrEnum):
    BLANK = "blank"
    #: Nobody here knows it.
    FOREIGN = "foreign"
    OURS = "ours"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What a scan found. Without the card's full number."""

    finding: Finding
    #: The provider's id of the credential on it.
    credential_id: str = ""
    user_id: str = ""
    last_four: str = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    is_in_sync: bool = True
    #: In which parts card and system differ.
    fields: tuple[str, ...] = ()


def read(scan: ScanResult) -> Reading:
    """Say what a scan means."""
    card, known = scan.card, scan.credential
    if card is None and known is None:
        return Reading(finding=Finding.BLANK)
    number = (card.card_number if card else "") or (known.card_number if known else "")
    if known is None:
        return Reading(
            finding=Finding.FOREIGN,
            last_four=number[-4:],
            starts_at=card.starts_at if card else None,
            ends_at=card.ends_at if card else None,
        )
    fields = _fields(scan)
    return Reading(
        finding=Finding.OURS,
        credential_id=known.remote_id,
        user_id=known.user_id,
        last_four=number[-4:],
        starts_at=(card.starts_at if card else None) or known.starts_at,
        ends_at=(card.ends_at if card else None) or known.ends_at,
        # A card may be as it was written last, and be waiting to be written again all the same.
        is_in_sync=not (scan.is_out_of_sync or fields or known.needs_to_be_reissued),
        fields=fields,
    )


def _fields(scan: ScanResult) -> tuple[str, ...]:
    """Return where card and system differ, as far as the warning's text tells."""
    said = " ".join(each.message for each in scan.warnings if "out_of_sync" in each.code)
    found = [word for name, word in _OF_SCAN.items() if re.search(rf"\b{name}\b", said)]
    card, known = scan.card, scan.credential
    if card and known and card.card_number and known.card_number:
        differs = card.card_number != known.card_number
        if differs and "card number" not in found:
            found.append("card number")
    return tuple(found)
