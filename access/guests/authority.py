"""When a guest's link opens a door: the condition that the claim of an attempt asks.

The link and its grant stand, now lies in the window of both the grant and its share of the
door, and the door is one that a web key of the grant opens (reliability GST-03, GST-05). That
the link is locked does not matter: only browsers that proved themselves before can press.
"""

from __future__ import annotations

from access.models import GuestLink
from locks.actuation import Authority, authorities

KIND = "guest_link"

_HOLDS = """
EXISTS (
    SELECT 1
      FROM access_guestlink AS l
      JOIN access_accessgrant AS g ON g.id = l.grant_id
      JOIN access_doorshare AS s ON s.grant_id = g.id AND s.ended_at IS NULL
      JOIN access_methoddoor AS md ON md.id = s.door_id AND md.ended_at IS NULL
      JOIN access_accessmethod AS m ON m.id = md.method_id AND m.revoked_at IS NULL
     WHERE l.id = a.authority_id AND l.revoked_at IS NULL
       AND g.workspace_id = a.workspace_id AND g.revoked_at IS NULL
       AND g.starts_at <= clock_timestamp()
       AND (g.ends_at IS NULL OR g.ends_at > clock_timestamp())
       AND s.starts_at <= clock_timestamp()
       AND (s.ends_at IS NULL OR s.ends_at > clock_timestamp())
       AND m.mode = 'cloud_key' AND md.device_id = a.device_id)
"""


def register() -> None:
    authorities.register(KIND, _HOLDS)


def of(link: GuestLink) -> Authority:
    return Authority(kind=KIND, id=link.pk)
