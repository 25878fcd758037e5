"""Hints: to the workers that there is work, to the boards that something changed.

Everything said here may be lost without harm. Work is a row that somebody finds again, and
boards look for changes by themselves every second or two.
"""

import contextlib
import json
import logging
import os
import time
from functools import cache
from typing import Any
from uuid import UUID

import redis
from django.conf import settings
from django.db import connection, transaction
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

#: After a failure, Valkey is left alone for this long, so that an outage costs no click twice.
_REST_SECONDS = 3.0


class _Broken:
    """Remembers that Valkey failed a moment ago."""

    def __init__(self) -> None:
        self._until = 0.0

    def __bool__(self) -> bool:
        return time.monotonic() < self._until

    def note(self) -> None:
        if not self:
            logger.warning("Valkey does not answer; hints are off, everything still runs")
        self._until = time.monotonic() + _REST_SECONDS


_broken = _Broken()


def send(task: Any, *, expires: float, **kwargs: str) -> bool:
    """Publish a hint for a task. Return whether the broker took it; never raise, never wait long."""
    if _broken:
        return False
    try:
        task.apply_async(kwargs=kwargs, expires=expires, retry=False, ignore_result=True)
    except Exception:  # kombu lets many kinds through, and none may stop a click
        _broken.note()
        return False
    return True


def process_name() -> str:
    return f"{os.uname().nodename}:{os.getpid()}"


# --- to the boards ----------------------------------------------------------------------------


def channel() -> str:
    """The name of the boards' channel. Databases do not share one, even on one Valkey."""
    return f"{settings.REDIS_PREFIX}:{connection.settings_dict['NAME']}:board"


def announce(workspace_id: UUID, *device_ids: UUID, patience_seconds: float = 0) -> None:
    """Tell the boards, once this transaction is committed, that these doors changed.

    With patience they may wait that long for what comes next, and tell both at once.
    """
    message = {"w": str(workspace_id), "d": [str(pk) for pk in device_ids]}
    publish_on_commit(message | ({"p": patience_seconds} if patience_seconds else {}))


def announce_account(workspace_id: UUID, account_id: UUID) -> None:
    """Tell the boards that an account was polled, or is doing better or worse."""
    publish_on_commit({"w": str(workspace_id), "a": str(account_id)})


def announce_topic(workspace_id: UUID, property_id: UUID, topic: str, thing_id: UUID) -> None:
    """Tell pages that something of a property changed: they ask for it, as whoever looks.

    `topic` is the name of the event they listen for (`card`, `access`).
    """
    publish_on_commit(
        {"w": str(workspace_id), "r": str(property_id), "t": topic, "i": str(thing_id)}
    )


def publish_on_commit(message: dict[str, Any]) -> None:
    transaction.on_commit(lambda: _publish(json.dumps(message)))


def _publish(message: str) -> None:
    if _broken:
        return
    try:
        client().publish(channel(), message)
    except RedisError:
        _broken.note()


@cache
def client() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=1,
        socket_connect_timeout=1,
        health_check_interval=30,
        retry=None,
    )


class Subscription:
    """Listens on the boards' channel. One thread only. Raises RedisError when it breaks."""

    def __init__(self) -> None:
        self._pubsub = client().pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
        self._pubsub.subscribe(channel())

    def gather(self, wait_seconds: float, more_seconds: float) -> list[dict[str, Any]]:
        """Wait for a message, then for others of the same moment. Return them decoded."""
        messages: list[dict[str, Any]] = []
        timeout = wait_seconds
        while len(messages) < 500:
            message = self._pubsub.get_message(timeout=timeout)
            if message is None:
                break
            with contextlib.suppress(ValueError):  # whoever shares the server may say anything
                hint = json.loads(message["data"])
                if isinstance(hint, dict):
                    messages.append(hint)
            timeout = more_seconds
        return messages

    def close(self) -> None:
        with contextlib.suppress(RedisError):
            self._pubsub.close()
