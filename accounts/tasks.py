from celery import shared_task


@shared_task
def clear_expired() -> None:
    """Forget sessions, onboarding secrets, turns and messages that mean nothing any more."""
    from django.core.management import call_command
    from django.utils import timezone

    from accounts import limits, onboarding
    from accounts.hooks import receiving

    now = timezone.now()
    call_command("clearsessions")
    onboarding.forget_expired(now)
    limits.forget(now)
    receiving.forget(now)
