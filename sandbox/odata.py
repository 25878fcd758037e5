"""The small part of OData that Salto's lists are known to understand.

`$filter` with eq, ne, ge, gt, le, lt, contains and `and`; `$orderby`; `$top`, `$skip`;
`$inlinecount=allpages`, or `$count=true` for who sends `CLP-disable-odata-v3-conversion`.
"""

import re
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any

from starlette.datastructures import QueryParams

from sandbox.clock import parse_moment
from sandbox.replies import RefusedError

CLAUSE = re.compile(
    r"""\s*(?:contains\(\s*(?P<part_of>[\w/]+)\s*,\s*'(?P<needle>(?:[^']|'')*)'\s*\)
    |(?P<field>[\w/]+)\s+(?P<op>eq|ne|ge|gt|le|lt)\s+
     (?P<literal>datetime'[^']*'|guid'[^']*'|'(?:[^']|'')*'|[^\s()']+))\s*""",
    re.IGNORECASE | re.VERBOSE,
)
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: bool(a == b),
    "ne": lambda a, b: bool(a != b),
    "ge": lambda a, b: bool(a >= b),
    "gt": lambda a, b: bool(a > b),
    "le": lambda a, b: bool(a <= b),
    "lt": lambda a, b: bool(a < b),
}
Row = Mapping[str, Any]
Test = Callable[[Row], bool]


def parse_filter(text: str, fields: Collection[str], *, v4: bool) -> Test:
    """Return what decides whether a row matches. Raises RefusedError 1102.

    With `v4` the old literals `DateTime'…'` are refused, as the header asks.
    """
    tests: list[Test] = []
    place = 0
    while True:
        clause = CLAUSE.match(text, place)
        if clause is None:
            raise bad_format()
        tests.append(_test(clause, fields, v4=v4))
        place = clause.end()
        if place == len(text):
            return lambda row: all(test(row) for test in tests)
        if text[place : place + 3].lower() != "and":
            raise bad_format()
        place += 3


def parse_orderby(text: str, fields: Collection[str]) -> tuple[str, bool]:
    """Return the field and whether descending. Raises RefusedError 1102."""
    name, _, way = text.strip().partition(" ")
    way = way.strip().lower() or "asc"
    if name not in fields or way not in {"asc", "desc"}:
        raise bad_format()
    return name, way == "desc"


def parse_number(query: QueryParams, name: str, default: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not text.isdigit():
        raise bad_format()
    return int(text)


def wants_count(query: QueryParams, *, v4: bool) -> bool:
    if v4:
        return query.get("$count") == "true"
    return query.get("$inlinecount") == "allpages"


def bad_format() -> RefusedError:
    return RefusedError(400, "1102", "The OData query format is invalid.")


def known_fields(rows: list[dict[str, Any]]) -> set[str]:
    """Return the paths (`user/email`) that the first row has."""
    return set(_paths(rows[0], "")) if rows else set()


def value_at(row: Row, path: str) -> Any:
    value: Any = row
    for name in path.split("/"):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _paths(row: Row, prefix: str) -> list[str]:
    found = []
    for name, value in row.items():
        found.append(prefix + name)
        if isinstance(value, Mapping):
            found += _paths(value, f"{prefix}{name}/")
    return found


def _test(clause: re.Match[str], fields: Collection[str], *, v4: bool) -> Test:
    path = clause["field"] or clause["part_of"]
    if fields and path not in fields:
        raise bad_format()
    if clause["part_of"]:
        needle = clause["needle"].replace("''", "'").lower()
        return lambda row: needle in str(value_at(row, path) or "").lower()
    wanted = _literal(clause["literal"], v4=v4)
    compare = COMPARE[clause["op"].lower()]
    return lambda row: _holds(compare, value_at(row, path), wanted)


def _holds(compare: Callable[[Any, Any], bool], value: Any, wanted: Any) -> bool:
    if isinstance(wanted, datetime):
        value = _moment_or_none(value)
    try:
        return compare(value, wanted)
    except TypeError:  # null is neither more nor less than anything
        return False


def _literal(text: str, *, v4: bool) -> Any:
    lowered = text.lower()
    if lowered in {"true", "false", "null"}:
        return {"true": True, "false": False, "null": None}[lowered]
    if lowered.startswith(("datetime'", "guid'")):
        if v4:
            raise bad_format()
        inner = text[text.index("'") + 1 : -1]
        return _moment(inner) if lowered.startswith("d") else inner
    if text.startswith("'"):
        return text[1:-1].replace("''", "'")
    return _bare(text)


def _bare(text: str) -> Any:
    if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text):
        return float(text)
    if re.match(r"[0-9]{4}-", text):
        return _moment(text)
    if re.fullmatch(r"[0-9a-fA-F-]{36}", text):
        return text
    raise bad_format()


def _moment(text: str) -> datetime:
    try:
        return parse_moment(text)
    except ValueError as problem:
        raise bad_format() from problem


def _moment_or_none(value: Any) -> datetime | None:
    try:
        return parse_moment(value) if isinstance(value, str) else None
    except ValueError:
        return None
