"""The same as `readiness`, in SQL: who of all that arrive needs a look first."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import (
    BooleanField,
    Case,
    ExpressionWrapper,
    IntegerField,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Least

from access.grants import ranking_systems
from access.grants.readiness import AMBER, ARRIVED, GREEN, RED, SEEN_WITHIN
from access.models import AccessGrant, Delivery, DoorShare
from access.models.guests import Channel, DeliveryState
from accounts.models import AccountState
from accounts.providers.systems import AccessMethod as Mode
from locks.code_models import CodePhase, CodeStatus
from locks.codes.decide import NEAR_START, SLOW_NEAR_START
from locks.tiles import LOW_BATTERY_PERCENT

_ON_ITS_WAY = [CodePhase.WAITING, CodePhase.SETTING, CodePhase.AMBIGUOUS]


def ranked(grants: QuerySet[AccessGrant], at: datetime) -> QuerySet[Any]:
    """Annotate `rank`: RED, AMBER, GREEN or ARRIVED."""
    of_doors = (
        DoorShare.objects.filter(grant=OuterRef("pk"), ended_at=None, door__ended_at=None)
        .filter(Q(ends_at=None) | Q(ends_at__gt=at))
        .annotate(tone=_tone(at))
        .values("grant")
        .annotate(worst=Min("tone"))
        .values("worst")
    )
    late = Q(starts_at__lte=at + NEAR_START, created_at__lte=at - SLOW_NEAR_START)
    nothing = Case(When(late, then=Value(RED)), default=Value(AMBER))
    message = Case(When(_is_told(), then=Value(GREEN)), default=Value(AMBER))
    plan = Case(When(plan_error="", then=Value(GREEN)), default=Value(AMBER))
    worst = Coalesce(Subquery(of_doors, output_field=IntegerField()), nothing)
    return grants.annotate(
        rank=Case(
            When(arrived_at__isnull=False, then=Value(ARRIVED)),
            default=Least(worst, message, plan),
            output_field=IntegerField(),
        )
    )


def _tone(at: datetime) -> Least:
    is_near = Q(grant__starts_at__lte=at + NEAR_START)
    door = Case(
        When(_door_gone() | (is_near & _door_away()), then=Value(RED)),
        When(_door_away() | _unseen(at) | _battery_low(), then=Value(AMBER)),
        default=Value(GREEN),
        output_field=IntegerField(),
    )
    pin = Case(
        When(_refused() | (is_near & _late_pin(at)), then=Value(RED)),
        When(_pin_is_fine(at), then=Value(GREEN)),
        default=Value(AMBER),
        output_field=IntegerField(),
    )
    way = Case(
        When(door__method__mode=Mode.CLOUD_KEY, then=Value(GREEN)),
        When(_LOCK_PIN, then=pin),
        default=ranking_systems.tone(at),
        output_field=IntegerField(),
    )
    return Least(door, way)


# --- PINs of locks --------------------------------------------------------------------

_LOCK_PIN = Q(door__method__mode=Mode.CODE, door__device__isnull=False)


def _refused() -> Q:
    refused = Q(door__code__phase__in=_ON_ITS_WAY) & Q(door__code__error_code__gt="")
    return Q(door__code__phase=CodePhase.BLOCKED) | refused


def _pin_is_fine(at: datetime) -> Q:
    """As `locks.codes.words`: on the lock, or ahead of its time and nothing wrong."""
    known = Q(door__code__isnull=False) & ~Q(door__code__status=CodeStatus.UNKNOWN)
    ahead = Q(door__code__starts_at__gt=at) & ~Q(
        door__code__phase__in=[CodePhase.SETTING, CodePhase.AMBIGUOUS]
    )
    there = Q(door__code__phase=CodePhase.ON_LOCK, door__code__missing_since=None)
    waits = Q(door__code=None, starts_at__gt=at)
    return (known & (ahead | there)) | waits


def _late_pin(at: datetime) -> Q:
    """It is being set, or not confirmed, for longer than that takes."""
    slow = at - SLOW_NEAR_START
    since = (
        Q(door__code__setting_since__lte=slow)
        | Q(door__code__setting_since=None, door__code__accepted_at__lte=slow)
        | Q(
            door__code__setting_since=None,
            door__code__accepted_at=None,
            door__code__created_at__lte=slow,
        )
        | Q(door__code=None, starts_at__lte=slow)
    )
    return ~_pin_is_fine(at) & since


# --- doors ----------------------------------------------------------------------------


def _door_gone() -> Q:
    return Q(door__device__removed_at__isnull=False) | Q(door__entrance__removed_at__isnull=False)


def _door_away() -> Q:
    account = Q(door__device__account__state=AccountState.RECONNECT_REQUIRED)
    return Q(door__device__is_online=False) | Q(door__entrance__is_online=False) | account


def _unseen(at: datetime) -> Q:
    polled = Q(door__device__account__status_polled_at__lt=at - SEEN_WITHIN)
    never = Q(door__device__account__status_polled_at=None)
    return Q(door__device__isnull=False) & (polled | never)


def _battery_low() -> Q:
    return Q(door__device__battery_percent__lte=LOW_BATTERY_PERCENT)


# --- the message ----------------------------------------------------------------------


def _is_told() -> Q:
    opened = Q(opened_at__isnull=False)
    by_hand = Q(state=DeliveryState.SENT, channel__in=[Channel.COPIED, Channel.PRINTED])
    latest = (
        Delivery.objects.filter(grant=OuterRef("pk"))
        .exclude(state=DeliveryState.CANCELLED)
        .order_by("-created_at", "-pk")
        .values(told=ExpressionWrapper(opened | by_hand, BooleanField()))[:1]
    )
    needs_none = Q(identity__email="") | Q(identity__is_staff=True)
    told = Subquery(latest, output_field=BooleanField())
    return Q(Coalesce(told, ExpressionWrapper(needs_none, BooleanField())))
