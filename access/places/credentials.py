"""The credentials of a system, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from access.models import AcsCredential, AcsSystem
from access.models.credentials import ON_A_CARD, OUT_OF_DATE
from access.people import words
from access.places.paging import PAGE
from access.states import CardState, Phase
from accounts.providers.systems import AccessMethod
from locks.codes.words import State
from locks.paging import moment_cursor, read_moment

#: What a list can be narrowed to. A warning is found by its code.
SHOW: dict[str, tuple[str, Q]] = {
    "update": (
        "To be updated",
        ON_A_CARD & OUT_OF_DATE,
    ),
    "suspect": ("In doubt", Q(card_state=CardState.SUSPECT) & ~Q(phase=Phase.GONE)),
    "lost": ("Lost", Q(delete_reason="lost") | Q(card_state=CardState.LOST)),
    "nobody": ("Of nobody", Q(user=None) & ~Q(phase=Phase.GONE)),
}
_KINDS = {
    AccessMethod.CARD: ("Card", "card"),
    AccessMethod.CODE: ("PIN", "keypad"),
    AccessMethod.MOBILE_KEY: ("Mobile key", "phone"),
    AccessMethod.CLOUD_KEY: ("Cloud key", "world"),
}


@dataclass(frozen=True)
class Row:
    """One credential as a list shows it."""

    credential: AcsCredential
    kind: str
    icon: str
    state: State
    #: The link to a mobile key brings it onto no phone any more.
    is_link_over: bool = False

    @property
    def is_card(self) -> bool:
        return self.credential.access_method == AccessMethod.CARD

    @property
    def is_pin(self) -> bool:
        return self.credential.access_method == AccessMethod.CODE

    @property
    def is_mobile_key(self) -> bool:
        return self.credential.access_method == AccessMethod.MOBILE_KEY


@dataclass(frozen=True)
class Page:
    rows: list[Row]
    #: Before which the next page begins; "" where there is none.
    before: str


def shows_of(system: AcsSystem) -> dict[str, str]:
    """Return what a system's list can be narrowed to. Only what is written can be out of date."""
    left_out = () if system.writes_cards else ("update", "suspect")
    return {show: label for show, (label, _) in SHOW.items() if show not in left_out}


def known(show: str, system: AcsSystem) -> str:
    return show if show in shows_of(system) else ""


def page(system: AcsSystem, show: str, *, before: str, now: datetime) -> Page:
    """Return one page of credentials. One query. Raises CursorError."""
    rows = AcsCredential.objects.filter(system=system).select_related("user")
    rows = rows.filter(SHOW[show][1]) if show else rows.exclude(phase=Phase.GONE)
    if before:
        rows = rows.filter(_older_than(before))
    found = list(rows.order_by("-created_at", "id")[: PAGE + 1])
    last = found[PAGE - 1] if len(found) > PAGE else None
    cursor = moment_cursor(last.created_at, last.pk) if last else ""
    return Page([row_of(each, system, now) for each in found[:PAGE]], cursor)


def _older_than(cursor: str) -> Q:
    at, last = read_moment(cursor)
    return Q(created_at__lte=at) & (Q(created_at__lt=at) | Q(pk__gt=last))


def row_of(credential: AcsCredential, system: AcsSystem, now: datetime) -> Row:
    method = credential.access_method
    if method in _KINDS:
        kind, icon = _KINDS[AccessMethod(method)]
    else:  # the provider's own word
        kind, icon = method.replace("_", " ").capitalize(), "key"
    if method == AccessMethod.CARD:
        kind = words.thing(system).capitalize()
    state = words.credential_state(credential, system, now)
    return Row(credential, kind, icon, state, credential.is_link_over(now))
