"""An actuator that dies at the worst moments: `python -m tests.chaos.fragile ODDS SEED … `.

The same Celery worker as in production, but for one patched function: with these odds the
process kills itself between the claim and the provider call, and with the same odds between
the call and storing its outcome. The rest of the arguments are Celery's.
"""

import os
import random
import signal
import sys
from typing import Any

import django
from celery.__main__ import main

django.setup()

from locks.actuation import sending  # noqa: E402

AFTER_CLAIM, AFTER_CALL = "after_claim", "after_call"


def make_fragile(odds: dict[str, float], seed: int) -> None:
    call, chance = sending._call, random.Random(seed)  # noqa: S311  dice, not a secret

    def fragile_call(*arguments: Any) -> sending.Outcome:
        _perhaps_die(chance, odds.get(AFTER_CLAIM, 0))
        outcome = call(*arguments)
        _perhaps_die(chance, odds.get(AFTER_CALL, 0))
        return outcome

    sending._call = fragile_call


def _perhaps_die(chance: random.Random, odds: float) -> None:
    if chance.random() < odds:
        os.kill(os.getpid(), signal.SIGKILL)


def read_odds(text: str) -> dict[str, float]:
    """Read `after_claim=0.1,after_call=0.1`."""
    pairs = (pair.split("=") for pair in text.split(","))
    return {point: float(odds) for point, odds in pairs}


if __name__ == "__main__":
    make_fragile(read_odds(sys.argv[1]), int(sys.argv[2]))
    sys.argv = ["celery", *sys.argv[3:]]
    main()
