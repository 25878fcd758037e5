"""What people type and press about a stay."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from django import forms
from django.http import QueryDict

from access.guests import languages
from access.planning.asked import Policy
from access.planning.checking import METHODS
from accounts.models import Space
from accounts.providers.systems import AccessMethod as Mode
from locks.codes import rules
from locks.codes.forms import PlainField, TimesForm
from locks.codes.rules import RuleError, TwiceError

#: Languages that guests are written to in.
LANGUAGES = (("", "The property’s usual one"), *languages.LANGUAGES.items())
POLICIES = (
    (Policy.FIRST.value, "The first that works at each door"),
    (Policy.TWO.value, "The first two that work"),
    (Policy.ALL.value, "All that work"),
)
MODES = tuple(Mode)
#: What a form can hold; more is no slip any more, and cut off.
_MOST_TARGETS = 200
_PLAIN = {"autocomplete": "off", "spellcheck": "false"}


def _described(name: str, **attrs: str) -> dict[str, str]:
    """What is wrong has its place beside each field, before there is anything."""
    return {"aria-describedby": f"id_{name}_problem"} | _PLAIN | attrs


class GrantForm(TimesForm):
    """Who, where, when and how. Always bound: a fresh form has its usual answers already."""

    person = forms.CharField(required=False, widget=forms.HiddenInput)
    full_name = PlainField(
        label="Name", required=False, strip=False, widget=forms.TextInput(_described("full_name"))
    )
    email = PlainField(
        label="E-mail",
        required=False,
        strip=False,
        widget=forms.TextInput(_described("email", inputmode="email")),
    )
    phone = PlainField(
        label="Phone",
        required=False,
        strip=False,
        widget=forms.TextInput(_described("phone", inputmode="tel")),
    )
    language = forms.ChoiceField(label="Language", choices=LANGUAGES, required=False)
    is_staff = forms.BooleanField(label="Staff, not a guest", required=False)
    place = forms.ChoiceField(
        label="Property", error_messages={"invalid_choice": "this property is not there any more"}
    )
    #: Only where errors go: what is chosen comes as `targets`.
    doors = forms.CharField(label="Rooms and doors", required=False)
    has_no_end = forms.BooleanField(label="No end, until somebody revokes it", required=False)
    #: Only where errors go: they come as `methods`, in the order of `order`.
    methods = forms.CharField(label="Ways in", required=False)
    digits = PlainField(
        label="Wished digits",
        required=False,
        strip=False,
        widget=forms.TextInput(_described("digits", inputmode="numeric", maxlength="40")),
    )
    reservation_key = PlainField(
        label="Reservation key",
        required=False,
        widget=forms.TextInput(_described("reservation_key", maxlength="255")),
    )
    policy = forms.ChoiceField(
        label="Where a door takes several of these",
        choices=POLICIES,
        widget=forms.RadioSelect,
        error_messages={"required": "choose one of these"},
    )

    _FIELDS = TimesForm._FIELDS | {
        "guest": "full_name",
        "requested_access_methods": "methods",
    }

    def __init__(self, given: QueryDict, *, places: list[Space]) -> None:
        super().__init__(given)
        self.given = given
        self.places = {str(each.pk): each for each in places}
        field = self.fields["place"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(pk, each.name) for pk, each in self.places.items()]
        for name in ("starts", "ends"):
            self.fields[name].widget.attrs["aria-describedby"] = f"id_{name}_problem"

    @property
    def chosen_place(self) -> Space:
        """The property; the first one where none such was chosen."""
        return self.places.get(self.given.get("place", "")) or next(iter(self.places.values()))

    @property
    def target_keys(self) -> list[str]:
        return list(dict.fromkeys(self.given.getlist("targets")))[:_MOST_TARGETS]

    @property
    def order(self) -> list[Mode]:
        """The ways in as they stand in the form: every one, once."""
        asked = [Mode(each) for each in self.given.getlist("order")[:10] if each in MODES]
        return list(dict.fromkeys([*asked, *MODES]))

    @property
    def wanted(self) -> list[Mode]:
        """The ways in that are ticked, in their order."""
        ticked = set(self.given.getlist("methods"))
        return [each for each in self.order if each in ticked]

    def keep_asking(self, zone: ZoneInfo) -> None:
        """Show the question on a time that happens twice also where it was answered."""
        for name in ("starts", "ends"):
            at: datetime | None = self.cleaned_data.get(name)
            if at is None or name in self.errors:
                continue
            try:
                rules.local_moment(name, at.date(), at.time(), zone)
            except TwiceError as error:
                self.offer_both(name, error)
            except RuleError:
                continue

    def check_methods(self) -> None:
        if any(each not in MODES for each in self.given.getlist("methods")):
            self.add_error("methods", METHODS)

    def problems_at(self, name: str) -> list[str]:
        return [str(each) for each in self.errors.get(name, [])]

    @property
    def has_more_about_them(self) -> bool:
        """Whether what is folded away has something in it."""
        names = ("phone", "language", "is_staff")
        return any(self.given.get(each) for each in names) or "phone" in self.errors


def time_problems(form: GrantForm) -> None:
    """Say which times are missing."""
    has_no_end = bool(form.cleaned_data.get("has_no_end"))
    is_missing = [name for name in ("starts", "ends") if form.is_empty(name)]
    if has_no_end:
        is_missing = [name for name in is_missing if name != "ends"]
    for name, sentence in (
        ("starts", "choose when it starts"),
        ("ends", "time-bound stays need both start and end; tick “No end” for an ongoing one"),
    ):
        if name in is_missing:
            form.add_error(name, sentence)


def blank(extra: dict[str, str | list[str]]) -> QueryDict:
    """Return the answers of a form as it would be posted."""
    given = QueryDict(mutable=True)
    for name, value in extra.items():
        given.setlist(name, value if isinstance(value, list) else [value])
    return given
