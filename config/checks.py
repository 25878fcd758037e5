"""Combinations of settings that must not reach production."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@register(Tags.security, deploy=True)
def no_plain_http_for_strangers(**_: Any) -> list[CheckMessage]:
    if settings.LOCKBOARD_PLAIN_HTTP:
        return [
            Error(
                "LOCKBOARD_PLAIN_HTTP is on: cookies travel without TLS.",
                hint="Switch it off and serve Lockboard behind TLS.",
                id="config.E001",
            )
        ]
    return []


@register(Tags.security)
def plain_http_only_on_loopback(**_: Any) -> list[CheckMessage]:
    host = urlsplit(settings.LOCKBOARD_ORIGIN).hostname
    if settings.LOCKBOARD_PLAIN_HTTP and host not in _LOOPBACK:
        return [
            Error(
                "LOCKBOARD_PLAIN_HTTP is on, but LOCKBOARD_ORIGIN is not this machine.",
                hint="Plain HTTP is for the demo on 127.0.0.1.",
                id="config.E002",
            )
        ]
    return []


@register(Tags.security)
def sandbox_only_on_loopback(**_: Any) -> list[CheckMessage]:
    host = urlsplit(settings.SANDBOX_URL).hostname
    if settings.SANDBOX_URL and host not in _LOOPBACK:
        return [
            Error(
                "LOCKBOARD_SANDBOX_URL must be an address of this machine.",
                id="config.E003",
            )
        ]
    return []


@register(Tags.security, deploy=True)
def sandbox_is_for_trying(**_: Any) -> list[CheckMessage]:
    if settings.SANDBOX_URL:
        return [
            Warning(
                "LOCKBOARD_SANDBOX_URL is set: simulated clouds can be connected.",
                hint="Leave it empty where real doors are operated.",
                id="config.W001",
            )
        ]
    return []


@register(Tags.compatibility)
def providers_may_be_asked(**_: Any) -> list[CheckMessage]:
    rate = settings.PROVIDER_REQUESTS_PER_SECOND
    if rate is not None and not 0.1 <= rate <= 1000:
        return [
            Error(
                "LOCKBOARD_PROVIDER_REQUESTS_PER_SECOND must be from 0.1 to 1000.",
                id="config.E004",
            )
        ]
    return []


@register(Tags.security, deploy=True)
def demo_mail_is_for_the_demo(**_: Any) -> list[CheckMessage]:
    if settings.DEMO_MAIL_FOLDER:
        return [
            Error(
                "LOCKBOARD_DEMO_MAIL is set: mails are kept in a folder and shown, not sent.",
                hint="Leave it to bin/run, and set EMAIL_URL.",
                id="config.E005",
            )
        ]
    return []
