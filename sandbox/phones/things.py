"""What mobile keys consist of: people as Seam knows them, their keys, links, simulated phones."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox.things import Thing


@dataclass(kw_only=True)
class UserIdentity(Thing):
    """A person of a workspace; users of systems are linked to them by `user_identity_id`."""

    workspace_id: str
    created_at: datetime
    user_identity_key: str | None = None
    full_name: str | None = None
    email_address: str | None = None
    phone_number: str | None = None


@dataclass(kw_only=True)
class MobileKey(Thing):
    """A mobile key credential of one user of one system."""

    system_id: str
    user_id: str
    created_at: datetime
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    issued_at: datetime | None = None


@dataclass(kw_only=True)
class InstantKey(Thing):
    """A link that puts all mobile keys of a person on a phone. `token` is the end of its address."""

    identity_id: str
    token: str
    created_at: datetime
    expires_at: datetime
    client_session_id: str
    max_use_count: int = 1
    use_count: int = 0


@dataclass(kw_only=True)
class Phone(Thing):
    """A simulated phone that was set up by a link.

    `copies` is what is on it, by credential: what its system last told it. Without a network
    it goes by that, as a card does.
    """

    instant_key_id: str
    identity_id: str
    created_at: datetime
    has_network: bool = True
    copies: dict[str, dict[str, Any]] = field(default_factory=dict)
