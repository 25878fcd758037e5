"""What people type about codes. The rules themselves are in `rules`; here is where they land."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms

from locks.codes import rules
from locks.codes.capability import capability_of
from locks.codes.rules import RuleError, TwiceError
from locks.codes.services import RefusedError, Wish, problems_with
from locks.models import AccessCode, Device

ONGOING, TIMED = "ongoing", "timed"
WHICH = [("", ""), ("0", ""), ("1", "")]
NEED_BOTH = (
    "time-bound codes need both start and end; leave both empty for an ongoing code,"
    " and choose “Ongoing”"
)
NEED_TIMES = "Choose when it starts and ends."
_LOCAL = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(:\d\d(\.\d+)?)?")
#: A sentence that says by itself which field it is about.
_NAMES_ITSELF = re.compile(r"(name|code|phone): ")
_OFF = {"autocomplete": "off"}


class PlainField(forms.CharField):
    """Text that must be there, as `rules` says in its own words; the form does not ask first."""

    def validate(self, value: Any) -> None:
        """Leave it to the rules, so that everything that is wrong is said at once."""

    def run_validators(self, value: Any) -> None:
        """As above: NUL is one of the characters that the rules refuse."""


class LocalField(PlainField):
    """A date and a time as a clock at the property shows them. Cleaned to a naive datetime."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"} | _OFF)

    def clean(self, value: Any) -> datetime | None:
        text = super().clean(value)
        if not text:
            return None
        found = _LOCAL.fullmatch(text)
        try:
            at = datetime.fromisoformat(text) if found else None
        except ValueError:
            at = None
        if at is None or not 2000 <= at.year < 2100:
            raise forms.ValidationError(
                "choose a date and a time between 2000 and 2100, such as 2026-11-21 15:00"
            )
        return at


class RefusableForm(forms.Form):
    """A form on which the problems of rules land, with a summary of them above it."""

    #: What rules call a field, where the form calls it otherwise.
    _FIELDS: dict[str, str] = {}

    def add_problem(self, problem: RuleError) -> None:
        name = self._FIELDS.get(problem.field, problem.field)
        self.add_error(name if name in self.fields else None, problem.sentence)

    def add_refusal(self, refusal: RefusedError) -> None:
        for problem in refusal.problems:
            self.add_problem(problem)

    @property
    def summary(self) -> list[tuple[str, str, str]]:
        """Every error of a field: where it is, the field's name unless it says so, the sentence."""
        return [
            (
                f"#{field.id_for_label or field.auto_id}",
                "" if _NAMES_ITSELF.match(error) else str(field.label),
                error,
            )
            for field in self.visible_fields()
            for error in map(str, field.errors)
        ]


class TimesForm(RefusableForm):
    """A window in the zone of a property, with the question back where a time happens twice."""

    starts = LocalField(label="From")
    starts_fold = forms.ChoiceField(
        label="Which one?", choices=WHICH, required=False, widget=forms.HiddenInput
    )
    ends = LocalField(label="Until")
    ends_fold = forms.ChoiceField(
        label="Which one?", choices=WHICH, required=False, widget=forms.HiddenInput
    )

    #: The fields of rules are named as in the API.
    _FIELDS: dict[str, str] = {"starts_at": "starts", "ends_at": "ends"}

    def moment(self, name: str, zone: ZoneInfo) -> datetime | None:
        """Return the moment that was typed. Where there is none such, the form says so."""
        at: datetime | None = self.cleaned_data.get(name)
        if at is None:
            return None
        fold = self.cleaned_data.get(f"{name}_fold")
        try:
            return rules.local_moment(
                f"{name}_at", at.date(), at.time(), zone, fold=int(fold) if fold else None
            )
        except TwiceError as error:
            self.ask_which(name, error)
        except RuleError as error:
            self.add_problem(error)
        return None

    def ask_which(self, name: str, error: TwiceError) -> None:
        """Show the two moments that one clock time can be, to choose from."""
        self.add_problem(error)
        self.offer_both(name, error)

    def offer_both(self, name: str, error: TwiceError) -> None:
        field = self.fields[f"{name}_fold"]
        assert isinstance(field, forms.ChoiceField)
        field.widget = forms.RadioSelect()
        first, second = error.choices
        field.choices = [("0", f"First ({first})"), ("1", f"Second ({second})")]

    def is_empty(self, name: str) -> bool:
        return not self.cleaned_data.get(name) and name not in self.errors

    @property
    def asks(self) -> list[Any]:
        """The questions back, as bound fields."""
        return [
            self[name]
            for name in ("starts_fold", "ends_fold")
            if name in self.fields and isinstance(self.fields[name].widget, forms.RadioSelect)
        ]


