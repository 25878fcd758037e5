"""Fields for what people paste: tidied, with a word about it, and never guessed."""

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from accounts.providers.http import HttpDoor

#: C0, DEL, C1, and what turns the direction of the text around it.
_INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_LONGEST_SECRET = 512


class PastedField(forms.CharField):
    """An id or a secret: printable ASCII. Spaces and line ends come from pasting and go.

    `removed_spaces` tells afterwards whether there were any; the form says so.
    """

    def __init__(self, *, noun: str, max_length: int = _LONGEST_SECRET, **kwargs: Any) -> None:
        super().__init__(strip=False, **kwargs)
        self.noun = noun
        self.longest = max_length
        self.removed_spaces = False

    def to_python(self, value: Any) -> str:
        text = super().to_python(value) or ""
        tidy = "".join(text.split())
        self.removed_spaces = tidy != text
        return tidy

    def validate(self, value: Any) -> None:
        super().validate(value)
        if value and not re.fullmatch(r"[!-~]+", value):
            raise ValidationError(f"{self.noun}: printable ASCII")
        if len(value) > self.longest:
            raise ValidationError(f"{self.noun}: at most {self.longest} characters")


class AddressField(forms.CharField):
    """An address our drivers may speak to. The rules are the door's (reliability SSRF-01)."""

    def __init__(self, *, door: HttpDoor, **kwargs: Any) -> None:
        super().__init__(strip=False, max_length=200, **kwargs)
        self.door = door

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
            raise ValidationError(str(error)) from None


class NameField(forms.CharField):
    """Words people read: one line, visible, of a length that fits."""

    def __init__(self, *, noun: str, longest: int = 100, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.noun, self.longest = noun, longest
        self.error_messages["required"] = f"{noun}: 1–{longest} visible characters"

    def validate(self, value: Any) -> None:
        super().validate(value)
        if len(value) > self.longest or _INVISIBLE.search(value):
            raise ValidationError(f"{self.noun}: 1–{self.longest} visible characters")


class MillisecondsField(forms.IntegerField):
    """A whole number of milliseconds in a range; 0 means off where the sentence says so."""

    def __init__(self, *, span: tuple[int, int], zero_is_off: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.span, self.zero_is_off = span, zero_is_off
        off = "0 (off) or " if zero_is_off else ""
        self.sentence = f"{off}{spaced(span[0])}–{spaced(span[1])} ms"
        self.error_messages |= {"invalid": self.sentence, "required": self.sentence}

    def to_python(self, value: Any) -> int | None:
        if isinstance(value, str):
            # 60 000 is how people write it, and how our sentences do.
            value = value.replace("\u202f", "").replace("\u00a0", "").replace(" ", "")
            if not re.fullmatch(r"[+-]?[0-9]{1,18}", value):
                raise ValidationError(self.sentence)
        return super().to_python(value)

    def validate(self, value: Any) -> None:
        super().validate(value)
        if value == self.clamped(value):
            return
        raise ValidationError(
            f"{self.sentence}. {spaced(self.clamped(value))} is filled in now; save again to use it."
        )

    def clamped(self, value: int) -> int:
        """Return the nearest value that is allowed."""
        if value == 0 and self.zero_is_off:
            return 0
        return min(max(value, self.span[0]), self.span[1])


def spaced(number: int) -> str:
    """Write 60000 as 60 000."""
    return f"{number:,}".replace(",", " ")
