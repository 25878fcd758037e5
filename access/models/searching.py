"""Finding people by how the words of their row begin, by an index that PostgreSQL brings along."""

from __future__ import annotations

from django.contrib.postgres.search import SearchQueryField, SearchVectorField
from django.db.models import BooleanField, Func, Value


class Words(Func):
    """The words of some columns as a tsvector, lower-cased; no language, no stop words.

    Each is kept as it stands between blanks (`anne-marie`, `jane@example.com`) and in the parts
    between its marks (`anne`, `marie`, `example`).
    """

    template = (
        "array_to_tsvector(array_remove("
        r"regexp_split_to_array(lower(%(expressions)s), '\s+')"
        r" || regexp_split_to_array(lower(%(expressions)s), '[\s.,;:@_''’()/&+-]+'), ''))"
    )
    arg_joiner = " || ' ' || "
    output_field = SearchVectorField()


class Matches(Func):
    template = "(%(expressions)s)"
    arg_joiner = " @@ "
    output_field = BooleanField()


def prefixes(text: str) -> Func:
    """Return what finds every row of which each of these words begins a word."""
    words = [word.replace("\\", "\\\\").replace("'", "''") for word in text.split()]
    query = " & ".join(f"'{word}':*" for word in words)
    return Func(
        Value(query), template="lower(%(expressions)s)::tsquery", output_field=SearchQueryField()
    )
