"""bin/run, as a person meets it."""

import ast
import http.client
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from contextlib import contextmanager

import psutil
import pytest

from config.starting import free_port
from tests.config.processes import CHECKOUT, at_work_for, read_until, running, until

READY = "Lockboard is ready: "
GIVEN = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "FIELD_KEYS", "PIN_INDEX_KEY", "ALLOWED_HOSTS")


@pytest.fixture(autouse=True)
def nothing_given(monkeypatch):
    for name in (*GIVEN, "LOCKBOARD_DEMO_PASSWORD", "LOCKBOARD_SANDBOX_URL"):
        monkeypatch.delenv(name, raising=False)


def settings(folder):
    return {
        "LOCKBOARD_DATA": str(folder),
        "LOCKBOARD_PORT": str(free_port()),
        "LOCKBOARD_SANDBOX_PORT": str(free_port()),
    }


@contextmanager
def demo(asked):
    """What bin/run becomes, in the environment that is there."""
    with running("-m", "config.demo", **asked) as program:
        yield program


def refusal(**asked):
    with demo(asked) as program:
        said = program.stdout.read()
        assert program.wait() == 1
    return said


def status_of(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.processes
def test_it_says_where_it_is_and_how_to_get_in_and_stops_without_a_trace(place):
    asked = settings(place / "data")
    with demo(asked) as copy:
        said = read_until(copy, READY)

        origin = f"http://127.0.0.1:{asked['LOCKBOARD_PORT']}"
        assert said[-1] == f"{READY}{origin}"
        password = (place / "data" / "demo-password").read_text().strip()
        text = "\n".join(said)
        for expected in (
            *("admin@", "manager@", "frontdesk@", "auditor@lockboard.test"),
            *(password, f"http://127.0.0.1:{asked['LOCKBOARD_SANDBOX_PORT']}"),
        ):
            assert expected in text
        assert status_of(int(asked["LOCKBOARD_PORT"]), "/readyz") == 200
        assert status_of(int(asked["LOCKBOARD_SANDBOX_PORT"]), "/healthz") == 200
        for secret in ("demo-password", "secret-key", "field-keys"):
            assert stat.S_IMODE((place / "data" / secret).stat().st_mode) == 0o600
        assert refusal(**settings(place / "data")).startswith(
            f"Lockboard cannot start. The data folder {place}/data is in use by another"
        )

        assert (place / "data" / "logs").stat().st_mode & 0o077 == 0

        copy.terminate()

        left = copy.stdout.read().splitlines()
        assert copy.wait(15) == 128 + signal.SIGTERM
        assert (left[0], left[-1]) == ("Stopping: SIGTERM received.", "Stopped.")
        assert at_work_for(place) == []


@pytest.mark.processes
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_while_it_starts_it_says_so_too(place, number):
    with demo(settings(place / "data")) as copy:
        assert until((place / "data" / "logs" / "prepare.log").exists)

        copy.send_signal(number)

        said = copy.stdout.read()
        assert copy.wait(15) == 128 + number
    assert said == f"Stopping: {number.name} received.\nStopped.\n"
    assert at_work_for(place) == []


@pytest.mark.processes
def test_a_failing_preparation_is_one_sentence_and_a_log(place):
    with demo(settings(place / "data") | {"EMAIL_URL": "pigeon://coop"}) as copy:
        said = copy.stdout.read()
        assert copy.wait(15) == 1

    log = place / "data" / "logs" / "prepare.log"
    assert said.startswith("Lockboard cannot start. The database could not be prepared: ")
    assert said.endswith(f" (see {log}).\n")
    assert said.count("\n") == 1
    assert "Traceback (most recent call last)" in log.read_text()


@pytest.mark.processes
def test_two_run_side_by_side_one_leaves_nothing_and_one_starts_again_what_is_killed(place):
    asked = [settings(place / name) for name in ("one", "two")]
    with demo(asked[0]) as first, demo(asked[1]) as second:
        assert read_until(first, READY)[-1].startswith(READY)
        assert read_until(second, READY)[-1].startswith(READY)

        first.kill()

        assert until(lambda: at_work_for(place / "one") == [])
        time.sleep(5)  # what ends sooner is taken for a fault, and everything stops
        for words in ("valkey-server", "-Q actuate"):
            killed = pid_of(second, words)
            os.kill(killed, signal.SIGKILL)

            assert until(lambda w=words, k=killed: pid_of(second, w) not in (0, k))
        assert status_of(int(asked[1]["LOCKBOARD_PORT"]), "/readyz") == 200

        second.send_signal(signal.SIGINT)

        assert second.wait(15) == 128 + signal.SIGINT
        assert at_work_for(place) == []


def test_a_port_in_use_is_one_sentence(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]

        said = refusal(**{**settings(tmp_path), "LOCKBOARD_SANDBOX_PORT": str(port)})

    assert said == (
        f"Lockboard cannot start. Port {port} is in use: "
        "choose another with LOCKBOARD_SANDBOX_PORT.\n"
    )


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1", "8_000"])
def test_a_port_that_is_none_is_one_sentence(tmp_path, port):
    assert refusal(**{**settings(tmp_path), "LOCKBOARD_PORT": port}) == (
        "Lockboard cannot start. LOCKBOARD_PORT must be a port number (1 to 65535), "
        f"not “{port}”.\n"
    )


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()

    said = refusal(**settings(tmp_path / "file" / "data"))

    assert said.startswith("Lockboard cannot start. Cannot write to the data folder ")
    assert said.count("\n") == 1


@pytest.mark.parametrize("program", ["run", "test", "oldest.py"])
def test_any_python_can_read_what_it_may_have_to_start(program):
    source = (CHECKOUT / "bin" / program).read_text()

    ast.parse(source, feature_version=(3, 4))
    assert source.isascii()  # Python 2 wants a declaration otherwise
    assert not re.search(r'\bf"|:=|->', source)


def test_an_old_python_says_that_it_is_too_old():
    source = (CHECKOUT / "bin" / "oldest.py").read_text()
    pretend = (
        "import sys; sys.version_info = (3, 9, 1); sys.argv[0] = 'bin/run'; exec(sys.stdin.read())"
    )
    done = subprocess.run(
        [sys.executable, "-c", pretend],
        input=source,
        env={"PATH": "/nowhere"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr == (
        "Lockboard needs Python 3.11 or newer, and this is 3.9: install a newer one "
        "and start again, for example with: python3.12 bin/run\n"
    )


@pytest.mark.processes
def test_packages_that_cannot_be_installed_are_one_sentence(tmp_path):
    for part in ("bin", "config", "requirements.txt"):
        source = CHECKOUT / part
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / part)
    away = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": str(tmp_path)}

    with running(tmp_path / "bin" / "run", **away) as program:
        lines = read_until(program, "no such line")
        assert program.wait() == 1

    assert lines[-1].startswith("Lockboard cannot start. Installing the packages failed (")
    assert lines[-1].endswith(f"All that pip said is in {tmp_path}/.venv/install.log.")
    assert not any("Traceback" in line for line in lines)


def pid_of(copy, words):
    """The process of a running copy that has these words in its command line, or 0."""
    for process in psutil.Process(copy.pid).children(recursive=True):
        try:
            line = " ".join(process.cmdline())
            if words in line and "tether.py" not in line and process.status() != "zombie":
                return process.pid
        except psutil.NoSuchProcess:
            continue
    return 0
