"""Workspaces and their people, places, and logins at providers."""

from accounts.models.connections import (
    AccountState,
    ConnectedAccount,
    ConnectedSite,
    ConnectWebview,
    Dialect,
    Grant,
    Hub,
    WebviewStep,
)
from accounts.models.hooks import HookMessage, IncomingHook
from accounts.models.limits import Allowance, Operation, Trouble
from accounts.models.people import Invitation, Membership, Role, User, Workspace
from accounts.models.places import Space, SpaceKind, UnlockPolicy

__all__ = [
    "AccountState",
    "Allowance",
    "ConnectWebview",
    "ConnectedAccount",
    "ConnectedSite",
    "Dialect",
    "Grant",
    "HookMessage",
    "Hub",
    "IncomingHook",
    "Invitation",
    "Membership",
    "Operation",
    "Role",
    "Space",
    "SpaceKind",
    "Trouble",
    "UnlockPolicy",
    "User",
    "WebviewStep",
    "Workspace",
]
