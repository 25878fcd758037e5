"""What only a real program with real connections can show."""

import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.sandbox.program import ROOT

pytestmark = pytest.mark.sandbox


def until(condition, seconds=5.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def raw_exchange(program, request: bytes) -> bytes:
    """Return every byte that comes back until the other side hangs up."""
    with socket.create_connection(("127.0.0.1", program.port), timeout=5) as line:
        line.sendall(request)
        received = b""
        while part := line.recv(65_536):
            received += part
        return received


# --- running ---


def test_only_the_loopback_is_served():
    finished = subprocess.run(
        [sys.executable, "-m", "sandbox", "--host", "0.0.0.0"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )

    assert finished.returncode == 1
    assert finished.stderr.startswith("The sandbox listens on 127.0.0.1 only, not on 0.0.0.0")


def test_the_program_knows_its_own_address(program):
    found = requests.get(
        f"{program.base}/identity/.well-known/openid-configuration", timeout=5
    ).json()

    assert found["issuer"] == f"{program.base}/identity"


def test_relocking_happens_by_itself(program):
    jane = program.sign_in()
    program.control(f"locks/{jane.lock_id}", open_seconds=0.1)
    jane.unlock()

    until(lambda: program.effects("lock_relocked"))


def test_entries_arrive_while_nobody_asks(program):
    jane = program.sign_in()
    program.control("settings", entry_lag_min_seconds=0.05, entry_lag_max_seconds=0.1)
    jane.unlock()
    url = jane.root.replace("v1.2", "v1.1") + "/entries"

    until(lambda: requests.get(url, headers=jane.headers, timeout=5).json()["items"])


def test_a_killed_program_goes_on_where_it_was(own_program):
    jane = own_program.sign_in()
    own_program.control(f"locks/{jane.lock_id}", open_seconds=240)
    own_program.control("faults", effect="status", match={"route": "me"}, times=None)
    jane.unlock(request_id="before the kill")
    own_program.kill()
    own_program.start()

    lock = jane.get(f"/locks/{jane.lock_id}").json()
    assert lock["locked_state"] == "unlocked"
    assert own_program.effects("lock_opened")[0]["request_id"] == "before the kill"
    assert jane.get("/me").status_code == 500
    own_program.control("clock", advance_seconds=241)
    assert jane.get(f"/locks/{jane.lock_id}").json()["locked_state"] == "locked"
    own_program.kill()
    own_program.start()
    assert len(own_program.effects("lock_relocked")) == 1


def test_it_is_quick(program):
    jane = program.sign_in("harbour")
    with requests.Session() as session:
        session.headers.update(jane.headers)
        times = []
        for _ in range(60):
            begun = time.perf_counter()
            session.get(f"{jane.root}/locks?$top=100", timeout=5)
            times.append(time.perf_counter() - begun)

    assert sorted(times)[len(times) // 2] < 0.02  # with room for a busy machine


def test_a_hundred_at_once_are_answered_while_others_hang(program):
    jane = program.sign_in()
    program.control("faults", effect="slow", match={"route": "iqs"}, seconds=1, times=None)
    begun = time.monotonic()
    with ThreadPoolExecutor(100) as pool:
        slow = [pool.submit(jane.get, "/iqs", timeout=20) for _ in range(50)]
        quick = [pool.submit(jane.get, "/locks", timeout=20) for _ in range(50)]
        statuses = [future.result().status_code for future in slow + quick]

    assert statuses == [200] * 100
    assert time.monotonic() - begun < 15  # one after the other it would be 50 s


# --- hanging up ---


def test_a_dropped_connection_sends_not_a_single_byte(program):
    jane = program.sign_in()
    program.control("faults", effect="drop_before", match={"route": "locks"})
    path = jane.root.removeprefix(program.base)
    request = (
        f"GET {path}/locks HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: {jane.headers['Authorization']}\r\n\r\n"
    )

    assert raw_exchange(program, request.encode()) == b""


@pytest.mark.parametrize(("effect", "doors"), [("drop_before", 0), ("drop_after", 1)])
def test_requests_sees_a_closed_connection(program, effect, doors):
    jane = program.sign_in()
    program.control("faults", effect=effect, match={"route": "locking"})

    with pytest.raises(requests.ConnectionError, match="without response"):
        jane.unlock()
    assert len(program.effects("lock_opened")) == doors
    assert jane.unlock().status_code == 200


def test_a_reset_is_a_reset(program):
    jane = program.sign_in()
    program.control("faults", effect="drop_after", match={"route": "locking"}, reset=True)

    with pytest.raises(requests.ConnectionError, match="reset by peer"):
        jane.unlock()


def test_half_a_body(program):
    jane = program.sign_in()
    program.control("faults", effect="truncate", match={"route": "locks"})

    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        jane.get("/locks")


# --- slowly or never ---


def test_a_drip_sends_byte_by_byte(program):
    jane = program.sign_in()
    program.control("faults", effect="drip", match={"route": "locking"}, interval_seconds=0.005)
    begun = time.monotonic()
    jane.unlock()

    assert time.monotonic() - begun > 0.4
    assert len(program.effects("lock_opened")) == 1


def test_slow_is_slow_and_then_right(program):
    jane = program.sign_in()
    program.control("faults", effect="slow", match={"route": "locks"}, seconds=0.3)
    begun = time.monotonic()

    assert jane.get("/locks").status_code == 200
    assert time.monotonic() - begun >= 0.3


@pytest.mark.parametrize(("act", "before"), [(True, 1), (False, 0)])
def test_a_hanging_request_is_answered_once_the_fault_is_deleted(program, act, before):
    jane = program.sign_in()
    fault = program.control("faults", effect="hang", match={"route": "locking"}, act=act)
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(jane.unlock().status_code))
    waiting.start()
    until(lambda: faults_hit(program) == 1)
    opened = len(program.effects("lock_opened"))
    requests.delete(f"{program.base}/control/faults/{fault['id']}", timeout=5)
    waiting.join(5)

    assert (opened, answers) == (before, [200])
    assert len(program.effects("lock_opened")) == 1


def faults_hit(program) -> int:
    rows = requests.get(f"{program.base}/control/faults", timeout=5).json()
    return sum(row["hits"] for row in rows)


def test_late_execution_comes_after_the_client_gave_up(program):
    jane = program.sign_in()
    program.control("faults", effect="late_execute", match={"route": "locking"}, seconds=0.3)

    with pytest.raises(requests.ReadTimeout):
        jane.unlock(timeout=0.2)
    assert program.effects("lock_opened") == []
    until(lambda: program.effects("lock_opened"))


def test_an_offline_lock_may_never_answer(program):
    jane = program.sign_in()
    program.control(f"locks/{jane.lock_id}", online=False, offline_answer="timeout")

    with pytest.raises(requests.ReadTimeout):
        jane.unlock(timeout=0.2)
    assert program.effects("lock_opened") == []


def test_a_big_body_keeps_coming(program):
    jane = program.sign_in()
    program.control("faults", effect="big_body", match={"route": "locks"}, bytes=3_000_000)

    assert len(jane.get("/locks").content) > 3_000_000


def test_everything_is_served_to_a_browser(program):
    for path in ("/", "/doors", "/outbox", "/static/sandbox.css"):
        assert requests.get(program.base + path, timeout=5).status_code == 200
