"""The embedded engines, as real processes."""

import os
import signal
import socket
import subprocess
from pathlib import Path

import environ
import psutil
import psycopg
import pytest
import redis

from config import unprivileged
from config.engines import Engines
from config.starting import StartError, free_port
from tests.config.processes import at_work_for, read_until, running, until

pytestmark = pytest.mark.processes

#: A program that starts the engines on the folder it is given, says so, and waits.
HOLDER = """
import sys, time
from pathlib import Path
from config.engines import Engines
with Engines(Path(sys.argv[1])) as engines:
    print("up", engines.redis_url, engines.database_url, flush=True)
    time.sleep(600)
"""


@pytest.fixture(scope="module")
def engines(tmp_path_factory):
    with Engines(tmp_path_factory.mktemp("engines"), durable=False) as engines:
        yield engines


def valkey_of(engines):
    return redis.Redis.from_url(engines.redis_url, socket_timeout=0.5, retry=None)


def ask(engines, question, **options):
    with psycopg.connect(engines.database_url, connect_timeout=2, **options) as connection:
        return connection.execute(question).fetchone()[0]


def test_the_addresses_are_read_by_django_and_redis(engines):
    database = environ.Env.db_url_config(engines.database_url)

    assert database["ENGINE"] == "django.db.backends.postgresql"
    assert (database["NAME"], database["USER"], database["HOST"]) == (
        "lockboard",
        "lockboard",
        "127.0.0.1",
    )
    assert ask(engines, "SELECT current_user") == "lockboard"
    with valkey_of(engines) as valkey:
        assert valkey.ping()


def test_postgres_is_18_and_the_application_no_superuser(engines):
    assert ask(engines, "SHOW server_version").startswith("18.")
    assert ask(engines, "SHOW is_superuser") == "off"
    assert ask(engines, "SELECT lower('ÄÖ')") == "äö"


@pytest.mark.parametrize(("durable", "expected"), [(True, "on"), (False, "off")])
def test_durable_means_that_a_commit_is_on_the_disk(place, durable, expected):
    with Engines(place / "data", durable=durable, valkey=False) as engines:
        assert ask(engines, "SHOW fsync") == expected
        assert ask(engines, "SHOW synchronous_commit") == "on"


def test_valkey_never_drops_what_was_queued(engines):
    with valkey_of(engines) as valkey:
        assert valkey.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert valkey.config_get("appendonly") == {"appendonly": "yes"}


def test_neither_lets_strangers_in(engines):
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(engines.database_url, password="guess")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(engines.postgres.superuser_url, password="guess")
    with (
        redis.Redis(port=engines.valkey.port, retry=None) as stranger,
        pytest.raises(redis.AuthenticationError),
    ):
        stranger.ping()


