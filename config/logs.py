"""Logs without secrets, one line each."""

import json
import logging
import re
from datetime import UTC, datetime

#: `key=value`, `"key": "value"`, cookies and bearer tokens, whatever wrote them.
_SECRETS = re.compile(
    r"""(?ix)
    (?P<cookies>["']?\b(?:set-)?cookie["']?\s*[=:]\s*)(?:"[^"]*"|'[^']*'|[^\r\n]+)
    | (?P<key>["']?(?:authorization|client_secret|secret|password|token|otp|pin
        |code_verifier|(?<![a-z_])code|csrf|sid)["']?\s*[=:]\s*)
    (?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|(?:Bearer\s+|Basic\s+)?[^\s"',&}]+)
    | (?P<bearer>\b(?:Bearer|Basic)\s+)[A-Za-z0-9._~+/=-]{6,}
    | (?P<link>/connect/)[A-Za-z0-9_-]{20,}
    | (?P<invite>/invitation/)[A-Za-z0-9_-]{20,}
    | (?P<guest>/k/)[A-Za-z0-9_-]{20,}
    """
)


#: A traceback's end says what happened; a template's can be a hundred frames long.
_LONGEST = 4000


def redact(text: str) -> str:
    """Replace what looks like a secret by dots."""
    return _SECRETS.sub(lambda match: f"{''.join(filter(None, match.groups()))}••••", text)


class Redact(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        try:
            text = record.getMessage()
        except (TypeError, ValueError):  # a slip in a log line must not stop what it tells of
            text = str(record.msg)
        record.msg, record.args = redact(text), None
        return True


class OneLine(logging.Formatter):
    """JSON on one line, times in UTC."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = redact(self.formatException(record.exc_info))[-_LONGEST:]
        return json.dumps(line, ensure_ascii=False)
