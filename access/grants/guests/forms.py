"""What people type of a guest. The rules themselves are in `access.people.rules`."""

from __future__ import annotations

from django import forms
from django.conf import settings
from django.http import QueryDict

from access.grants.asking import Guest
from access.models import UserIdentity
from locks.codes.forms import PlainField, TimesForm

_OFF = {"autocomplete": "off"}
#: Those that messages and guest pages are written in.
LANGUAGES = (("", "As the property usually writes"), *settings.LANGUAGES)


class GuestForm(TimesForm):
    """Somebody's details."""

    full_name = PlainField(
        label="Name", strip=False, widget=forms.TextInput(attrs=_OFF | {"maxlength": "200"})
    )
    email = PlainField(
        label="E-mail",
        required=False,
        help_text="Nobody else here may have it.",
        widget=forms.EmailInput(attrs=_OFF | {"maxlength": "300"}),
    )
    phone = PlainField(
        label="Phone",
        required=False,
        help_text="International format, such as +33 6 12 34 56 78.",
        widget=forms.TextInput(attrs=_OFF | {"inputmode": "tel", "maxlength": "40"}),
    )
    language = forms.ChoiceField(label="Language", choices=LANGUAGES, required=False)
    is_staff = forms.BooleanField(
        label="Staff",
        required=False,
        help_text="Somebody who belongs here, and no guest of a reservation.",
    )

    def __init__(self, data: QueryDict | None, *, person: UserIdentity) -> None:
        names = ("full_name", "email", "phone", "language", "is_staff")
        super().__init__(data, initial={name: getattr(person, name) for name in names})

    def guest(self) -> Guest | None:
        """Return the details; None where something is wrong, and the form says it."""
        self.full_clean()
        if self.errors:
            return None
        given = {name: self.cleaned_data.get(name, "") for name in ("full_name", "email", "phone")}
        return Guest(
            **given,
            language=self.cleaned_data.get("language", ""),
            is_staff=bool(self.cleaned_data.get("is_staff")),
        )
