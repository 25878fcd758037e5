"""The answers that a form starts with, and what its buttons make of them without scripts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.http import QueryDict

from access.grants import services
from access.grants.pages import times
from access.grants.pages.forms import MODES, blank
from access.models import AccessGrant
from access.planning.asked import Policy
from accounts.models import Space
from accounts.providers.systems import AccessMethod as Mode
from audit.ids import new_id


def fresh(place: Space, now: datetime) -> QueryDict:
    """A new guest: tonight, with a PIN."""
    tonight = times.usual(place, now).presets[0]
    return blank(
        {
            "place": str(place.pk),
            "starts": tonight.starts,
            "ends": tonight.ends,
            "methods": [Mode.CODE.value],
            "order": [each.value for each in MODES],
            "policy": Policy.ALL.value,
            "key": str(new_id()),
        }
    )


def of_grant(grant: AccessGrant) -> QueryDict:
    """A grant as it stands. Digits stay what they are while none are typed."""
    asked = [row.mode for row in grant.requests.all()]
    given = blank(
        {
            "place": str(grant.property_id),
            "targets": [services.target_of(row).key for row in grant.targets.all()],
            "methods": asked,
            "order": [*asked, *(each.value for each in MODES if each not in asked)],
            "policy": grant.policy,
            "generation_seen": str(grant.generation),
            "key": str(grant.pk),
        }
    )
    _put_time(given, "starts", grant.starts_at, grant.property)
    if grant.ends_at:
        _put_time(given, "ends", grant.ends_at, grant.property)
    else:
        given["has_no_end"] = "on"
    return given


def _put_time(given: QueryDict, name: str, at: datetime, place: Space) -> None:
    local = at.astimezone(place.zone)
    seconds = ":%S" if local.second else ""
    given[name] = local.strftime("%Y-%m-%dT%H:%M" + seconds)
    if local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset():
        given[f"{name}_fold"] = str(local.fold)


# --- buttons --------------------------------------------------------------------------


def pressed(given: QueryDict, do: str, place: Space, now: datetime) -> None:
    """Do what a button means: `add:space:6ba7…`, `up:card`, `when:tonight`."""
    what, _, value = do.partition(":")
    if what in _LISTED:
        name, act = _LISTED[what]
        given.setlist(name, act(given.getlist(name), value))
    elif what == "person":
        given["person"] = value
    elif what == "when":
        _put_preset(given, value, times.usual(place, now))
    elif what in {"starts", "ends"}:
        given[what] = times.at_clock(given.get(what, ""), value)
    elif what == "nights" and value in {"1", "-1"}:
        given["ends"] = times.later(given.get("ends", ""), int(value))


def _put_preset(given: QueryDict, key: str, usual: times.Usual) -> None:
    for preset in usual.presets:
        if preset.key == key:
            given["starts"], given["ends"] = preset.starts, preset.ends
            for name in ("has_no_end", "starts_fold", "ends_fold"):
                given.pop(name, None)


def _added(keys: list[str], key: str) -> list[str]:
    return [*keys, key]


def _dropped(keys: list[str], key: str) -> list[str]:
    return [each for each in keys if each != key]


def _moved(by: int) -> Callable[[list[str], str], list[str]]:
    def move(keys: list[str], key: str) -> list[str]:
        if key not in keys:
            return keys
        rest = _dropped(keys, key)
        rest.insert(max(0, keys.index(key) + by), key)
        return rest

    return move


#: Which list a button changes, and how.
_LISTED: dict[str, tuple[str, Callable[[list[str], str], list[str]]]] = {
    "add": ("targets", _added),
    "drop": ("targets", _dropped),
    "up": ("targets", _moved(-1)),
    "down": ("targets", _moved(1)),
    "sooner": ("order", _moved(-1)),
    "later": ("order", _moved(1)),
}
