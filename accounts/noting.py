"""The line about what somebody did with an account on its page."""

from datetime import datetime
from typing import Any

from accounts.models import ConnectedAccount
from audit.services import record
from audit.who import Who
from audit.words import How, Verb


def note_change(
    verb: Verb, account: ConnectedAccount, *, by: Who, at: datetime, **detail: Any
) -> None:
    """Write it down. Call it in the transaction of the act."""
    record(
        verb,
        workspace_id=account.workspace_id,
        at=at,
        who=by,
        how=How.WEB,
        place=account.as_place(),
        subject=account.name,
        **detail,
    )
