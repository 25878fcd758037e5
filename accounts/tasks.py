from celery import shared_task


@shared_task
def clear_expired() -> None:
    """Forget sessions and onboarding secrets that nobody can use any more."""
    from django.core.management import call_command
    from django.utils import timezone

    from accounts import onboarding

    call_command("clearsessions")
    onboarding.forget_expired(timezone.now())
