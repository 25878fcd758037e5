from django.apps import AppConfig


class LocksConfig(AppConfig):
    name = "locks"
    verbose_name = "Locks"

    def ready(self) -> None:
        from locks import hook_receivers, onboarding_receivers, receivers  # noqa: F401  connects them
