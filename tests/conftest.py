"""The world of the tests: real PostgreSQL and Valkey, no network beyond this machine."""

import os
from importlib import import_module
from typing import Any

import hypothesis
import pytest
from django.conf import settings
from pytest_socket import socket_allow_hosts
from xdist.scheduler import LoadScopeScheduling

#: Each of these shares programs that take ten seconds of processor time to start. A browser
#: mostly waits: in one row its tests would take longer than all others in two.
_TOGETHER = {
    "access systems": (
        "tests/browser/test_access.py",
        "tests/browser/test_cards.py",
        "tests/browser/test_keyboard_cards.py",
        "tests/browser/test_sandbox_desk.py",
    ),
    "browser": ("tests/browser/",),
    "processes": ("tests/processes/",),
}
#: Those that start programs take longest, and go first: what is short fills the end.
_LONG = ("tests/browser/", "tests/processes/", "tests/chaos/", "tests/config/test_run.py")


# The same examples each time, so that a change is judged by what it changes. To look for new
# ones: HYPOTHESIS_PROFILE=default bin/test …
hypothesis.settings.register_profile("same", derandomize=True)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


def pytest_configure(config: pytest.Config) -> None:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    settings.REDIS_PREFIX = f"test-{worker}-{os.getpid()}"
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.WHITENOISE_AUTOREFRESH = True
    settings.WHITENOISE_USE_FINDERS = True


class _Files(LoadScopeScheduling):
    """Hands out whole files, in their order, and whole folders of those that share programs."""

    def __init__(self, config: pytest.Config, log: Any = None) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        shared = (name for name, places in _TOGETHER.items() if nodeid.startswith(places))
        return next(shared, nodeid.split("::", maxsplit=1)[0])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return _Files(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: _place_of(item.nodeid))


def _place_of(nodeid: str) -> int:
    return next((n for n, long in enumerate(_LONG) if nodeid.startswith(long)), len(_LONG))


def pytest_runtest_setup() -> None:
    """No test reaches beyond this machine."""
    socket_allow_hosts(["127.0.0.1", "::1"], allow_unix_socket=True)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Leave the pool small, for several workers share one server; let tests empty the log.

    Where bin/test has migrated a database, ours begins as its copy.
    """
    database = settings.DATABASES["default"]
    database.setdefault("TEST", {})["TEMPLATE"] = os.environ.get("TEST_DATABASE_TEMPLATE")
    options = database["OPTIONS"]
    options["pool"] |= {"min_size": 0, "max_size": 12}
    options["options"] += " -c lockboard.may_truncate=on"


@pytest.fixture(autouse=True)
def no_broker(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> list[Any]:
    """Collect hints instead of publishing them; process tests use the real broker."""
    sending = import_module("locks.actuation.sending")  # after Django is set up
    dispatched: list[Any] = []
    if "processes" not in request.keywords and "browser" not in request.keywords:
        monkeypatch.setattr(sending, "dispatch", dispatched.append)
    return dispatched
