"""What the form for a new code says about the doors chosen so far."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from accounts.models import Space
from accounts.providers.codes import CodeRules
from locks.codes import room, rules
from locks.codes.capability import Capability, capability_of
from locks.codes.room import Room
from locks.models import Device


@dataclass(frozen=True)
class Preset:
    """A usual stretch of time, as the fields of the form take it."""

    label: str
    starts: str
    ends: str


@dataclass(frozen=True)
class Plan:
    """Limits, warnings and helps for one code on each of these doors."""

    doors: list[Device]
    #: What the locks take, and what to know, a sentence each.
    sentences: list[str]
    warnings: list[str]
    rooms: list[Room]
    #: Whether anybody may choose digits.
    takes_digits: bool
    places: list[Space]
    presets: list[Preset]

    @property
    def place(self) -> Space | None:
        """The property whose times count; None where the doors are in several zones."""
        zones = {place.time_zone for place in self.places}
        return self.places[0] if len(zones) == 1 else None


def plan_of(doors: Sequence[Device], *, now: datetime) -> Plan:
    """Needs each door's rows as `listing.doors_for` fetches them."""
    found = [(door, capability_of(door)) for door in doors]
    accepts = [each.rules for _, each in found if each.rules]
    brand = found[0][1].brand if found else ""
    places = sorted({door.property for door in doors}, key=lambda place: place.name)
    return Plan(
        doors=list(doors),
        sentences=_sentences([each for _, each in found], brand),
        warnings=[f"{door}: {each.reason}" for door, each in found if not each.rules],
        rooms=_rooms([(door, each.rules) for door, each in found if each.rules]),
        takes_digits=not accepts or any(not each.digits_by_provider for each in accepts),
        places=places,
        presets=presets(places[0], now) if places else [],
    )


def _sentences(takes: Sequence[Capability], brand: str) -> list[str]:
    accepts = [each.rules for each in takes if each.rules]
    lines = (
        line for each in takes if each.rules for line in rules.in_words(each.rules, each.brand)
    )
    said = list(dict.fromkeys(lines))
    if accepts and all(each.native_end for each in accepts):
        said.append(f"{brand} ends the code by itself, even while the lock is offline.")
    elif accepts:
        said.append("Lockboard removes the code at its end: the lock has to be online then.")
    seats = sum(each.takes_seat for each in accepts)
    if seats:
        said.append(f"It takes {seats} seat{'' if seats == 1 else 's'} at {brand}.")
    return said


def _rooms(found: Sequence[tuple[Device, CodeRules]]) -> list[Room]:
    slots = [room.slots(door, each) for door, each in found]
    sites = dict.fromkeys(door.site for door, each in found if each.takes_seat)
    return [each for each in [*slots, *(room.seats(site) for site in sites)] if each]


def presets(place: Space, now: datetime) -> list[Preset]:
    """Return tonight, the weekend and a week, by the property's check-in and check-out."""
    local = now.astimezone(place.zone).replace(tzinfo=None, second=0, microsecond=0)
    today = local.date()
    friday = today + timedelta(days=(4 - today.weekday()) % 7)
    begin = max(datetime.combine(today, place.check_in), local)

    def leaving(day: date, days: int) -> datetime:
        return datetime.combine(day + timedelta(days=days), place.check_out)

    return [
        _preset("Tonight", begin, leaving(today, 1)),
        _preset("Weekend", datetime.combine(friday, place.check_in), leaving(friday, 2)),
        _preset("1 week", begin, leaving(today, 7)),
    ]


def _preset(label: str, starts: datetime, ends: datetime) -> Preset:
    return Preset(label, f"{starts:%Y-%m-%dT%H:%M}", f"{ends:%Y-%m-%dT%H:%M}")