@pytest.mark.parametrize("immediate", [False, True])
def test_a_restart_keeps_address_and_data(engines, immediate):
    addresses = engines.database_url, engines.redis_url
    with valkey_of(engines) as valkey:
        valkey.set("kept", "yes")
    with psycopg.connect(engines.database_url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (word text)")
        connection.execute("TRUNCATE kept")
        connection.execute("INSERT INTO kept VALUES ('yes')")

    engines.postgres.restart(immediate=immediate)
    engines.valkey.restart(immediate=immediate)

    assert (engines.database_url, engines.redis_url) == addresses
    assert ask(engines, "SELECT word FROM kept") == "yes"
    with valkey_of(engines) as valkey:
        assert valkey.get("kept") == b"yes"


def test_each_can_be_stopped_and_started_alone(engines):
    engines.valkey.stop()

    with valkey_of(engines) as valkey, pytest.raises(redis.ConnectionError):
        valkey.ping()
    assert ask(engines, "SELECT 1") == 1

    engines.valkey.start()
    engines.postgres.kill()

    with pytest.raises(psycopg.OperationalError):
        ask(engines, "SELECT 1")
    with valkey_of(engines) as valkey:
        assert valkey.ping()

    engines.postgres.start()
    assert ask(engines, "SELECT 1") == 1


def test_a_paused_engine_hangs_and_then_goes_on(engines):
    engines.valkey.pause()
    with valkey_of(engines) as valkey:
        with pytest.raises(redis.TimeoutError):
            valkey.ping()
        engines.valkey.resume()
        assert valkey.ping()

    with psycopg.connect(engines.database_url) as connection:
        sender = connection.pgconn
        engines.postgres.pause()
        sender.send_query(b"SELECT 1")
        assert not until(lambda: sender.consume_input() or not sender.is_busy(), seconds=0.3)
        engines.postgres.resume()
        while sender.get_result():
            pass


def test_a_paused_engine_can_be_stopped(tmp_path):
    with Engines(tmp_path / "data", durable=False) as engines:
        engines.postgres.pause()
        engines.valkey.pause()

    assert at_work_for(tmp_path) == []


def test_an_engine_that_ends_by_itself_is_noticed(engines):
    assert not engines.valkey.has_ended()

    os.kill(engines.valkey.pid, signal.SIGKILL)

    assert until(engines.valkey.has_ended)
    engines.valkey.start()
    assert not engines.valkey.has_ended()


def test_a_stale_pid_file_with_somebody_elses_number_does_not_stop_a_start(tmp_path):
    data = tmp_path / "data"
    with Engines(data, durable=False, valkey=False) as engines:
        user = engines.postgres.home.stat().st_uid
        home = engines.postgres.home
        (home / "postmaster.pid").rename(home / "kept.pid")
        engines.postgres.stop()
        stale = (home / "kept.pid").read_text().splitlines()
        # A living process of the same user: PostgreSQL by itself would refuse.
        with subprocess.Popen(["sleep", "60"], user=user if os.geteuid() == 0 else None) as other:
            (home / "postmaster.pid").write_text("\n".join([str(other.pid), *stale[1:]]) + "\n")

            engines.postgres.start()

            assert ask(engines, "SELECT 1") == 1
            assert other.poll() is None
            other.kill()


def test_a_busy_port_is_no_obstacle_to_a_first_start(tmp_path, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as busy:
        ports = iter([busy.getsockname()[1], *range(28_501, 28_900)])
        monkeypatch.setattr("config.engines.free_port", lambda: next(ports))

        with Engines(tmp_path / "data", durable=False, postgres=False) as engines:
            assert engines.valkey.port > 28_500


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_one_sentence(tmp_path):
    tmp_path.chmod(0o500)

    with (
        pytest.raises(StartError, match=r"^Cannot write to the data folder .*Permission denied"),
        Engines(tmp_path / "data"),
    ):
        pass


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()

    with (
        pytest.raises(StartError, match=r"^Cannot write to the data folder .*Not a directory"),
        Engines(tmp_path / "file" / "data"),
    ):
        pass


def test_a_folder_in_use_is_one_sentence(engines):
    with (
        pytest.raises(StartError, match=rf"in use by another running copy \(process {os.getpid()}"),
        Engines(engines.folder),
    ):
        pass

    assert ask(engines, "SELECT 1") == 1


def test_data_of_another_major_version_are_one_sentence(tmp_path):
    data = tmp_path / "data"
    with Engines(data, durable=False, valkey=False) as engines:
        engines.postgres.stop()
        (engines.postgres.home / "PG_VERSION").write_text("17\n")

        with pytest.raises(StartError, match="are PostgreSQL 17's, this is 18"):
            engines.postgres.start()


def test_a_path_longer_than_a_socket_name_may_be(tmp_path):
    data = tmp_path / ("long" * 30) / "and äöü spaces"

    with Engines(data, durable=False) as engines:
        assert ask(engines, "SELECT 1") == 1
        with valkey_of(engines) as valkey:
            assert valkey.ping()


def test_a_killed_parent_leaves_nothing_and_loses_nothing(place):
    with running("-c", HOLDER, place) as holder:
        (line,) = read_until(holder, "up")
        _, redis_url, database_url = line.split()
        with redis.Redis.from_url(redis_url) as valkey:
            valkey.set("kept", "yes")
        with psycopg.connect(database_url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 'yes' AS word")
        assert {"postgres", "valkey-server"} <= set(at_work_for(place))

        holder.kill()
        holder.wait()

        assert until(lambda: at_work_for(place) == [])
    with Engines(place) as engines:
        assert ask(engines, "SELECT word FROM kept") == "yes"
        with valkey_of(engines) as valkey:
            assert valkey.get("kept") == b"yes"
        engines.postgres.forget()


def test_data_survive_when_everything_is_killed_at_once(tmp_path):
    data = tmp_path / "data"
    with Engines(data, durable=False) as engines:
        with valkey_of(engines) as valkey:
            valkey.set("kept", "yes")
        with psycopg.connect(engines.database_url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 'yes' AS word")

        engines.postgres.kill()
        engines.valkey.kill()
        assert (engines.postgres.home / "postmaster.pid").exists()
        engines.postgres.start()
        engines.valkey.start()

        assert ask(engines, "SELECT word FROM kept") == "yes"
        with valkey_of(engines) as valkey:
            assert valkey.get("kept") == b"yes"


def test_two_copies_run_side_by_side(engines, tmp_path):
    with Engines(tmp_path / "data", durable=False) as second:
        ports = {e.port for both in (engines, second) for e in both.started}

        assert len(ports) == 4
        assert ask(second, "SELECT 1") == ask(engines, "SELECT 1") == 1


def test_an_orphan_at_work_on_our_data_is_ended_before_a_start(tmp_path):
    with Engines(tmp_path / "data", durable=False, postgres=False) as engines:
        program = psutil.Process(engines.valkey.pid).exe()
        engines.valkey.stop()
        orphan = subprocess.Popen([program, "--port", str(free_port())], cwd=engines.valkey.home)
        assert until(lambda: at_work_for(tmp_path) == ["valkey-server"])

        engines.valkey.start()

        assert orphan.wait(5) == 0
        assert at_work_for(tmp_path) == ["valkey-server"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another user")
def test_as_root_where_nobody_may_pass_data_and_programs_are_kept_elsewhere(
    tmp_path, place, monkeypatch
):
    monkeypatch.setattr(unprivileged, "_PROGRAMS", place / "programs")
    monkeypatch.setattr(unprivileged, "_DATA", place / "data")
    monkeypatch.setattr(unprivileged, "_can_reach", lambda path, user: False)
    monkeypatch.setattr(unprivileged, "_is_temporary", lambda path: False)
    with Engines(tmp_path, valkey=False) as engines:
        with psycopg.connect(engines.database_url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 'yes' AS word")
        at_work = psutil.Process(engines.postgres.pid)

        assert Path(at_work.exe()).is_relative_to(place / "programs")
        assert Path(at_work.cwd()).is_relative_to(place / "data")
        assert at_work.username() == "nobody"

    with Engines(tmp_path, valkey=False) as engines:
        assert ask(engines, "SELECT word FROM kept") == "yes"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another user")
def test_a_database_kept_elsewhere_and_gone_is_one_sentence(tmp_path):
    (tmp_path / "postgres").symlink_to(tmp_path / "gone")

    with (
        pytest.raises(StartError, match=f"was kept in {tmp_path}/gone, which is gone"),
        Engines(tmp_path, valkey=False),
    ):
        pass
