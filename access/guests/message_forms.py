"""What somebody chooses of a message."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.conf import settings

from access.guests import deliveries, languages
from access.guests.deliveries import Wanted
from access.guests.letters import Kind
from access.guests.message_words import KIND_WORDS
from access.models import AccessGrant
from locks.codes.forms import LocalField, RefusableForm
from locks.codes.rules import RuleError, local_moment


class MessageForm(RefusableForm):
    """Which message, in which language, and from when on."""

    key = forms.UUIDField(widget=forms.HiddenInput)
    kind = forms.ChoiceField(label="Message")
    address = forms.CharField(
        label="To",
        required=False,
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
        help_text="For an e-mail only.",
    )
    language = forms.ChoiceField(label="Language", choices=settings.LANGUAGES)
    has_digits = forms.BooleanField(
        label="Write the code, too",
        required=False,
        help_text=(
            "Usually the message has a link only, and the code stands on the page behind it."
            " A code that stands in a message can be read by whoever reads that mailbox."
        ),
    )
    waits_until_ready = forms.BooleanField(
        label="Wait until everything is ready",
        required=False,
        help_text="An e-mail goes out once every code is on its lock, and every key is made.",
    )
    not_before = LocalField(label="Not before", required=False)

    def __init__(self, *args: Any, grant: AccessGrant, **kwargs: Any) -> None:
        self.grant = grant
        kwargs["initial"] = _initial(grant) | kwargs.get("initial", {})
        super().__init__(*args, **kwargs)
        kinds = (
            [Kind.REVOKED] if grant.revoked_at else [Kind.INVITATION, Kind.CHANGED, Kind.REMINDER]
        )
        self.fields["kind"].choices = [(kind, KIND_WORDS[kind]) for kind in kinds]  # type: ignore[attr-defined]
        self.fields[
            "not_before"
        ].help_text = f"For an e-mail only. Time in {grant.property.time_zone}."
        absent = ["waits_until_ready", "not_before"] if grant.revoked_at else []
        if grant.revoked_at or not deliveries.has_code(grant):
            absent.append("has_digits")
        for name in absent:
            del self.fields[name]

    @property
    def pk(self) -> UUID:
        found = self.cleaned_data["key"]
        assert isinstance(found, UUID)
        return found

    def wanted(self) -> Wanted | None:
        """Return what was chosen; None where something is wrong, which stands on the form then."""
        if not self.is_valid():
            return None
        data = self.cleaned_data
        try:
            not_before = self._not_before(data.get("not_before"))
        except RuleError as error:
            self.add_problem(error)
            return None
        return Wanted(
            kind=Kind(data["kind"]),
            address=data["address"],
            language=data["language"],
            has_digits=bool(data.get("has_digits")),
            waits_until_ready=bool(data.get("waits_until_ready")),
            not_before=not_before,
        )

    def _not_before(self, local: datetime | None) -> datetime | None:
        if local is None:
            return None
        zone = self.grant.property.zone
        # Where a clock shows it twice, the first time is early enough for a message.
        return local_moment("not_before", local.date(), local.time(), zone, fold=0)


def _initial(grant: AccessGrant) -> dict[str, Any]:
    return {
        "key": uuid4(),
        "kind": Kind.REVOKED if grant.revoked_at else Kind.INVITATION,
        "address": grant.identity.email,
        "language": languages.choose(grant.identity.language),
        "waits_until_ready": True,
    }
