from celery import shared_task


@shared_task
def make_partitions() -> None:
    from django.utils import timezone

    from audit.partitions import make_ahead

    make_ahead(timezone.now())
