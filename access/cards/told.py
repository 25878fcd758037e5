"""Which ends of doubts were seen at this browser. Kept in the session."""

from __future__ import annotations

from uuid import UUID

from django.contrib.sessions.backends.base import SessionBase

_KEY = "cards_told"
_MOST = 100


def load(session: SessionBase) -> list[UUID]:
    return [UUID(pk) for pk in session.get(_KEY, [])]


def note(session: SessionBase, job_id: UUID) -> None:
    known: list[str] = session.get(_KEY, [])
    if str(job_id) not in known:
        session[_KEY] = [*known, str(job_id)][-_MOST:]
