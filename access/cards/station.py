"""What stands on the station's page: who, at which encoder, and what runs at this desk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Prefetch, Q, QuerySet
from django.db.models.functions import Lower

from access.cards import failures, intents, queue
from access.cards.batches import Batch
from access.cards.evidence import Finding
from access.cards.job_view import JobView, NextKind, Stage
from access.cards.queue import QueueRow
from access.cards.times import day_and_clock
from access.models import AcsCredential, AcsEncoder, AcsMembership, AcsSystem, AcsUser, EncodeJob
from access.models.people import AcsUserQuerySet
from access.people.finding import find
from access.states import OPEN_STATES, CardState, Intent, JobKind, JobState
from accounts.actors import Actor
from accounts.permissions import Permission
from accounts.providers.systems import AccessMethod, CardFailure

#: A card in doubt is shown again by itself for this long; afterwards it waits in the list.
_FRESH = timedelta(minutes=10)
#: How long it is told that a doubt has ended: a shift, and whoever comes after it.
_TOLD_FOR = timedelta(hours=12)
#: How doubts end without anybody at a desk: by what was heard of the attempt, or of the card.
HEARD = ("attempt", "credential")
#: As many as can be seen without scrolling far; typing more letters finds the others.
_MOST_FOUND = 12
_MOST_RECENT = 5
#: Each is a card that somebody may hand out: more than anybody ever had, so none is left out.
_MOST_IN_DOUBT = 200
_MOST_SETTLED = 20
#: Words for what an encoder did last, where it speaks against the encoder.
_LAST_ERRORS = {
    CardFailure.ENCODER_OFFLINE: "did not answer",
    CardFailure.ENCODER_UNINIT: "is not initialised",
    CardFailure.ENCODER_MISSING: "was not found",
    CardFailure.COMMS_TIMEOUT: "was lost while it worked",
    CardFailure.ENCODER_BUSY: "was busy",
}


# --- who ------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Found:
    """Somebody to make a card for, as one line of a list."""

    id: UUID
    name: str
    system: str
    groups: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Settled:
    """A card that was in doubt, and is no more."""

    job_id: UUID
    text: str
    is_good: bool


@dataclass(frozen=True, kw_only=True)
class People:
    """The list beside the desk."""

    query: str = ""
    found: tuple[Found, ...] = ()
    arrivals: tuple[QueueRow, ...] = ()
    #: Those of the arrivals who were chosen together, and whose turn is still to come.
    picked: frozenset[UUID] = frozenset()
    recent: tuple[Found, ...] = ()
    #: Cards of which nobody knows whether they were written.
    in_doubt: tuple[EncodeJob, ...] = ()
    #: Those of which it was heard since, while nobody looked.
    settled: tuple[Settled, ...] = ()
    has_several_systems: bool = False
    #: Whether somebody could arrive at all.
    has_system: bool = True


def people(
    actor: Actor,
    query: str,
    *,
    now: datetime,
    batch: Batch | None = None,
    told: Sequence[UUID] = (),
) -> People:
    """Return whoever fits the letters; without any: the arrivals, and who was here last.

    `batch`: who was chosen together. `told`: jobs whose end was seen at this browser.
    """
    query = query.strip()[:100].replace("\0", "")
    several = AcsSystem.objects.for_actor(actor).order_by("pk").values("pk")[:2]
    has_several = len(several) > 1
    if query:
        rows = find(users_for(actor), query).order_by(Lower("full_name"), "id")[:_MOST_FOUND]
        return People(query=query, found=_found(rows), has_several_systems=has_several)
    arrivals = tuple(queue.arrivals(actor, now=now))
    chosen = set(batch.people) - _made(batch) if batch else set()
    return People(
        arrivals=arrivals,
        picked=frozenset(row.user_id for row in arrivals if row.user_id in chosen),
        recent=_recent(actor),
        in_doubt=tuple(_in_doubt(actor)),
        settled=tuple(_settled_of(job) for job in _settled(actor, told, now)),
        has_several_systems=has_several,
        has_system=bool(several),
    )


def users_for(actor: Actor) -> AcsUserQuerySet:
    """Return the users somebody may make cards for."""
    users: AcsUserQuerySet = AcsUser.objects.for_actor(actor).not_gone()
    properties = actor.property_ids_with(Permission.MAKE_CARDS)
    return users if properties is None else users.filter(system__property_id__in=properties)


def cards_of(user: AcsUser) -> list[AcsCredential]:
    """Return all cards of somebody, those that are gone included. Needs the row `system`."""
    cards = list(user.credentials.filter(access_method=AccessMethod.CARD).order_by("created_at"))
    for each in cards:
        each.user, each.system = user, user.system
    return cards


def groups_of(user: AcsUser) -> tuple[str, ...]:
    """Return the names of the groups somebody shall be in. Asks nobody where prefetched."""
    return tuple(sorted(each.group.name for each in user.memberships.all() if each.is_wanted))


def with_groups(users: QuerySet[AcsUser]) -> QuerySet[AcsUser]:
    memberships = AcsMembership.objects.select_related("group")
    return users.prefetch_related(Prefetch("memberships", memberships))


def in_order(actor: Actor, ids: Sequence[UUID]) -> list[UUID]:
    """Return those of the ids that are somebody in sight, in the order they were given."""
    known = set(users_for(actor).filter(pk__in=ids).values_list("pk", flat=True))
    return [pk for pk in ids if pk in known]


def window_of(user: AcsUser) -> str:
    """Say when somebody's access is, in the property's time."""
    zone = user.system.property.zone
    starts, ends = (day_and_clock(at, zone) if at else "" for at in (user.starts_at, user.ends_at))
    if starts and ends:
        return f"{starts} – {ends}"
    if ends:
        return f"until {ends}"
    return f"from {starts}, no end" if starts else "no end"


def _found(users: QuerySet[AcsUser]) -> tuple[Found, ...]:
    return tuple(
        Found(
            id=user.pk,
            name=user.full_name,
            system=user.system.name,
            groups=groups_of(user),
            note="suspended" if user.is_suspended else "",
        )
        for user in with_groups(users.select_related("system"))
    )


def _recent(actor: Actor) -> tuple[Found, ...]:
    jobs = EncodeJob.objects.for_actor(actor).filter(created_by=actor.user, user__isnull=False)
    ids = list(dict.fromkeys(jobs.order_by("-created_at").values_list("user_id", flat=True)[:30]))
    ids = ids[:_MOST_RECENT]
    by_id = {each.id: each for each in _found(users_for(actor).filter(pk__in=ids))}
    return tuple(by_id[pk] for pk in ids if pk in by_id)


def _in_doubt(actor: Actor) -> QuerySet[EncodeJob]:
    jobs = EncodeJob.objects.for_actor(actor).filter(state=JobState.UNKNOWN, user__isnull=False)
    properties = actor.property_ids_with(Permission.MAKE_CARDS)
    if properties is not None:
        jobs = jobs.filter(system__property_id__in=properties)
    return jobs.select_related("user", "encoder").order_by("-created_at")[:_MOST_IN_DOUBT]


def _settled(actor: Actor, told: Sequence[UUID], now: datetime) -> QuerySet[EncodeJob]:
    """Return jobs whose doubt has ended unseen, the latest first."""
    since = now - _TOLD_FOR
    return (
        EncodeJob.objects.filter(
            Q(credential=None) | Q(credential__delete_asked_at=None),
            encoder__in=encoders_for(actor).values("pk"),
            created_at__gt=since - _TOLD_FOR,
            finished_at__gt=since,
            evidence__in=HEARD,
            user__isnull=False,
        )
        .exclude(kind=JobKind.SCAN)
        .exclude(pk__in=told)
        .select_related("user", "credential")
        .order_by("-finished_at")[:_MOST_SETTLED]
    )


def _settled_of(job: EncodeJob) -> Settled:
    number = str(job.result.get("last_four", ""))
    what = "tag" if job.kind == JobKind.ASSIGN else "card"
    name = f"The {what}{f' …{number}' if number else ''} of {job.user}"
    is_suspect = job.credential is not None and job.credential.card_state == CardState.SUSPECT
    is_made = job.state in (JobState.ISSUED, JobState.DONE)
    if is_made and is_suspect:
        text = f"{name} was written after all. Read it before you hand it out."
    elif is_made:
        text = f"{name} was {'given' if what == 'tag' else 'written'} after all."
    elif job.state == JobState.MISMATCH or is_suspect:
        text = f"{name} is not as it should be. Don’t hand it out."
    else:
        text = f"{name} was not {'given' if what == 'tag' else 'written'}."
    return Settled(job_id=job.pk, text=text, is_good=is_made and not is_suspect)


# --- where ----------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class EncoderChoice:
    """An encoder as one may choose it. Nobody says whether it is online: only tries show it."""

    encoder: AcsEncoder
    is_chosen: bool = False
    #: "in use by Ana", or what it did last; "" where there is nothing to say.
    note: str = ""
    is_busy: bool = False
    is_doubtful: bool = False
    note_at: datetime | None = None

    @property
    def is_cut_off(self) -> bool:
        """Whether the link to its system is known to be down."""
        return self.encoder.system.is_bridge_down


def encoders(
    actor: Actor, system: AcsSystem | None = None, *, remembered: Sequence[UUID] = ()
) -> list[EncoderChoice]:
    """Return the encoders in sight, of one system or of all; the best one chosen.

    The best: what this browser used last, or the only one.
    """
    rows = encoders_for(actor).select_related("system__property").order_by("system__name", "name")
    if system is not None:
        rows = rows.filter(system=system)
    found = list(rows)
    holders = {
        job.encoder_id: job
        for job in EncodeJob.objects.filter(holds_encoder=True, encoder__in=found)
    }
    known = {row.pk for row in found}
    chosen = next((pk for pk in remembered if pk in known), None)
    if chosen is None and len(found) == 1:
        chosen = found[0].pk
    return [_choice(row, holders.get(row.pk), actor, is_chosen=row.pk == chosen) for row in found]


def encoders_for(actor: Actor) -> QuerySet[AcsEncoder]:
    rows = AcsEncoder.objects.for_actor(actor).filter(removed_at=None)
    properties = actor.property_ids_with(Permission.MAKE_CARDS)
    return rows if properties is None else rows.filter(system__property_id__in=properties)


def _choice(
    row: AcsEncoder, holder: EncodeJob | None, actor: Actor, *, is_chosen: bool
) -> EncoderChoice:
    if holder is not None:
        by = "you" if holder.created_by_id == actor.user.pk else holder.actor_name
        return EncoderChoice(encoder=row, is_chosen=is_chosen, note=f"in use by {by}", is_busy=True)
    if row.last_error:
        words = _LAST_ERRORS.get(CardFailure(row.last_error), "had a fault")
        return EncoderChoice(
            encoder=row,
            is_chosen=is_chosen,
            note=words,
            note_at=row.last_error_at,
            is_doubtful=True,
        )
    return EncoderChoice(encoder=row, is_chosen=is_chosen)


# --- what runs ------------------------------------------------------------------------


_SHOWN = (
    "system__property",
    "system__account",
    "encoder",
    "user",
    "credential",
    "replaces",
    "created_by",
)


def jobs_for(actor: Actor) -> QuerySet[EncodeJob]:
    return EncodeJob.objects.for_actor(actor).select_related(*_SHOWN)


def jobs_to_see(actor: Actor) -> QuerySet[EncodeJob]:
    """Return jobs whose page is shown: one's own, too, whose system went meanwhile."""
    jobs = EncodeJob.objects.filter(system__workspace_id=actor.workspace.pk, system__is_placed=True)
    if actor.property_ids is not None:
        jobs = jobs.filter(system__property_id__in=actor.property_ids)
    here = Q(system__removed_at=None) | Q(created_by=actor.user)
    return jobs.filter(here).select_related(*_SHOWN)


