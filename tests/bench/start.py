"""How long `bin/run` takes until it says that it is ready: with nothing there, and again.

    python -m tests.bench.start

Cold: no data folder (the packages are installed; installing them is the network's business).
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from config.demo import CHECKOUT
from config.starting import free_port
from config.tether import tethered


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="lockboard-start-") as folder:
        Path(folder).chmod(0o711)
        for what in ("cold", "warm", "warm"):
            print(f"{what}: {_seconds_until_ready(Path(folder) / 'data'):.1f} s")


def _seconds_until_ready(folder: Path) -> float:
    mine = {name: value for name, value in os.environ.items() if not name.endswith("_URL")}
    environment = mine | {
        "LOCKBOARD_DATA": str(folder),
        "LOCKBOARD_PORT": str(free_port()),
        "LOCKBOARD_SANDBOX_PORT": str(free_port()),
    }
    began = time.monotonic()
    running = subprocess.Popen(
        tethered([sys.executable, "-m", "config.demo"]),
        cwd=CHECKOUT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert running.stdout is not None
    said = []
    for line in running.stdout:
        said.append(line)
        if line.startswith("Lockboard is ready"):
            break
    took = time.monotonic() - began
    running.send_signal(signal.SIGTERM)
    running.communicate()
    assert any(line.startswith("Lockboard is ready") for line in said), "".join(said)
    return took


if __name__ == "__main__":
    main()
