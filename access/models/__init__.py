"""Access control systems: what is there, what shall be true, and every try at an encoder."""

from access.models.credentials import AcsCredential
from access.models.jobs import EncodeJob
from access.models.people import AcsMembership, AcsUser
from access.models.systems import (
    AcsAccessGroup,
    AcsEncoder,
    AcsEntrance,
    AcsSystem,
    SystemsWatch,
)

__all__ = [
    "AcsAccessGroup",
    "AcsCredential",
    "AcsEncoder",
    "AcsEntrance",
    "AcsMembership",
    "AcsSystem",
    "AcsUser",
    "EncodeJob",
    "SystemsWatch",
]
