"""Reading the rows of an answer, alike for every driver."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from accounts.providers.base import UnexpectedReplyError
from accounts.providers.text import is_id

Row = dict[str, Any]
Thing = TypeVar("Thing")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RowReader:
    """Reads a provider's rows by functions that raise ValueError for one without a usable id."""

    #: The provider's, for what is logged and raised.
    label: str

    def read_rows(self, rows: Sequence[Row], read: Callable[[Row], Thing]) -> list[Thing]:
        """Read each row. One that cannot be is left out and logged.

        Raises UnexpectedReplyError if none can.
        """
        things = []
        for row in rows:
            try:
                things.append(read(row))
            except ValueError as error:
                log.warning("%s: a row was left out: %s", self.label, error)
        if rows and not things:
            raise self.unexpected()
        return things

    def read_row(self, row: Any, read: Callable[[Row], Thing]) -> Thing:
        """Read one row. Raises UnexpectedReplyError if it is none, or has no usable id."""
        if not isinstance(row, dict):
            raise self.unexpected()
        return self.read_rows([row], read)[0]

    def unexpected(self) -> UnexpectedReplyError:
        return UnexpectedReplyError(f"{self.label} answered in a shape we do not know")


def id_of(row: Row, *keys: str) -> str:
    """Return the first of these fields that is there. Raises ValueError if it is no id."""
    value = next((row[key] for key in keys if row.get(key) is not None), None)
    if not isinstance(value, str) or not is_id(value):
        raise ValueError("its id is none")
    return value
