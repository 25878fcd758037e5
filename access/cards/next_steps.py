"""The one button for the right next step, and those beside it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from access.cards import failures, intents
from access.cards.evidence import Finding
from access.cards.job_view import NextKind, NextStep, Stage
from access.models import AcsEncoder, EncodeJob
from access.states import CardState, Intent, JobKind, JobState, Phase
from accounts.actors import Actor
from accounts.permissions import Permission
from accounts.providers.systems import CardFailure

_NEEDS = {
    NextKind.TRY_AGAIN: (Permission.MAKE_CARDS,),
    NextKind.OTHER_ENCODER: (Permission.MAKE_CARDS,),
    NextKind.FIRST: (Permission.MAKE_CARDS,),
    NextKind.UPDATE: (Permission.MAKE_CARDS,),
    NextKind.ASSIGN: (Permission.MAKE_CARDS,),
    NextKind.REPLACE: (Permission.MAKE_CARDS, Permission.CANCEL_CARDS),
    NextKind.DISCARD: (Permission.MAKE_CARDS, Permission.CANCEL_CARDS),
    NextKind.READ: (Permission.SCAN_CARDS,),
}
_INTENT_STEPS = {
    Intent.FIRST: NextKind.FIRST,
    Intent.UPDATE: NextKind.UPDATE,
    Intent.REPLACE: NextKind.REPLACE,
}


def of(
    job: EncodeJob, stage: Stage, actor: Actor, now: datetime, person_url: str
) -> tuple[NextStep, ...]:
    """Return what can be done next, the right one first."""
    if job.system.removed_at is not None:
        return ()
    maker = _Maker(job, person_url)
    if stage == Stage.UNKNOWN:
        steps = [maker.read(), maker.discard()]
    elif stage == Stage.FAILED:
        steps = _after_failure(job, maker)
    elif stage == Stage.CANCELLED:
        steps = [maker.again("Start again")]
    elif stage == Stage.READ:
        steps = _after_reading(job, maker, now)
    else:
        steps = []
    # Reading needs the same link: it is no first step while that is down.
    is_cut = stage == Stage.UNKNOWN and is_cut_off(job)
    allowed = [step for step in steps if _is_allowed(step, job, actor)]
    return tuple(
        NextStep(
            kind=step.kind,
            label=step.label,
            url=step.url,
            is_first=number == 0 and not is_cut,
            target_id=step.target_id,
        )
        for number, step in enumerate(allowed)
    )


def is_cut_off(job: EncodeJob) -> bool:
    """Tell whether the link to the system is down, by its last listing or by this job's end."""
    system = job.system
    if system.is_bridge_down:
        return True
    tried_at = job.card_by or job.requested_at
    is_older = system.listed_at is None or tried_at is None or system.listed_at <= tried_at
    return job.failure == CardFailure.BRIDGE_DOWN and is_older


def _is_allowed(step: NextStep, job: EncodeJob, actor: Actor) -> bool:
    needed = _NEEDS.get(step.kind, ())
    if step.kind in (NextKind.TRY_AGAIN, NextKind.OTHER_ENCODER) and job.kind == JobKind.SCAN:
        needed = (Permission.SCAN_CARDS,)
    return all(actor.may(each, job.system.property_id) for each in needed)


class _Maker:
    """Makes the steps of one job."""

    def __init__(self, job: EncodeJob, person_url: str) -> None:
        self._job = job
        self._person_url = person_url

    @property
    def _thing(self) -> str:
        return "tag" if self._job.system.assigns_tags else "card"

    def again(self, label: str) -> NextStep:
        return NextStep(kind=NextKind.TRY_AGAIN, label=label)

    def read(self, label: str = "") -> NextStep:
        label = label or f"Read the {self._thing}"
        return NextStep(kind=NextKind.READ, label=label, target_id=self._job.pk)

    def discard(self, label: str = "") -> NextStep:
        other = "take another" if self._job.system.assigns_tags else "make a new one"
        return NextStep(kind=NextKind.DISCARD, label=label or f"Put it aside and {other}")

    def for_person(self, kind: NextKind, label: str, user_id: UUID | None = None) -> NextStep:
        return NextStep(kind=kind, label=label, target_id=user_id or self._job.user_id)

    def open_user(self) -> list[NextStep]:
        if not self._person_url:
            return []
        label = f"Open {self._job.user}"
        return [NextStep(kind=NextKind.OPEN_USER, label=label, url=self._person_url)]

    def other_encoders(self) -> list[NextStep]:
        others = (
            AcsEncoder.objects.filter(system_id=self._job.system_id, removed_at=None)
            .exclude(pk=self._job.encoder_id)
            .order_by("name")[:5]
        )
        return [
            NextStep(kind=NextKind.OTHER_ENCODER, label=f"Use {each.name}", target_id=each.pk)
            for each in others
        ]


def _after_failure(job: EncodeJob, maker: _Maker) -> list[NextStep]:
    if job.evidence == "person":
        if job.system.assigns_tags:
            return [maker.again("Give another tag")]
        return [maker.for_person(NextKind.FIRST, "Make a new card")]
    if job.state == JobState.BLOCKED:
        if job.failure == CardFailure.ENCODER_MISSING:
            return maker.other_encoders()
        return [maker.again("Try again"), *maker.open_user()]
    if job.result.get("void"):
        return _for_void(job, maker)
    kinds = _kinds_for(job)
    again = _again_of(job)
    steps: list[NextStep] = []
    for kind in _possible(kinds, job):
        steps += _steps_of(kind, job, maker, again)
    return steps


