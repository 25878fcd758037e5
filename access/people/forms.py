"""What people type of somebody. The rules themselves are in `rules`; here is where they land."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django import forms

from access.models import AcsAccessGroup, AcsSystem, AcsUser
from access.people import services
from access.people.services import Wish
from audit.ids import new_id
from locks.codes.forms import ONGOING, TIMED, LocalField, PlainField, TimesForm

NEED_A_TIME = "Choose when it starts or when it ends; or choose “Always”."
_OFF = {"autocomplete": "off"}


class PersonForm(TimesForm):
    """Somebody as they are wished: details, schedule, groups."""

    full_name = PlainField(
        label="Name",
        strip=False,
        widget=forms.TextInput(attrs=_OFF | {"maxlength": "200"}),
    )
    email = PlainField(
        label="E-mail",
        required=False,
        help_text="Nobody else in the system may have it.",
        widget=forms.EmailInput(attrs=_OFF | {"maxlength": "300"}),
    )
    phone = PlainField(
        label="Phone",
        required=False,
        help_text="International format, such as +33 6 12 34 56 78.",
        widget=forms.TextInput(attrs=_OFF | {"inputmode": "tel", "maxlength": "40"}),
    )
    kind = forms.ChoiceField(
        label="When",
        choices=[(ONGOING, "Always, until somebody changes it"), (TIMED, "For a time")],
        widget=forms.RadioSelect,
        initial=ONGOING,
    )
    starts = LocalField(label="From", required=False, help_text="Leave empty for now.")
    ends = LocalField(label="Until", required=False, help_text="Leave empty for no end.")
    groups = forms.MultipleChoiceField(
        label="Groups",
        required=False,
        error_messages={"invalid_choice": "one of these groups is not there any more"},
    )
    key = forms.UUIDField(widget=forms.HiddenInput, required=False)
    version = forms.CharField(widget=forms.HiddenInput, required=False)
    field_order = ("full_name", "email", "phone", "kind", "starts", "starts_fold", "ends")

    def __init__(
        self,
        *args: Any,
        system: AcsSystem,
        groups: Sequence[AcsAccessGroup],
        user: AcsUser | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._system, self._user = system, user
        self._groups = {str(group.pk): group for group in groups}
        field = self.fields["groups"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = [(pk, group.name) for pk, group in self._groups.items()]
        if user is None:
            self.initial.setdefault("key", str(new_id()))

    def chosen(self) -> list[AcsAccessGroup]:
        """Return the groups ticked so far, valid or not the rest of the form."""
        given = self.data.getlist("groups") if self.is_bound else self.initial.get("groups", [])  # type: ignore[attr-defined]
        return [self._groups[pk] for pk in dict.fromkeys(given) if pk in self._groups]

    @property
    def chosen_ids(self) -> set[str]:
        return {str(group.pk) for group in self.chosen()}

    def make_key(self) -> UUID:
        return self.cleaned_data.get("key") or new_id()

    def wish(self) -> Wish | None:
        """Return what is wished; None where something is wrong, and the form says all of it."""
        starts_at = ends_at = None
        if self.cleaned_data.get("kind") == TIMED:
            if self.is_empty("starts") and self.is_empty("ends"):
                self.add_error("starts", NEED_A_TIME)
            starts_at, ends_at = self._moment("starts"), self._moment("ends")
        given = {name: self.cleaned_data.get(name, "") for name in ("full_name", "email", "phone")}
        wish = Wish(**given, starts_at=starts_at, ends_at=ends_at)
        if not self.errors:
            return wish
        for problem in services.problems_with(wish, self._system, self._user):
            self.add_problem(problem)
        return None

    def _moment(self, name: str) -> datetime | None:
        """A time nobody touched is what it was, to the second."""
        if self._user and self.data.get(name) == self.initial.get(name):
            was: datetime | None = getattr(self._user, f"{name}_at")
            if was:
                return was
        return self.moment(name, self._system.property.zone)


def initial_of(user: AcsUser, group_ids: set[UUID], version: str) -> dict[str, Any]:
    """Return somebody as the form shows them, in the time of their property."""
    zone = user.system.property.zone

    def local(at: datetime | None) -> str:
        return f"{at.astimezone(zone):%Y-%m-%dT%H:%M}" if at else ""

    return {
        "full_name": user.full_name,
        "email": user.email,
        "phone": user.phone,
        "kind": TIMED if user.starts_at or user.ends_at else ONGOING,
        "starts": local(user.starts_at),
        "ends": local(user.ends_at),
        "groups": [str(pk) for pk in group_ids],
        "version": version,
    }
