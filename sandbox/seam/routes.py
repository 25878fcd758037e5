"""Everything below `/seam`."""

from sandbox.phones import calls as phone_calls
from sandbox.seam import attempts, code_calls, devices, events, locking, webhooks
from sandbox.seam.http import HEALTH, UNKNOWN
from sandbox.space import calls, card_calls, user_calls

ROUTES = [
    HEALTH,
    *devices.ROUTES,
    *locking.ROUTES,
    *code_calls.ROUTES,
    *attempts.ROUTES,
    *events.ROUTES,
    *webhooks.ROUTES,
    *calls.ROUTES,
    *user_calls.ROUTES,
    *card_calls.ROUTES,
    *phone_calls.ROUTES,
    UNKNOWN,
]
