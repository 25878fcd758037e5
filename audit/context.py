"""The request a thing is done in, so that services can record it without seeing requests."""

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class RequestFacts:
    ip: str = ""
    request_id: str = ""


_NONE = RequestFacts()
_facts: ContextVar[RequestFacts] = ContextVar("request_facts", default=_NONE)


def set_request_facts(facts: RequestFacts) -> None:
    _facts.set(facts)


def request_facts() -> RequestFacts:
    """Return the current request's facts; empty ones in a task or a command."""
    return _facts.get()
