"""Which sites are operated, and which property each of them is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError

from accounts.models import ConnectWebview, Space, WebviewStep
from accounts.models.places import validate_time_zone
from accounts.onboarding import webviews

#: How the sandbox's own names begin; a property is called what people call it.
_SIMULATED = re.compile(r"^SIMULATED\s+")


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One chosen site, and its property: an existing one, or a new one with name and zone."""

    remote_id: str
    property_id: UUID | None = None
    name: str = ""
    time_zone: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "remote_id": self.remote_id,
            "property_id": str(self.property_id) if self.property_id else None,
            "name": self.name,
            "time_zone": self.time_zone,
        }


def choose(webview: ConnectWebview, choices: list[Choice]) -> None:
    with webviews.preparing(webview) as locked:
        locked.answers["chosen"] = [choice.as_json() for choice in choices]
        webviews.advance(locked, WebviewStep.CONFIRM)


def chosen(webview: ConnectWebview) -> list[Choice]:
    """Return what was chosen and is still among the sites this login sees."""
    visible = {site["remote_id"] for site in webview.answers.get("sites", [])}
    return [
        Choice(
            remote_id=row["remote_id"],
            property_id=UUID(row["property_id"]) if row["property_id"] else None,
            name=row["name"],
            time_zone=row["time_zone"],
        )
        for row in webview.answers.get("chosen", [])
        if row["remote_id"] in visible
    ]


def suggestion(site: dict[str, Any], properties: list[Space]) -> Choice:
    """Return what most people would answer: the property of the same name, or a new one."""
    name = property_name(site["name"])
    match = next((each for each in properties if each.name.lower() == name.lower()), None)
    return Choice(
        remote_id=site["remote_id"],
        property_id=match.pk if match else None,
        name=name,
        time_zone=_zone_or_nothing(site["time_zone"]),
    )


def property_name(site_name: str) -> str:
    return _SIMULATED.sub("", site_name)[:100]


def _zone_or_nothing(time_zone: str) -> str:
    try:
        validate_time_zone(time_zone)
    except ValidationError:
        return ""  # to be filled in by somebody who knows
    return time_zone
