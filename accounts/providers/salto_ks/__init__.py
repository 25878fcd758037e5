"""Salto KS. What the rest of Lockboard needs from here."""

from accounts.providers.base import Advice
from accounts.providers.salto_ks.driver import SaltoKS
from accounts.providers.salto_ks.environments import (
    ACCEPT,
    CONNECT,
    DEFAULT_HOSTS,
    LEGACY,
    PRODUCTION,
    Environment,
    discover,
    sandbox_environment,
)
from accounts.providers.salto_ks.errors import advice, troubleshooting
from accounts.providers.salto_ks.oauth import SignIn, begin_sign_in, finish_sign_in

__all__ = [
    "ACCEPT",
    "CONNECT",
    "DEFAULT_HOSTS",
    "LEGACY",
    "PRODUCTION",
    "Advice",
    "Environment",
    "SaltoKS",
    "SignIn",
    "advice",
    "begin_sign_in",
    "discover",
    "finish_sign_in",
    "sandbox_environment",
    "troubleshooting",
]
