"""What accounts tell the apps above them. All are sent inside the transaction of the act."""

from django.dispatch import Signal

#: An account was connected and its doors are to be fetched for the first time.
#: Arguments: `webview_id` (onboarding.progress tells how it goes); `here`: no worker has
#: answered so far, so let this process do it.
first_sync_requested = Signal()

#: An account was disconnected: its doors leave the board. Arguments: `account`, `at`.
account_disconnected = Signal()

#: Somebody is asked whether to disconnect an account. Arguments: `account`. Receivers answer with
#: sentences of what goes with it.
disconnection_foretold = Signal()

#: A provider said that something changed; it may be anybody's word, so only look again.
#: Arguments: `account`, `event_type` (the provider's word, or ""), `at`. Sent at most once per
#: message.
hook_received = Signal()
