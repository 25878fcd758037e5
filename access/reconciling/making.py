"""Making the calls of one account, one after the other, and storing what came of each.

What a call would make is written down before it (`ambiguous_since`), committed, and claimed by
that: of two passes one makes it. No transaction is open over a call. Answers are stored on the
locked row, because people may have changed the wish meanwhile; what is next follows from the row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction

from access import carrying, waking
from access.models import AcsCredential, AcsMembership, AcsSystem, AcsUser
from access.models.people import UNSETTLED
from access.reconciling import facts, refusals, steps, storing, telling
from access.reconciling.steps import Kind, Step
from access.states import Part
from accounts.providers.base import Code, ProviderError, RateLimitError, Reach
from accounts.providers.systems import AccessMethod, AccessSystems
from audit.services import record
from audit.words import Verb
from locks.insisting import insist

#: Seconds one call may take in all.
CALL_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class Maker:
    """Calls a provider. `revoker` is the same driver, with the share kept for revocations."""

    driver: AccessSystems
    revoker: AccessSystems
    now: Callable[[], datetime]

    # --- users ---

    def make_user(self, user: AcsUser, step: Step) -> None:
        """Take one step for a user. Raises ProviderError, stored already."""
        if step.kind == Kind.FORGET:
            change_user(user.pk, lambda row: storing.lose_user(row, at=self.now()), now=self.now())
        elif step.kind == Kind.LOOK:
            self._look(user)
        elif step.kind == Kind.CREATE:
            self._create(user, step)
        else:
            self._tell(user, step)

    def _create(self, user: AcsUser, step: Step) -> None:
        intended_at = self.now()
        if not _claim(AcsUser, user, intended_at):
            return
        wanted = list(user.memberships.filter(is_wanted=True).select_related("group"))
        try:
            made = self.driver.create_acs_user(
                user.system.remote_id,
                facts.wish_of(user),
                group_ids=tuple(row.group.remote_id for row in wanted),
                budget_seconds=CALL_SECONDS,
                request_id=str(uuid4()),
            )
        except ProviderError as error:
            self._note_user_failure(user, step, error)
            raise
        at = self.now()

        def take(row: AcsUser) -> None:
            row.remote_id, row.ambiguous_since, row.written_at = made.remote_id, None, None
            storing.take_user(row, made, asked_at=at)
            row.written_at, row.told = at, _all_told(row, user.generation, wanted, at)
            AcsMembership.objects.filter(pk__in=[each.pk for each in wanted]).update(written_at=at)
            waiting = row.credentials.filter(remote_id="", next_run_at__gt=at)
            waiting.filter(ambiguous_since=None).update(next_run_at=at)

        insist(lambda: self._succeed(user, take))

    def _tell(self, user: AcsUser, step: Step) -> None:
        """Make a call that may be repeated: the second time nothing is different."""
        if step.kind == Kind.ADD:
            _note_told(step, at=self.now())  # it may land although nobody hears of it
        try:
            self._call(user, step)
        except ProviderError as error:
            if step.is_revocation and error.code == Code.NOT_FOUND:
                self._succeed_in(user, step)
                self._look(user)  # gone already: seen, not believed
                return
            self._note_user_failure(user, step, error)
            raise
        self._succeed_in(user, step)

    def _succeed_in(self, user: AcsUser, step: Step) -> None:
        at = self.now()

        def take(row: AcsUser) -> None:
            row.written_at = at
            if _changes_rights(step.keys):
                carrying.note_rights_changed(row, at=at)
            for key in step.keys:
                row.told = telling.after_call(
                    row.told, key, user.generation, at=at, is_taken=True,
                    is_revocation=step.is_revocation,
                )  # fmt: skip
            _note_told(step, at=at)

        insist(lambda: self._succeed(user, take))

    def _call(self, user: AcsUser, step: Step) -> None:
        driver = self.revoker if step.is_revocation else self.driver
        person = user.remote_id
        budget: dict[str, Any] = {"budget_seconds": CALL_SECONDS, "request_id": str(uuid4())}
        match step.kind:
            case Kind.DELETE:
                driver.delete_acs_user(person, **budget)
            case Kind.SUSPEND | Kind.UNSUSPEND:
                is_suspended = step.kind == Kind.SUSPEND
                driver.set_suspended(person, is_suspended=is_suspended, **budget)
            case Kind.UPDATE:
                driver.update_acs_user(person, facts.wish_of(user), **budget)
            case Kind.REMOVE | Kind.ADD:
                assert step.membership is not None
                group = step.membership.group.remote_id
                call = driver.remove_from_group if step.kind == Kind.REMOVE else driver.add_to_group
                call(group, person, **budget)

    def _look(self, user: AcsUser) -> None:
        """Ask what one user is like, and their groups where those are in doubt."""
        is_leaving = user.delete_asked_at is not None
        driver = self.revoker if is_leaving or user.is_suspended else self.driver
        try:
            asked_at = self.now()
            listed = driver.get_acs_user(user.remote_id)
            groups: list[str] | None = None
            asked_groups_at = self.now()
            if listed and not is_leaving and _has_doubts(user):
                groups = driver.user_group_ids(user.system.remote_id, user.remote_id)
        except ProviderError as error:
            self._note_look_failure(user, error)
            raise

        def take(row: AcsUser) -> None:
            if listed is None:
                storing.lose_user(row, at=asked_at)
                return
            storing.take_user(row, listed, asked_at=asked_at)
            _note_not_updated(row)
            if groups is not None:
                storing.take_groups_of(row, groups, asked_at=asked_groups_at)

        change_user(user.pk, take, now=self.now())

    def _note_look_failure(self, user: AcsUser, error: ProviderError) -> None:
        until = self.now() + timedelta(seconds=_wait_seconds(error) or 15)
        rows = AcsUser.objects.filter(pk=user.pk, generation=user.generation)
        rows.filter(next_run_at__lte=self.now()).update(next_run_at=until)

    def _succeed(self, user: AcsUser, take: Callable[[AcsUser], None]) -> None:
        def and_forgive(row: AcsUser) -> None:
            take(row)
            if row.error_code != refusals.NOT_UPDATED:
                row.attempts, row.error_code, row.error = 0, "", ""

        change_user(user.pk, and_forgive, now=self.now())

    def _note_user_failure(self, user: AcsUser, step: Step, error: ProviderError) -> None:
        at = self.now()
        refusal = refusals.refusal_of(
            error, system=user.system.name, is_email_known=_is_email_known(user)
        )

        def take(row: AcsUser) -> None:
            if error.reach == Reach.UNCERTAIN:
                row.written_at = at
                if _changes_rights(step.keys):
                    carrying.note_rights_changed(row, at=at)
                _note_told(step, at=at)
            else:
                row.ambiguous_since = None
            for key in step.keys:
                row.told = telling.after_call(
                    row.told, key, user.generation, at=at, is_taken=False,
                    is_revocation=step.is_revocation, wait_seconds=_wait_seconds(error),
                )  # fmt: skip
            if refusal is None:
                return
            if refusal.is_final and row.error_code != refusal.code:
                _record_failure(row, refusal.sentence, at=at)
            row.attempts += 1
            row.error_code, row.error = refusal.code, refusal.sentence

        insist(lambda: change_user(user.pk, take, now=at))

    # --- credentials ---

    def make_credential(self, row: AcsCredential, step: Step) -> None:
        """Take one step for a credential. Raises ProviderError, stored already."""
        match step.kind:
            case Kind.FORGET:
                at = self.now()
                change_credential(row.pk, lambda it: storing.lose_credential(it, at=at), now=at)
            case Kind.LOOK:
                self._look_at_credential(row)
            case Kind.FIND:
                self._find_credential(row)
            case Kind.CREATE:
                self._create_credential(row)
            case _:
                self._delete_credential(row)

    def _create_credential(self, row: AcsCredential) -> None:
        assert row.user is not None
        if not row.user.remote_id:  # made first; that wakes this
            until = row.user.next_run_at or self.now()
            self.put_off(row, max(2.0, (until - self.now()).total_seconds()))
            return
        if not _claim(AcsCredential, row, self.now()):
            return
        try:
            made = self.driver.create_credential(
                row.user.remote_id,
                access_method=AccessMethod(row.access_method),
                starts_at=row.starts_at,
                ends_at=row.ends_at,
                budget_seconds=CALL_SECONDS,
                request_id=str(uuid4()),
            )
        except ProviderError as error:
            self.note_credential_failure(row, error)
            raise
        at = self.now()

        def take(it: AcsCredential) -> None:
            it.written_at = None
            storing.take_credential(it, made, asked_at=at)
            it.written_at = at

        insist(lambda: self.succeed_credential(row, take))

    def _delete_credential(self, row: AcsCredential) -> None:
        try:
            self.revoker.delete_credential(
                row.remote_id, budget_seconds=CALL_SECONDS, request_id=str(uuid4())
            )
        except ProviderError as error:
            if error.code != Code.NOT_FOUND:
                self.note_credential_failure(row, error)
                raise
            self._succeed_deletion(row)
            self._look_at_credential(row)  # gone already: seen, not believed
            return
        self._succeed_deletion(row)

    def _succeed_deletion(self, row: AcsCredential) -> None:
        at = self.now()
        insist(lambda: self.succeed_credential(row, lambda it: setattr(it, "written_at", at)))

    def _look_at_credential(self, row: AcsCredential) -> None:
        is_behind = row.delete_asked_at is None and row.rights_changed_at is not None
        if is_behind and not _is_settled(row.user):
            self.put_off(row, self._seconds_until_look(row))
            return
        driver = self.revoker if row.delete_asked_at else self.driver
        asked_at = self.now()
        try:
            listed = driver.get_credential(row.remote_id)
        except ProviderError as error:
            self.put_off(row, _wait_seconds(error) or 15)
            raise

        def take(it: AcsCredential) -> None:
            if listed is None:
                storing.lose_credential(it, at=asked_at)
            else:
                is_last_word = is_behind and it.rights_changed_at == row.rights_changed_at
                storing.take_credential(it, listed, asked_at=asked_at, is_settled=is_last_word)

        change_credential(row.pk, take, now=self.now())

    def _seconds_until_look(self, row: AcsCredential) -> float:
        now = self.now()
        assert row.rights_changed_at is not None
        return (steps.look_since(row.rights_changed_at, now) - now).total_seconds()

    def _find_credential(self, row: AcsCredential) -> None:
        """Find out whether a call whose answer was lost made a credential: adopt it if so."""
        assert row.user is not None
        asked_at = self.now()
        try:
            listed = self.driver.list_credentials(row.system.remote_id, user_id=row.user.remote_id)
        except ProviderError as error:
            self.put_off(row, _wait_seconds(error) or 15)
            raise
        known = set(
            AcsCredential.objects.filter(system_id=row.system_id, user_id=row.user_id)
            .exclude(remote_id="")
            .values_list("remote_id", flat=True)
        )
        strangers = [each for each in listed if each.remote_id not in known]
        skew = row.system.account.clock_skew_seconds
        found = storing.made_by(row, strangers, skew_seconds=skew)

        def take(it: AcsCredential) -> None:
            since = it.ambiguous_since
            if found is not None:
                it.written_at = None
                storing.take_credential(it, found, asked_at=asked_at)
            elif since is not None and asked_at >= since + steps.SETTLED_AFTER:
                it.ambiguous_since = None

        change_credential(row.pk, take, now=self.now())

    def succeed_credential(self, row: AcsCredential, take: Callable[[AcsCredential], None]) -> None:
        def and_forgive(it: AcsCredential) -> None:
            take(it)
            it.attempts, it.error_code, it.error = 0, "", ""

        change_credential(row.pk, and_forgive, now=self.now())

    def note_credential_failure(self, row: AcsCredential, error: ProviderError) -> None:
        at = self.now()
        refusal = refusals.refusal_of(error, system=row.system.name)

        def take(it: AcsCredential) -> None:
            if error.reach != Reach.UNCERTAIN:
                it.ambiguous_since = None
            if refusal is None:
                return
            it.attempts += 1
            if refusal.is_final and it.error_code != refusal.code and it.user is not None:
                _record_failure(it.user, refusal.sentence, at=at)
            it.error_code, it.error = refusal.code, refusal.sentence

        is_revocation = row.delete_asked_at is not None
        seconds = max(_backoff(row.attempts, is_revocation=is_revocation), _wait_seconds(error))
        insist(lambda: change_credential(row.pk, take, now=at, wait_seconds=seconds))

    def put_off(self, row: AcsCredential, seconds: float) -> None:
        due = AcsCredential.objects.filter(pk=row.pk, next_run_at__lte=self.now())
        due.update(next_run_at=self.now() + timedelta(seconds=seconds))


def change_user(pk: UUID, take: Callable[[AcsUser], None], *, now: datetime) -> None:
    """Change a user's locked row, and write when they are next worth a step."""
    with transaction.atomic():
        row = AcsUser.objects.select_for_update(of=("self",)).select_related(
            "system__property", "system__account"
        ).get(pk=pk)  # fmt: skip
        take(row)
        row.next_run_at = next_run_at(row, now)
        row.save()
        waking.tell(row.system)


