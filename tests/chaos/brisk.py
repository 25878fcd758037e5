"""A worker for access codes in a hurry: `python -m tests.chaos.brisk CELERY-ARGUMENTS`.

The same Celery worker as in production, but waits that are there for slow providers are short,
as the sandbox under test is quick. What is waited for stays the same.
"""

import sys
from datetime import timedelta

import django
from celery.__main__ import main
from django.conf import settings

django.setup()

from accounts.providers.keypad import codes as keypad  # noqa: E402
from accounts.providers.salto_ks import codes as salto  # noqa: E402
from locks.codes import decide, known, outcomes, reconciling, sighting, timing  # noqa: E402

WAITS = {
    "CALL": timedelta(seconds=3),
    "CALL_SECONDS": 3.0,
    "USUAL": timedelta(seconds=5),
    "AT_LEAST": timedelta(seconds=1),
    "EARLY_LOOK": timedelta(seconds=1),
    "REMOVE_AGAIN_AFTER": timedelta(seconds=1),
    "LOOK_AGAIN": timedelta(seconds=1),
    "FRESH_DOOR": timedelta(0),
    "LEASE": timedelta(seconds=6),
    "REST": timedelta(seconds=1),
    "NOT_READY_AGAIN": timedelta(seconds=1),
    "_RENEW_AFTER_SECONDS": 1.0,
    "PASS_SECONDS": 5.0,
    "THIN_APART": timedelta(seconds=2),
}


def hurry() -> None:
    for module in (decide, known, outcomes, reconciling, sighting, timing):
        for name, wait in WAITS.items():
            if hasattr(module, name):
                setattr(module, name, wait)
    salto.RULES = type(salto.RULES)(
        **{**salto.RULES.__dict__, "settle": timedelta(seconds=2), "propagation": timedelta(0)}
    )
    keypad.SETTLE = timedelta(seconds=2)
    settings.PROVIDER_REQUESTS_PER_SECOND = 1000.0


if __name__ == "__main__":
    hurry()
    sys.argv = ["celery", *sys.argv[1:]]
    main()