class CodeForm(TimesForm):
    """A code as somebody wants it."""

    name = PlainField(
        label="Name",
        strip=False,
        help_text="Who it is for. It stands in the log when the code opens the door.",
        widget=forms.TextInput(attrs=_OFF | {"maxlength": "200"}),
    )
    kind = forms.ChoiceField(
        label="When",
        choices=[(TIMED, "For a time"), (ONGOING, "Ongoing, until somebody revokes it")],
        widget=forms.RadioSelect,
        initial=TIMED,
    )
    digits = PlainField(
        label="Code",
        required=False,
        strip=False,
        help_text="The digits to type. Leave empty: then some are made that nobody guesses.",
        widget=forms.TextInput(
            attrs=_OFF | {"inputmode": "numeric", "spellcheck": "false", "maxlength": "40"}
        ),
    )
    field_order = ("name", "kind", "starts", "starts_fold", "ends", "ends_fold", "digits")

    def wish(self, zone: ZoneInfo | None, doors: Sequence[Device]) -> Wish | None:
        """Return what is wanted; None where something is wrong, and the form says all of it.

        The zone is None where the doors do not tell one.
        """
        given = self.cleaned_data
        starts_at = ends_at = None
        if given.get("kind") == TIMED:
            self._check_times(is_known_zone=zone is not None)
            if zone:
                starts_at, ends_at = self.moment("starts", zone), self.moment("ends", zone)
        name, digits = given.get("name", ""), given.get("digits", "")
        if not self.errors and zone:
            return Wish(name=name, starts_at=starts_at, ends_at=ends_at, digits=digits)
        for problem in problems_with(name, digits, doors):
            self.add_problem(problem)
        return None

    def _check_times(self, *, is_known_zone: bool) -> None:
        empty = [name for name in ("starts", "ends") if self.is_empty(name)]
        if len(empty) == 2:
            self.add_error("starts", NEED_TIMES)
        elif empty:
            self.add_error(empty[0], NEED_BOTH)
        starts, ends = self.cleaned_data.get("starts"), self.cleaned_data.get("ends")
        if not is_known_zone and starts and ends and ends <= starts:
            self.add_error("ends", "end must be after start")


class NewCodeForm(CodeForm):
    """A code on one door or on several."""

    doors = forms.MultipleChoiceField(
        label="Doors", error_messages={"required": "choose at least one door"}
    )

    def __init__(self, *args: Any, doors: Sequence[Device], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._doors = {str(door.pk): door for door in doors}
        field = self.fields["doors"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = [(pk, door.name) for pk, door in self._doors.items()]
        field.error_messages["invalid_choice"] = "one of these doors is not there any more"

    def chosen(self) -> list[Device]:
        """Return the doors ticked so far, valid or not the rest of the form."""
        given = self.data.getlist("doors") if self.is_bound else self.initial.get("doors", [])  # type: ignore[attr-defined]
        return [self._doors[pk] for pk in dict.fromkeys(given) if pk in self._doors]

    def zone(self) -> ZoneInfo | None:
        """Return the zone all chosen doors are in; where there are several, the form says so."""
        zones = {door.property.time_zone for door in self.chosen()}
        if len(zones) > 1 and self.cleaned_data.get("kind") == TIMED:
            self.add_error(
                "doors",
                "these doors are in different time zones: make their codes property by property",
            )
            return None
        return ZoneInfo(zones.pop()) if zones else None


class EditForm(CodeForm):
    """A code that is there already. Empty digits stay as they are."""

    generation_seen = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, code: AccessCode, **kwargs: Any) -> None:
        kwargs["initial"] = initial_of(code)
        super().__init__(*args, **kwargs)
        accepts = capability_of(code.device).rules
        if accepts and accepts.can_change_digits:
            self.fields["digits"].help_text = "New digits. Leave empty to keep those it has."
        else:
            self.fields["digits"].widget = forms.HiddenInput()
            self.fields["digits"].disabled = True

    @property
    def generation(self) -> int:
        """The code as this person looked at it; 0 where the page did not say."""
        return self.cleaned_data.get("generation_seen") or 0


def initial_of(code: AccessCode) -> dict[str, Any]:
    """Return a code as the form shows it, in the time of its property."""
    zone = code.device.property.zone

    def local(at: datetime | None) -> str:
        return f"{at.astimezone(zone):%Y-%m-%dT%H:%M}" if at else ""

    return {
        "name": code.name,
        "kind": ONGOING if code.is_ongoing else TIMED,
        "starts": local(code.starts_at),
        "ends": local(code.ends_at),
        "generation_seen": code.generation,
    }


class ExtendForm(TimesForm):
    """A new end for several codes."""

    codes = forms.TypedMultipleChoiceField(label="Codes", coerce=UUID)
    field_order = ("ends", "ends_fold")

    def __init__(self, *args: Any, codes: Sequence[AccessCode], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["starts"], self.fields["starts_fold"]
        self.fields["ends"].label = "New end"
        field = self.fields["codes"]
        assert isinstance(field, forms.TypedMultipleChoiceField)
        field.choices = [(str(code.pk), code.name) for code in codes]
