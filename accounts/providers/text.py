"""What providers write is hostile until proven otherwise: names, ids, times, whole rows."""

import json
import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from urllib.parse import quote

MAX_NAME = 200
MAX_ID = 200
MAX_RAW_TEXT = 1000
MAX_RAW_ROW = 4000

#: Control characters (NUL and the other C0 and C1), lone surrogates, and what turns the
#: direction of the text around it.
_UNWANTED = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]"
)
#: What PostgreSQL cannot store.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_ID = re.compile(r"[!-.0-\[\]-~]{1,200}")  # visible ASCII without slash and backslash
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def clean_text(value: object, limit: int = MAX_NAME) -> str:
    """Return text for people: NFC, one line, nothing invisible, at most `limit` characters.

    Anything but a string becomes "". Markup stays as it is: templates escape it.
    """
    if not isinstance(value, str):
        return ""
    visible = _UNWANTED.sub("", re.sub(r"[\t\r\n\v\f]+", " ", value[: limit * 8]))
    return unicodedata.normalize("NFC", visible)[:limit].strip()


def clean_raw(value: Any) -> Any:
    """Return the provider's row as it may be stored: no NUL, no lone surrogate, no megabytes."""
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value[:MAX_RAW_TEXT])
    if isinstance(value, dict):
        return {clean_raw(key): clean_raw(each) for key, each in value.items()}
    if isinstance(value, list):
        return [clean_raw(each) for each in value]
    return value


def is_id(value: object) -> bool:
    """Tell whether this can be an id: visible ASCII, no slash, not "." or "..", ≤ 200 long."""
    return isinstance(value, str) and bool(_ID.fullmatch(value)) and value not in {".", ".."}


def segment(remote_id: str) -> str:
    """Return an id as one segment of a path. Raises ValueError if it is none."""
    if not is_id(remote_id):
        raise ValueError("not an id")
    return quote(remote_id, safe="")


def moment(value: object) -> datetime:
    """Read an RFC 3339 time with its offset; the answer is in UTC.

    Raises ValueError for anything else, a time without offset included.
    """
    try:
        if isinstance(value, str) and _MOMENT.fullmatch(value):
            return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError("not a time with an offset")


def row_text(row: Any) -> str:
    """Return a row as canonical JSON: the same row gives the same text, whatever its order."""
    return json.dumps(row, sort_keys=True, separators=(",", ":"), default=str)


def fingerprint(row: Any) -> str:
    """Return a stable name for a row that has no id, or cannot be read."""
    return f"sha256:{sha256(row_text(row).encode()).hexdigest()}"


def text_of(row: Mapping[str, Any], *keys: str) -> str:
    """Return the first of these fields that holds text for people."""
    return next((text for key in keys if (text := clean_text(row.get(key)))), "")


def flag(value: object) -> bool | None:
    """Return a boolean as it is; None for all else, "yes" and 1 included."""
    return value if isinstance(value, bool) else None


def whole(value: object) -> int | None:
    """Return a whole number from 0 on; None for all else."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    return None
