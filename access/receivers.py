"""What accounts tell access: an account goes, and with it its systems."""

from datetime import datetime
from typing import Any

from django.dispatch import receiver

from access import leaving
from accounts.models import ConnectedAccount
from accounts.signals import account_disconnected, disconnection_foretold


@receiver(disconnection_foretold)
def say_what_goes(account: ConnectedAccount, **_: Any) -> list[str]:
    return leaving.foretell(account)


@receiver(account_disconnected)
def take_systems_away(account: ConnectedAccount, at: datetime, **_: Any) -> None:
    leaving.take_away(account, at=at)
