"""Everything below `/seam`."""

from sandbox.seam import attempts, code_calls, devices, events, locking
from sandbox.seam.http import HEALTH, UNKNOWN

ROUTES = [
    HEALTH,
    *devices.ROUTES,
    *locking.ROUTES,
    *code_calls.ROUTES,
    *attempts.ROUTES,
    *events.ROUTES,
    UNKNOWN,
]
