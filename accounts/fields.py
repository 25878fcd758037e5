"""Fields for what people paste: tidied, with a word about it, and never guessed."""

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from accounts.providers.addresses import MUST_BE_HTTPS, NOT_ALLOWED, NOT_ON_THE_LIST
from accounts.providers.http import HttpDoor

#: C0, DEL, C1, and what turns the direction of the text around it.
_INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
#: Where there are several lines.
_LINES = str.maketrans("", "", "\t\n")
_LONGEST_SECRET = 512
#: A number stays with its unit when a line is broken.
NO_BREAK, NARROW_NO_BREAK = "\u00a0", "\u202f"


def has_hidden(text: str) -> bool:
    """Tell whether text of several lines has characters that nobody sees."""
    return _INVISIBLE.search(text.replace("\r\n", "\n").translate(_LINES)) is not None


class PastedField(forms.CharField):
    """An id or a secret: printable ASCII. Spaces and line ends come from pasting and go.

    `removed_spaces` tells afterwards whether there were any; the form says so.
    """

    def __init__(self, *, noun: str, max_length: int = _LONGEST_SECRET, **kwargs: Any) -> None:
        super().__init__(strip=False, **kwargs)
        self.noun = noun
        self.longest = max_length
        self.error_messages["required"] = f"Enter the {noun}."
        self.removed_spaces = False

    def to_python(self, value: Any) -> str:
        text = super().to_python(value) or ""
        tidy = "".join(text.split())
        self.removed_spaces = tidy != text
        return tidy

    def validate(self, value: Any) -> None:
        super().validate(value)
        if value and not re.fullmatch(r"[!-~]+", value):
            raise ValidationError(f"Enter the {self.noun}: printable ASCII characters only.")
        if len(value) > self.longest:
            raise ValidationError(f"Enter the {self.noun}: at most {self.longest} characters.")


#: The door's words, as whole sentences.
_ADDRESS_SENTENCES = {
    MUST_BE_HTTPS: "The address must start with https://.",
    NOT_ON_THE_LIST: "This host is not on the allowed list (ask your administrator to add it).",
    NOT_ALLOWED: "This address is not allowed.",
}


class AddressField(forms.CharField):
    """An address our drivers may speak to. The rules are the door's (reliability SSRF-01).

    `sandbox` is the origin of the simulated clouds where nothing else may be spoken to.
    """

    def __init__(self, *, door: HttpDoor, sandbox: str | None = None, **kwargs: Any) -> None:
        super().__init__(strip=False, max_length=200, **kwargs)
        self.error_messages["required"] = "Enter the address."
        self.door, self.sandbox = door, sandbox

    def to_python(self, value: Any) -> str:
        # Only the ends: a line end inside an address is no slip of the mouse.
        return (super().to_python(value) or "").strip(" ")

    def validate(self, value: Any) -> None:
        super().validate(value)
        if not value:
            return
        try:
            self.door.check_address(value)
        except ValueError as error:
            raise ValidationError(self._sentence(value, str(error))) from None

    def _sentence(self, value: str, why: str) -> str:
        if self.sandbox is None or (self.sandbox and value.startswith(f"{self.sandbox}/")):
            return _ADDRESS_SENTENCES.get(why, why)
        where = f" Its addresses begin with {self.sandbox}." if self.sandbox else ""
        return f"A sandbox workspace talks only to the sandbox.{where}"


class NameField(forms.CharField):
    """Words people read: one line, visible, of a length that fits."""

    def __init__(self, *, noun: str, longest: int = 100, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.noun, self.longest = noun, longest
        self.sentence = f"Enter the {noun}: 1–{longest} visible characters."
        self.error_messages["required"] = self.sentence

    def validate(self, value: Any) -> None:
        super().validate(value)
        if len(value) > self.longest or _INVISIBLE.search(value):
            raise ValidationError(self.sentence)


class MillisecondsField(forms.IntegerField):
    """A whole number of milliseconds in a range; 0 means off where the sentence says so."""

    def __init__(
        self, *, span: tuple[int, int], hint: str, zero_is_off: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(widget=forms.TextInput(attrs={"inputmode": "numeric"}), **kwargs)
        self.span, self.zero_is_off, self.hint = span, zero_is_off, hint
        off = "0 (off) or " if zero_is_off else ""
        self.sentence = f"{off}{spaced(span[0])}–{spaced(span[1])}{NO_BREAK}ms"
        not_a_number = f"Enter a whole number of milliseconds: {self.sentence}."
        self.error_messages |= {"invalid": not_a_number, "required": not_a_number}

    def to_python(self, value: Any) -> int | None:
        if isinstance(value, str):
            # 60 000 is how people write it, and how our sentences do.
            value = value.replace("\u202f", "").replace("\u00a0", "").replace(" ", "")
            if not re.fullmatch(r"[+-]?[0-9]{1,18}", value):
                raise ValidationError(self.error_messages["invalid"])
        return super().to_python(value)

    def validate(self, value: Any) -> None:
        super().validate(value)
        nearest = self.clamped(value)
        if value == nearest:
            return
        is_much = value > nearest
        raise ValidationError(
            f"{'Too much' if is_much else 'Too little'}: {self.sentence}. The "
            f"{'most' if is_much else 'least'}, {in_words(nearest)}, is filled in now; save "
            "again to use it."
        )

    def clamped(self, value: int) -> int:
        """Return the nearest value that is allowed."""
        if value == 0 and self.zero_is_off:
            return 0
        return min(max(value, self.span[0]), self.span[1])

    def words_for(self, value: int) -> str:
        """Return what is set now and what may be, in milliseconds and in words."""
        now = "Now off." if value == 0 else f"Now {in_words(value)}."
        off = "0 turns it off. Otherwise" if self.zero_is_off else "Allowed are"
        least, most = (in_words(each) for each in self.span)
        return f"{now} {off} {least}, up to {most}."


def in_words(ms: int) -> str:
    """Write 60000 as 60 000 ms = 1 minute."""
    units = ((3_600_000, "hour"), (60_000, "minute"), (1000, "second"))
    size, unit = next((each for each in units if ms % each[0] == 0), units[-1])
    count = ms / size
    words = f"{count:g}{NO_BREAK}{unit}{'' if count == 1 else 's'}"
    return f"{spaced(ms)}{NO_BREAK}ms = {words}"


def spaced(number: int) -> str:
    """Write 60000 as 60 000."""
    return f"{number:,}".replace(",", NARROW_NO_BREAK)
