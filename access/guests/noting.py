"""Lines of the log about what guests do by their links."""

from __future__ import annotations

from datetime import datetime

from access.models import GuestLink
from audit.services import record
from audit.who import Who
from audit.words import How, Verb


def who_of(link: GuestLink) -> Who:
    identity = link.grant.identity
    return Who(kind="guest", id=str(identity.pk), name=str(identity))


def note(
    verb: Verb, link: GuestLink, *, at: datetime, after: str = "", agent_hash: str = ""
) -> None:
    """Write down what a guest did. `agent_hash`: of what their browser calls itself."""
    detail = {"after": after, "agent_hash": agent_hash, "grant_id": str(link.grant_id)}
    told: dict[str, object] = {key: value for key, value in detail.items() if value}
    record(
        verb,
        workspace_id=link.grant.workspace_id,
        at=at,
        who=who_of(link),
        place=link.grant.as_place(),
        subject=str(link.grant.identity),
        how=How.GUEST,
        **told,  # type: ignore[arg-type]  # its own arguments are all named above
    )
