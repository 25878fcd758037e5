"""What the person at the terminal sees of the programs: a line each, and where the rest is."""

import json
import re
import sys
from pathlib import Path
from typing import Any, BinaryIO

from honcho.printer import Printer

_LOG_BYTES = 10_000_000
_LONGEST = 300

#: How Python begins a traceback; those of a group of exceptions stand between bars.
_BEGINS = re.compile(r"[\s|+]*(Exception Group )?Traceback \(most recent call last\):")
#: What a traceback is about: its first words that are not indented.
_REASON = re.compile(r"(?:\s+\| )?([A-Za-z_][\w.]*(?::.*)?)$")
#: What stands between the tracebacks of one failure.
_JOINS = ("The above exception was", "During handling of the above")


class Terminal(Printer):  # type: ignore[misc]
    """honcho's printer. Everything goes to one file per program; tracebacks only there."""

    def __init__(self, folder: Path) -> None:
        super().__init__(sys.stdout)
        self._folder = folder
        self._files: dict[str, BinaryIO] = {}
        self._in_traceback: set[str] = set()

    def path(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def write(self, message: Any) -> None:
        data = message.data if isinstance(message.data, bytes) else message.data.encode()
        self._keep(message.name, data)
        for line in data.decode("utf-8", "replace").splitlines():
            if shown := self._shown(message.name, line):
                super().write(message._replace(data=shown))

    def _keep(self, name: str, data: bytes) -> None:
        file = self._files.get(name)
        if file is None or file.tell() > _LOG_BYTES:
            file = self._files[name] = open_log(self.path(name))
        file.write(data)
        file.flush()

    def _shown(self, name: str, line: str) -> str:
        """Return what of a line is shown, or "" for nothing."""
        if _BEGINS.match(line):
            self._in_traceback.add(name)
            return ""
        if line.startswith(_JOINS):
            return ""
        if name in self._in_traceback:
            is_inside = not line.strip() or line[0].isspace()
            if not is_inside:
                self._in_traceback.discard(name)
            if reason := _REASON.match(line):
                return f"{reason[1][:_LONGEST]} (the traceback is in {self.path(name)})"
            if is_inside:
                return ""
        return self._short(name, line)

    def close(self) -> None:
        for file in self._files.values():
            file.close()

    def _short(self, name: str, line: str) -> str:
        """Return the words of a log line in JSON (config.logs); any other line as it is."""
        try:
            told = json.loads(line) if line.startswith('{"at":') else {}
            words = f"{told['level']} {told['logger']}: {told['message']}" if told else line
        except (ValueError, KeyError):
            return line
        words = " ".join(words.split()) if told else words
        if not told.get("exception"):
            return words if len(words) <= _LONGEST else f"{words[:_LONGEST]} …"
        last = told["exception"].strip().splitlines()[-1]
        return f"{words[:_LONGEST]} – {last[:_LONGEST]} (the traceback is in {self.path(name)})"


def open_log(path: Path) -> BinaryIO:
    """Open a log for adding to it; one that has grown long is put aside. Ours alone to read."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    if path.exists() and path.stat().st_size > _LOG_BYTES:
        path.rename(path.with_suffix(".log.1"))
    path.touch(mode=0o600)
    return path.open("ab")
