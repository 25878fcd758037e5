"""Doorbells: an id comes in, a service is called. Rules stand elsewhere."""

from uuid import UUID

from celery import shared_task


@shared_task
def look_at_systems(account_id: str) -> None:
    from access import syncing

    syncing.run(UUID(account_id))


@shared_task
def queue_due_systems() -> None:
    from access import syncing

    syncing.queue_due()


@shared_task
def tick_grants() -> None:
    from django.utils import timezone

    from access.grants import keeping

    keeping.tick(timezone.now())


@shared_task
def follow_spaces() -> None:
    from django.utils import timezone

    from access.grants import keeping

    keeping.follow_spaces(timezone.now())


@shared_task
def work_on_job(job_id: str) -> None:
    from access.cards import working

    working.work(UUID(job_id))


@shared_task
def sweep_jobs() -> None:
    from access.cards import working

    working.sweep()


@shared_task
def queue_due_feeds() -> None:
    from access.reservations import polling

    polling.queue_due()


@shared_task
def read_feed(feed_id: str) -> None:
    from access.reservations import polling

    polling.read(UUID(feed_id))


@shared_task
def send_messages() -> None:
    from access.guests import sending

    sending.run()