def doubt_about(user: AcsUser) -> EncodeJob | None:
    """Return the job that left a card of somebody in doubt, while it is."""
    jobs = EncodeJob.objects.filter(user=user, state=JobState.UNKNOWN)
    return jobs.order_by("-created_at").first()


def running(actor: Actor, station: str, *, now: datetime) -> EncodeJob | None:
    """Return what this person has under way at this browser, or a card just left in doubt."""
    if not station:
        return None
    mine = jobs_to_see(actor).filter(
        created_by=actor.user, station=station, stopped_watching_at=None
    )
    is_now = Q(state__in=OPEN_STATES) | Q(state=JobState.UNKNOWN, created_at__gt=now - _FRESH)
    return mine.filter(is_now).order_by("-created_at").first()


def picture_of(job: EncodeJob, view: JobView, *, is_suspect: bool) -> str:
    """Return how the desk looks: as its stage, but never calmer than the card is."""
    if view.is_stopped and view.stage == Stage.PLACE:
        return Stage.CANCELLED
    is_spoilt = failures.content_of(view.failure, job.kind) is not failures.Content.UNCHANGED
    if view.stage == Stage.FAILED and is_spoilt and job.evidence == "":
        return Stage.UNKNOWN
    is_bad_reading = view.stage == Stage.READ and (
        job.result.get("finding") == Finding.FOREIGN
        or any(each.kind in _REPAIRS for each in view.next_steps)
    )
    return Stage.FAILED if is_suspect or is_bad_reading else view.stage


