"""The warnings of a code: Seam's words for what is odd but not wrong."""

from collections.abc import Mapping
from datetime import datetime

from locks.codes.known import KnownCode

Warnings = tuple[Mapping[str, str], ...]


def with_warning(code: KnownCode, word: str, said: str, at: datetime) -> Warnings:
    """Return the code's warnings with this one, new or renewed."""
    return (*without_warnings(code, word), {"code": word, "message": said, "at": at.isoformat()})


def without_warnings(code: KnownCode, *words: str) -> Warnings:
    return tuple(warning for warning in code.warnings if warning["code"] not in words)


def has_warning(code: KnownCode, word: str) -> bool:
    return any(warning["code"] == word for warning in code.warnings)
