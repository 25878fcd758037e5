"""What people say of a calendar or a table. What is wrong with an address, others know."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

from django import forms

from access.planning.asked import Policy
from access.reservations.dates import DayOrder
from access.reservations.feeds import NAME_LONGEST, Settings
from access.reservations.rooms import room_around
from accounts.models import Space, SpaceKind
from accounts.providers.systems import AccessMethod
from locks.codes.forms import PlainField
from locks.codes.services import RefusedError
from locks.models import Device

MODES = [
    (AccessMethod.CODE.value, "A code, at doors with a keypad"),
    (AccessMethod.CARD.value, "A card, written at the desk"),
    (AccessMethod.MOBILE_KEY.value, "A key on their phone"),
]
POLICIES = [
    (Policy.ALL.value, "All of them, at every door that can"),
    (Policy.FIRST.value, "The first that works at each door"),
]
ORDERS = [
    ("", "No such dates: a file that has them is refused"),
    (DayOrder.DAY_FIRST.value, "Day first: the 3rd of April"),
    (DayOrder.MONTH_FIRST.value, "Month first: the 4th of March"),
]
_OFF = {"autocomplete": "off"}
_CHOOSE = "Choose at least one way in."


class WaysForm(forms.Form):
    """How guests get in, and whether they are written to."""

    modes = forms.MultipleChoiceField(
        label="How guests get in",
        choices=MODES,
        widget=forms.CheckboxSelectMultiple,
        initial=[AccessMethod.CODE.value],
        error_messages={"required": _CHOOSE},
    )
    policy = forms.ChoiceField(
        label="If that is more than one",
        choices=POLICIES,
        widget=forms.RadioSelect,
        initial=Policy.ALL.value,
    )
    sends = forms.BooleanField(
        label="Write to guests whose e-mail it tells",
        required=False,
        help_text="A link to their page, once everything is ready. Never the code itself.",
    )


class CalendarForm(WaysForm):
    """The calendar of a room: its address is asked for where there is none yet."""

    name = PlainField(
        label="Name",
        required=False,
        help_text="Leave empty for the name of the room.",
        widget=forms.TextInput(attrs=_OFF | {"maxlength": str(NAME_LONGEST)}),
    )
    unclear_are_stays = forms.BooleanField(
        label="Take “CLOSED - Not available” for a guest",
        required=False,
        help_text="Booking.com writes bookings and closed nights alike. Without this they are"
        " skipped.",
    )
    field_order = ("room", "address", "name", "modes", "policy", "sends", "unclear_are_stays")

    def settings(self, usual_name: str) -> Settings:
        told = self.cleaned_data
        return Settings(
            name=told["name"].strip()[:NAME_LONGEST] or usual_name,
            modes=tuple(told["modes"]),
            policy=told["policy"],
            sends=told["sends"],
            unclear_are_stays=told["unclear_are_stays"],
        )

    def add_refusal(self, refusal: RefusedError) -> None:
        for problem in refusal.problems:
            name = problem.field if problem.field in self.fields else None
            self.add_error(name, f"{problem.sentence[:1].upper()}{problem.sentence[1:]}.")


def _address(*, is_new: bool) -> PlainField:
    where = "Copied from the booking site: “Export calendar”, “iCal link” or the like."
    return PlainField(
        label="Address of the calendar" if is_new else "New address",
        required=is_new,
        help_text=f"{where} Whoever has it reads who comes when, so it is kept secret here."
        if is_new
        else f"{where} Leave empty to keep the one that is there; it is not shown again.",
        widget=forms.TextInput(
            attrs=_OFF | {"inputmode": "url", "maxlength": "2048", "spellcheck": "false"}
        ),
    )


class NewCalendarForm(CalendarForm):
    def __init__(self, *args: Any, places: Sequence[Place], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["room"] = forms.ChoiceField(
            label="Room",
            choices=choices_of(places),
            help_text="What a guest of this calendar gets into. For a door, a room of its name is"
            " made around it.",
        )
        self.fields["address"] = _address(is_new=True)
        self.order_fields(self.field_order)
        self._places = places

    def clean_address(self) -> str:
        address: str = self.cleaned_data["address"].strip()
        if not address:
            raise forms.ValidationError("Enter the address of the calendar.")
        return address

    def place(self) -> Place:
        """Return what was chosen."""
        chosen = self.cleaned_data["room"]
        return next(each for each in self._places if each.key == chosen)


class CalendarSettingsForm(CalendarForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["address"] = _address(is_new=False)
        self.order_fields(self.field_order)


class TableForm(WaysForm):
    """An upload. The file itself comes with the first step only."""

    place = forms.ChoiceField(label="Property")
    table = forms.FileField(
        label="File",
        help_text="A table saved as CSV, at most 5 MB.",
        error_messages={
            "required": "Choose a file.",
            "empty": "The file is empty.",
            "invalid": "Choose a file.",
        },
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,text/csv"}),
    )
    order = forms.ChoiceField(
        label="A date such as 03/04/2026 is",
        choices=ORDERS,
        required=False,
        help_text="2026-04-03 is always read right.",
    )
    usual = PlainField(
        label="Room of lines that name none",
        required=False,
        help_text="Leave empty if every line names its room.",
        widget=forms.TextInput(attrs=_OFF | {"maxlength": "100"}),
    )
    field_order = ("place", "table", "order", "usual", "modes", "policy", "sends")

    def __init__(
        self, *args: Any, properties: Sequence[Space], has_file: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._properties = {str(each.pk): each for each in properties}
        field = self.fields["place"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(pk, each.name) for pk, each in self._properties.items()]
        del self.fields["policy"]
        if not has_file:
            del self.fields["table"]

    def chosen(self) -> Space:
        return self._properties[self.cleaned_data["place"]]


# --- rooms to choose from -------------------------------------------------------------


class Place:
    """A space, or a door that has none of its own."""

    def __init__(self, thing: Space | Device, label: str, group: str) -> None:
        self.thing = thing
        self.key = str(thing.pk)
        self.label = label
        self.group = group

    @builtins.property
    def name(self) -> str:
        return self.thing.name

    @builtins.property
    def property(self) -> Space:
        if isinstance(self.thing, Device):
            return self.thing.property
        return self.thing.property or self.thing

    @builtins.property
    def door(self) -> Device | None:
        return self.thing if isinstance(self.thing, Device) else None

    def unsaved_space(self) -> Space:
        """Return its space; of a door one that is not stored."""
        if isinstance(self.thing, Device):
            place = self.thing.property
            return Space(name=self.name, property=place, workspace_id=place.workspace_id)
        return self.thing

    def space(self) -> Space:
        return room_around(self.thing) if isinstance(self.thing, Device) else self.thing


def places_of(properties: Sequence[Space]) -> list[Place]:
    """Return rooms, then doors without one, then floors and whole properties."""
    spaces = Space.objects.filter(property__in=properties).select_related("property", "parent")
    doors = Device.objects.filter(property__in=properties, removed_at=None).select_related(
        "property", "space"
    )
    found = [_of_space(each) for each in spaces.order_by("property__name", "name", "pk")]
    found += [
        Place(each, each.name, f"{each.property.name}: doors")
        for each in doors.order_by("property__name", "name", "pk")
        if each.space is None or each.space.kind != SpaceKind.ROOM
    ]
    found += [Place(each, f"All of {each.name}", "Whole properties") for each in properties]
    return sorted(found, key=_rank)


def _of_space(space: Space) -> Place:
    assert space.property is not None
    is_room = space.kind == SpaceKind.ROOM
    return Place(space, space.name, f"{space.property.name}: {'rooms' if is_room else 'floors'}")


def _rank(place: Place) -> tuple[bool, str, int]:
    last = place.group.rpartition(": ")[2]
    order = {"rooms": 0, "doors": 1, "floors": 2}
    return (place.group == "Whole properties", place.property.name, order.get(last, 3))


def choices_of(places: Sequence[Place]) -> list[Any]:
    groups: dict[str, list[tuple[str, str]]] = {}
    for each in places:
        groups.setdefault(each.group, []).append((each.key, each.label))
    return [("", "Choose a room"), *groups.items()]
