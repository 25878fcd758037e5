"""What the station says of a job."""

from __future__ import annotations

from datetime import datetime

from access.cards import failures, next_steps, outcomes, reading_words, times
from access.cards.job_view import JobView, Stage
from access.models import AcsMembership, AcsUser, EncodeJob
from access.people.words import thing
from access.states import CardState, Intent, JobKind, JobState
from accounts.actors import Actor

_STAGE_OF = {
    JobState.PREPARING: Stage.PREPARING,
    JobState.READY: Stage.PREPARING,
    JobState.REQUESTING: Stage.PLACE,
    JobState.WAITING: Stage.PLACE,
    JobState.VERIFYING: Stage.CHECKING,
    JobState.ISSUED: Stage.DONE,
    JobState.DONE: Stage.DONE,
    JobState.MISMATCH: Stage.FAILED,
    JobState.FAILED: Stage.FAILED,
    JobState.BLOCKED: Stage.FAILED,
    JobState.UNKNOWN: Stage.UNKNOWN,
    JobState.CANCELLED: Stage.CANCELLED,
}
_MUST_STAY_OFF = (
    "The encoder may still be waiting. Keep cards off {encoder} until it has stopped blinking."
)

_ELSEWHERE = "{encoder} may still be waiting: read the card at another encoder, or here in a while."


_TAG_ELSEWHERE = (
    "{encoder} may still be waiting: read the tag at another reader, or here in a while."
)


def _stay_off(job: EncodeJob) -> str:
    if job.system.assigns_tags:
        return f"{job.encoder.name} may still be waiting. Keep tags off it while it blinks."
    return _MUST_STAY_OFF.format(encoder=job.encoder.name)


def view_of(job: EncodeJob, actor: Actor, now: datetime) -> JobView:
    """Return a job as this person may see it. Asks the database, calls nobody.

    `job` may be any; what it needs beside is read here.
    """
    stage = stage_of(job)
    is_hidden = stage == Stage.READ and _is_of_other(job, actor)
    user = None if is_hidden else job.user
    url = url_of(user) if job.system.removed_at is None else ""
    headline, sentence = _words(job, stage, now, is_hidden=is_hidden)
    is_moving = job.is_open or (job.state == JobState.UNKNOWN and "cut_off" not in job.result)
    return JobView(
        id=job.pk,
        stage=stage,
        headline=headline,
        sentence=sentence,
        encoder_id=job.encoder_id,
        encoder_name=job.encoder.name,
        person=str(user or ""),
        person_url=url,
        rooms=_rooms(user),
        intent=job.intent,
        waiting_since=job.waiting_since or job.requested_at,
        card_by=job.card_by if stage == Stage.PLACE else None,
        last_four="" if is_hidden else str(job.result.get("last_four", "")),
        valid=_valid(job) if stage == Stage.DONE else "",
        facts=() if is_hidden or stage != Stage.READ else reading_words.facts(job, _rooms(user)),
        failure=job.failure,
        provider_message="" if job.state == JobState.BLOCKED else job.provider_message,
        reference=job.reference,
        tries=job.tries,
        try_again_at=_try_again_at(job, now),
        tips=_tips(job) if stage == Stage.FAILED else (),
        next_steps=() if is_hidden else next_steps.of(job, stage, actor, now, url),
        can_cancel=job.is_open and job.stopped_watching_at is None,
        is_stopped=job.stopped_watching_at is not None and is_moving,
        by_other=job.actor_name if job.created_by_id != actor.user.pk else "",
        is_moving=is_moving,
        spoken=_spoken(job, stage, headline),
    )


def _tips(job: EncodeJob) -> tuple[str, ...]:
    """They are about encoders: a reader in a wall stands where it stands."""
    return () if job.system.assigns_tags else failures.tips_for(job.failure, job.tries)


def stage_of(job: EncodeJob) -> Stage:
    if job.state == JobState.DONE and job.kind == JobKind.SCAN:
        return Stage.READ
    return _STAGE_OF[JobState(job.state)]


def url_of(user: AcsUser | None) -> str:
    return user.get_absolute_url() if user else ""


def _is_of_other(job: EncodeJob, actor: Actor) -> bool:
    """Tell whether a card that was read is of somebody this person may not see."""
    if actor.property_ids is None:
        return False
    known = (each for each in (job.credential, job.user) if each)
    return any(each.system.property_id not in actor.property_ids for each in known)


def _rooms(user: AcsUser | None) -> tuple[str, ...]:
    if user is None:
        return ()
    names = AcsMembership.objects.filter(user=user, is_wanted=True).order_by("group__name")
    return tuple(names.values_list("group__name", flat=True))


# --- words ----------------------------------------------------------------------------