def about_the_old(job: EncodeJob, view: JobView) -> str:
    """Say that the old card is cancelled where there is no new one; "" elsewhere."""
    old = job.replaces
    if old is None or old.delete_asked_at is None:
        return ""
    if view.stage not in {Stage.FAILED, Stage.UNKNOWN, Stage.CANCELLED}:
        return ""
    name = f"The card …{old.last_four}" if old.card_number else "The old card"
    return f"{name} was cancelled when this began, and stays cancelled."


#: What follows on the reading of a card that is not as it should be.
_REPAIRS = {NextKind.UPDATE, NextKind.REPLACE}


# --- who is next ----------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Next:
    """Whose card comes after this one, so that one key goes on to it."""

    user_id: UUID
    person: str
    system_id: UUID
    intent: Intent | None
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where a batch stands. `left`: the names of those without a card, the next one first."""

    number: int
    total: int
    made: int
    #: Whether this person has theirs: opened again, they are not of the batch any more.
    is_made: bool = False
    left: tuple[str, ...] = ()


def following(job: EncodeJob, batch: Batch | None, actor: Actor, *, now: datetime) -> Next | None:
    """Return whose turn it is after a job: the next of the batch, or of the arrivals."""
    if job.user_id is None:
        return None
    if batch and batch.number_of(job.user_id):
        made = _made(batch)
        left = [pk for pk in batch.order_after(job.user_id) if pk not in made]
        users = {user.pk: user for user in _batch_users(actor, left)}
        user = next((users[pk] for pk in left if pk in users), None)
        return _next_of(user, now) if user else None
    row = queue.after(actor, job.user_id, job.system, now=now)
    if row is None:
        return None
    return Next(
        user_id=row.user_id,
        person=row.person,
        system_id=row.system_id,
        intent=row.intent,
        groups=row.groups,
    )


def _next_of(user: AcsUser, now: datetime) -> Next:
    return Next(
        user_id=user.pk,
        person=user.full_name,
        system_id=user.system_id,
        intent=intents.offers(user, now).best,
        groups=groups_of(user),
    )


def progress(batch: Batch | None, user_id: UUID | None, actor: Actor) -> Progress | None:
    """Return where a batch stands at somebody of it; None where they are in none."""
    if batch is None or user_id is None or not batch.number_of(user_id):
        return None
    made = _made(batch)
    order = [pk for pk in batch.order_after(user_id) if pk not in made and pk != user_id]
    names = {user.pk: user.full_name for user in _batch_users(actor, order)}
    return Progress(
        number=batch.number_of(user_id),
        total=batch.total,
        made=len(made),
        is_made=user_id in made,
        left=tuple(names[pk] for pk in order if pk in names),
    )


def _batch_users(actor: Actor, ids: Sequence[UUID]) -> QuerySet[AcsUser]:
    return with_groups(users_for(actor).filter(pk__in=ids).select_related("system__property"))


def _made(batch: Batch) -> set[UUID]:
    """Return who got a card since the batch began: read from the jobs, so nothing is counted."""
    jobs = EncodeJob.objects.filter(
        user__in=batch.people,
        created_at__gte=batch.begun_at,
        state__in=(JobState.ISSUED, JobState.DONE),
    ).exclude(kind=JobKind.SCAN)
    return {pk for pk in jobs.values_list("user_id", flat=True) if pk}
