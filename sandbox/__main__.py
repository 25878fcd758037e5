"""`python -m sandbox`: run the simulated clouds on this machine, for this machine only."""

import argparse
import os
import sys

from sandbox.app import Config, Sandbox
from sandbox.server import is_loopback, serve


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    port = os.environ.get("LOCKBOARD_SANDBOX_PORT", "8001")
    parser.add_argument("--port", type=int, default=port)
    wanted = parser.parse_args()
    if not is_loopback(wanted.host):
        sys.exit(
            f"The sandbox listens on 127.0.0.1 only, not on {wanted.host}:"
            " its passwords are public and anybody who reaches it can control it."
        )
    os.environ["LOCKBOARD_SANDBOX_PORT"] = str(wanted.port)
    config = Config.from_env()
    sys.stderr.write(f"SIMULATED Salto KS on {config.base_url}\n")
    serve(Sandbox(config), host=wanted.host, port=wanted.port)


if __name__ == "__main__":
    main()
