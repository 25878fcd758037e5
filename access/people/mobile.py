"""Mobile keys of people: asked for, looked at, taken back. Each act is a wish.

What asks no permission is for whoever has: grants do on behalf of a person, and of nobody.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from access import credentials
from access.models import AcsCredential, AcsUser
from access.people import wishes
from access.states import Phase
from accounts.actors import Actor
from accounts.models import User
from accounts.permissions import Permission
from accounts.providers.systems import AccessMethod
from audit.services import record
from audit.who import Who
from audit.words import How, Verb
from locks.codes.rules import RuleError
from locks.codes.services import RefusedError

#: Phones that one link may serve; more is a slip.
MOST_USES = 50


def key_of(user: AcsUser) -> AcsCredential | None:
    """Return the mobile key that somebody has or is to have."""
    keys = AcsCredential.objects.filter(user=user, access_method=AccessMethod.MOBILE_KEY)
    found: AcsCredential | None = (
        keys.filter(delete_asked_at=None).exclude(phase=Phase.GONE).first()
    )
    return found


def ask_for_mobile_key(
    user: AcsUser, *, max_use_count: int = 1, by: Actor, at: datetime
) -> AcsCredential | None:
    """Have somebody given a mobile key, and a link to it.

    Return None where there is one already. Raises RefusedError.
    """
    by.require(Permission.MANAGE_CARDHOLDERS, user.system.property_id)
    with transaction.atomic():
        user = wishes.fresh(user)
        _check(user, max_use_count)
        return wish(user, max_use_count, who=by.who, created_by=by.user, at=at)


def _check(user: AcsUser, max_use_count: int) -> None:
    wishes.check_changeable(user)
    sentence = ""
    if not user.system.gives_mobile_keys:
        sentence = "This system gives no mobile keys."
    elif not 1 <= max_use_count <= MOST_USES:
        sentence = f"The link can serve 1 to {MOST_USES} phones."
    if sentence:
        raise RefusedError([RuleError("", sentence)])


def wish(
    user: AcsUser,
    max_use_count: int,
    *,
    who: Who,
    created_by: User | None,
    at: datetime,
) -> AcsCredential | None:
    """Write down the wish for a mobile key, of a user whose row is held; None: there is one.

    It carries no times: in these systems those of the user count, and may move (facts/seam.md
    7.9). A person without e-mail and phone may have one: the facts ask for neither.
    """
    if key_of(user) is not None:
        return None
    key: AcsCredential = AcsCredential.objects.create(
        system=user.system,
        user=user,
        access_method=AccessMethod.MOBILE_KEY,
        wants_instant_key=True,
        instant_key_max_use_count=max_use_count,
        created_by=created_by,
        created_at=at,
        next_run_at=at,
    )
    wishes.tell(Verb.MOBILE_KEY_CREATED, user, who=who, at=at)
    return key


def ask_for_link(key: AcsCredential, *, max_use_count: int = 1, by: Actor, at: datetime) -> bool:
    """Have another link made: the last one was used up, or is over. It is deleted first.

    Return False where one is being made already. Raises RefusedError.
    """
    assert key.user is not None
    by.require(Permission.MANAGE_CARDHOLDERS, key.system.property_id)
    with transaction.atomic():
        user = wishes.fresh(key.user)
        _check(user, max_use_count)
        rows = AcsCredential.objects.filter(pk=key.pk, phase=Phase.LIVE, delete_asked_at=None)
        ready = rows.exclude(instant_key_sealed="") | rows.filter(wants_instant_key=False)
        if not ready.update(
            wants_instant_key=True,
            instant_key_max_use_count=max_use_count,
            instant_key_sealed="",
            next_run_at=at,
            attempts=0,
        ):
            return False
        wishes.tell(Verb.MOBILE_KEY_CREATED, user, who=by.who, at=at, after="a new link")
    return True


def reveal_link(key: AcsCredential, *, by: Actor, at: datetime) -> str:
    """Return the address of the link, and write down who looked. "" where there is none.

    Raises sealing.UnreadableError.
    """
    assert key.user is not None
    by.require(Permission.REVEAL_CODES, key.system.property_id)
    url = key.unseal_instant_key()
    if url:
        record(
            Verb.MOBILE_KEY_REVEALED,
            workspace_id=key.system.workspace_id,
            at=at,
            who=by.who,
            place=key.system.as_place(),
            subject=key.user.full_name,
            how=How.WEB,
            system=key.system.name,
        )
    return url


def take_back(key: AcsCredential, *, by: Actor, at: datetime) -> bool:
    """Wish a mobile key away. Return False if that was asked for already."""
    assert key.user is not None
    by.require(Permission.MANAGE_CARDHOLDERS, key.system.property_id)
    with transaction.atomic():
        if not credentials.wish_away(key, "cancelled", at=at):
            return False
        wishes.tell(Verb.MOBILE_KEY_WITHDRAWN, key.user, who=by.who, at=at)
    return True
