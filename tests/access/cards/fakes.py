"""An encoder and its provider that do what a test says, and remember what they were asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Lock
from typing import Any
from uuid import uuid4

from django.utils import timezone

from accounts.providers.base import ProviderError
from accounts.providers.systems import (
    AttemptState,
    CardFailure,
    EncoderAttempt,
    ListedCredential,
    ListedUser,
    Problem,
    ScanResult,
)

PENDING = AttemptState.PENDING


class FakeDesk:
    """The provider's side of one installation with one encoder or more.

    `plan` says how the next attempts end: a CardFailure, a ScanResult, None for success, or
    PENDING. `before` and `after` map a call's name to an error raised before or after its effect.
    """

    label = "Fake"

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.users: dict[str, ListedUser] = {}
        self.groups_of: dict[str, list[str]] = {}
        self.cards: dict[str, ListedCredential] = {}
        self.attempts: dict[str, EncoderAttempt] = {}
        self.plan: list[Any] = []
        self.looks_until_end = 1
        self.message = "The provider said so."
        #: Of a new card; one that was written before keeps its own, unless another is put down.
        self.number = "04A1B2C3D4E5F6"
        self.puts_down_another = False
        self.before: dict[str, Exception] = {}
        self.after: dict[str, Exception] = {}
        self.during: dict[str, Callable[[], None]] = {}
        self.keeps_deleted_for = 0
        #: Its clock minus ours.
        self.ahead = timedelta()
        self._lock = Lock()
        self._looks: dict[str, int] = {}
        self._wishes: dict[str, tuple[str, str, Any]] = {}

    def names(self) -> list[str]:
        return [call[0] for call in self.calls]

    def starts(self) -> int:
        return sum(name.startswith("start_") for name in self.names())

    def _enter(self, name: str, *facts: Any) -> None:
        with self._lock:
            self.calls.append((name, *facts))
        if name in self.during:
            self.during[name]()
        if name in self.before:
            raise self.before.pop(name)

    def _leave(self, name: str) -> None:
        if name in self.after:
            raise self.after.pop(name)

    # --- people and credentials ---

    def get_acs_user(self, user_id: str) -> ListedUser | None:
        self._enter("get_acs_user", user_id)
        return self.users.get(user_id)

    def user_group_ids(self, system_id: str, user_id: str) -> list[str]:
        self._enter("user_group_ids", user_id)
        return self.groups_of.get(user_id, [])

    def list_credentials(self, system_id: str, *, user_id: str = "") -> list[ListedCredential]:
        self._enter("list_credentials", user_id)
        return [card for card in self.cards.values() if user_id in ("", card.user_id)]

    def get_credential(self, credential_id: str) -> ListedCredential | None:
        self._enter("get_credential", credential_id)
        card = self.cards.get(credential_id)
        if card and card.is_being_deleted:
            self.keeps_deleted_for -= 1
            if self.keeps_deleted_for < 0:
                del self.cards[credential_id]
        return self.cards.get(credential_id)

    def create_credential(
        self, user_id: str, *, is_new_key: bool = True, **options: Any
    ) -> ListedCredential:
        self._enter("create_credential", user_id, is_new_key)
        mine = [card for card in self.cards.values() if card.user_id == user_id]
        card = mine[0] if mine and not is_new_key else self.put_card(user_id)
        self._leave("create_credential")
        return card

    def put_card(self, user_id: str, **fields: Any) -> ListedCredential:
        card = ListedCredential(
            **{
                "remote_id": str(uuid4()),
                "access_method": "card",
                "user_id": user_id,
                "created_at": timezone.now() + self.ahead,
                "is_issued": False,
                "warnings": (Problem(code="waiting_to_be_issued"),),
            }
            | fields
        )
        self.cards[card.remote_id] = card
        return card

    def delete_credential(self, credential_id: str, **options: Any) -> None:
        self._enter("delete_credential", credential_id)
        card = self.cards.get(credential_id)
        if card:
            self.cards[credential_id] = replace(card, warnings=(Problem(code="being_deleted"),))
        self._leave("delete_credential")

    # --- the encoder ---

    def start_encode(self, encoder_id: str, credential_id: str, **options: Any) -> EncoderAttempt:
        return self._start("start_encode", "encode", encoder_id, credential_id)

    def start_scan(self, encoder_id: str, **options: Any) -> EncoderAttempt:
        return self._start("start_scan", "scan", encoder_id, "")

    def start_assign(self, encoder_id: str, user_id: str, **options: Any) -> EncoderAttempt:
        return self._start("start_assign", "assign", encoder_id, user_id)

    def _start(self, name: str, kind: str, encoder_id: str, what: str) -> EncoderAttempt:
        self._enter(name, encoder_id, what)
        attempt = EncoderAttempt(remote_id=str(uuid4()), state=PENDING)
        self.attempts[attempt.remote_id] = attempt
        self._wishes[attempt.remote_id] = (kind, what, self.plan.pop(0) if self.plan else None)
        self._leave(name)
        return attempt

    def get_encoder_attempt(self, attempt_id: str, *, budget_seconds: float) -> EncoderAttempt:
        self._enter("get_encoder_attempt", attempt_id)
        self._looks[attempt_id] = self._looks.get(attempt_id, 0) + 1
        attempt = self.attempts[attempt_id]
        if attempt.state == PENDING and self._looks[attempt_id] >= self.looks_until_end:
            attempt = self.attempts[attempt_id] = self._end(attempt_id)
        self._leave("get_encoder_attempt")
        return attempt

    def _end(self, attempt_id: str) -> EncoderAttempt:
        kind, what, plan = self._wishes[attempt_id]
        if plan == PENDING:
            return self.attempts[attempt_id]
        if isinstance(plan, CardFailure):
            return EncoderAttempt(
                remote_id=attempt_id,
                state=AttemptState.ERROR,
                failure=plan,
                message=self.message,
            )
        done: dict[str, Any] = {"remote_id": attempt_id, "state": AttemptState.SUCCESS}
        if kind == "scan":
            return EncoderAttempt(**done, scan=plan or ScanResult(card=None, credential=None))
        if kind == "assign":
            return EncoderAttempt(**done, credential=self.put_card(what, card_number=self.number))
        return EncoderAttempt(**done, credential=self.write(what))

    def write(self, credential_id: str, *, at: datetime | None = None) -> ListedCredential:
        """Let a card be written, whether or not anybody hears of it."""
        before = "" if self.puts_down_another else self.cards[credential_id].card_number
        card = replace(
            self.cards[credential_id],
            is_issued=True,
            issued_at=at or timezone.now(),
            card_number=before or self.number,
            warnings=(),
        )
        self.cards[credential_id] = card
        return card

    def end_now(self, attempt_id: str, plan: Any = None) -> None:
        """Let a pending attempt end at the next look."""
        kind, what, _was = self._wishes[attempt_id]
        self._wishes[attempt_id] = (kind, what, plan)

    # --- what these tests do not ask ---

    def _none(self, *args: Any, **options: Any) -> Any:
        raise ProviderError("not asked in this test")

    list_systems = list_acs_users = list_groups = list_entrances = list_encoders = _none
    group_user_ids = group_entrance_ids = create_acs_user = update_acs_user = _none
    set_suspended = delete_acs_user = add_to_group = remove_from_group = _none
