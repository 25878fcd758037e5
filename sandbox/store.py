"""Keeps the world in one SQLite file, so that it survives a kill and a restart.

Every thing is one row of JSON. The world lives in memory; this file is only written, and
read once at the start.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS things (
    kind TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, id)
)
"""
UPSERT = """
INSERT INTO things (kind, id, body) VALUES (?, ?, ?)
ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body
"""


class Store:
    """One SQLite file. `None` as folder keeps nothing (for tests)."""

    def __init__(self, folder: Path | None) -> None:
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
        self.connection = sqlite3.connect(folder / "sandbox.sqlite3" if folder else ":memory:")
        self.connection.execute("PRAGMA journal_mode = WAL")
        # A killed process loses nothing this way; only a power cut would, and that is a
        # price a sandbox can pay for answering in a millisecond.
        self.connection.execute("PRAGMA synchronous = OFF")
        self.connection.execute(SCHEMA)

    def rows(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield kind and fields of every thing, oldest first."""
        for kind, body in self.connection.execute("SELECT kind, body FROM things ORDER BY rowid"):
            yield kind, json.loads(body, object_hook=_revive)

    def write(
        self, changed: Iterable[tuple[str, str, dict[str, Any]]], gone: Iterable[tuple[str, str]]
    ) -> None:
        """Store `changed` (kind, id, fields) and forget `gone` (kind, id), all or nothing."""
        with self.connection:
            self.connection.executemany("DELETE FROM things WHERE kind = ? AND id = ?", gone)
            self.connection.executemany(
                UPSERT,
                ((kind, key, json.dumps(body, default=_flatten)) for kind, key, body in changed),
            )

    def close(self) -> None:
        self.connection.close()


def _flatten(value: Any) -> dict[str, str]:
    if isinstance(value, datetime):
        return {"$at": value.isoformat()}
    raise TypeError(f"{value!r} cannot be stored")


def _revive(fields: dict[str, Any]) -> Any:
    return datetime.fromisoformat(fields["$at"]) if "$at" in fields else fields
