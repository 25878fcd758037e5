"""What stands in the way of a card: asked before it is offered, when it is asked for, and again
in the moment it is sent (reliability ACT-08; facts/salto_space.md §6, transition 1)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from access.models import AcsEncoder, AcsMembership, AcsSystem, AcsUser, EncodeJob
from access.states import Intent, Phase
from accounts.actors import Actor, actor_of
from accounts.models import AccountState
from accounts.permissions import Permission
from accounts.providers.systems import CardFailure


@dataclass(frozen=True, kw_only=True)
class Obstacle:
    """Why not, in a sentence. `about`: where it is put right."""

    sentence: str
    about: str
    failure: str = ""


def permissions_for(intent: Intent) -> tuple[Permission, ...]:
    """Return what somebody must hold for an intent, all of it."""
    if intent == Intent.READ:
        return (Permission.SCAN_CARDS,)
    if intent == Intent.REPLACE:
        return (Permission.MAKE_CARDS, Permission.CANCEL_CARDS)
    return (Permission.MAKE_CARDS,)


def require(
    actor: Actor, intent: Intent, system: AcsSystem, *, settles: EncodeJob | None = None
) -> None:
    """Raise PermissionDenied unless the actor may; also end the doubt about another's card."""
    for permission in permissions_for(intent):
        actor.require(permission, system.property_id)
    if settles:
        actor.require(Permission.MAKE_CARDS, settles.system.property_id)


def is_still_allowed(job: EncodeJob) -> bool:
    """Tell whether whoever asked may still do so. Asks the database."""
    if job.created_by is None:
        return job.actor_kind == "command"
    actor = actor_of(job.created_by, job.workspace_id)
    if actor is None or actor.workspace.pk != job.workspace_id:
        return False
    wanted = permissions_for(Intent(job.intent))
    if not _may_at(actor, job.system, wanted):
        return False
    return job.settles is None or _may_at(actor, job.settles.system, (Permission.MAKE_CARDS,))


def _may_at(actor: Actor, system: AcsSystem, wanted: Iterable[Permission]) -> bool:
    place = system.property_id
    if actor.property_ids is not None and place not in actor.property_ids:
        return False
    return all(actor.may(each, place) for each in wanted)


# --- the way there --------------------------------------------------------------------

_BRIDGE_DOWN = (
    "The link to the Salto server is down (Seam Bridge). Cards can’t be made until it is back."
)


def of_system(system: AcsSystem) -> Obstacle | None:
    """Return why nothing can be done at a system now."""
    account = system.account
    if system.removed_at:
        return Obstacle(sentence=f"{system.name} is no longer connected.", about="system")
    if account.state == AccountState.SECRET_UNREADABLE:
        sentence = f"The secret of {account.name} cannot be read here."
        return Obstacle(sentence=sentence, about="system")
    if account.is_silent:
        sentence = f"{account.name} needs to be reconnected first."
        return Obstacle(sentence=sentence, about="system")
    if system.is_bridge_down:
        return Obstacle(sentence=_BRIDGE_DOWN, about="system", failure=CardFailure.BRIDGE_DOWN)
    if system.errors:
        said = str(system.errors[0].get("message") or system.errors[0]["code"]).rstrip(".")
        return Obstacle(sentence=f"{system.name} is in trouble: {said}.", about="system")
    return None


def of_encoder(encoder: AcsEncoder) -> Obstacle | None:
    is_gone = any(each["code"] == "acs_encoder_removed" for each in encoder.errors)
    if encoder.removed_at or is_gone:
        return Obstacle(
            sentence="That encoder was removed. Choose another.",
            about="encoder",
            failure=CardFailure.ENCODER_MISSING,
        )
    return None


# --- the person -----------------------------------------------------------------------


def of_user(user: AcsUser, now: datetime) -> Obstacle | None:
    """Return why somebody can have no card, groups and doors aside."""
    name = user.full_name
    if user.phase in (Phase.DELETING, Phase.GONE) or user.delete_asked_at:
        return Obstacle(sentence=f"{name} was deleted.", about="user")
    if not user.is_managed:
        sentence = f"{name} was added outside Lockboard and can only be looked at here."
        return Obstacle(sentence=sentence, about="user")
    if user.is_suspended:
        sentence = f"{name} is suspended. Let them in again first."
        return Obstacle(sentence=sentence, about="user")
    if user.is_over(now):
        sentence = f"{name}’s access is over. Give them a later end first."
        return Obstacle(sentence=sentence, about="user")
    if user.errors:
        said = str(user.errors[0].get("message") or user.errors[0]["code"]).rstrip(".")
        return Obstacle(sentence=f"Salto has trouble with {name}: {said}.", about="user")
    if user.error_code and user.phase == Phase.CREATING:
        said = user.error.rstrip(".") or "it was refused"
        return Obstacle(sentence=f"{name} could not be added: {said}.", about="user")
    return None


def of_rights(user: AcsUser) -> Obstacle | None:
    """Return why a card of this person would open nothing. Asks the database."""
    rows = list(
        AcsMembership.objects.filter(user=user, is_wanted=True, group__removed_at=None).values_list(
            "group__entrances__takes_card", "group__entrances__removed_at"
        )
    )
    if not rows:
        sentence = f"{user.full_name} is in no group, so a card would open nothing."
        return Obstacle(sentence=sentence, about="groups")
    # None: the provider does not say, or the group's doors were not read yet.
    takes = [takes_card for takes_card, removed_at in rows if removed_at is None]
    if takes and all(each is False for each in takes):
        sentence = f"None of the doors {user.full_name} may open takes cards."
        return Obstacle(sentence=sentence, about="entrances")
    return None


WITHDRAWN = "This card request was withdrawn meanwhile. Start again."


def of_job(job: EncodeJob, now: datetime) -> Obstacle | None:
    """Return why a job may not be sent now. Everything that allowed it is asked again."""
    if not is_still_allowed(job):
        return Obstacle(sentence="Not sent – no longer allowed.", about="")
    found = of_system(job.system) or of_encoder(job.encoder)
    if found or job.user is None:
        return found
    if found := of_user(job.user, now) or of_rights(job.user):
        return found
    if job.credential and (job.credential.delete_asked_at or job.credential.phase == Phase.GONE):
        return Obstacle(
            sentence=WITHDRAWN,
            about="credential",
            failure=CardFailure.CREDENTIAL_GONE,
        )
    return None
