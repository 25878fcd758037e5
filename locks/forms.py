"""What people send about doors."""

from django import forms

from accounts.models import UnlockPolicy


class OrderForm(forms.Form):
    """A click on Unlock or Lock."""

    idempotency_key = forms.RegexField(
        r"^[\x21-\x7e]{1,255}$",
        widget=forms.HiddenInput,
        error_messages={
            "required": "Idempotency-Key: 1–255 printable characters",
            "invalid": "Idempotency-Key: 1–255 printable characters",
        },
    )
    reason = forms.CharField(
        max_length=300,
        required=False,
        label="Reason",
        help_text="It stands in the log with your name.",
    )
    seconds = forms.IntegerField(
        min_value=1,
        max_value=60,
        required=False,
        widget=forms.HiddenInput,
        error_messages=dict.fromkeys(
            ("invalid", "min_value", "max_value"), "seconds: whole number 1–60"
        ),
    )
    again = forms.BooleanField(required=False, widget=forms.HiddenInput)


class PolicyForm(forms.Form):
    """What is asked before this door, or every door of the property, opens from afar."""

    unlock_policy = forms.ChoiceField(required=False)

    def __init__(
        self, *args: object, label: str = "", may_inherit: bool = False, **kwargs: object
    ) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        field = self.fields["unlock_policy"]
        assert isinstance(field, forms.ChoiceField)
        field.label = label or None
        inherit = [("", "As all doors of the property")] if may_inherit else []
        field.choices = [*inherit, *UnlockPolicy.choices]


class SettleForm(forms.Form):
    """Somebody's word for what the door did."""

    outcome = forms.ChoiceField(choices=[("opened", "It opened"), ("not_opened", "It did not")])
