"""Looking at access control systems for ever: what is there, and whether our wishes are true.

One pass per account, by any worker, alone under a lease. The rows are the work: a pass that
dies is continued by the next one, from what a listing shows (reliability A2, A3).
"""

from access.syncing.claiming import queue_due
from access.syncing.passing import run

__all__ = ["queue_due", "run"]
