"""Carrying jobs on: called by hints, and each second."""

from __future__ import annotations

from uuid import UUID


def work(job_id: UUID) -> None:
    """Carry one job as far as it goes. Safe to call any number of times."""
    raise NotImplementedError


def sweep() -> None:
    """Take up what nobody works on, and end what is overdue."""
    raise NotImplementedError