def next_run_at(row: AcsUser, now: datetime) -> datetime | None:
    memberships = list(row.memberships.select_related("group"))
    step = steps.user_step(row, memberships, now=now)
    return step.at if step else None


def change_credential(
    pk: UUID, take: Callable[[AcsCredential], None], *, now: datetime, wait_seconds: float = 0
) -> None:
    with transaction.atomic():
        row = AcsCredential.objects.select_for_update(of=("self",)).select_related(
            "system__property", "system__account", "user"
        ).get(pk=pk)  # fmt: skip
        take(row)
        step = steps.credential_step(row, now=now)
        at = step.at if step else None
        row.next_run_at = max(at, now + timedelta(seconds=wait_seconds)) if at else None
        row.save()
        waking.tell(row.system)


def _note_told(step: Step, *, at: datetime) -> None:
    """Write down that the provider heard, or may have heard, about a group."""
    if step.membership is not None:
        AcsMembership.objects.filter(pk=step.membership.pk).update(written_at=at)


def _claim(model: type[AcsUser] | type[AcsCredential], row: Any, at: datetime) -> bool:
    """Write down that something is about to be made. Return False if somebody else does."""
    free = model.objects.filter(pk=row.pk, remote_id="", ambiguous_since=None, delete_asked_at=None)
    if isinstance(row, AcsUser):
        free = free.filter(generation=row.generation)
    return bool(free.update(ambiguous_since=at) == 1)


