"""What is done with people of an access control system. Each act is a wish.

The reconciler carries wishes to the provider; nothing here asks one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from access.models import AcsAccessGroup, AcsCredential, AcsSystem, AcsUser
from access.people import granted, mobile, rules, wishes, words
from access.states import Part
from accounts.actors import Actor
from accounts.permissions import Permission
from audit.services import record
from audit.words import How, Verb
from locks.codes.rules import RuleError
from locks.codes.services import RefusedError

#: Groups of one person; more is a slip.
MOST_GROUPS = 200
CHANGED_MEANWHILE = (
    "Somebody changed this person a moment ago. Look at them, then change them again."
)


@dataclass(frozen=True, kw_only=True)
class Wish:
    """A person as somebody wants them. Both times None: no schedule; no end: open-ended."""

    full_name: str
    email: str = ""
    phone: str = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None


# --- making and changing --------------------------------------------------------------


def create(
    system: AcsSystem,
    wish: Wish,
    groups: Iterable[AcsAccessGroup],
    *,
    key: UUID,
    by: Actor,
    at: datetime,
) -> AcsUser:
    """Add somebody to a system. Returns before the provider has heard of them.

    `key` is made with the form and becomes their id: pressed twice, it is one person, as they
    were made by the first press. Raises RefusedError with everything that is wrong.
    """
    by.require(Permission.MANAGE_CARDHOLDERS, system.property_id)
    with transaction.atomic():
        wishes.hold_system(system)
        made = AcsUser.objects.filter(pk=key).first()
        if made:
            return _same(made, system, by)
        checked, chosen = _checked(wish, system, groups, at=at)
        user: AcsUser = AcsUser.objects.create(
            pk=key,
            system=system,
            created_by=by.user,
            created_at=at,
            next_run_at=at,
            pending=[Part.INFORMATION, Part.SCHEDULE],
            **vars(checked),
        )
        wishes.join(user, [group.pk for group in chosen], at=at)
        wishes.tell(
            Verb.CARDHOLDER_CREATED,
            user,
            who=by.who,
            at=at,
            after=_in_groups(chosen) if chosen else "",
        )
    return user


def _same(made: AcsUser, system: AcsSystem, by: Actor) -> AcsUser:
    if made.system_id != system.pk or made.created_by_id != by.user.pk:
        raise RefusedError([RuleError("", "This form is used up. Open a new one.")])
    return made


def edit(
    user: AcsUser,
    wish: Wish,
    groups: Iterable[AcsAccessGroup],
    *,
    version: str,
    by: Actor,
    at: datetime,
) -> AcsUser:
    """Change somebody's details, schedule and groups; what stays as it was is no wish.

    `version` is what the person looked at (`wishes.version_of`): if somebody was quicker, here
    or at the provider, nothing is done. Raises RefusedError.
    """
    by.require(Permission.MANAGE_CARDHOLDERS, user.system.property_id)
    with transaction.atomic():
        wishes.hold_system(user.system)
        user = wishes.fresh(user)
        wishes.check_changeable(user)
        held = wishes.wanted_ids(user)
        if version != wishes.version_of(user, held):
            raise RefusedError([RuleError("", CHANGED_MEANWHILE)])
        checked, chosen = _checked(wish, user.system, groups, at=at, was=user)
        said = [*_change(user, checked), *_move(user, held, chosen, at=at)]
        if not said:
            return user
        wishes.save(user, *vars(checked), parts=[part for part, _ in said if part], at=at)
        after = "; ".join(text for _, text in said)
        wishes.tell(Verb.CARDHOLDER_CHANGED, user, who=by.who, at=at, after=after[:500])
    return user


def _change(user: AcsUser, wish: Wish) -> list[tuple[Part | None, str]]:
    """Put a wish into the row. Returns the parts that differ, each as the log tells it."""
    said: list[tuple[Part | None, str]] = []
    if wish.full_name != user.full_name:
        said.append((Part.INFORMATION, f"name {wish.full_name}"))
    said += [
        (Part.INFORMATION, label)
        for label, before, after in (
            ("e-mail", user.email, wish.email),
            ("phone", user.phone, wish.phone),
        )
        if before != after
    ]
    if (wish.starts_at, wish.ends_at) != (user.starts_at, user.ends_at):
        zone = user.system.property.zone
        said.append((Part.SCHEDULE, words.schedule(wish.starts_at, wish.ends_at, zone)))
    for column, value in vars(wish).items():
        setattr(user, column, value)
    return said


def _move(
    user: AcsUser, held: set[UUID], chosen: Sequence[AcsAccessGroup], *, at: datetime
) -> list[tuple[Part | None, str]]:
    wanted = {group.pk for group in chosen}
    if wanted == held:
        return []
    wishes.join(user, wanted - held, at=at)
    wishes.leave(user, held - wanted, at=at)
    return [(None, _in_groups(chosen))]


def _in_groups(groups: Sequence[AcsAccessGroup]) -> str:
    names = ", ".join(sorted(group.name for group in groups))
    return f"groups {names}" if names else "in no group"


# --- what may be ----------------------------------------------------------------------


def _checked(
    wish: Wish,
    system: AcsSystem,
    groups: Iterable[AcsAccessGroup],
    *,
    at: datetime,
    was: AcsUser | None = None,
) -> tuple[Wish, list[AcsAccessGroup]]:
    """Return a wish as it will be kept. Raises RefusedError with everything that is wrong."""
    name, email, phone, problems = _details(wish, system, was)
    starts_at, ends_at = wish.starts_at, wish.ends_at
    before = (was.starts_at, was.ends_at) if was else (None, None)
    chosen: list[AcsAccessGroup] = []
    try:
        starts_at, ends_at = rules.clean_schedule((starts_at, ends_at), now=at, was=before)
    except RuleError as error:
        problems.append(error)
    try:
        chosen = _chosen(system, groups, wishes.wanted_ids(was) if was else set())
    except RuleError as error:
        problems.append(error)
    if problems:
        raise RefusedError(problems)
    checked = Wish(full_name=name, email=email, phone=phone, starts_at=starts_at, ends_at=ends_at)
    return checked, chosen


def _details(
    wish: Wish, system: AcsSystem, was: AcsUser | None
) -> tuple[str, str, str, list[RuleError]]:
    """Return name, e-mail and phone as they will be kept, and what is wrong with them."""
    problems: list[RuleError] = []

    def tried(check: Callable[[], str]) -> str:
        try:
            return check()
        except RuleError as error:
            problems.append(error)
            return ""

    name = tried(lambda: rules.clean_full_name(wish.full_name))
    email = tried(lambda: _free_email(rules.clean_email(wish.email), system, was))
    phone = tried(lambda: rules.clean_phone(wish.phone))
    if was and was.remote_id:
        problems += _emptied(was, email=wish.email, phone=wish.phone)
    return name, email, phone, problems


def _emptied(was: AcsUser, *, email: str, phone: str) -> list[RuleError]:
    """An empty field is none that Seam changes: it would be asked for again for ever."""
    problems = []
    if was.email and not email.strip():
        sentence = "Seam cannot remove an e-mail address: type another one"
        problems.append(RuleError("email", sentence))
    if was.phone and not phone.strip():
        problems.append(RuleError("phone", "Seam cannot remove a phone number: type another one"))
    return problems


def problems_with(wish: Wish, system: AcsSystem, was: AcsUser | None = None) -> list[RuleError]:
    """Return what is wrong with the details of a wish, whatever its times and groups."""
    return _details(wish, system, was)[3]


def _free_email(email: str, system: AcsSystem, was: AcsUser | None) -> str:
    """Providers refuse one address twice in a system."""
    if not email or (was and email.lower() == was.email.lower()):
        return email
    others = AcsUser.objects.filter(system=system, email__iexact=email).not_gone()
    other = others.exclude(pk=was.pk if was else None).first()
    if other is None:
        return email
    sentence = f"{other.full_name} has this e-mail address"
    if other.delete_asked_at:
        sentence += ", and is being deleted: it is free when they are gone"
    raise RuleError("email", sentence)


def _chosen(
    system: AcsSystem, groups: Iterable[AcsAccessGroup], held: set[UUID]
) -> list[AcsAccessGroup]:
    """Groups must be there, and of this system; one somebody is in may be gone meanwhile."""
    chosen = list(dict.fromkeys(groups))
    for group in chosen:
        if group.system_id != system.pk or (group.removed_at and group.pk not in held):
            raise RuleError("groups", "one of these groups is not there any more")
    if len(chosen) > MOST_GROUPS:
        raise RuleError("groups", f"choose at most {MOST_GROUPS} groups")
    return chosen


# --- suspending, deleting -------------------------------------------------------------


def suspend(user: AcsUser, *, by: Actor, at: datetime) -> bool:
    """Wish somebody out of every door, for now. Return False if they were already."""
    return _set_suspended(user, is_suspended=True, by=by, at=at)


def unsuspend(user: AcsUser, *, by: Actor, at: datetime) -> bool:
    return _set_suspended(user, is_suspended=False, by=by, at=at)


def _set_suspended(user: AcsUser, *, is_suspended: bool, by: Actor, at: datetime) -> bool:
    by.require(Permission.MANAGE_CARDHOLDERS, user.system.property_id)
    with transaction.atomic():
        user = wishes.fresh(user)
        wishes.check_changeable(user)
        if user.is_suspended == is_suspended:
            return False
        user.is_suspended = is_suspended
        wishes.save(user, "is_suspended", parts=[Part.SUSPENSION], at=at)
        verb = Verb.CARDHOLDER_SUSPENDED if is_suspended else Verb.CARDHOLDER_UNSUSPENDED
        wishes.tell(verb, user, who=by.who, at=at)
    return True


def delete(user: AcsUser, *, by: Actor, at: datetime) -> bool:
    """Wish somebody gone, with their cards. They stay in the lists until they were seen gone.

    Return False if that was asked for already.
    """
    by.require(Permission.MANAGE_CARDHOLDERS, user.system.property_id)
    with transaction.atomic():
        user = wishes.fresh(user)
        if not granted.is_there(user):
            return False
        wishes.check_changeable(user)
        granted.remove(user, who=by.who, at=at)
    return True


def try_again(user: AcsUser, *, by: Actor, at: datetime) -> bool:
    """Have a wish that was refused told once more, now. Return False if none was."""
    by.require(Permission.MANAGE_CARDHOLDERS, user.system.property_id)
    with transaction.atomic():
        user = wishes.fresh(user)
        if not user.error_code or not user.is_managed:
            return False
        wishes.save(user, at=at)
        wishes.tell(Verb.CARDHOLDER_CHANGED, user, who=by.who, at=at, after="tried again")
    return True


#: Mobile keys are asked for in `mobile`; here for those who look for all acts in one place.
ask_for_mobile_key = mobile.ask_for_mobile_key


# --- PINs of Salto KS -----------------------------------------------------------------


def ask_for_pin(user: AcsUser, *, by: Actor, at: datetime) -> AcsCredential | None:
    """Have Salto KS make a PIN. Return None where there is one already. Raises RefusedError."""
    by.require(Permission.MANAGE_CARDHOLDERS, user.system.property_id)
    with transaction.atomic():
        user = wishes.fresh(user)
        wishes.check_changeable(user)
        if not user.system.assigns_tags:
            raise RefusedError([RuleError("", "This system makes no PINs.")])
        return granted.want_pin(user, who=by.who, created_by=by.user, at=at)


def reveal_pin(pin: AcsCredential, *, by: Actor, at: datetime) -> str:
    """Return the digits of a PIN, and write down who looked. "" where there are none.

    Raises sealing.UnreadableError.
    """
    assert pin.user is not None
    by.require(Permission.REVEAL_CODES, pin.system.property_id)
    digits = pin.unseal_code()
    if digits:
        record(
            Verb.PIN_REVEALED,
            workspace_id=pin.system.workspace_id,
            at=at,
            who=by.who,
            place=pin.system.as_place(),
            subject=pin.user.full_name,
            how=How.WEB,
            system=pin.system.name,
        )
    return digits