def _words(job: EncodeJob, stage: Stage, now: datetime, *, is_hidden: bool) -> tuple[str, str]:
    if stage in (Stage.FAILED, Stage.UNKNOWN):
        return _failed_words(job, stage)
    if stage == Stage.READ:
        return _hidden_words(job) if is_hidden else reading_words.of(job, now)
    if stage == Stage.DONE:
        return _done_words(job)
    return _moving_words(job, stage, now)


def _hidden_words(job: EncodeJob) -> tuple[str, str]:
    return f"A {thing(job.system)} of another property", ""


def _moving_words(job: EncodeJob, stage: Stage, now: datetime) -> tuple[str, str]:
    encoder = job.encoder.name
    if stage == Stage.PREPARING:
        what = "Getting the encoder ready" if job.kind == JobKind.SCAN else "Getting it ready"
        if job.system.assigns_tags:
            return "Getting it ready …", f"Keep the tag off {encoder} for a moment."
        return f"{what} …", f"Keep the card off {encoder} for a moment."
    if stage == Stage.CHECKING:
        return "Checking …", f"Leave the {thing(job.system)} where it is."
    if stage == Stage.CANCELLED:
        writer = "reader" if job.system.assigns_tags else "encoder"
        return "Stopped", f"Nothing was sent to the {writer}."
    if job.stopped_watching_at:
        return "Stopped waiting", _stay_off(job)
    if job.system.assigns_tags:
        return f"Hold the tag to {encoder}", "Hold it there until it says done."
    if job.card_by and now > job.card_by:
        return "Waiting for an answer", "Leave the card where it is."
    return f"Place the card on {encoder}", "Leave it there until it says done."


def _failed_words(job: EncodeJob, stage: Stage) -> tuple[str, str]:
    if job.evidence == "person":
        return "Put aside", f"Its right was withdrawn. Don’t hand this {thing(job.system)} out."
    if job.state == JobState.BLOCKED:
        return "Not sent", job.provider_message
    headline = failures.headline_of(job.failure, job.kind, is_tag=job.system.assigns_tags)
    if stage == Stage.UNKNOWN:
        headline = f"Don’t hand this {thing(job.system)} out"
    sentence = outcomes.sentence_for(job)
    if job.evidence == "scan" and job.state == JobState.FAILED:
        sentence += " Nothing was written."
    if stage == Stage.UNKNOWN and next_steps.is_cut_off(job):
        return headline, f"{sentence} Read the card once the link to the Salto server is back."
    if stage == Stage.UNKNOWN and job.holds_encoder:
        elsewhere = _TAG_ELSEWHERE if job.system.assigns_tags else _ELSEWHERE
        sentence += " " + elsewhere.format(encoder=job.encoder.name)
    if stage == Stage.FAILED and job.holds_encoder:
        sentence += " " + _stay_off(job)
    return headline, sentence


def _done_words(job: EncodeJob) -> tuple[str, str]:
    if job.kind == JobKind.ASSIGN:
        return "Done", f"The tag is {job.user}’s now."
    if job.evidence == "credential":
        if job.credential and job.credential.card_state == CardState.SUSPECT:
            return "Written after all", "Read the card before you hand it out."
        return "Written after all", "Salto says now that the card was written."
    if job.evidence == "scan":
        return "Written after all", "The card was read, and is as it should be."
    return "Done", {
        Intent.UPDATE: "The card is up to date.",
        Intent.REPLACE: _replaced(job),
    }.get(Intent(job.intent), "The card is ready.")


def _replaced(job: EncodeJob) -> str:
    old = job.replaces
    new = job.credential
    if old and new and old.card_number and old.card_number == new.card_number:
        return "It is the same piece of plastic: the old right on it is overwritten."
    name = f"The card …{old.last_four}" if old and old.card_number else "The old card"
    return f"{name} is cancelled. Offline doors hear of that later."


def _valid(job: EncodeJob) -> str:
    if job.kind != JobKind.ENCODE:
        return ""
    card, user = job.credential, job.user
    ends_at = (card.ends_at if card else None) or (user.ends_at if user else None)
    return times.until(ends_at, job.system.property.zone)


def _try_again_at(job: EncodeJob, now: datetime) -> datetime | None:
    if job.state != JobState.FAILED or job.finished_at is None:
        return None
    in_a_row = int(job.result.get("in_a_row", 1))
    until = failures.may_press_again_at(job.failure, in_a_row, job.finished_at)
    return until if until and until > now else None


def _spoken(job: EncodeJob, stage: Stage, headline: str) -> str:
    """Return what is read aloud: never rooms, never more of a number than its end."""
    if stage == Stage.DONE and job.result.get("last_four"):
        ending = " ".join(str(job.result["last_four"]))
        return f"{headline}. {thing(job.system).capitalize()} ending {ending}."
    return f"{headline}."