def _changes_rights(keys: Sequence[str]) -> bool:
    """Tell whether a call changes what is on a card: groups and times are, names are not."""
    return any(key in (Part.SCHEDULE, Part.SUSPENSION) or "group:" in key for key in keys)


def _is_settled(user: AcsUser | None) -> bool:
    """Tell whether everything wished of somebody was seen true."""
    if user is None:
        return True
    return not (_has_doubts(user) or AcsUser.objects.filter(UNSETTLED, pk=user.pk).exists())


def _has_doubts(user: AcsUser) -> bool:
    """Tell whether some group of theirs is not both wished and seen."""
    return user.memberships.exclude(is_wanted=True, is_seen=True).exists()


def _is_email_known(user: AcsUser) -> bool:
    others = AcsUser.objects.filter(system_id=user.system_id, email__iexact=user.email)
    return bool(user.email) and others.not_gone().exclude(pk=user.pk).exists()


def _note_not_updated(row: AcsUser) -> None:
    """Say that something was accepted more than once and is not so, or no longer say it."""
    stubborn = [
        Part(part)
        for part in row.pending
        if row.told.get(part, {}).get("tries", 0) > 1
        and not facts.is_mutating(Part(part), row.mutations)
    ]
    if stubborn and not row.error_code:
        refusal = refusals.not_updated(stubborn[0], system=row.system.name)
        row.error_code, row.error = refusal.code, refusal.sentence
    elif not stubborn and row.error_code == refusals.NOT_UPDATED:
        row.error_code = row.error = ""


def _all_told(
    row: AcsUser, generation: int, wanted: Sequence[AcsMembership], at: datetime
) -> dict[str, Any]:
    """Return the notebook of somebody who was just made, with all that was told by that."""
    told: dict[str, Any] = {}
    keys = [part for part in row.pending if part != "suspension"]
    keys += [telling.key_of_group(each.group_id) for each in wanted]
    for key in keys:
        told = telling.after_call(told, key, generation, at=at, is_taken=True)
    return told


def _wait_seconds(error: ProviderError) -> float:
    return error.retry_after_seconds if isinstance(error, RateLimitError) else 0.0


def _backoff(attempts: int, *, is_revocation: bool) -> float:
    waits = (5.0, 15.0, 60.0) if is_revocation else (5.0, 15.0, 60.0, 300.0, 900.0)
    return waits[min(attempts, len(waits) - 1)]


def _record_failure(user: AcsUser, sentence: str, *, at: datetime) -> None:
    system: AcsSystem = user.system
    record(
        Verb.CARDHOLDER_FAILED,
        workspace_id=system.workspace_id,
        at=at,
        place=system.as_place(),
        subject=user.full_name,
        system=system.name,
        error=sentence,
    )
