"""Access control systems and access grants: what is there, and what shall be true."""

from access.models.credentials import AcsCredential
from access.models.feeds import FeedReading, FeedStay, ReservationFeed
from access.models.grants import AccessGrant, GrantTarget, RequestedMethod
from access.models.guests import Delivery, GuestDevice, GuestLink
from access.models.houses import GuestHouse
from access.models.identities import UserIdentity
from access.models.jobs import EncodeJob
from access.models.methods import AccessMethod, DoorShare, MethodDoor
from access.models.people import AcsMembership, AcsUser
from access.models.systems import (
    AcsAccessGroup,
    AcsEncoder,
    AcsEntrance,
    AcsSystem,
    SystemsWatch,
)

__all__ = [
    "AccessGrant",
    "AccessMethod",
    "AcsAccessGroup",
    "AcsCredential",
    "AcsEncoder",
    "AcsEntrance",
    "AcsMembership",
    "AcsSystem",
    "AcsUser",
    "Delivery",
    "DoorShare",
    "EncodeJob",
    "FeedReading",
    "FeedStay",
    "GrantTarget",
    "GuestDevice",
    "GuestHouse",
    "GuestLink",
    "MethodDoor",
    "RequestedMethod",
    "ReservationFeed",
    "SystemsWatch",
    "UserIdentity",
]
