"""Every periodic task exists, and expires within its period (reliability Q-01 to Q-06)."""

import pytest
from django.apps import apps

from config.celery import QUEUES, app
from config.schedule import BEAT_SCHEDULE


def known() -> set[str]:
    app.loader.import_default_modules()
    return {name for name in app.tasks if not name.startswith("celery.")}


@pytest.mark.parametrize("name", sorted(BEAT_SCHEDULE))
def test_every_scheduled_task_exists_and_expires(name: str) -> None:
    entry = BEAT_SCHEDULE[name]

    assert entry["task"] in known()
    assert 0 < entry["options"]["expires"] <= entry["schedule"]
    assert entry["options"]["queue"] in QUEUES


def test_every_queue_that_a_task_goes_to_exists() -> None:
    routes = app.conf.task_routes

    assert {route["queue"] for route in routes.values()} <= set(QUEUES)
    assert set(routes) <= known()
    assert routes["locks.tasks.perform_attempt"] == {"queue": "actuate"}


def test_q_03_a_hint_is_taken_early_and_never_repeated() -> None:
    conf = app.conf

    assert (conf.task_acks_late, conf.worker_prefetch_multiplier) == (False, 1)
    assert (conf.task_publish_retry, conf.task_ignore_result) == (False, True)
    for name in known():
        task = app.tasks[name]
        assert (task.acks_late, getattr(task, "autoretry_for", ())) == (False, ())


def test_q_04_a_hung_broker_holds_nobody_for_long() -> None:
    options = app.conf.broker_transport_options

    assert options["socket_timeout"] <= 2
    assert options["socket_connect_timeout"] <= 2
    assert options["socket_keepalive"] is True


def test_q_06_messages_are_json() -> None:
    assert (app.conf.accept_content, app.conf.task_serializer) == (["json"], "json")


def test_every_app_with_tasks_is_looked_into() -> None:
    ours = {"audit", "accounts", "locks", "access"}

    assert ours <= {config.name for config in apps.get_app_configs()}
    assert {name.partition(".")[0] for name in known()} <= ours
