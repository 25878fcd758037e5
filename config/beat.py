"""Beat that goes on ticking when the broker is away.

A tick is a hint like any other. Where the broker does not take it, beat rings the doorbell
itself, so sweeping and polling go on, only slower (ux: "everything still runs").
"""

import logging
import threading
from typing import Any

from celery.beat import PersistentScheduler, ScheduleEntry, SchedulingError
from django.db import connection

logger = logging.getLogger(__name__)


class Scheduler(PersistentScheduler):  # type: ignore[misc]  # celery is untyped
    #: Every tick takes a connection from the pool. Celery's own producer waits for a broker that
    #: is away, for ever if it never came.
    producer = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._running: set[str] = set()
        super().__init__(*args, **kwargs)

    def apply_async(self, entry: ScheduleEntry, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().apply_async(entry, *args, **kwargs)
        except SchedulingError:
            self._run_here(entry.task)
            return None

    def _run_here(self, name: str) -> None:
        """Run a task in a thread of beat's, unless its previous run is still going."""
        if name in self._running:
            return
        self._running.add(name)
        threading.Thread(target=self._run, args=(name,), daemon=True).start()

    def _run(self, name: str) -> None:
        try:
            self.app.tasks[name].run()
        except Exception:
            logger.exception("%s failed", name)
        finally:
            connection.close()
            self._running.discard(name)
