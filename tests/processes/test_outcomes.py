"""What becomes of one click when the provider misbehaves, and what people read then."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from tests.processes.stack import Stack
from tests.processes.world import LEGACY_LOGIN

pytestmark = pytest.mark.processes

DID_NOT_OPEN = "The door did not open."


def test_reply_lost_after_opening_is_unconfirmed_until_the_feed_tells(stack: Stack) -> None:
    door = stack.door()
    stack.sandbox.fault("drop_after", lock_id=door.remote_id)

    clicked = stack.click(door)

    stack.becomes(clicked, "unconfirmed")
    said = stack.tile(door)
    assert "Sent, not confirmed. The door may have opened. Check the door." in said
    settled = stack.becomes(clicked, "success")
    assert settled["evidence"] == "feed"
    assert stack.sandbox.openings_of(clicked.attempt_id) == 1
    assert stack.sandbox.calls_of(clicked.attempt_id) == 1


def test_failure_of_the_provider_is_not_confirmed_and_not_repeated(stack: Stack) -> None:
    door = stack.door()
    stack.sandbox.fault("status", status=500, lock_id=door.remote_id)

    clicked = stack.click(door)

    stack.becomes(clicked, "unconfirmed")
    said = stack.tile(door)
    assert "Sent, not confirmed. The door may have opened. Check the door." in said
    assert stack.sandbox.calls_of(clicked.attempt_id) == 1
    assert stack.sandbox.openings_of(clicked.attempt_id) == 0


def test_dripping_answer_ends_with_the_budget(stack: Stack) -> None:
    door = stack.door()
    stack.sandbox.fault("drip", lock_id=door.remote_id)

    clicked = stack.click(door)

    # The feed may tell before the budget is spent; the outcome waits for neither too long.
    row = stack.becomes(clicked, "success")
    assert row["evidence"] == "feed"
    assert row["finished_at"] < row["deadline"] + timedelta(seconds=1)
    assert stack.sandbox.openings_of(clicked.attempt_id) == 1


def test_request_to_slow_down_says_for_how_long(stack: Stack) -> None:
    door = stack.door()
    stack.sandbox.fault("status", status=429, retry_after=12, lock_id=door.remote_id)

    clicked = stack.click(door)

    row = stack.outcome(clicked)
    assert (row["status"], row["retry_after_seconds"]) == ("failed", 12)
    assert f"Too many requests; try again in 12 s. {DID_NOT_OPEN}" in stack.tile(door)
    assert stack.sandbox.calls_of(clicked.attempt_id) == 1


def test_offline_lock_is_refused_and_said_so(stack: Stack) -> None:
    door = next(door for door in stack.doors if door.name == "Room 305")

    clicked = stack.click(door)

    assert stack.outcome(clicked)["status"] == "failed"
    refused = "Refused by Salto KS: the lock is offline, or cannot do this (422)."
    assert f"{refused} {DID_NOT_OPEN}" in stack.tile(door)
    assert stack.sandbox.openings_of(clicked.attempt_id) == 0


# --- accounts in trouble ----------------------------------------------------------------

_USUAL = {
    "secret": "legacy-secret",
    "addon_enabled": True,
    "scopes": ["locks:read", "audit:read", "locks:write", "users:read"],
}


@pytest.fixture
def account(stack: Stack) -> Iterator["Account"]:
    account = Account(stack)
    yield account
    account.change(**_USUAL)
    stack.rows(
        "UPDATE accounts_connectedaccount SET state = 'connected', trouble = '',"
        " trouble_code = '', token_sealed = '' WHERE name = %s",
        LEGACY_LOGIN,
    )


class Account:
    """The account of the older dialect, whose credential can be spoilt."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.door = stack.door(LEGACY_LOGIN)

    def change(self, **changes: Any) -> None:
        """Change the credential at the provider; tokens issued so far are worth nothing."""
        body = changes | {"revoke_tokens": True}
        self.stack.sandbox.ask("POST", f"/accounts/{LEGACY_LOGIN}", body)

    def forget_token(self) -> None:
        self.stack.rows(
            "UPDATE accounts_connectedaccount SET token_sealed = '' WHERE name = %s", LEGACY_LOGIN
        )

    def state(self) -> str:
        (row,) = self.stack.rows(
            "SELECT state FROM accounts_connectedaccount WHERE name = %s", LEGACY_LOGIN
        )
        return str(row["state"])


def test_wrong_scope_is_named(stack: Stack, account: Account) -> None:
    account.change(scopes=["locks:read", "audit:read"])
    account.forget_token()

    clicked = stack.click(account.door)

    assert stack.outcome(clicked)["error_code"] == "missing_scope"
    said = stack.tile(account.door)
    lacks = "our login there lacks the permission “locks:write” (403)."
    assert f"Refused by Salto KS: {lacks} {DID_NOT_OPEN}" in said
    assert stack.sandbox.openings_of(clicked.attempt_id) == 0


def test_wrong_secret_asks_for_a_reconnect_and_stops_further_clicks(
    stack: Stack, account: Account
) -> None:
    account.change(secret="another")

    clicked = stack.click(account.door)
    row = stack.outcome(clicked)
    second = stack.click(account.door)

    assert (row["status"], account.state()) == ("failed", "reconnect_required")
    said = stack.tile(account.door)
    assert "Account needs reconnect" in said
    assert DID_NOT_OPEN in said
    assert second.status == 409
    assert "needs to be reconnected first. The door was not asked." in second.html
    assert stack.sandbox.openings_of(clicked.attempt_id) == 0


def test_missing_add_on_is_found_before_anything_is_sent(stack: Stack, account: Account) -> None:
    account.change(addon_enabled=False)
    account.forget_token()

    clicked = stack.click(account.door)

    row = stack.outcome(clicked)
    assert (row["status"], row["error_code"]) == ("failed", "addon_off")
    said = stack.tile(account.door)
    assert "Not sent: " in said
    assert "add-on" in said
    assert stack.sandbox.calls_of(clicked.attempt_id) == 0
