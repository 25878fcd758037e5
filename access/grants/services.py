"""What is done with access grants. Each act stores a plan as wishes; no provider is asked here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from access.grants import doors, identities
from access.grants.asking import Asked, By, Guest, Target, TargetKind
from access.grants.holding import held_by
from access.grants.storing import Storer
from access.grants.world import Scene, look
from access.models import AccessGrant, GrantTarget, RequestedMethod, UserIdentity
from access.people import wishes as people_wishes
from access.planning import fingerprints, planner
from access.planning.asked import Policy, Request
from access.planning.fingerprints import Outline
from access.planning.outcome import Plan
from access.planning.telling import span
from access.reservations import storing as reservations
from accounts.permissions import Permission
from accounts.providers.systems import AccessMethod as Mode
from audit.services import record
from audit.words import How, Verb
from locks import live
from locks.codes import room, rules
from locks.codes.rules import RuleError
from locks.codes.services import RefusedError

#: So long a revoked grant can be had back; its links are dead from the first moment.
UNDO_WITHIN = timedelta(seconds=10)
USED_UP = "This form is used up. Open a new one."
CHANGED_MEANWHILE = "Somebody changed this stay a moment ago. Look at it, then change it again."
IS_REVOKED = "This stay was revoked. Make a new one."
IS_OVER = "This stay is over. Make a new one."
NOTE_LONGEST = 500


class GrantRefusedError(RefusedError):
    """A grant that cannot be as asked; `plan` has the rest."""

    def __init__(self, plan: Plan, problems: Sequence[RuleError]) -> None:
        super().__init__(problems)
        self.plan = plan


class ChangedMeanwhileError(Exception):
    """What would be stored is not what was shown; `differences` says how, a sentence each."""

    def __init__(self, plan: Plan, differences: Sequence[str]) -> None:
        super().__init__("; ".join(differences))
        self.plan = plan
        self.differences = list(differences)


# --- looking ahead --------------------------------------------------------------------


def preview(asked: Asked, *, at: datetime, grant: AccessGrant | None = None) -> Plan:
    """Return what saving this now would do. Nothing is done."""
    return look(asked, grant=grant, at=at).plan


def preview_end(grant: AccessGrant, *, at: datetime) -> Plan:
    """Return what revoking would do."""
    return planner.plan_end(held_by(grant, at).held, now=at)


def asked_of(grant: AccessGrant) -> Asked:
    """Return a grant as it was asked for, to be changed and handed to `change`.

    Raises sealing.UnreadableError.
    """
    return Asked(
        property=grant.property,
        guest=Guest(id=grant.identity_id),
        targets=tuple(target_of(row) for row in grant.targets.all()),
        starts_at=grant.starts_at,
        ends_at=grant.ends_at,
        requests=tuple(
            Request(
                mode=Mode(row.mode),
                digits=row.unseal_digits(),
                instant_key_max_use_count=row.instant_key_max_use_count,
            )
            for row in grant.requests.all()
        ),
        policy=Policy(grant.policy),
        name=grant.name,
        note=grant.note,
        key=grant.key,
        reservation_key=grant.reservation_key,
    )


def target_of(row: GrantTarget) -> Target:
    for kind, pk in (
        (TargetKind.DEVICE, row.device_id),
        (TargetKind.SPACE, row.space_id),
        (TargetKind.ENTRANCE, row.entrance_id),
    ):
        if pk is not None:
            return Target(kind, pk)
    raise AssertionError("a target is one thing")


# --- making and changing --------------------------------------------------------------


def create(asked: Asked, *, pk: UUID, outline: Outline | None, by: By, at: datetime) -> AccessGrant:
    """Let somebody in. Returns before any provider has heard of it.

    `pk` is made with the form: pressed twice, it is one grant, as the first press made it.
    `outline` is of the plan that was shown; None takes it as it is now. Raises
    GrantRefusedError with everything that is wrong, or ChangedMeanwhileError.
    """
    by.require(Permission.MANAGE_GRANTS, asked.property.pk)
    with transaction.atomic():
        made = AccessGrant.objects.select_related("identity", "property").filter(pk=pk).first()
        if made:
            return _same(made, asked, by)
        known = identities.resolve(asked.guest, asked.property.workspace_id)[0]
        hold(known.pk)
        scene = _settled(asked, None, outline, at)
        grant = AccessGrant(
            pk=pk,
            workspace_id=asked.property.workspace_id,
            property=asked.property,
            identity=identities.settle(scene.person, asked.guest, by=by, at=at),
            key=asked.key,
            source=asked.source,
            reservation_key=asked.reservation_key,
            created_by=by.user,
            created_at=at,
        )
        _write(grant, scene, at)
        grant.save(force_insert=True)
        _write_wish(grant, asked, at)
        Storer(grant, scene.found, scene.holdings, who=by.who, at=at).store(
            scene.plan, _digits(asked)
        )
        tell(Verb.GRANT_CREATED, grant, by=by, at=at, after=_in_words(grant, at))
    return grant


def _same(made: AccessGrant, asked: Asked, by: By) -> AccessGrant:
    is_theirs = made.created_by_id == (by.user.pk if by.user else None)
    if made.workspace_id != asked.property.workspace_id or not is_theirs:
        raise RefusedError([RuleError("", USED_UP)])
    return made


def change(
    grant: AccessGrant,
    asked: Asked,
    *,
    generation: int,
    outline: Outline | None,
    by: By,
    at: datetime,
    is_told: bool = False,
) -> AccessGrant:
    """Change when, where or how somebody gets in; the person stays.

    `generation` is the one that was looked at. `is_told`: a calendar or a table says so, not
    somebody here, who would be right against them from now on. Raises GrantRefusedError or
    ChangedMeanwhileError.
    """
    by.require(Permission.MANAGE_GRANTS, grant.property_id)
    with transaction.atomic():
        grant = fresh(grant)
        hold(grant.identity_id)
        _check_changeable(grant, generation, at)
        asked = replace(asked, guest=Guest(id=grant.identity_id), property=grant.property)
        scene = _settled(asked, grant, outline, at)
        before = _in_words(grant, at)
        _write(grant, scene, at)
        grant.generation += 1
        grant.gone_at = grant.given_up_at = None
        grant.save()
        _write_wish(grant, asked, at)
        Storer(grant, scene.found, scene.holdings, who=by.who, at=at).store(
            scene.plan, _digits(asked)
        )
        if not is_told:
            reservations.note_changed_by_hand(grant)
        after = _in_words(grant, at)
        tell(Verb.GRANT_CHANGED, grant, by=by, at=at, before=before, after=after)
    return grant


def follow(grant: AccessGrant, *, by: By, at: datetime) -> None:
    """Plan a grant again because the doors of its spaces changed (Seam: updating_spaces).

    What stands against it is kept on the grant, and nothing is done.
    """
    with transaction.atomic():
        grant = fresh(grant)
        hold(grant.identity_id)
        if grant.is_over(at):
            return
        asked = asked_of(grant)
        try:
            scene = _settled(asked, grant, None, at)
        except GrantRefusedError as refused:
            error = "; ".join(problem.sentence for problem in refused.problems)[:300]
            found = doors.found(asked.targets, grant.property, doors.Held())
            grant.doors_planned = _door_ids(found)
            if grant.plan_error != error:
                grant.plan_error = error
                tell(Verb.GRANT_FAILED, grant, by=by, at=at, after=error)
            grant.save(update_fields=["doors_planned", "plan_error"])
            return
        _write(grant, scene, at)
        grant.save()
        if not scene.plan.changes_nothing:
            Storer(grant, scene.found, scene.holdings, who=by.who, at=at).store(
                scene.plan, _digits(asked)
            )
            tell(Verb.GRANT_FOLLOWED, grant, by=by, at=at, after=_in_words(grant, at))


def fresh(grant: AccessGrant) -> AccessGrant:
    """Return the row as it is now, kept from others until this transaction is over."""
    rows = AccessGrant.objects.select_related("property", "identity")
    return rows.select_for_update(of=("self",), no_key=True).get(pk=grant.pk)


def hold(identity_id: UUID) -> None:
    """Let nobody else change what this person has until this transaction is over.

    Stays of one person share methods: of two that end at once, neither may leave one to the
    other.
    """
    list(UserIdentity.objects.select_for_update(no_key=True).filter(pk=identity_id))


def _check_changeable(grant: AccessGrant, generation: int, at: datetime) -> None:
    sentence = ""
    if grant.revoked_at is not None:
        sentence = IS_REVOKED
    elif grant.is_over(at):
        sentence = IS_OVER
    elif grant.generation != generation:
        sentence = CHANGED_MEANWHILE
    if sentence:
        raise RefusedError([RuleError("", sentence)])


def _settled(
    asked: Asked, grant: AccessGrant | None, outline: Outline | None, at: datetime
) -> Scene:
    """Return the scene as it will be stored: with the doors, their systems and codes locked."""
    devices, systems = doors.rows_of(asked.targets, asked.property)
    room.lock_doors(devices)
    for system in systems:
        people_wishes.hold_system(system)
    scene = look(asked, grant=grant, at=at)
    problems = [RuleError(each.field, each.sentence) for each in scene.plan.problems]
    problems += _texts(asked)
    if problems:
        raise GrantRefusedError(scene.plan, problems)
    if outline is not None:
        zone = asked.property.zone
        differences = fingerprints.differences(outline, scene.plan, zone, now=at)
        if differences:
            raise ChangedMeanwhileError(scene.plan, differences)
    return scene


def _texts(asked: Asked) -> list[RuleError]:
    problems = []
    if asked.name:
        try:
            rules.clean_name(asked.name, longest=100, of="characters")
        except RuleError as error:
            problems.append(RuleError("name", error.sentence))
    if len(asked.note) > NOTE_LONGEST:
        problems.append(RuleError("note", f"note: at most {NOTE_LONGEST} characters"))
    return problems


def _write(grant: AccessGrant, scene: Scene, at: datetime) -> None:
    """Put wish and outcome of a plan into the row."""
    asked, plan = scene.asked, scene.plan
    grant.starts_at, grant.ends_at = asked.starts_at, asked.ends_at
    grant.name, grant.note, grant.policy = asked.name, asked.note, asked.policy
    grant.warnings = [
        {
            "code": each.code.value,
            "message": each.sentence,
            "at": at.isoformat(),
            # Digits are never kept here: the API looks them up.
            **{k: v for k, v in each.fields if k not in ("original_code", "new_code")},
        }
        for each in plan.warnings
    ]
    grant.left_out = [
        {
            "door_id": str(each.door_id),
            "name": each.door_name,
            "message": each.sentence,
            "is_device": each.is_device,
        }
        for each in plan.left_out
    ]
    grant.doors_planned = _door_ids(scene.found)
    grant.plan_error = ""


def _door_ids(found: doors.Found) -> list[str]:
    return sorted(str(door.id) for door in found.doors)


def _write_wish(grant: AccessGrant, asked: Asked, at: datetime) -> None:
    """Keep what was asked for: where, and how."""
    GrantTarget.objects.filter(grant=grant).delete()
    GrantTarget.objects.bulk_create(
        GrantTarget(grant=grant, position=n, **{f"{each.kind}_id": each.id})
        for n, each in enumerate(dict.fromkeys(asked.targets))
    )
    modes = [each.mode for each in asked.requests]
    RequestedMethod.objects.filter(grant=grant).exclude(mode__in=modes).delete()
    known = {row.mode: row for row in RequestedMethod.objects.filter(grant=grant)}
    for n, each in enumerate(asked.requests):
        row = known.get(each.mode) or RequestedMethod(grant=grant, mode=each.mode, created_at=at)
        row.position = n
        row.instant_key_max_use_count = each.instant_key_max_use_count
        row.seal_digits(each.digits)
        row.save()


def _digits(asked: Asked) -> str:
    return next((each.digits for each in asked.requests if each.mode == Mode.CODE), "")


# --- ending ---------------------------------------------------------------------------


def revoke(
    grants: Iterable[AccessGrant],
    *,
    by: By,
    at: datetime,
    reason: str = "",
    is_told: bool = False,
) -> int:
    """Wish grants over. Their links are dead at once; doors hear of it in ten seconds.

    `is_told` as in `change`. Returns how many were not over already.
    """
    done = 0
    with transaction.atomic():
        for grant in sorted(grants, key=lambda each: each.pk):
            by.require(Permission.MANAGE_GRANTS, grant.property_id)
            row = fresh(grant)
            if row.is_over(at):
                continue
            row.revoked_at, row.revoke_due_at = at, at + UNDO_WITHIN
            row.revoked_by_name, row.revoke_reason = by.who.name[:200], reason[:300]
            row.generation += 1
            row.save()
            if not is_told:
                reservations.note_revoked_by_hand(row)
            tell(Verb.GRANT_REVOKED, row, by=by, at=at, reason=reason)
            done += 1
    return done


def undo(grants: Iterable[AccessGrant], *, by: By, at: datetime) -> int:
    """Take back revoking, while nothing was carried out. Returns how many are wanted again."""
    done = 0
    with transaction.atomic():
        for grant in sorted(grants, key=lambda each: each.pk):
            by.require(Permission.MANAGE_GRANTS, grant.property_id)
            row = fresh(grant)
            if row.revoked_at is None or row.given_up_at is not None:
                continue
            row.revoked_at = row.revoke_due_at = None
            row.revoked_by_name = row.revoke_reason = ""
            row.generation += 1
            row.save()
            reservations.note_undone_by_hand(row)
            tell(Verb.GRANT_REVOKE_UNDONE, row, by=by, at=at)
            done += 1
    return done


def give_up(grant: AccessGrant, *, by: By, at: datetime) -> None:
    """Carry out that a grant is over: every method of it that no other grant wants ends."""
    with transaction.atomic():
        grant = fresh(grant)
        if not grant.is_over(at) or grant.given_up_at is not None:
            return
        hold(grant.identity_id)
        has = held_by(grant, at)
        plan = planner.plan_end(has.held, now=at)
        Storer(grant, doors.Found(doors=()), has, who=by.who, at=at).store(plan)
        grant.given_up_at = at
        grant.save(update_fields=["given_up_at"])
        announce(grant)


# --- telling --------------------------------------------------------------------------


def tell(verb: Verb, grant: AccessGrant, *, by: By, at: datetime, **detail: Any) -> None:
    """Add a line to the log, and tell pages once this transaction is committed."""
    record(
        verb,
        workspace_id=grant.workspace_id,
        at=at,
        who=by.who,
        place=grant.as_place(),
        subject=str(grant.identity),
        how=How.SYSTEM if by.user is None else How.WEB,
        grant_id=str(grant.pk),
        **detail,
    )
    announce(grant)


def announce(grant: AccessGrant) -> None:
    live.announce_topic(grant.workspace_id, grant.property_id, "grants", grant.pk)


def _in_words(grant: AccessGrant, at: datetime) -> str:
    return span(grant.window, grant.property.zone, at)
