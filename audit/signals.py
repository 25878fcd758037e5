"""What the floor tells the apps above it."""

from django.dispatch import Signal

#: Provider entries were stored. Arguments: `account_id`, `entries` (list of audit.services.Entry),
#: `at`. Sent inside the transaction that stores them.
events_ingested = Signal()
