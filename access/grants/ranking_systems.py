"""For `ranking`, in SQL: how a card, a PIN or a mobile key of a system is, as `system_progress`.

Of a DoorShare whose way in is held by somebody in an access control system.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import (
    BooleanField,
    Case,
    Exists,
    F,
    Func,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce

from access.grants.readiness import AMBER, GREEN, RED
from access.models import AcsCredential, AcsMembership
from access.models.credentials import OUT_OF_DATE, WAS_WRITTEN
from access.states import CardState, Part, Phase
from accounts.providers.systems import AccessMethod as Mode
from accounts.providers.systems import SystemType

_USER = "door__method__acs_user"
_OVER = [Phase.DELETING, Phase.GONE]


def tone(at: datetime) -> Case:
    is_card = Q(door__method__mode=Mode.CARD)
    return Case(
        When(door__method__acs_user=None, then=Value(AMBER)),
        When(_out(), then=Value(RED)),
        When(is_card & _card_in_trouble(), then=Value(RED)),
        When(_is_under_way(), then=Value(AMBER)),
        When(_shut_out(at), then=Value(RED)),
        When(is_card & _card_is_fine(at), then=Value(GREEN)),
        When(is_card, then=Value(AMBER)),
        default=_key(at),
        output_field=IntegerField(),
    )


# --- somebody, as `people.words.state_of` ---------------------------------------------


def _user(**columns: Any) -> Q:
    return Q(**{f"{_USER}__{name}": value for name, value in columns.items()})


def _out() -> Q:
    told = _user(error_code__gt="") | ~_user(errors=[])
    leaving = _user(delete_asked_at__isnull=False) | _user(phase__in=_OVER)
    suspending = _user(is_suspended=True, pending__contains=[Part.SUSPENSION])
    return told | leaving | (suspending & ~_user(phase=Phase.CREATING))


class _IsCarrying(Func):
    """Whether a system has taken a change of somebody, and is carrying it out."""

    template = "jsonb_path_exists(%(expressions)s, '$[*] ? (@.code != \"deferring_creation\")')"
    output_field = BooleanField()


def _is_under_way() -> Q:
    rows = AcsMembership.objects.filter(user=OuterRef(_USER))
    moving = Exists(rows.exclude(is_wanted=F("is_seen")))
    ours = _user(phase=Phase.CREATING) | ~_user(pending=[])
    return ours | Q(moving) | Q(_IsCarrying(F(f"{_USER}__mutations")))


def _shut_out(at: datetime) -> Q:
    """Of somebody who is as wished."""
    has_begun = _user(starts_at=None) | _user(starts_at__lte=at)
    no_seat = _user(is_subscribed=False, mutations=[]) & has_begun
    return _user(is_suspended=True) | _user(ends_at__lte=at) | no_seat


# --- what they hold -------------------------------------------------------------------

_IN_TROUBLE = Q(error_code__gt="") | ~Q(errors=[])


def _held() -> QuerySet[Any]:
    held: QuerySet[Any] = AcsCredential.objects.filter(
        user=OuterRef(_USER), access_method=OuterRef("door__method__mode")
    )
    return held.exclude(phase=Phase.GONE)


def _cards() -> QuerySet[Any]:
    return _held().filter(delete_asked_at=None).exclude(phase=Phase.DELETING)


def _card_in_trouble() -> Q:
    suspect = Exists(_held().filter(card_state=CardState.SUSPECT))
    told = Exists(_cards().filter(_IN_TROUBLE))
    written = Exists(_cards().filter(WAS_WRITTEN))
    return Q(suspect) | Q(told) | (_user(is_suspended=True) & Q(written))


def _card_is_fine(at: datetime) -> Q:
    is_over = Q(ends_at__isnull=False, ends_at__lte=at)
    issued = _cards().filter(~is_over, is_issued=True)
    unwritten = Q(is_issued=False) | Q(is_issued=None)
    unsure = _cards().filter(unwritten, WAS_WRITTEN)
    is_tag = Q(door__method__system__external_type=SystemType.SALTO_KS)
    return (
        Q(Exists(issued.exclude(OUT_OF_DATE)))
        & ~Q(Exists(issued.filter(OUT_OF_DATE)))
        & (is_tag | ~Q(Exists(unsure)))
    )


def _key(at: datetime) -> Coalesce:
    """Of a PIN or a mobile key, which the system makes: the newest counts."""
    made = (
        Q(phase=Phase.LIVE)
        & (Q(ends_at=None) | Q(ends_at__gt=at))
        & (Q(is_issued=True) | Q(is_issued=None, access_method=Mode.CODE))
        & (~Q(access_method=Mode.CODE) | Q(code_sealed__gt=""))
    )
    newest = (
        _held()
        .filter(delete_asked_at=None)
        .order_by("-created_at", "pk")
        .annotate(
            tone=Case(
                When(phase=Phase.DELETING, then=Value(AMBER)),
                When(_IN_TROUBLE, then=Value(RED)),
                When(made, then=Value(GREEN)),
                default=Value(AMBER),
                output_field=IntegerField(),
            )
        )
    )
    return Coalesce(Subquery(newest.values("tone")[:1]), Value(AMBER))
