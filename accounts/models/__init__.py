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
from accounts.models.people import Invitation, Membership, Role, User, Workspace
from accounts.models.places import Space, SpaceKind, UnlockPolicy

__all__ = [
    "AccountState",
    "ConnectWebview",
    "ConnectedAccount",
    "ConnectedSite",
    "Dialect",
    "Grant",
    "Hub",
    "Invitation",
    "Membership",
    "Role",
    "Space",
    "SpaceKind",
    "UnlockPolicy",
    "User",
    "WebviewStep",
    "Workspace",
]
