"""What a production start says, with the environment of a production start."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

BASE = Path(settings.BASE_DIR)
PRODUCTION = {
    "SECRET_KEY": "x9!k2#" * 12,
    "FIELD_KEYS": "k1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
    "PIN_INDEX_KEY": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
    "ALLOWED_HOSTS": "locks.example.org",
    "LOCKBOARD_ORIGIN": "https://locks.example.org",
    "DATABASE_URL": "postgres://lockboard@127.0.0.1:1/lockboard",
    "REDIS_URL": "redis://127.0.0.1:1/0",
}


def manage(*command: str, **environment: str | None) -> subprocess.CompletedProcess[str]:
    """Run manage.py with nothing of ours in its environment but what is given."""
    kept = {k: v for k, v in os.environ.items() if k in {"PATH", "HOME", "LANG"}}
    given = {k: v for k, v in (PRODUCTION | environment).items() if v is not None}
    return subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=BASE,
        env=kept | given,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def check(**environment: str | None) -> Any:
    return manage("check", "--deploy", "--fail-level", "WARNING", **environment)


def test_auth_08_a_production_start_has_nothing_to_complain_about() -> None:
    done = check()

    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"LOCKBOARD_PLAIN_HTTP": "true"}, ["config.E001", "config.E002"]),
        (
            {"LOCKBOARD_PLAIN_HTTP": "true", "LOCKBOARD_ORIGIN": "http://127.0.0.1:8000"},
            ["config.E001"],
        ),
        ({"LOCKBOARD_SANDBOX_URL": "http://127.0.0.1:8001"}, ["config.W001"]),
        ({"LOCKBOARD_SANDBOX_URL": "https://sandbox.example"}, ["config.E003", "config.W001"]),
    ],
)
def test_auth_08_what_must_not_reach_production_stops_the_check(
    environment: dict[str, str], said: list[str]
) -> None:
    done = check(**environment)

    assert done.returncode == 1
    assert sorted(set(re.findall(r"config\.\w\d+", done.stderr))) == said


@pytest.mark.parametrize(
    "missing",
    [
        "SECRET_KEY",
        "FIELD_KEYS",
        "PIN_INDEX_KEY",
        "ALLOWED_HOSTS",
        "LOCKBOARD_ORIGIN",
        "DATABASE_URL",
        "REDIS_URL",
    ],
)
def test_a_missing_value_stops_the_start_and_is_named(missing: str) -> None:
    done = manage("check", **{missing: None})

    assert done.returncode == 1
    assert f"Set the {missing} environment variable" in done.stderr


def test_a_value_may_come_from_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_text(PRODUCTION["SECRET_KEY"])

    done = check(SECRET_KEY=None, SECRET_KEY_FILE=str(secret))

    assert done.returncode == 0, done.stderr


def test_nothing_is_missing_from_the_migrations() -> None:
    done = manage("makemigrations", "--check", "--dry-run", DATABASE_URL=os.environ["DATABASE_URL"])

    assert done.returncode == 0, done.stdout


def test_auth_04_cookies_are_bound_to_the_host_and_kept_from_scripts() -> None:
    code = (
        "from django.conf import settings as s; print(s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME,"
        " s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SESSION_COOKIE_HTTPONLY,"
        " s.CSRF_COOKIE_HTTPONLY, s.SESSION_COOKIE_SAMESITE, s.DEBUG)"
    )
    done = manage("shell", "--no-imports", "-c", code)

    assert done.stdout.split() == [
        *("__Host-sid", "__Host-csrf"),
        *("True", "True", "True", "True", "Lax", "False"),
    ]


def test_gst_01_cookies_of_guests_are_bound_to_the_host() -> None:
    code = (
        "from django.conf import settings as s;"
        " print(s.GUEST_LINK_COOKIE_NAME, s.GUEST_DEVICE_COOKIE_NAME)"
    )

    assert manage("shell", "--no-imports", "-c", code).stdout.split() == [
        "__Host-stay",
        "__Host-stay-device",
    ]


def test_db_03_a_stuck_database_holds_nobody() -> None:
    options = settings.DATABASES["default"]["OPTIONS"]

    assert options["connect_timeout"] == 3
    # The fourth is the tests' own: they may empty the log.
    assert options["options"].split(" -c ")[:3] == [
        "-c lock_timeout=3000",
        "statement_timeout=15000",
        "idle_in_transaction_session_timeout=30000",
    ]
    assert settings.DATABASES["default"]["CONN_HEALTH_CHECKS"] is True
    assert settings.DATABASES["default"].get("ATOMIC_REQUESTS", False) is False


def test_auth_03_throttles_do_not_live_in_valkey() -> None:
    assert settings.CACHES["default"]["BACKEND"].endswith(".DatabaseCache")


def test_act_02_the_deadline_is_within_what_is_safe() -> None:
    assert 5 <= settings.ATTEMPT_DEADLINE_SECONDS <= 15


def test_every_variable_is_in_the_docs() -> None:
    docs = BASE / "docs/settings.md"
    if not docs.exists():
        pytest.skip("docs/settings.md is not written yet")
    source = (BASE / "config/settings.py").read_text()
    named = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', source))

    assert len(named) > 15
    assert {name for name in named if f"`{name}`" not in docs.read_text()} == set()
