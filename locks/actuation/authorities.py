"""What lets people without a role open a door: an app above says it, and the claim asks it.

Each kind of authority is a condition in SQL, so that what was withdrawn between a press and its
claim is seen in the very UPDATE that lets somebody call (reliability ACT-08).
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from locks.models import Device


@dataclass(frozen=True, kw_only=True)
class Authority:
    kind: str
    id: UUID


#: Kind, and its condition on a row `a` with the columns of an attempt.
_CONDITIONS: dict[str, str] = {}


def register(kind: str, condition: str) -> None:
    """Say when an authority holds: SQL over `a.authority_id`, `a.device_id`, `a.workspace_id`.

    It is asked on the database's clock (`clock_timestamp()`). Written in the code, never made of
    what people type; without percent signs and braces.
    """
    assert kind.isidentifier()
    _CONDITIONS[kind] = condition


def in_claim() -> str:
    """Return the condition that an attempt `a` has an authority that holds."""
    each = [f"(a.authority = '{kind}' AND {sql})" for kind, sql in _CONDITIONS.items()]
    return f"({' OR '.join(each) or 'FALSE'})"


def holds(authority: Authority, device: Device) -> bool:
    """Tell whether an authority gives this door now."""
    asked = [authority.kind, str(authority.id), str(device.pk), str(device.workspace_id)]
    with connection.cursor() as cursor:
        cursor.execute(_AS_AN_ATTEMPT.format(holds=in_claim()), asked)
        row = cursor.fetchone()
    return bool(row and row[0])


_AS_AN_ATTEMPT = """
SELECT {holds}
  FROM (SELECT %s::text AS authority, %s::uuid AS authority_id,
               %s::uuid AS device_id, %s::uuid AS workspace_id) AS a
"""
