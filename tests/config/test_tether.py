"""Programs end with who started them, however that one ends."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from tests.config.processes import CHECKOUT, until

pytestmark = pytest.mark.processes

TETHER = CHECKOUT / "config" / "tether.py"

#: Starts `sleep` tethered to itself, says its number, and waits.
STARTER = """
import subprocess, sys, time
from config.tether import tethered
command = tethered(["sleep", "61"])
if sys.argv[1] == "watched":
    lines = "import runpy, sys; sys.platform = 'elsewhere'; del sys.argv[0]; "
    lines += "runpy.run_path(sys.argv[0], run_name='__main__')"
    command = [sys.executable, "-c", lines, *command[3:]]
print(subprocess.Popen(command).pid, flush=True)
time.sleep(60)
"""


@pytest.fixture(params=["by Linux", "watched"])
def starter_and_program(request):
    command = [sys.executable, "-c", STARTER, request.param]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as starter:
        program = psutil.Process(int(starter.stdout.readline()))
        assert until(lambda: program.name() == "sleep")
        time.sleep(0.1 if request.param == "watched" else 0)
        yield starter, program
        starter.kill()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_program_ends_with_its_starter(starter_and_program, how):
    starter, program = starter_and_program

    starter.send_signal(how)
    starter.wait()

    assert until(lambda: is_gone(program))


def test_a_watcher_ends_with_its_program(starter_and_program):
    starter, program = starter_and_program
    children = program.children()

    program.kill()

    assert until(lambda: all(is_gone(child) for child in children))
    assert starter.poll() is None


def test_who_was_started_by_somebody_gone_does_not_start():
    done = subprocess.run(
        [sys.executable, TETHER, str(os.getppid()), "9", "-1", "-1", "echo", "started"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"tether: process {os.getppid()} is gone\n"


def test_a_program_that_does_not_exist_is_one_sentence():
    done = subprocess.run(
        [sys.executable, TETHER, str(os.getpid()), "9", "-1", "-1", "no-such-program"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (1, "no-such-program: No such file or directory\n")


def is_gone(process):
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
