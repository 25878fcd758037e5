"""What people type about accounts and people."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.html import format_html, format_html_join

from accounts.driving import door_for
from accounts.fields import AddressField, MillisecondsField, NameField, PastedField
from accounts.models import (
    ConnectedAccount,
    Dialect,
    Grant,
    Invitation,
    Membership,
    Role,
    Space,
    User,
    Workspace,
)
from accounts.models.places import validate_time_zone
from accounts.onboarding.choosing import Choice
from accounts.onboarding.credentials import Credentials, usual_addresses
from accounts.permissions import ROLES_IN_WORDS
from accounts.providers import PROVIDERS
from accounts.upkeep import (
    EVENT_INTERVAL_MS,
    RELEASED_STATE_MS,
    STATUS_INTERVAL_MS,
    UNLOCK_SECONDS,
    Settings,
)

ENTER_AGAIN = "For safety, enter the client secret again when changing the address."
NEW_PROPERTY = "new"
HOW_LONG = "At least 12 characters. A sentence is easier to remember than signs."

_NO_AUTOFILL = {"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}


# --- connecting -------------------------------------------------------------------------------


class CredentialsForm(forms.Form):
    """Back-end credentials of one dialect. Secrets are never shown again, not even as typed.

    When an account is reconnected, secrets left empty stay as they are, unless an address
    changes: a stored secret never goes to another host (reliability ACC-01).
    """

    dialect = forms.ChoiceField(choices=Dialect.choices, widget=forms.HiddenInput)
    client_id = PastedField(
        label="Client id",
        noun="client id",
        max_length=200,
        widget=forms.TextInput(attrs=_NO_AUTOFILL),
    )
    client_secret = PastedField(
        label="Client secret", noun="client secret", widget=forms.PasswordInput(attrs=_NO_AUTOFILL)
    )
    username = forms.CharField(
        label="User name",
        max_length=254,
        help_text="The e-mail address of the Salto KS user that Lockboard acts as.",
        error_messages={"required": "Enter the user name."},
        widget=forms.TextInput(attrs=_NO_AUTOFILL),
    )
    password = forms.CharField(
        label="Password",
        strip=False,
        max_length=512,
        error_messages={"required": "Enter the password."},
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )

    def __init__(
        self,
        *args: Any,
        workspace: Workspace,
        dialect: str,
        account: ConnectedAccount | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.account = account
        door = door_for(workspace)
        self.usual = usual_addresses(workspace, dialect)
        for name, label, usual in (
            ("api_base", "API address (api_base)", self.usual[0]),
            ("auth_url", "Token address (auth_url)", self.usual[1]),
        ):
            self.fields[name] = AddressField(
                door=door,
                sandbox=settings.SANDBOX_URL if workspace.is_sandbox else None,
                label=label,
                initial=usual,
            )
            self.fields[name].help_text = f"Usually {usual}" if usual else ""
        self.fields["dialect"].initial = dialect
        if dialect == Dialect.LEGACY:
            del self.fields["username"], self.fields["password"]
        if account:
            self._keep_secrets_of(account)

    def _keep_secrets_of(self, account: ConnectedAccount) -> None:
        for name in ("client_id", "username", "api_base", "auth_url"):
            if name in self.fields and getattr(account, name):
                self.fields[name].initial = getattr(account, name)
        for name in ("client_secret", "password"):
            if name in self.fields and getattr(account, f"{name}_sealed"):
                self.fields[name].required = False
                self.fields[name].help_text = "•••• is stored. Leave this empty to keep it."

    @property
    def notices(self) -> list[str]:
        """Return what was tidied, a sentence each."""
        return [
            f"{field.label}: removed spaces."
            for field in self.fields.values()
            if isinstance(field, PastedField) and field.removed_spaces
        ]

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        if self.account and self._has_moved(self.account):
            for name, sentence in (
                ("client_secret", ENTER_AGAIN),
                ("password", "For safety, enter the password again when changing the address."),
            ):
                if name in self.fields and name in given and not given[name]:
                    self.add_error(name, sentence)
        return given

    def _has_moved(self, account: ConnectedAccount) -> bool:
        """Whether a stored secret would go to another host, or stand for another name."""
        return any(
            name in self.cleaned_data and self.cleaned_data[name] != getattr(account, name)
            for name in ("api_base", "auth_url", "client_id", "dialect")
        )

    def credentials(self) -> Credentials:
        """Return what was typed, with the account's own secrets where they were left empty.

        Raises UnreadableError where these cannot be opened any more.
        """
        given = self.cleaned_data
        kept = self.account
        return Credentials(
            dialect=given["dialect"],
            grant=Grant.CLIENT_CREDENTIALS
            if given["dialect"] == Dialect.LEGACY
            else Grant.PASSWORD,
            api_base=given["api_base"],
            auth_url=given["auth_url"],
            client_id=given["client_id"],
            username=given.get("username", ""),
            client_secret=given["client_secret"] or (kept.unseal("client_secret") if kept else ""),
            password=given.get("password", "")
            or (kept.unseal("password") if kept and "password" in given else ""),
        )


class SiteForm(forms.Form):
    """One site: whether it is chosen, and which property it is."""

    use_required_attribute = False  # name and zone count only for a new property

    property = forms.ChoiceField(label="Property")
    name = NameField(label="Name of the new property", noun="name")
    time_zone = forms.CharField(
        label="Its time zone",
        widget=forms.TextInput(attrs={"list": "time-zones", "placeholder": "Europe/Paris"}),
    )

    def __init__(
        self,
        *args: Any,
        site: dict[str, Any],
        is_chosen: bool,
        unavailable: str,
        properties: list[Space],
        may_add: bool,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.site, self.is_chosen = site, is_chosen
        #: Why it cannot be chosen: a sentence, or "".
        self.unavailable = unavailable
        choices = [(str(space.pk), space.name) for space in properties]
        if may_add:
            choices.append((NEW_PROPERTY, "A new property"))
        self.fields["property"].choices = choices  # type: ignore[attr-defined]
        self.may_add = may_add
        if self["property"].value() != NEW_PROPERTY:
            self.fields["name"].required = self.fields["time_zone"].required = not self.is_bound

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        if given.get("property") != NEW_PROPERTY:
            return given
        try:
            validate_time_zone(given.get("time_zone", ""))
        except ValidationError as error:
            self.errors.pop("time_zone", None)
            self.add_error("time_zone", error)
        return given

    def choice(self) -> Choice:
        given = self.cleaned_data
        if given["property"] != NEW_PROPERTY:
            return Choice(remote_id=self.site["remote_id"], property_id=UUID(given["property"]))
        return Choice(
            remote_id=self.site["remote_id"], name=given["name"], time_zone=given["time_zone"]
        )


class SitesForm:
    """All sites of a login, each with its form. Sites may share a property, also a new one."""

    def __init__(
        self,
        posted: Any,
        *,
        sites: list[dict[str, Any]],
        initial: dict[str, Choice],
        chosen_ids: set[str],
        unavailable: dict[str, str],
        properties: list[Space],
        may_add: bool,
    ) -> None:
        self.is_bound = posted is not None
        self.sites, self.properties, self.unavailable = sites, properties, unavailable
        self.chosen_ids = set(posted.getlist("site")) if self.is_bound else chosen_ids
        self.error = ""
        self.forms = [
            SiteForm(
                # Only what is chosen must be right.
                posted if self.is_bound and site["remote_id"] in self.chosen_ids else None,
                prefix=f"s{number}",
                site=site,
                is_chosen=site["remote_id"] in self.chosen_ids,
                unavailable=unavailable.get(site["remote_id"], ""),
                properties=properties,
                may_add=may_add,
                initial=_initial(initial[site["remote_id"]]),
            )
            for number, site in enumerate(sites)
        ]

    def is_valid(self) -> bool:
        known = {site["remote_id"] for site in self.sites}
        if self.chosen_ids - known:
            names = ", ".join(site["name"] for site in self.sites)
            self.error = f"This credential cannot see that site; visible sites: {names}."
        elif not self.chosen_ids:
            self.error = "Choose at least one site."
        elif barred := [form for form in self.forms if form.is_chosen and form.unavailable]:
            self.error = f"{barred[0].site['name']} cannot be chosen. {barred[0].unavailable}"
        wrong = [form for form in self.forms if form.is_chosen and not form.is_valid()]
        return not wrong and not self.error and self._are_new_ones_distinct()

    def _are_new_ones_distinct(self) -> bool:
        """A new property may not be called like one that is there; two sites may share it."""
        taken = {space.name.lower() for space in self.properties}
        zones: dict[str, str] = {}
        for form in (form for form in self.forms if form.is_chosen):
            choice = form.choice()
            if choice.property_id is not None:
                continue
            if choice.name.lower() in taken:
                form.add_error(
                    "name", f"There is a property called {choice.name}: choose it in the list."
                )
            elif zones.setdefault(choice.name, choice.time_zone) != choice.time_zone:
                form.add_error(
                    "time_zone", f"You gave {choice.name} another time zone at another site."
                )
        return not any(form.errors for form in self.forms if form.is_chosen)

    def choices(self) -> list[Choice]:
        return [form.choice() for form in self.forms if form.is_chosen]


def _initial(choice: Choice) -> dict[str, str]:
    return {
        "property": str(choice.property_id) if choice.property_id else NEW_PROPERTY,
        "name": choice.name,
        "time_zone": choice.time_zone,
    }


def time_zones() -> list[str]:
    """Return the zones to suggest: places, not abbreviations."""
    return sorted(
        name
        for name in available_timezones()
        if "/" in name and not name.startswith(("Etc/", "SystemV/", "posix/", "right/"))
    )


class ConfirmForm(forms.Form):
    """The last word: the account's name, and a tick where something in it will not work."""

    name = NameField(
        label="Name of the account",
        noun="name",
        help_text="How the board and the log call it.",
    )

    def __init__(self, *args: Any, is_broken: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if is_broken:
            self.fields["understood"] = UnderstoodField()


class UnderstoodField(forms.BooleanField):
    """Nobody goes on past a failed check without having read what will not work."""

    def __init__(self) -> None:
        super().__init__(
            label="Add it nevertheless: I have read what will not work",
            error_messages={"required": "Tick this to add it nevertheless, or go back."},
        )


# --- accounts ---------------------------------------------------------------------------------


class SettingsForm(forms.Form):
    """What may be changed without signing in again. A number out of range is clamped, and said."""

    name = NameField(label="Name", noun="name", help_text="How the board and the log call it.")
    status_interval_ms = MillisecondsField(
        label="Time between two looks at the doors (milliseconds)",
        span=STATUS_INTERVAL_MS,
        hint="How often {brand} is asked for the doors and their state.",
    )
    event_poll_interval_ms = MillisecondsField(
        label="Time between two looks at what happened (milliseconds)",
        span=EVENT_INTERVAL_MS,
        zero_is_off=True,
        hint="How often {brand} is asked what people did at the doors, for the log.",
    )
    unlock_seconds = forms.IntegerField(
        label="Time a door stays released (seconds)",
        help_text="1 to 60\u00a0seconds. Then it locks again by itself.",
        min_value=UNLOCK_SECONDS[0],
        max_value=UNLOCK_SECONDS[1],
        widget=forms.TextInput(attrs={"inputmode": "numeric"}),
        error_messages=dict.fromkeys(
            ("invalid", "min_value", "max_value", "required"),
            "Enter the seconds: whole number 1–60.",
        ),
    )
    released_state_ms = MillisecondsField(
        label="Time a door is shown as released (milliseconds)",
        span=RELEASED_STATE_MS,
        hint="How long the board counts down after an opening, where {brand} does not say.",
    )

    def __init__(self, *args: Any, account: ConnectedAccount, **kwargs: Any) -> None:
        self.before = Settings.of(account)
        kwargs["initial"] = vars(self.before)
        super().__init__(*args, **kwargs)
        provider = PROVIDERS[account.provider]
        if account.dialect not in provider.timed_dialects:
            # Salto's Connect API takes no duration: locks there keep their own time.
            del self.fields["unlock_seconds"]
        if not PROVIDERS[account.provider].closes_doors:
            del self.fields["released_state_ms"]
        for name, field in self.fields.items():
            if isinstance(field, MillisecondsField):
                hint = field.hint.format(brand=provider.brand)
                field.help_text = f"{hint} {field.words_for(getattr(self.before, name))}"

    def fill_in_clamped(self) -> None:
        """Put the nearest allowed number where one was out of range, for a second look."""
        typed: Any = self.data
        filled = typed.copy()
        for name, field in self.fields.items():
            if not isinstance(field, MillisecondsField) or name not in self.errors:
                continue
            try:
                number = field.to_python(self[name].value())
            except ValidationError:
                continue
            if number is not None:
                filled[name] = str(field.clamped(number))
        self.data = filled

    def settings(self) -> Settings:
        return replace(self.before, **self.cleaned_data)


class TypedNameForm(forms.Form):
    """Disconnecting asks for the account's name, typed."""

    name = forms.CharField(
        widget=forms.TextInput(attrs=_NO_AUTOFILL),
        error_messages={"required": "Type the name of the account to confirm."},
    )

    def __init__(self, *args: Any, account: ConnectedAccount, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.account = account
        self.fields["name"].label = f"Type “{account.name}” to confirm"

    def clean_name(self) -> str:
        typed: str = self.cleaned_data["name"]
        if typed.strip() != self.account.name.strip():
            raise ValidationError(f"That is not the name. It is: {self.account.name}")
        return typed


class _OnceTyped(forms.PasswordInput):
    """Seen while it is typed, and never sent back."""

    input_type = "text"


class PinForm(forms.Form):
    pin = forms.CharField(
        label="PIN from the mail",
        required=False,  # `activation` says in one sentence what it must be
        widget=_OnceTyped(
            attrs={"inputmode": "numeric", "autocomplete": "one-time-code", "size": "6"}
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["pin"].is_conditional = True  # type: ignore[attr-defined]

    def clean_pin(self) -> str:
        return "".join(self.cleaned_data["pin"].split())


# --- people -----------------------------------------------------------------------------------


ALL, SOME = "all", "some"


class AccessForm(forms.Form):
    """One role, for all properties or for some: which of the two is always said."""

    role = forms.ChoiceField(choices=[(role.value, role.label.capitalize()) for role in Role])
    where = forms.ChoiceField(
        label="Properties",
        choices=[(ALL, "All properties, also those added later"), (SOME, "Only these:")],
        widget=forms.RadioSelect,
        error_messages={"required": "Choose all properties, or only some."},
    )
    properties = forms.ModelMultipleChoiceField(
        queryset=Space.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label="Which ones",
    )

    def __init__(self, *args: Any, properties: QuerySet[Space], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["properties"].queryset = properties  # type: ignore[attr-defined]
        # Not optional where only some are chosen.
        self.fields["properties"].is_conditional = True  # type: ignore[attr-defined]
        self.fields["role"].help_text = format_html(
            "<ul>{}</ul>",
            format_html_join(
                "",
                "<li>{}: {}</li>",
                ((Role(role).label.capitalize(), words) for role, words in ROLES_IN_WORDS),
            ),
        )

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        if self.has_error("where", "required") and given.get("properties"):
            del self.errors["where"]  # ticking some says it; a script chooses the words as well
            given["where"] = SOME
        if given.get("where") != SOME:
            return given | {"properties": Space.objects.none()}
        if given.get("role") == Role.ADMIN:
            self.add_error("where", "An admin is for all properties: choose all, or another role.")
        elif "properties" in given and not given["properties"]:
            self.add_error("properties", "Tick at least one property, or choose all properties.")
        return given

    @property
    def makes_admin(self) -> bool:
        return bool(self.cleaned_data["role"] == Role.ADMIN)


class InviteForm(AccessForm):
    email = forms.EmailField(
        label="E-mail",
        max_length=254,
        error_messages={"required": "Enter the e-mail address to send the invitation to."},
    )
    name = NameField(label="Name", noun="name", required=False)

    field_order = ("email", "name", "role", "where", "properties")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].initial = Role.FRONT_DESK  # nobody is made an admin by a slip


def initial_access(memberships: list[Membership]) -> dict[str, Any]:
    ids = [membership.property_id for membership in memberships]
    return {
        "role": memberships[0].role if memberships else Role.FRONT_DESK,
        "where": "" if not ids else ALL if None in ids else SOME,
        "properties": [pk for pk in ids if pk],
    }


class YouForm(forms.Form):
    """What people set for themselves."""

    name = NameField(
        label="Your name",
        noun="name",
        help_text="As others read it in the log.",
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    confirms_in_dialog = forms.BooleanField(
        required=False,
        label="Ask me in a dialog instead of a button that times out",
        help_text="A button waits 5\u00a0seconds for the second press. A dialog waits for you.",
    )


class AcceptForm(forms.Form):
    """What an invited person chooses."""

    name = NameField(label="Your name", noun="name")
    password = forms.CharField(
        label="Choose a password",
        strip=False,
        max_length=128,
        help_text=HOW_LONG,
        error_messages={"required": "Choose a password."},
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, *args: Any, invitation: Invitation, **kwargs: Any) -> None:
        kwargs["initial"] = {"name": invitation.name}
        super().__init__(*args, **kwargs)
        self.invitation = invitation

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        if given.get("password"):
            person = User(email=self.invitation.email, name=given.get("name", ""))
            try:
                validate_password(given["password"], person)
            except ValidationError as error:
                self.add_error("password", error)
        return given
