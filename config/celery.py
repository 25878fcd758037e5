"""The Celery application: a runner for hints. Every piece of work is a row in PostgreSQL."""

import os
import sys

from celery import Celery
from django.conf import settings
from kombu.entity import Exchange, Queue

from config.schedule import BEAT_SCHEDULE

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

# Our threads mostly wait. One that has something to say need not wait 5 ms (Python's default)
# at each of its steps while another renders a page.
sys.setswitchinterval(0.0005)

app = Celery("lockboard")
app.autodiscover_tasks()

#: One queue per kind of work, so that a slow one cannot hold up a click.
QUEUES = ("actuate", "reconcile", "poll", "deliver")

app.conf.update(
    broker_url=settings.REDIS_URL,
    # Seconds. A hung broker must cost a click at most this, once (measured: default blocks 60 s).
    broker_transport_options={
        "global_keyprefix": f"{settings.REDIS_PREFIX}:",
        "socket_timeout": 2,
        "socket_connect_timeout": 1,
        "socket_keepalive": True,
        "health_check_interval": 15,
        "visibility_timeout": 900,
        # Who publishes never waits for a broker: a process that starts without one would, for ever.
        "max_retries": 0,
    },
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    task_publish_retry=False,
    task_ignore_result=True,
    task_serializer="json",
    accept_content=["json"],
    task_acks_late=False,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    worker_send_task_events=False,
    task_create_missing_queues=False,
    # Named in full: left out, every queue would be bound to the default one's exchange and key,
    # and each message would land in all four.
    task_queues=[Queue(name, Exchange(name), routing_key=name) for name in QUEUES],  # type: ignore[no-untyped-call]
    task_default_queue="poll",
    task_routes={
        "locks.tasks.perform_attempt": {"queue": "actuate"},
        "locks.tasks.first_sync": {"queue": "reconcile"},
        "locks.tasks.reconcile_codes": {"queue": "reconcile"},
        "access.tasks.look_at_systems": {"queue": "reconcile"},
        "access.tasks.work_on_job": {"queue": "actuate"},
        "access.tasks.send_messages": {"queue": "deliver"},
    },
    timezone="UTC",
    beat_schedule=BEAT_SCHEDULE,
    beat_scheduler="config.beat:Scheduler",
    beat_max_loop_interval=1,
)
