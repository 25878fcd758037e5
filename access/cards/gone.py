"""Whether a credential is gone, as a failure says: believed once it was asked for and not there."""

from __future__ import annotations

from access.cards import calling, outcomes
from access.models import EncodeJob
from accounts.providers.base import ProviderError
from accounts.providers.systems import CardFailure


def see(job: EncodeJob, failure: CardFailure) -> None:
    """Ask for a job's credential, where a failure says that it is gone, and store if it is."""
    card = job.credential
    if failure != CardFailure.CREDENTIAL_GONE or card is None or not card.remote_id:
        return
    calling.let_go()
    try:
        found = calling.systems_of(job.system.account).get_credential(card.remote_id)
    except ProviderError:
        return
    if found is None:
        outcomes.store_gone(card)
