"""The terminal shows a line for what fills a page in the log."""

import io
import json
import logging
import stat
from datetime import UTC, datetime

import pytest
from honcho.printer import Message

from config.logs import OneLine
from config.terminal import Terminal, open_log

CHAIN = """\
before
Traceback (most recent call last):
  File "a.py", line 1, in <module>
    inner()
ConnectionError: the first reason

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "a.py", line 3, in <module>
    outer()
    ~~~~~^^
web.broken.OuterError: what came of it
after
"""
GROUP = """\
  + Exception Group Traceback (most recent call last):
  |   File "a.py", line 1, in <module>
  | ExceptionGroup: unhandled errors (1 sub-exception)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    | ValueError: inside
    +------------------------------------
Application startup failed.
"""


@pytest.fixture
def told(tmp_path):
    terminal = Terminal(tmp_path / "logs")

    def tell(*texts: str, name: str = "web") -> list[str]:
        terminal.output = io.StringIO()
        for text in texts:
            for line in text.splitlines(keepends=True):
                now = datetime.now(UTC)
                terminal.write(Message("line", line.encode(), now, name, None))
        return [line.partition("| ")[2] for line in terminal.output.getvalue().splitlines()]

    yield tell
    terminal.close()


def test_an_ordinary_line_is_shown_and_kept(told, tmp_path):
    assert told("one\n", "two") == ["one", "two"]

    log = tmp_path / "logs" / "web.log"
    assert log.read_text() == "one\ntwo"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert stat.S_IMODE(log.parent.stat().st_mode) == 0o700


def test_of_a_traceback_only_the_reason_is_shown(told, tmp_path):
    log = tmp_path / "logs" / "web.log"

    assert told(CHAIN) == [
        "before",
        f"ConnectionError: the first reason (the traceback is in {log})",
        f"web.broken.OuterError: what came of it (the traceback is in {log})",
        "after",
    ]
    assert log.read_text() == CHAIN


def test_two_programs_that_fail_at_once_are_not_mixed_up(told):
    first, second = CHAIN.splitlines(keepends=True)[1:3]

    assert told(first, second, name="web") == []
    assert told("hello\n", name="beat") == ["hello"]


def test_a_group_of_exceptions_is_kept_for_the_log(told, tmp_path):
    in_log = f"(the traceback is in {tmp_path}/logs/web.log)"

    assert told(GROUP) == [
        f"ExceptionGroup: unhandled errors (1 sub-exception) {in_log}",
        f"ValueError: inside {in_log}",
        "Application startup failed.",
    ]


def test_a_log_line_is_shown_in_words(told, tmp_path):
    line = {"at": "2026-11-21T14:00:00Z", "level": "warning", "logger": "locks", "message": "Hm"}
    failed = line | {"exception": "Traceback …\n  File …\nValueError: no"}

    assert told(
        json.dumps(line),
        json.dumps(line | {"message": "two\n lines"}),
        json.dumps(line | {"message": "x" * 900}),
    ) == [
        "warning locks: Hm",
        "warning locks: two lines",
        f"warning locks: {'x' * 285} …",
    ]
    assert told(json.dumps(failed), '{"at": broken', '{"at": 1}') == [
        f"warning locks: Hm – ValueError: no (the traceback is in {tmp_path}/logs/web.log)",
        '{"at": broken',
        '{"at": 1}',
    ]


def test_what_is_shown_in_words_is_what_our_logs_write(told):
    record = logging.LogRecord("locks", logging.ERROR, "", 0, "It broke", None, None)

    assert told(OneLine().format(record)) == ["error locks: It broke"]


def test_a_long_log_is_put_aside(tmp_path):
    log = tmp_path / "web.log"
    log.write_bytes(b"x" * 10_000_001)

    with open_log(log) as file:
        file.write(b"new")

    assert log.read_text() == "new"
    assert (tmp_path / "web.log.1").stat().st_size == 10_000_001
