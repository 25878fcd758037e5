"""Doorbells: an id comes in, a service is called. Rules stand elsewhere."""

from uuid import UUID

from celery import shared_task
from celery.app.task import Task


@shared_task(bind=True)
def perform_attempt(self: Task, attempt_id: str) -> None:
    from locks import actuation

    actuation.perform(UUID(attempt_id), by=f"{self.request.hostname}:{self.request.id}"[:64])


@shared_task
def sweep() -> None:
    from locks import actuation

    actuation.sweep()


@shared_task
def queue_due_polls() -> None:
    from locks import polling

    polling.queue_due()


@shared_task
def poll_account(account_id: str, what: str) -> None:
    from locks import polling

    polling.poll(UUID(account_id), what)


@shared_task
def reconcile_codes(account_id: str) -> None:
    from locks.codes import reconciling

    reconciling.run(UUID(account_id))


@shared_task
def queue_due_codes() -> None:
    from locks.codes import reconciling

    reconciling.queue_due()
