from django.apps import AppConfig


class AccessConfig(AppConfig):
    name = "access"
    verbose_name = "Access"

    def ready(self) -> None:
        from access import hook_receivers, receivers  # noqa: F401  connects them
        from access.guests import authority

        authority.register()
