"""What the station posts. Nobody types here, so what does not fit is said in one sentence."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.http import QueryDict

from access.cards.asking import Order
from access.cards.station import encoders_for, jobs_for, users_for
from access.models import AcsCredential, AcsEncoder, AcsUser, EncodeJob
from access.states import Intent
from accounts.actors import Actor
from locks.codes.listing import uuid_of

_KEY_LENGTH = 64


class OrderForm(forms.Form):
    """One card or one reading. What a person may not see does not exist for them."""

    intent = forms.ChoiceField(choices=Intent.choices)
    user = forms.ModelChoiceField(AcsUser.objects.none(), required=False)
    encoder = forms.ModelChoiceField(AcsEncoder.objects.none())
    credential = forms.ModelChoiceField(AcsCredential.objects.none(), required=False)
    settles = forms.ModelChoiceField(EncodeJob.objects.none(), required=False)
    key = forms.CharField(max_length=_KEY_LENGTH)
    new_tags = forms.BooleanField(required=False)
    #: The consequences of this replacement were shown, and accepted.
    confirmed = forms.BooleanField(required=False)

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices: dict[str, Any] = {
            "user": users_for(actor).select_related("system__property"),
            "encoder": encoders_for(actor).select_related("system__property"),
            "credential": AcsCredential.objects.for_actor(actor),
            "settles": jobs_for(actor),
        }
        for name, rows in choices.items():
            field = self.fields[name]
            assert isinstance(field, forms.ModelChoiceField)
            field.queryset = rows

    @property
    def intent_now(self) -> Intent:
        return Intent(self.cleaned_data["intent"])

    def problem(self) -> str:
        """Return what is wrong, in a sentence; "" where nothing is. Cleans."""
        self.full_clean()
        if "encoder" in self.errors:
            return "Choose an encoder."
        if "user" in self.errors:
            return "That person was not found. Choose somebody from the list."
        if self.errors:
            return "That could not be read. Load the page again."
        if self.intent_now != Intent.READ and self.cleaned_data["user"] is None:
            return "Choose somebody first."
        return ""

    def order(self, *, station: str) -> Order:
        """Return the wish. Only after `problem` found none."""
        given = self.cleaned_data
        return Order(
            intent=self.intent_now,
            encoder=given["encoder"],
            user=None if self.intent_now == Intent.READ else given["user"],
            credential=given["credential"],
            settles=given["settles"],
            key=given["key"],
            station=station,
            detects_new_tags=given["new_tags"],
        )


class AgainForm(forms.Form):
    """The same wish once more, perhaps at another encoder."""

    key = forms.CharField(max_length=_KEY_LENGTH)
    encoder = forms.ModelChoiceField(AcsEncoder.objects.none(), required=False)

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["encoder"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = encoders_for(actor).select_related("system__property")


#: Of the name of a box: each is of one person, so that no browser restores a tick to another.
_PICK = "pick-"


def picked(posted: QueryDict) -> list[UUID]:
    """Return the people who were ticked, in the order of the list."""
    return uuids([name.removeprefix(_PICK) for name in posted if name.startswith(_PICK)])


def uuids(texts: list[str]) -> list[UUID]:
    """Return those that are ids; the others are nobody's."""
    return [pk for text in texts if (pk := uuid_of(text))]
