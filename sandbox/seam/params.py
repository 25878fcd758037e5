"""Reads the parameters of a call by their kinds, out of JSON or out of a query string.

Facts: arrays are repeated keys, an empty array is `a=`, objects are dotted, a value that is
there but empty is null; with `_strict=true` nothing else is taken. Unknown names are ignored.
https://github.com/seamapi/url-search-params-serializer
"""

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.datastructures import QueryParams

from sandbox.clock import parse_moment

LISTS = {"uuids": "uuid", "texts": "text"}
TRUE, FALSE = {"true", "yes", "1"}, {"false", "no", "0"}


class WrongParamError(ValueError):
    """A value that is not of its kind; the text is Seam's."""


@dataclass(frozen=True)
class Param:
    name: str
    kind: str
    is_required: bool
    is_nullable: bool


def declare(text: str) -> list[Param]:
    """Read `device_id*:uuid ends_at?:time`: `*` is required, `?` may be null."""
    found = []
    for word in text.split():
        name, _, kind = word.partition(":")
        plain = name.rstrip("*?")
        found.append(Param(plain, kind or "uuid", "*" in name, "?" in name))
    return found


# --- values -------------------------------------------------------------------------------


def _json_name(value: Any) -> str:
    names: dict[type, str] = {bool: "boolean", int: "number", float: "number", str: "string"}
    names |= {list: "array", dict: "object", type(None): "null"}
    return names.get(type(value), "unknown")


def _expect(value: Any, word: str) -> Any:
    if _json_name(value) != word:
        raise WrongParamError(f"Expected {word}, received {_json_name(value)}")
    return value


def _uuid(value: Any) -> str:
    try:
        return str(uuid.UUID(_expect(value, "string")))
    except ValueError as wrong:
        raise WrongParamError(str(wrong) if "Expected" in str(wrong) else "Invalid uuid") from wrong


def _text(value: Any) -> str:
    if not _expect(value, "string"):
        raise WrongParamError("String must contain at least 1 character(s)")
    return str(value)


def _digits(value: Any) -> str:
    if not re.fullmatch(r"[0-9]{4,}", _expect(value, "string")):
        raise WrongParamError("Invalid")
    return str(value)


def _time(value: Any) -> datetime:
    try:
        return parse_moment(_expect(value, "string"))
    except ValueError as wrong:
        raise WrongParamError("Invalid date") from wrong


def _email(value: Any) -> str:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", _expect(value, "string")):
        raise WrongParamError("Invalid email")
    return str(value)


KINDS: dict[str, Callable[[Any], Any]] = {
    "uuid": _uuid,
    "text": _text,
    "string": lambda value: _expect(value, "string"),
    "digits": _digits,
    "number": lambda value: _expect(value, "number"),
    "bool": lambda value: _expect(value, "boolean"),
    "time": _time,
    "email": _email,
    "object": lambda value: _expect(value, "object"),
}


def checked(param: Param, value: Any) -> Any:
    """Return `value` as its kind says. Raises WrongParamError."""
    if value is None and param.is_nullable:
        return None
    if one := LISTS.get(param.kind):
        return [KINDS[one](item) for item in _expect(value, "array")]
    if "|" in param.kind:
        if value not in param.kind.split("|"):
            words = " | ".join(f"'{word}'" for word in param.kind.split("|"))
            raise WrongParamError(f"Invalid enum value. Expected {words}, received '{value}'")
        return value
    return KINDS[param.kind](value)


def read(
    params: list[Param], body: dict[str, Any], query: QueryParams
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what was given, and for each wrong parameter what is wrong with it."""
    given: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for param in params:
        try:
            if param.name in body:
                given[param.name] = checked(param, body[param.name])
            elif (raw := _from_query(param, query)) is not ...:
                given[param.name] = checked(param, raw)
            elif param.is_required:
                wrong[param.name] = "Required"
        except WrongParamError as exc:
            wrong[param.name] = str(exc)
    return given, wrong


# --- query strings ------------------------------------------------------------------------


def _from_query(param: Param, query: QueryParams) -> Any:
    """Return the value in the shape JSON would have, or `...` if there is none."""
    if param.kind == "object":
        start = param.name + "."
        parts = {name[len(start) :]: text for name, text in query.items() if name.startswith(start)}
        return parts or ...
    is_strict = query.get("_strict") == "true"
    texts = query.getlist(param.name)
    if not is_strict:
        texts = [text.strip() for text in texts or query.getlist(param.name + "[]")]
    if not texts:
        return ...
    if param.kind in LISTS:
        return _list(texts, is_strict=is_strict)
    if len(texts) > 1:
        raise WrongParamError("Expected one value, received several")
    return _single(param, texts[0], is_strict=is_strict)


def _number(text: str) -> float | str:
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        return text


def _list(texts: list[str], *, is_strict: bool) -> list[str]:
    if not is_strict and len(texts) == 1:
        texts = texts[0].split(",")
    if texts == [""]:
        return []
    if "" in texts:
        raise WrongParamError("An array cannot hold empty values")
    return texts


def _single(param: Param, text: str, *, is_strict: bool) -> Any:
    if not text:
        return None if param.is_nullable else text
    if param.kind == "number":
        return _number(text)
    if param.kind == "bool":
        word = text if is_strict else text.lower()
        if word in ({"true"} if is_strict else TRUE):
            return True
        return False if word in ({"false"} if is_strict else FALSE) else text
    return text
