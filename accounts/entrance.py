"""The forms of signing in and of passwords: allauth's, in our words."""

from typing import ClassVar

from allauth.account.forms import (
    ChangePasswordForm,
    LoginForm,
    ReauthenticateForm,
    ResetPasswordForm,
    ResetPasswordKeyForm,
)
from django import forms

from accounts.forms import HOW_LONG

#: What to say of a field that was left empty.
_MISSING = {
    "login": "Enter your e-mail address.",
    "email": "Enter your e-mail address.",
    "password": "Enter your password.",
    "oldpassword": "Enter your current password.",
    "password1": "Choose a new password.",
    "password2": "Enter the new password once more.",
}


class _Plain(forms.Form):
    """A label says it once, and our pages have the links."""

    labels: ClassVar[dict[str, str]]
    hints: ClassVar[dict[str, str]] = {}
    #: Whose hint is the link to a forgotten password, which stands below the form.
    with_link: ClassVar[str] = ""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        for name, field in self.fields.items():
            field.label = self.labels.get(name, field.label)
            field.help_text = self.hints.get(name, field.help_text)
            if name in _MISSING:
                field.error_messages["required"] = _MISSING[name]
            field.widget.attrs.pop("placeholder", None)
        if self.with_link:
            self.fields[self.with_link].help_text = ""


_NEW_PASSWORD_LABELS = {"password1": "New password", "password2": "New password, once more"}
_NEW_PASSWORD_HINTS = {"password1": HOW_LONG}


class SignInForm(_Plain, LoginForm):  # type: ignore[misc]  # allauth is untyped
    labels = {"login": "E-mail", "password": "Password"}
    with_link = "password"


class PasswordForm(_Plain, ChangePasswordForm):  # type: ignore[misc]
    labels = {"oldpassword": "Current password"} | _NEW_PASSWORD_LABELS
    hints = _NEW_PASSWORD_HINTS
    with_link = "oldpassword"


class ForgottenForm(_Plain, ResetPasswordForm):  # type: ignore[misc]
    labels = {"email": "E-mail"}


class NewPasswordForm(_Plain, ResetPasswordKeyForm):  # type: ignore[misc]
    labels = _NEW_PASSWORD_LABELS
    hints = _NEW_PASSWORD_HINTS


class ItIsMeForm(_Plain, ReauthenticateForm):  # type: ignore[misc]
    labels = {"password": "Password"}
    with_link = "password"
