"""Who gets in: found by what is unique about them, made where nobody fits, merged if one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction

from access.grants.asking import By, Guest
from access.models import AccessGrant, AccessMethod, UserIdentity
from access.models.identities import UserIdentityQuerySet
from access.people import rules
from accounts.permissions import Permission
from audit.services import record
from audit.words import How, Verb
from locks.codes.rules import RuleError
from locks.codes.services import RefusedError

TAKEN = {
    "email": "this e-mail address belongs to somebody else here",
    "phone": "this phone number belongs to somebody else here",
}
OTHER = {
    "email": "this person is known here with another e-mail address: change it on their page",
    "phone": "this person is known here with another phone number: change it on their page",
}
GONE = "this person is not there any more"
MEANWHILE = "somebody with this e-mail address or phone number was added just now: try again"


def resolve(guest: Guest, workspace_id: UUID) -> tuple[UserIdentity, list[RuleError]]:
    """Return the person meant, perhaps not saved yet, and what is wrong with their details.

    Nothing is written. What is typed of somebody known fills what they lack and changes
    nothing else.
    """
    people = UserIdentity.objects.filter(workspace_id=workspace_id)
    details, problems = _cleaned(guest)
    if guest.id is not None:
        found = people.filter(pk=guest.id).select_related("merged_into").first()
        if found is None:
            return _new(details, workspace_id), [RuleError("guest", GONE)]
        known: UserIdentity | None = found.merged_into or found
    else:
        known = _known(details, people.filter(merged_into=None))
    if known is None:
        return _new(details, workspace_id), problems
    return known, problems + _conflicts(details, known, people.filter(merged_into=None))


def _cleaned(guest: Guest) -> tuple[Guest, list[RuleError]]:
    problems: list[RuleError] = []

    def tried(clean: Callable[[str], str], text: str) -> str:
        try:
            return clean(text)
        except RuleError as error:
            problems.append(error)
            return ""

    is_named = bool(guest.full_name) or guest.id is None
    details = Guest(
        id=guest.id,
        full_name=tried(rules.clean_full_name, guest.full_name) if is_named else "",
        email=tried(rules.clean_email, guest.email),
        phone=tried(rules.clean_phone, guest.phone),
        language=guest.language[:5],
        key=guest.key,
        is_staff=guest.is_staff,
    )
    return details, problems


def _known(guest: Guest, people: UserIdentityQuerySet) -> UserIdentity | None:
    wanted: list[dict[str, str]] = []
    if guest.key:
        wanted.append({"key": guest.key})
    if guest.email:
        wanted.append({"email__iexact": guest.email})
    if guest.phone:
        wanted.append({"phone": guest.phone})
    found = (people.filter(**each).first() for each in wanted)
    return next((person for person in found if person is not None), None)


def _conflicts(guest: Guest, known: UserIdentity, people: UserIdentityQuerySet) -> list[RuleError]:
    problems = []
    for field, typed, kept in (
        ("email", guest.email, known.email),
        ("phone", guest.phone, known.phone),
    ):
        if not typed or typed.lower() == kept.lower():
            continue
        if people.exclude(pk=known.pk).filter(**{f"{field}__iexact": typed}).exists():
            problems.append(RuleError(field, TAKEN[field]))
        elif kept:
            problems.append(RuleError(field, OTHER[field]))
    return problems


def _new(guest: Guest, workspace_id: UUID) -> UserIdentity:
    return UserIdentity(
        workspace_id=workspace_id,
        key=guest.key,
        full_name=guest.full_name,
        email=guest.email,
        phone=guest.phone,
        language=guest.language,
        is_staff=guest.is_staff,
    )


# --- writing --------------------------------------------------------------------------


def settle(person: UserIdentity, guest: Guest, *, by: By, at: datetime) -> UserIdentity:
    """Save somebody new, or fill what somebody known lacked. Raises RefusedError.

    Wants a transaction; `resolve` said before that nothing is wrong.
    """
    details, _ = _cleaned(guest)
    if person._state.adding:
        person.created_by, person.created_at = by.user, at
        columns = None
    else:
        columns = [name for name in _FILLED if _fills(person, details, name)]
        if not columns:
            return person
    try:
        with transaction.atomic():
            person.save(update_fields=columns)
    except IntegrityError:
        raise RefusedError([RuleError("email", MEANWHILE)]) from None
    return person


_FILLED = ("full_name", "email", "phone", "language", "key")


def _fills(person: UserIdentity, details: Guest, name: str) -> bool:
    if getattr(person, name) or not getattr(details, name):
        return False
    setattr(person, name, getattr(details, name))
    return True


def edit(person: UserIdentity, guest: Guest, *, by: By, at: datetime) -> UserIdentity:
    """Change somebody's details. Raises RefusedError with everything that is wrong."""
    by.require(Permission.MANAGE_GRANTS)
    with transaction.atomic():
        person = UserIdentity.objects.select_for_update(no_key=True).get(pk=person.pk)
        details, problems = _cleaned(guest)
        people = UserIdentity.objects.filter(workspace_id=person.workspace_id, merged_into=None)
        problems += [
            RuleError(field, TAKEN[field])
            for field, typed in (("email", details.email), ("phone", details.phone))
            if typed and people.exclude(pk=person.pk).filter(**{f"{field}__iexact": typed}).exists()
        ]
        if problems:
            raise RefusedError(problems)
        names = ("full_name", "email", "phone", "language", "is_staff")
        changed = [name for name in names if getattr(person, name) != getattr(details, name)]
        if not changed:
            return person
        for name in changed:
            setattr(person, name, getattr(details, name))
        person.save(update_fields=changed)
        words = {"full_name": "name", "email": "e-mail", "is_staff": "staff or guest"}
        after = ", ".join(words.get(name, name) for name in changed)
        _tell(Verb.GUEST_CHANGED, person, by=by, at=at, after=after)
    return person


def merge(
    person: UserIdentity, others: Sequence[UserIdentity], *, by: By, at: datetime
) -> UserIdentity:
    """Make several one. The first takes what it lacks; the others lead to it from now on.

    Grants and methods go over, so nothing changes at any door. Raises RefusedError.
    """
    by.require(Permission.MANAGE_GRANTS)
    ids = {each.pk for each in others} - {person.pk}
    with transaction.atomic():
        rows = UserIdentity.objects.select_for_update(no_key=True).filter(
            pk__in={person.pk, *ids}, workspace_id=person.workspace_id, merged_into=None
        )
        found = {row.pk: row for row in rows.order_by("pk")}
        if len(found) != len(ids) + 1:
            raise RefusedError([RuleError("guest", GONE)])
        person = found.pop(person.pk)
        UserIdentity.objects.filter(merged_into__in=found).update(merged_into=person)
        UserIdentity.objects.filter(pk__in=found).update(merged_into=person)
        AccessGrant.objects.filter(identity__in=found).update(identity=person)
        AccessMethod.objects.filter(identity__in=found).update(identity=person)
        for other in found.values():
            for name in ("full_name", "email", "phone", "language"):
                if not getattr(person, name):
                    setattr(person, name, getattr(other, name))
        person.save(update_fields=["full_name", "email", "phone", "language"])
        after = f"{len(found)} of them"
        _tell(Verb.GUESTS_MERGED, person, by=by, at=at, after=after)
    return person


def _tell(verb: Verb, person: UserIdentity, *, by: By, at: datetime, after: str) -> None:
    record(
        verb,
        workspace_id=person.workspace_id,
        at=at,
        who=by.who,
        subject=str(person),
        how=How.WEB,
        after=after,
    )
