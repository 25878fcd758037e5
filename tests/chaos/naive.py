"""The negative control: an unlock task as one would write it without thinking of doors.

Late acknowledgement, redelivery of what a lost worker held, automatic retries. It exists to be
caught by the harness, and is used by nothing else.
"""

import os
from functools import cache

import requests
from celery import Celery

SANDBOX = os.environ.get("LOCKBOARD_SANDBOX_URL", "")
BROKER = os.environ.get("REDIS_URL", "")

app = Celery("naive", broker=BROKER)
app.conf.update(
    broker_transport_options={"global_keyprefix": "naive:"},
    task_ignore_result=True,
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
)


@app.task(
    acks_late=True,
    reject_on_worker_lost=True,
    autoretry_for=(Exception,),
    max_retries=3,
    retry_backoff=True,
    retry_jitter=False,
)
def unlock(click_id: str, path: str) -> None:
    answer = requests.patch(
        f"{SANDBOX}{path}",
        json={"locked_state": "unlocked"},
        headers={"X-Request-Id": click_id, "Authorization": f"Bearer {token()}"},
        timeout=2,
    )
    answer.raise_for_status()


@cache
def token() -> str:
    answer = requests.post(
        f"{SANDBOX}/identity/connect/token",
        data={
            "grant_type": "password",
            "client_id": "lockboard-backend",
            "client_secret": "lockboard-backend-secret",
            "username": "harbour@example.com",
            "password": "1234",
            "scope": "user_api.full_access",
        },
        timeout=5,
    )
    answer.raise_for_status()
    return str(answer.json()["access_token"])
