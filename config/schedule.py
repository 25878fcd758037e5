"""Every periodic task. Each expires within one period, so a backlog is dropped, not drained."""

from typing import Any

BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "sweep attempts and released doors": {
        "task": "locks.tasks.sweep",
        "schedule": 1,
        "options": {"expires": 1, "queue": "actuate"},
    },
    "queue the polls that are due": {
        "task": "locks.tasks.queue_due_polls",
        "schedule": 1,
        "options": {"expires": 1, "queue": "poll"},
    },
    "queue the access codes that are due": {
        "task": "locks.tasks.queue_due_codes",
        "schedule": 1,
        "options": {"expires": 1, "queue": "reconcile"},
    },
    "queue the access systems that are due": {
        "task": "access.tasks.queue_due_systems",
        "schedule": 1,
        "options": {"expires": 1, "queue": "reconcile"},
    },
    "end, begin and look after grants": {
        "task": "access.tasks.tick_grants",
        "schedule": 2,
        "options": {"expires": 2, "queue": "reconcile"},
    },
    "follow spaces whose doors changed": {
        "task": "access.tasks.follow_spaces",
        "schedule": 30,
        "options": {"expires": 30, "queue": "reconcile"},
    },
    "sweep cards being made": {
        "task": "access.tasks.sweep_jobs",
        "schedule": 1,
        "options": {"expires": 1, "queue": "actuate"},
    },
    "send the messages to guests that are due": {
        "task": "access.tasks.send_messages",
        "schedule": 5,
        "options": {"expires": 5, "queue": "deliver"},
    },
    "queue the calendars that are due": {
        "task": "access.tasks.queue_due_feeds",
        "schedule": 10,
        "options": {"expires": 10, "queue": "poll"},
    },
    "make next month's partitions": {
        "task": "audit.tasks.make_partitions",
        "schedule": 3600,
        "options": {"expires": 3600, "queue": "poll"},
    },
    "clear what expired": {
        "task": "accounts.tasks.clear_expired",
        "schedule": 600,
        "options": {"expires": 600, "queue": "poll"},
    },
}
