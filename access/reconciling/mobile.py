"""The calls around a mobile key: who holds it, and the link that brings it onto a phone.

A person across systems is made for each user, by a key of their own, so that a link shows this
user's keys and nobody else's. They get a name and neither e-mail nor phone: each of these is
once in a workspace at Seam, where somebody may be a user of several systems.

The credential is made and deleted in `making`, between these.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from django.db.models import QuerySet

from access.models import AcsCredential, AcsUser
from access.reconciling import facts, steps
from access.reconciling.making import CALL_SECONDS, Maker, change_credential
from access.reconciling.steps import Kind, Step
from access.states import Phase
from accounts.providers.base import Code, ProviderError, RateLimitError, Reach, UnsupportedError
from accounts.providers.systems import InstantKey, MobileKeys
from locks.insisting import insist

_NEVER = datetime(9999, 1, 1, tzinfo=UTC)


def identity_key(user: AcsUser) -> str:
    """Return the key by which the provider knows the person that holds a user's mobile keys."""
    return f"lockboard-{user.pk}"


class KeyMaker:
    """Makes the calls of one account that are about mobile keys; stores what came of each."""

    def __init__(self, maker: Maker) -> None:
        self._maker = maker

    def make(self, row: AcsCredential, step: Step) -> None:
        """Take one step. Raises ProviderError, stored already."""
        calls: dict[Kind, Callable[[AcsCredential], None]] = {
            Kind.IDENTIFY: self._identify,
            Kind.LINK: self._link,
            Kind.OFFER: self._offer,
            Kind.FIND_OFFER: self._find_offer,
            Kind.UNOFFER: self._unoffer,
        }
        try:
            calls[step.kind](row)
        except ProviderError as error:
            self._forget(row, error)
            if step.kind == Kind.FIND_OFFER:
                wait = error.retry_after_seconds if isinstance(error, RateLimitError) else 15
                self._maker.put_off(row, wait)
            else:
                self._maker.note_credential_failure(row, error)
            raise

    def _driver(self, *, is_revocation: bool = False) -> MobileKeys:
        driver = self._maker.revoker if is_revocation else self._maker.driver
        if not isinstance(driver, MobileKeys):
            raise UnsupportedError("This provider gives no mobile keys")
        return driver

    def _forget(self, row: AcsCredential, error: ProviderError) -> None:
        """What was not done is in no doubt."""
        if error.reach != Reach.UNCERTAIN:
            mine = AcsCredential.objects.filter(pk=row.pk, instant_key_id="")
            mine.filter(instant_key_asked_at=self._asked_at).update(instant_key_asked_at=None)

    # --- who holds it ---

    def _identify(self, row: AcsCredential) -> None:
        """Find the person of a user, or make them. After a lost answer they are found."""
        user, driver = _user_of(row), self._driver()
        key = identity_key(user)
        found = driver.find_identity(key) or driver.create_identity(
            key, full_name=user.full_name, **_budget()
        )
        mine = AcsUser.objects.filter(pk=user.pk, identity_remote_id="")
        insist(lambda: _update(mine, identity_remote_id=found.remote_id))
        self._go_on(row)

    def _link(self, row: AcsCredential) -> None:
        """Tell that a user is a person; this may be repeated."""
        user = _user_of(row)
        mine = AcsUser.objects.filter(pk=user.pk, identity_remote_id=user.identity_remote_id)
        try:
            self._driver().link_identity(user.identity_remote_id, user.remote_id, **_budget())
        except ProviderError as error:
            if error.code == Code.NOT_FOUND:  # the person is gone, or the user: look again
                mine.update(identity_remote_id="", is_identity_linked=False)
            raise
        at = self._maker.now()
        insist(lambda: _update(mine, is_identity_linked=True, written_at=at))
        self._go_on(row)

    def _go_on(self, row: AcsCredential) -> None:
        insist(lambda: self._maker.succeed_credential(row, lambda _: None))

    # --- the link ---

    #: When this pass wrote down that it is about to make a link.
    _asked_at: datetime | None = None

    def _offer(self, row: AcsCredential) -> None:
        user, driver, at = _user_of(row), self._driver(), self._maker.now()
        free = AcsCredential.objects.filter(
            pk=row.pk, instant_key_id="", instant_key_asked_at=None, delete_asked_at=None
        ).exclude(phase=Phase.GONE)
        if not free.update(instant_key_asked_at=at):
            return
        self._asked_at = at
        made = driver.create_instant_key(
            user.identity_remote_id, max_use_count=row.instant_key_max_use_count, **_budget()
        )
        insist(lambda: self._maker.succeed_credential(row, lambda it: _take(it, made)))

    def _find_offer(self, row: AcsCredential) -> None:
        """Find out whether a call whose answer was lost made a link: adopt it if so."""
        asked_at, listed = self._maker.now(), self._listed(row)
        known = AcsCredential.objects.exclude(instant_key_id="").filter(
            instant_key_id__in=[each.remote_id for each in listed]
        )
        ids = set(known.values_list("instant_key_id", flat=True))
        found = _made_by(row, [each for each in listed if each.remote_id not in ids])

        def take(it: AcsCredential) -> None:
            since = it.instant_key_asked_at
            if found is not None and since is not None:
                _take(it, found)
                it.attempts, it.error_code, it.error = 0, "", ""
            elif since is not None and asked_at >= since + steps.SETTLED_AFTER:
                it.instant_key_asked_at = None

        change_credential(row.pk, take, now=self._maker.now())

    def _listed(self, row: AcsCredential) -> Sequence[InstantKey]:
        user = _user_of(row)
        driver = self._driver(is_revocation=row.delete_asked_at is not None)
        try:
            return driver.list_instant_keys(user.identity_remote_id)
        except ProviderError as error:
            if error.code == Code.NOT_FOUND:  # nobody is there to have one
                return []
            raise

    def _unoffer(self, row: AcsCredential) -> None:
        self._driver(is_revocation=True).delete_instant_key(row.instant_key_id, **_budget())

        def take(it: AcsCredential) -> None:
            if it.instant_key_id == row.instant_key_id:
                it.instant_key_id = it.instant_key_sealed = ""
                it.instant_key_expires_at = None

        insist(lambda: self._maker.succeed_credential(row, take))


def _take(row: AcsCredential, made: InstantKey) -> None:
    """Keep a link. One for a key that has to go is kept without its address: to be deleted."""
    is_over = row.phase == Phase.GONE or row.delete_asked_at is not None
    row.instant_key_id = made.remote_id
    row.seal_instant_key("" if is_over else made.url)
    row.instant_key_expires_at, row.instant_key_asked_at = made.expires_at, None


def _made_by(row: AcsCredential, listed: Sequence[InstantKey]) -> InstantKey | None:
    """Return the link that a call with a lost answer has made: the first that fits."""
    if row.instant_key_asked_at is None:
        return None
    skew = row.system.account.clock_skew_seconds
    since = facts.made_from(row.instant_key_asked_at, skew_seconds=skew)
    fitting = [each for each in listed if each.created_at and each.created_at >= since]
    return min(fitting, key=lambda each: each.created_at or _NEVER, default=None)


def _user_of(row: AcsCredential) -> AcsUser:
    assert row.user is not None
    return row.user


def _update(rows: QuerySet[AcsUser], **columns: Any) -> None:
    rows.update(**columns)


def _budget() -> dict[str, Any]:
    return {"budget_seconds": CALL_SECONDS, "request_id": str(uuid4())}
