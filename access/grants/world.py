"""The planner's world, read from rows; and the plan of a grant in it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from access.grants import doors, identities
from access.grants.asking import Asked
from access.grants.doors import Found, Held
from access.grants.freedom import freedom
from access.grants.holding import Holdings, holdings
from access.models import AccessGrant, DoorShare, UserIdentity
from access.planning import planner
from access.planning.asked import Person, Reservation, Wish
from access.planning.outcome import Plan, Problem
from access.planning.planner import World
from locks.codes import pins
from locks.codes.rules import RuleError, Window


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A plan, and all it stands on."""

    asked: Asked
    plan: Plan
    person: UserIdentity
    found: Found
    holdings: Holdings


def look(asked: Asked, *, grant: AccessGrant | None, at: datetime) -> Scene:
    """Plan a grant against what is there now. Nothing is written, no provider asked."""
    workspace_id = asked.property.workspace_id
    person, problems = identities.resolve(asked.guest, workspace_id)
    has = holdings(person, grant, at)
    found = doors.found(asked.targets, asked.property, _held(has, grant))
    wish = Wish(
        person=Person(
            id=None if person._state.adding else person.pk,
            has_email=bool(person.email or asked.guest.email),
            phone=person.phone or asked.guest.phone,
            is_staff=person.is_staff,
        ),
        starts_at=asked.starts_at,
        ends_at=asked.ends_at,
        requests=asked.requests,
        policy=asked.policy,
        grant_id=grant.pk if grant else None,
        key_taken_by=_key_taken_by(asked, grant),
        reservation_key=asked.reservation_key,
        reservation=_reservation(asked, grant),
    )
    world = World(
        doors=found.doors,
        held=has.held,
        others=has.others,
        is_free=freedom(found.devices.values(), person, at),
        make_digits=pins.make,
    )
    plan = planner.plan(wish, world, now=at)
    if problems:
        plan = replace(plan, problems=(*map(_problem, problems), *plan.problems))
    return Scene(asked=asked, plan=plan, person=person, found=found, holdings=has)


def _problem(error: RuleError) -> Problem:
    return Problem(field=error.field, sentence=error.sentence)


def _held(has: Holdings, grant: AccessGrant | None) -> Held:
    if grant is None or not has.rows:
        return Held()
    held = [has.rows[method.id] for method in has.held]
    users = [method.acs_user_id for method in held if method.acs_user_id]
    return Held(
        seated=frozenset(method.site_id for method in held if method.site_id),
        groups=doors.groups_of(users),
    )


def _key_taken_by(asked: Asked, grant: AccessGrant | None) -> UUID | None:
    if not asked.key:
        return None
    rows = AccessGrant.objects.filter(workspace_id=asked.property.workspace_id, key=asked.key)
    if grant:
        rows = rows.exclude(pk=grant.pk)
    return rows.values_list("pk", flat=True).first()


def _reservation(asked: Asked, grant: AccessGrant | None) -> Reservation | None:
    """Return what grants of the same key fixed: the doors of the first, the times of others."""
    if not asked.reservation_key:
        return None
    rows = AccessGrant.objects.filter(
        workspace_id=asked.property.workspace_id,
        reservation_key=asked.reservation_key,
        revoked_at=None,
    )
    grants = list(rows.order_by("created_at", "pk"))
    if not grants:
        return None
    first = grants[0]
    shares = DoorShare.objects.filter(grant=first, ended_at=None, door__entrance__isnull=False)
    others = [each for each in grants if grant is None or each.pk != grant.pk]
    return Reservation(
        door_ids=frozenset(shares.values_list("door__entrance_id", flat=True)),
        is_first=grant is not None and first.pk == grant.pk,
        windows=tuple(Window(each.starts_at, each.ends_at) for each in others),
    )