def _again_of(job: EncodeJob) -> str:
    if job.state == JobState.MISMATCH:
        return "Write this card again"
    label = failures.row_of(job.failure).again
    return label.replace("card", "tag") if job.system.assigns_tags else label


def _kinds_for(job: EncodeJob) -> tuple[NextKind, ...]:
    """Return the steps that lead out of what went wrong, the right one first."""
    if job.evidence == "scan" or job.state == JobState.MISMATCH:
        is_other_card = "was_on" in job.result
        return (NextKind.TRY_AGAIN, NextKind.REPLACE)[: 2 if is_other_card else 1]
    row = failures.row_of(job.failure)
    if row.content is failures.Content.UNKNOWN:  # the doubt has ended, or never was
        return (NextKind.TRY_AGAIN,)
    may_be_new = job.kind == JobKind.ASSIGN and not job.detects_new_tags
    if job.failure == CardFailure.NO_CARD and may_be_new:
        return (*row.steps, NextKind.ASSIGN)
    return row.steps


def _possible(kinds: tuple[NextKind, ...], job: EncodeJob) -> tuple[NextKind, ...]:
    """Return the steps without those that would be refused for the card somebody has, or has not."""
    if job.user is None or job.failure not in _DEPENDS_ON_CARD:
        return kinds
    has_card = intents.issued_card(job.user) is not None
    if job.failure == CardFailure.NO_KEY_TO_UPDATE:
        return (NextKind.REPLACE, NextKind.OPEN_USER) if has_card else kinds
    return kinds if has_card or job.intent != Intent.UPDATE else (NextKind.FIRST,)


_DEPENDS_ON_CARD = (CardFailure.NO_KEY_TO_UPDATE, CardFailure.CREDENTIAL_GONE)


def _for_void(job: EncodeJob, maker: _Maker) -> list[NextStep]:
    """A card that was written for nothing: it is kept, and its right goes if it has not."""
    is_withdrawn = job.credential is None or job.credential.delete_asked_at is not None
    put_aside = [] if is_withdrawn else [maker.discard("Put it aside")]
    return [*maker.open_user(), *put_aside]


def _steps_of(kind: NextKind, job: EncodeJob, maker: _Maker, again: str) -> list[NextStep]:
    if kind == NextKind.TRY_AGAIN:
        is_hopeless = (
            job.failure == CardFailure.UNKNOWN_ERROR
            and job.tries >= failures.MOST_UNEXPLAINED_TRIES
        )
        return [] if is_hopeless else [maker.again(again)]
    if kind == NextKind.OTHER_ENCODER:
        return maker.other_encoders()
    if kind == NextKind.OPEN_USER:
        return maker.open_user()
    if kind == NextKind.READ:
        return [] if job.kind == JobKind.SCAN else [maker.read()]
    if kind == NextKind.DISCARD:
        return [] if job.kind == JobKind.SCAN else [maker.discard()]
    labels = {
        NextKind.FIRST: "Make a new card",
        NextKind.UPDATE: "Update the card",
        NextKind.REPLACE: (
            "Make a new card"
            if job.failure == CardFailure.NO_KEY_TO_UPDATE
            else "Report it lost and replace it"
        ),
        NextKind.ASSIGN: "The tag is new",
    }
    return [maker.for_person(kind, labels[kind])]


def _after_reading(job: EncodeJob, maker: _Maker, now: datetime) -> list[NextStep]:
    another = maker.read(f"Read another {'tag' if job.system.assigns_tags else 'card'}")
    another = NextStep(kind=another.kind, label=another.label)
    finding = job.result.get("finding")
    if finding == Finding.BLANK:
        return [*_for_blank(job, maker), another]
    if finding != Finding.OURS or job.user is None:
        return [another]
    card, user = job.credential, job.user
    is_cancelled = card is not None and (card.delete_asked_at or card.phase == Phase.GONE)
    if is_cancelled:
        return [another, *maker.open_user()]
    if user.is_suspended or user.is_over(now):
        return [*maker.open_user(), another]
    is_old = not job.result.get("is_in_sync", True) or (card and card.needs_to_be_reissued)
    if is_old:
        return [_write_again(job, maker), *maker.open_user(), another]
    return [another, *maker.open_user()]


def _write_again(job: EncodeJob, maker: _Maker) -> NextStep:
    """A card that was never wholly written is written; any other is updated."""
    card = job.credential
    if card is not None and not card.was_written:
        return maker.for_person(NextKind.FIRST, f"Write it for {job.user}")
    label = "Update this card"
    if card is not None and card.card_state == CardState.SUSPECT:
        label = "Write this card again"
    return maker.for_person(NextKind.UPDATE, label)


def _for_blank(job: EncodeJob, maker: _Maker) -> list[NextStep]:
    doubtful = job.settles
    if job.system.assigns_tags:
        return []  # nothing is written on tags
    if doubtful is not None and doubtful.state == JobState.UNKNOWN:
        return []  # it is not the card in doubt
    if doubtful is None:
        return [NextStep(kind=NextKind.FIRST, label="Write it for somebody")]
    kind = _INTENT_STEPS.get(Intent(doubtful.intent), NextKind.FIRST)
    if kind == NextKind.REPLACE:
        kind = NextKind.FIRST  # the old card is cancelled already
    return [maker.for_person(kind, f"Write it for {doubtful.user}", doubtful.user_id)]
