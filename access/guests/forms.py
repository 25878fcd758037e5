"""What people type for guests of a property."""

from __future__ import annotations

from typing import Any

from django import forms

from access.guests.houses import House
from accounts.fields import has_hidden

_OFF = {"autocomplete": "off"}


def _lines(rows: int) -> forms.Textarea:
    return forms.Textarea(attrs={"rows": rows})


class HouseForm(forms.Form):
    phone = forms.RegexField(
        label="Phone for guests",
        regex=r"^\+[0-9][0-9 ()-]{5,38}$",
        required=False,
        help_text="Whom to call when they cannot get in. International format, such as"
        " +33 6 12 34 56 78.",
        error_messages={"invalid": "phone: international format +33…"},
        widget=forms.TextInput(attrs=_OFF | {"inputmode": "tel", "maxlength": "40"}),
    )
    email = forms.EmailField(
        label="E-mail for guests",
        max_length=254,
        required=False,
        help_text="Answers to e-mails of Lockboard go there. It stands on the guest page, too.",
        error_messages={"invalid": "e-mail address is not valid"},
        widget=forms.EmailInput(attrs=_OFF),
    )
    address = forms.CharField(
        label="Address", required=False, max_length=300, widget=forms.TextInput(attrs=_OFF)
    )
    directions = forms.CharField(
        label="How to get there", required=False, max_length=1500, widget=_lines(4)
    )
    wifi_name = forms.CharField(
        label="Wi-Fi name",
        required=False,
        max_length=64,
        widget=forms.TextInput(attrs=_OFF),
    )
    wifi_password = forms.CharField(
        label="Wi-Fi password",
        required=False,
        max_length=64,
        strip=False,
        help_text="Guests see it while they stay. Leave empty to keep the one that is stored.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    drops_wifi_password = forms.BooleanField(
        label="There is no Wi-Fi password any more", required=False
    )
    notes = forms.CharField(
        label="Good to know",
        required=False,
        max_length=1500,
        help_text="House rules, parking, the lift … Guests see it with the times of their stay.",
        widget=_lines(4),
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for name, value in list(cleaned.items()):
            if isinstance(value, str) and has_hidden(value):
                self.add_error(name, "Use visible characters only.")
        return cleaned

    def told(self, before: House) -> House:
        """Return what guests are told from now on."""
        names = ("phone", "email", "address", "wifi_name")
        given = {each: self.cleaned_data[each] for each in names}
        lines = {
            each: self.cleaned_data[each].replace("\r\n", "\n") for each in ("directions", "notes")
        }
        password = self.cleaned_data["wifi_password"] or before.wifi_password
        if self.cleaned_data["drops_wifi_password"]:
            password = ""
        return House(wifi_password=password, **given, **lines)
