"""What booking systems write into their entries: bookings or closed nights, and whose. Pure.

Gathered from what others who read such feeds publish (issues and tests of open projects, 2022
to 2026), not from accounts of our own:

Airbnb       SUMMARY `Reserved` is a booking, `Airbnb (Not available)` closed nights. DESCRIPTION
             has the address of the booking and four digits of a phone. No name.
Booking.com  `CLOSED - Not available` is either; older feeds have the name behind `CLOSED - `:
             https://github.com/tykeal/homeassistant-rental-control/issues/241
Guesty       `Blocked By Guesty` is either, for it shows bookings from Vrbo like that:
             https://github.com/tykeal/homeassistant-rental-control/issues/304
Vrbo         `Reserved - Jane` and `Blocked`. Not confirmed.
Lodgify      masked names, such as `J*** D**`, and `Closed Period`. Not confirmed.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from access.reservations.stays import Guest, guest_of, shown

_DESCRIPTION_LONGEST = 4000


class Kind(StrEnum):
    BOOKING = "booking"
    BLOCK = "block"
    #: The source writes both alike.
    UNCLEAR = "unclear"


@dataclass(frozen=True, kw_only=True)
class Told:
    kind: Kind
    guest: Guest
    reference: str = ""
    url: str = ""


def told(*, summary: str, description: str, uid: str, product: str) -> Told:
    """Return what an entry says beyond its times."""
    title = shown(summary)
    description = description[:_DESCRIPTION_LONGEST]
    reference = _reference(title, description)
    return Told(
        kind=_kind(title, f"{uid} {product}".casefold()),
        guest=guest_of(
            name=_name(title, description),
            email=_first(_EMAIL, description),
            phone=_first(_PHONE, description),
            phone_ends=_first(_PHONE_ENDS, description),
        ),
        reference=reference,
        url=_first(_AIRBNB_URL, description),
    )


# --- booking or not -------------------------------------------------------------------

_BLOCKS = re.compile(
    r"""(?:airbnb\s*)?\(?(?:
        not\ available | unavailable | blocked(?:\ (?:dates?|period|night))? | block | closed
      | closed?\ period | owner(?:'s)?\ (?:stay|block|hold|use) | maintenance | out\ of\ (?:order|service)
      | nicht\ verfügbar | gesperrt | blockiert | geschlossen
      | niet\ beschikbaar | geblokkeerd | gesloten
      | non\ disponible | indisponible | bloqué | fermé
      | no\ disponible | bloqueado | cerrado
      | não\ disponível | indisponível | fechado
      | non\ disponibile | bloccato | chiuso
    )\)?\.?""",
    re.IGNORECASE | re.VERBOSE,
)
_UNCLEAR = re.compile(r"closed - not available|blocked by guesty|busy", re.IGNORECASE)


def _kind(title: str, origin: str) -> Kind:
    if _UNCLEAR.fullmatch(title):
        return Kind.UNCLEAR
    if _BLOCKS.fullmatch(title):
        return Kind.UNCLEAR if "booking.com" in origin else Kind.BLOCK
    return Kind.BOOKING


# --- who ------------------------------------------------------------------------------

_RESERVED = (
    r"reserved|reservation|booked|booking|occupied|confirmed|guest|stay|closed|airbnb|vrbo|homeaway"
    r"|booking\.com|tripadvisor|expedia|direct"
    r"|reserviert|reservierung|buchung|gebucht|belegt|gast"
    r"|gereserveerd|reservering|boeking|geboekt|bezet"
    r"|réservé|réservation|occupé|reservado|reserva|ocupado|reservada|prenotato|prenotazione"
)
#: `Reserved - Jane`, `Booking: Jane`, `CLOSED - Jane`, `Airbnb - Reserved: Jane`.
_BEFORE_A_NAME = re.compile(rf"(?:(?:{_RESERVED})\b\s*(?:[-–—:|]\s*|$))+", re.IGNORECASE)
#: `Jane Doe (HMABCDEF12)`, `Jane Doe - HMABCDEF12`, `Jane Doe #1234`.
_AFTER_A_NAME = re.compile(r"\s*(?:\([^()]+\)|[-–—|]\s*\S*\d\S*|#\s*\S+)\s*$")
_NAME = re.compile(
    r"^[ \t]*(?:guest|guest name|name|primary guest|gast|gastnaam|name des gastes|nom|client"
    r"|nombre|huésped|hóspede|nome)[ \t]*:[ \t]*(\S[^\n]{0,150})",
    re.IGNORECASE | re.MULTILINE,
)


def _name(title: str, description: str) -> str:
    """Return a guest's name: as the description labels it, or what else the title holds."""
    if labelled := _first(_NAME, description):
        name = labelled
    else:
        name = "" if _UNCLEAR.fullmatch(title) or _BLOCKS.fullmatch(title) else title
        name = _AFTER_A_NAME.sub("", _BEFORE_A_NAME.sub("", name, count=1))
    hidden = "*" in name or "@" in name or not any(map(str.isalpha, name))
    is_blocked = _BLOCKS.fullmatch(name) or re.fullmatch(_RESERVED, name, re.IGNORECASE)
    return "" if hidden or is_blocked else name.strip()


_EMAIL = re.compile(r"(?<![\w.+-])([\w.+-]{1,64}@[A-Za-z0-9.-]{1,190}\.[A-Za-z]{2,24})(?![\w-])")
_PHONE = re.compile(
    r"(?:phone|phone number|tel|telephone|mobile|telefon|telefoon|téléphone|teléfono|telefone)"
    r"\.?[ \t]*:[ \t]*(\+[0-9][0-9 ().\-/\u00a0]{5,24})",
    re.IGNORECASE,
)
_PHONE_ENDS = re.compile(r"last\s+(?:4|four)\s+digits\)?[ \t]*:[ \t]*([0-9]{4})\b", re.IGNORECASE)

# --- which booking --------------------------------------------------------------------

#: Their own countries only: `airbnb.evil.example` is none of them.
_AIRBNB_URL = re.compile(
    r"(https://(?:www\.)?airbnb\.(?:[a-z]{2,3}|com?\.[a-z]{2})"
    r"/hosting/reservations/details/[A-Z0-9]{6,14})\b"
)
_REFERENCES = (
    re.compile(r"/reservations/details/([A-Z0-9]{6,14})\b"),
    re.compile(
        r"(?:booking|reservation|confirmation|buchungs|reserverings)[ -]?"
        r"(?:id|code|number|no\.?|nr\.?|nummer|reference|ref\.?)?[ \t]*[:#][ \t]*"
        r"([A-Za-z0-9][A-Za-z0-9-]{3,39})\b",
        re.IGNORECASE,
    ),
)
_AIRBNB_CODE = re.compile(r"\b(HM[A-Z0-9]{8})\b")


def _reference(title: str, description: str) -> str:
    for pattern in (*_REFERENCES, _AIRBNB_CODE):
        found = _first(pattern, description)
        if any(map(str.isdigit, found)):
            return found
    return _first(_AIRBNB_CODE, title)


def _first(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    return match[1].strip() if match else ""
