"""Sentences: what a line of the log says to a person."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import TextChoices
from django.urls import NoReverseMatch, reverse

from audit.matching import causes
from audit.models import Event
from audit.words import How, Result, Verb


@dataclass(frozen=True)
class Line:
    """One event as it is read."""

    event: Event
    sentence: str
    icon: str
    tone: str
    at: datetime
    day: str
    zone: ZoneInfo
    how: str
    result: str
    who: str
    door: str
    door_url: str
    is_late: bool
    #: Said already, or about to be: less loud than its neighbours.
    is_quiet: bool = False
    detail: list[tuple[str, str]] = field(default_factory=list)


#: An account and the provider's id of a person there. With "" its feed names nobody.
ProviderPerson = tuple[UUID, str]

_REQUESTED = frozenset({Verb.UNLOCK_REQUESTED, Verb.LOCK_REQUESTED})
_OPENED_FOR = frozenset({Verb.UNLOCK_SUCCEEDED, Verb.UNLOCK_UNCONFIRMED})
_LOCKED_FOR = frozenset({Verb.LOCK_SUCCEEDED, Verb.LOCK_UNCONFIRMED})
_OUTCOMES = (
    _OPENED_FOR
    | _LOCKED_FOR
    | {
        Verb.UNLOCK_FAILED,
        Verb.UNLOCK_EXPIRED,
        Verb.UNLOCK_CANCELLED,
        Verb.LOCK_FAILED,
        Verb.LOCK_EXPIRED,
        Verb.LOCK_CANCELLED,
    }
)


def lines_of(
    events: Iterable[Event],
    zone: ZoneInfo,
    *,
    after: datetime | None = None,
    ours: Callable[[], Collection[ProviderPerson]] = frozenset,
) -> list[Line]:
    """Return the lines of some events, newest first, with a heading where a new day begins.

    A request whose outcome is here stands in the details of the outcome. `after` is the time
    of the line above these, whose day has its heading. `ours` tells by which persons the feeds
    mean us; it is asked only if something was opened remotely.
    """
    told = list(events)
    attempts = _attempts(told)
    causes = _causes(told, attempts, ours)
    day = _day(after, zone) if after else ""
    lines = []
    for event in told:
        attempt = attempts.get(event.attempt_id)
        if attempt and attempt.outcome and event is attempt.requested:
            continue
        today = _day(event.occurred_at, zone)
        line = _line(event, zone, today if today != day else "")
        lines.append(_related(line, attempt, causes.get(event.pk)))
        day = today
    return lines


@dataclass
class _Attempt:
    """What is told of one attempt."""

    requested: Event | None = None
    outcome: Event | None = None


def _attempts(events: list[Event]) -> dict[UUID | None, _Attempt]:
    found: dict[UUID | None, _Attempt] = {}
    for event in events:
        if event.attempt_id is None:
            continue
        attempt = found.setdefault(event.attempt_id, _Attempt())
        if event.verb in _REQUESTED:
            attempt.requested = event
        elif event.verb in _OUTCOMES:
            attempt.outcome = event
    return found


def _related(line: Line, attempt: _Attempt | None, cause: _Cause | None) -> Line:
    """The line as it reads among the others."""
    event = line.event
    if event.verb in _REQUESTED:
        return replace(line, is_quiet=True)
    if attempt and attempt.requested and event is attempt.outcome:
        return replace(line, detail=_with_request(line.detail, attempt.requested, line.zone))
    if cause is None:
        return line
    return replace(
        line,
        sentence=_caused(event, cause),
        who=cause.who,
        is_quiet=cause.is_told,
        detail=[("As", event.actor_name), *line.detail] if event.actor_name else line.detail,
    )


def _caused(event: Event, cause: _Cause) -> str:
    if event.verb == Verb.OFFICE_MODE_ENDED:
        return f"{cause.who} ended office mode at {_door(event)}"
    if cause.is_told:
        return f"{_door(event)} opened for {cause.who}"
    return f"{_door(event)} opened from here: {cause.who}"


@dataclass(frozen=True)
class _Cause:
    """Who of us made happen what a feed tells."""

    who: str
    #: Whether one person can be named.
    is_told: bool


#: A door, and what happened there: openings, or ends of office mode.
_Place = tuple[UUID | None, str]


def _causes(
    events: list[Event],
    attempts: dict[UUID | None, _Attempt],
    ours: Callable[[], Collection[ProviderPerson]],
) -> dict[UUID, _Cause]:
    """Return who of us stands behind the feed's lines, by line: what can be told of it."""
    told: dict[_Place, list[Event]] = {}
    for event in events:
        if _may_be_ours(event) and (event.account_id, event.actor_id) in ours():
            told.setdefault((event.device_id, event.verb), []).append(event)
    asked: dict[_Place, list[_Attempt]] = {}
    for attempt in attempts.values() if told else ():
        if attempt.outcome and (verb := _causing(attempt.outcome)):
            asked.setdefault((attempt.outcome.device_id, verb), []).append(attempt)
    found: dict[UUID, _Cause] = {}
    for place, rows in told.items():
        found |= _causes_at(rows, asked.get(place, []))
    return found


def _may_be_ours(event: Event) -> bool:
    """Whether a line of a feed tells of something that may have been commanded from here.

    Where a feed names nobody, an end of office mode may as well be the schedule's.
    """
    if event.account_id is None:
        return False
    if event.verb == Verb.OFFICE_MODE_ENDED:
        return event.how == How.REMOTE or bool(event.actor_id)
    return event.verb == Verb.OPENED and event.how == How.REMOTE


def _causing(outcome: Event) -> str:
    """What a feed says of a door after such an outcome; "" for nothing."""
    if outcome.verb in _OPENED_FOR:
        return Verb.OPENED
    return Verb.OFFICE_MODE_ENDED if outcome.verb in _LOCKED_FOR else ""


def _causes_at(rows: list[Event], attempts: list[_Attempt]) -> dict[UUID, _Cause]:
    outcomes = [attempt.outcome for attempt in attempts if attempt.outcome]
    sent = [
        attempt.requested.occurred_at if attempt.requested else outcome.occurred_at
        for attempt, outcome in zip(attempts, outcomes, strict=True)
    ]
    found = {}
    for row, fits in zip(rows, causes(sent, [row.occurred_at for row in rows]), strict=True):
        names = sorted({_who(outcomes[index]) for index in fits})
        if len(names) == 1:
            found[row.pk] = _Cause(names[0], is_told=True)
        elif names and row.verb == Verb.OPENED:
            found[row.pk] = _Cause(f"Lockboard, by {' or '.join(names)}", is_told=False)
        elif row.actor_id and not row.actor_name:
            found[row.pk] = _Cause(_account(row), is_told=False)
    return found


def _with_request(
    detail: list[tuple[str, str]], requested: Event, zone: ZoneInfo
) -> list[tuple[str, str]]:
    at = requested.occurred_at.astimezone(zone)
    known = {label for label, _ in detail}
    more = [(label, value) for label, value in _detail(requested) if label not in known]
    return [("Asked", f"{at:%H:%M:%S}"), *detail, *more]


def _day(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%A %-d %B %Y}"


def _line(event: Event, zone: ZoneInfo, day: str) -> Line:
    say, icon, tone = PRESENTERS.get(event.verb, _UNTOLD)
    return Line(
        event=event,
        sentence=_with_reason(say(event), event),
        icon=icon,
        tone=tone,
        at=event.occurred_at,
        day=day,
        zone=zone,
        how=_label(How, event.how),
        result=_label(Result, event.result),
        who=_who(event),
        door=event.device_name,
        door_url=_door_url(event),
        is_late=event.is_late,
        detail=_detail(event),
    )


def _label(words: type[TextChoices], word: str) -> str:
    """The word as people read it; one that a newer version wrote stays as it is."""
    return str(dict(words.choices).get(word, word)) if word else ""


def _untold(event: Event) -> str:
    return f"{event.verb.replace('_', ' ').capitalize()}: {event.device_name or event.subject}"


#: For a word that a newer version wrote before it was rolled back: told, if not well.
_UNTOLD = (_untold, "question", "neutral")


def _door_url(event: Event) -> str:
    try:
        return reverse("door", args=[event.device_id]) if event.device_id else ""
    except NoReverseMatch:
        return ""


def _detail(event: Event) -> list[tuple[str, str]]:
    told = [
        ("Reason", event.reason),
        ("Account", event.account_name),
        ("Property", event.property_name),
        ("Address", event.ip or ""),
        ("Request", event.request_id),
        ("Attempt", str(event.attempt_id or "")),
        ("Provider's id", event.external_id),
    ]
    told += [_in_words(key, value) for key, value in event.detail.items()]
    return [(label, value) for label, value in told if value]


def _in_words(key: str, value: object) -> tuple[str, str]:
    """Label and value of one detail: durations in seconds, lists in order, no brackets."""
    if key.endswith("_ms") and isinstance(value, int):
        key, value = key.removesuffix("_ms"), f"{value / 1000:g} s"
    return key.replace("_", " ").capitalize(), _plain(value)


def _plain(value: object) -> str:
    if isinstance(value, dict):
        pairs = (_in_words(str(key), each) for key, each in value.items())
        return "; ".join(f"{label}: {words or '–'}" for label, words in sorted(pairs))
    if isinstance(value, list):
        return ", ".join(sorted(_plain(each) for each in value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def _who(event: Event) -> str:
    if event.actor_name:
        return event.actor_name
    return "Lockboard" if event.actor_kind == "system" else "Somebody"


def _with_reason(sentence: str, event: Event) -> str:
    return f"{sentence} – reason: {event.reason}" if event.reason else sentence


def _door(event: Event) -> str:
    return event.device_name or "a door"


def _account(event: Event) -> str:
    return event.account_name or "An account"


_OPENED_BY: dict[str, str] = {
    How.CODE: "opened {door} with a code",
    How.CARD: "opened {door} with a card",
    How.MOBILE_KEY: "opened {door} with a phone",
    How.REMOTE: "opened {door} remotely",
    How.SCHEDULE: "opened {door} by schedule",
}


def _opened(event: Event) -> str:
    if event.how == How.INSIDE:
        return f"{_door(event)} was opened from inside"
    words = _OPENED_BY.get(event.how, "opened {door}")
    return f"{_who(event)} {words.format(door=_door(event))}"


def _rejected(event: Event) -> str:
    why = event.detail.get("detail", "")
    because = f" ({str(why).replace('_', ' ')})" if why else ""
    return f"{_who(event)} was denied at {_door(event)}{because}"


def _error(event: Event) -> str:
    error = str(event.detail.get("error", ""))
    return f": {error}" if error else ""


def _gap(event: Event) -> str:
    since, until = (str(event.detail.get(key, ""))[11:16] for key in ("since", "until"))
    return f"Feed gap {since}–{until} UTC: {event.detail.get('reason', 'incomplete data')}"


def _settled(event: Event) -> str:
    did = "it opened" if event.result == Result.GRANTED else "it did not open"
    if event.detail.get("evidence") == "human":
        return f"{_who(event)} says of {_door(event)}: {did}"
    return f"{_door(event)} is confirmed by the feed: {did}"


def _moved(event: Event) -> str:
    before, after = (
        str(event.detail.get(k, "")).replace("_", " ") or "–" for k in ("before", "after")
    )
    trouble = event.detail.get("trouble")
    return f"{_account(event)} went from {before} to {after}" + (f": {trouble}" if trouble else "")


_CODE_ACTS = {
    "sync": "asked to look again at the code {code} on {door}",
    "push": "asked to try the code {code} on {door} again",
    "remove": "asked to try again to remove the code {code} from {door}",
    "backup": "handed out a backup code of {door} as {code}",
}


def _code_changed(event: Event) -> str:
    words = _CODE_ACTS.get(str(event.detail.get("act", "")), "changed the code {code} on {door}")
    return f"{_who(event)} {words.format(code=_subject(event), door=_door(event))}"


def _subject(event: Event) -> str:
    return event.subject or "of somebody"


def _exported(event: Event) -> str:
    count = event.detail.get("rows")
    return f"{_who(event)} exported " + (f"{count} codes" if count else "codes")


def _found(event: Event) -> str:
    count = event.detail.get("count", "Some")
    were = "1 door was" if count == 1 else f"{count} doors were"
    return f"{were} found at {event.subject or _account(event)}"


def _keypad(event: Event) -> str:
    after = event.detail.get("after")
    said = f"said that {_door(event)} {after}"
    if not after or after == "as the provider says":
        said = f"left the keypad of {_door(event)} to the provider"
    return f"{_who(event)} {said}"


def _says(text: str) -> Callable[[Event], str]:
    """A sentence with the event's `{who}`, `{door}`, `{account}`, `{subject}` and `{error}`."""

    def say(event: Event) -> str:
        return text.format(
            who=_who(event),
            door=_door(event),
            account=_account(event),
            subject=event.subject or "somebody",
            code=_subject(event),
            property=event.property_name or "a property",
            error=_error(event),
            reason=event.detail.get("reason", ""),
            system=event.detail.get("system") or event.subject or "an access system",
            encoder=event.detail.get("encoder") or "an encoder",
            card=_card(event),
        )

    return say


def _card(event: Event) -> str:
    """Return `the card …4F2A of Jane Doe`, with what is known of it."""
    last_four = event.detail.get("last_four")
    number = f" …{last_four}" if last_four else ""
    return f"the card{number} of {event.subject}" if event.subject else f"a card{number}"


_CARD_INTENTS = {
    "first": "a first card for {subject}",
    "update": "to write the card of {subject} again",
    "replace": "a new card for {subject} in place of the old one",
    "read": "to read a card",
    "tag": "to give {subject} a tag",
}


def _card_requested(event: Event) -> str:
    wish = _CARD_INTENTS.get(str(event.detail.get("intent", "")), "a card for {subject}")
    encoder = event.detail.get("encoder") or "an encoder"
    return f"{_who(event)} asked for {wish.format(subject=_name(event))} at {encoder}"


def _name(event: Event) -> str:
    return event.subject or "somebody"


def _cardholder_changed(event: Event) -> str:
    after = event.detail.get("after")
    return f"{_who(event)} changed {_name(event)}" + (f": {after}" if after else "")


def _with_after(text: str) -> Callable[[Event], str]:
    """A sentence, and after a colon what it is now."""
    say = _says(text)

    def told(event: Event) -> str:
        after = event.detail.get("after")
        return say(event) + (f": {after}" if after else "")

    return told


def _people(event: Event, one: str, many: str) -> str:
    """Say something of somebody, or of as many as one line stands for (`people`)."""
    number = event.detail.get("people")
    return f"{number} people {many}" if number else f"{_name(event)} {one}"


def _cardholder_gone(event: Event) -> str:
    said = _people(event, "is gone from", "are gone from")
    return f"{said} {event.detail.get('system') or 'an access system'}"


def _cardholder_failed(event: Event) -> str:
    said = _people(event, "is not at", "are not at")
    system = event.detail.get("system") or "an access system"
    return f"{said} {system} as wished{_error(event)}"


def _changed_outside(event: Event) -> str:
    after = str(event.detail.get("after") or "")
    if after == "deleted":
        said = _people(event, "was deleted", "were deleted")
        return f"{said} outside Lockboard"
    said = _people(event, "was changed", "were changed")
    return f"{said} outside Lockboard" + (f": {after}" if after else _error(event))


def _card_settled(event: Event) -> str:
    """Say how a card in doubt ended. `after` is a sentence's end: `it was written`."""
    after = event.detail.get("after") or "it is settled"
    return f"About {_card(event)}: {after}"


def _system_health(event: Event) -> str:
    after = event.detail.get("after") or "is well again"
    return f"{event.subject or 'An access system'} {after}"


#: How each verb reads: sentence, icon, tone. Every verb is here; a test says so.
PRESENTERS: dict[str, tuple[Callable[[Event], str], str, str]] = {
    Verb.OPENED: (_opened, "door-open", "ok"),
    Verb.REJECTED: (_rejected, "x", "danger"),
    Verb.LOCKED: (_says("{door} was locked"), "lock", "neutral"),
    Verb.OFFICE_MODE_STARTED: (_says("Office mode began at {door}"), "briefcase", "info"),
    Verb.OFFICE_MODE_ENDED: (_says("Office mode ended at {door}"), "briefcase", "neutral"),
    Verb.PRIVACY_STARTED: (_says("Privacy mode began at {door}"), "moon-stars", "info"),
    Verb.PRIVACY_ENDED: (_says("Privacy mode ended at {door}"), "moon-stars", "neutral"),
    Verb.ALARM: (_says("Alarm at {door}"), "alert", "danger"),
    Verb.ALARM_ENDED: (_says("The alarm at {door} ended"), "alert", "neutral"),
    Verb.CONNECTION_LOST: (_says("{door} lost its connection"), "wifi-off", "warn"),
    Verb.CONNECTION_RESTORED: (_says("{door} is connected again"), "wifi", "ok"),
    Verb.LOW_BATTERY: (_says("{door} reports a low battery"), "battery-low", "warn"),
    Verb.NOTICE: (_says("{door} sent a notice"), "question", "neutral"),
    Verb.UNKNOWN: (_says("{door} reported something we have no word for"), "question", "neutral"),
    Verb.UNREADABLE: (_says("1 unreadable event from {account}: {reason}"), "alert", "warn"),
    Verb.FEED_GAP: (_gap, "alert", "warn"),
    Verb.UNLOCK_REQUESTED: (_says("{who} asked to unlock {door}"), "hand", "neutral"),
    Verb.UNLOCK_SUCCEEDED: (_says("{who} unlocked {door}"), "lock-open", "ok"),
    Verb.UNLOCK_FAILED: (_says("{door} did not open for {who}{error}"), "x", "danger"),
    Verb.UNLOCK_EXPIRED: (_says("{door} was not asked to open for {who}{error}"), "clock", "warn"),
    Verb.UNLOCK_CANCELLED: (_says("{door} was not asked to open for {who}{error}"), "x", "warn"),
    Verb.UNLOCK_UNCONFIRMED: (
        _says("{who} unlocked {door}, not confirmed: it may have opened"),
        "question",
        "warn",
    ),
    Verb.UNLOCK_SETTLED: (_settled, "check", "ok"),
    Verb.LOCK_REQUESTED: (_says("{who} asked to lock {door}"), "hand", "neutral"),
    Verb.LOCK_SUCCEEDED: (_says("{who} locked {door}"), "lock", "ok"),
    Verb.LOCK_FAILED: (_says("{door} was not locked for {who}{error}"), "x", "danger"),
    Verb.LOCK_EXPIRED: (_says("{door} was not asked to lock for {who}{error}"), "clock", "warn"),
    Verb.LOCK_CANCELLED: (_says("{door} was not asked to lock for {who}{error}"), "x", "warn"),
    Verb.LOCK_UNCONFIRMED: (_says("{who} locked {door}, not confirmed"), "question", "warn"),
    Verb.LOCK_SETTLED: (_settled, "check", "ok"),
    Verb.SIGNED_IN: (_says("{who} signed in"), "user", "neutral"),
    Verb.SIGN_IN_FAILED: (_says("A sign-in as {who} failed"), "user", "warn"),
    Verb.SIGNED_OUT: (_says("{who} signed out"), "log-out", "neutral"),
    Verb.PERMISSION_DENIED: (_says("{who} tried something they may not do"), "shield", "warn"),
    Verb.PASSWORD_CHANGED: (_says("{who} has a new password"), "key", "info"),
    Verb.NAME_CHANGED: (_says("{subject} is now called {who}"), "user", "info"),
    Verb.PERSON_INVITED: (_says("{who} invited {subject}"), "users", "info"),
    Verb.INVITATION_ACCEPTED: (_says("{subject} accepted their invitation"), "users", "ok"),
    Verb.INVITATION_WITHDRAWN: (
        _says("{who} withdrew the invitation of {subject}"),
        "users",
        "neutral",
    ),
    Verb.PERSON_CHANGED: (_says("{who} changed what {subject} may do"), "users", "info"),
    Verb.PERSON_DEACTIVATED: (_says("{who} deactivated {subject}"), "users", "warn"),
    Verb.PERSON_REACTIVATED: (_says("{who} reactivated {subject}"), "users", "info"),
    Verb.WEBVIEW_CREATED: (_says("{who} began to connect an account"), "plug", "neutral"),
    Verb.WEBVIEW_CANCELLED: (_says("{who} stopped connecting an account"), "plug", "neutral"),
    Verb.ACCOUNT_CONNECTED: (_says("{who} connected {account}"), "plug", "ok"),
    Verb.ACCOUNT_RECONNECTED: (_says("{who} reconnected {account}"), "plug", "ok"),
    Verb.ACCOUNT_DISCONNECTED: (_says("{who} disconnected {account}"), "plug", "warn"),
    Verb.ACCOUNT_CHANGED: (_says("{who} changed the settings of {account}"), "settings", "info"),
    Verb.ACCOUNT_HEALTH_CHANGED: (_moved, "plug", "warn"),
    Verb.REMOTE_OPENING_ACTIVATED: (
        _says("{who} activated remote opening at {account}"),
        "key",
        "ok",
    ),
    Verb.PROPERTY_CREATED: (_says("{who} added the property {property}"), "building", "info"),
    Verb.DOORS_FOUND: (_found, "door", "info"),
    Verb.DOOR_ADDED: (_says("{door} was found at {account}"), "door", "info"),
    Verb.DOOR_VANISHED: (_says("{door} is no longer in {account}’s list"), "door", "warn"),
    Verb.DOOR_RETURNED: (_says("{door} is back in {account}’s list"), "door", "ok"),
    Verb.POLICY_CHANGED: (
        _says("{who} changed what is asked before doors open"),
        "settings",
        "info",
    ),
    Verb.CODE_CREATED: (_says("{who} asked for the code {code} on {door}"), "keypad", "info"),
    Verb.CODE_CHANGED: (_code_changed, "keypad", "info"),
    Verb.CODE_REVOKED: (_says("{who} revoked the code {code} on {door}"), "keypad", "warn"),
    Verb.CODE_REVEALED: (_says("{who} looked at the digits of {code} on {door}"), "eye", "info"),
    Verb.CODE_SET: (_says("The code {code} is on {door}"), "keypad", "ok"),
    Verb.CODE_REMOVED: (_says("The code {code} is gone from {door}"), "keypad", "neutral"),
    Verb.CODE_FAILED: (_says("The code {code} is not on {door}{error}"), "x-circle", "danger"),
    Verb.CODE_OVERDUE: (
        _says("STILL ACTIVE: the code {code} should be gone from {door}{error}"),
        "alert",
        "danger",
    ),
    Verb.CODE_DIGITS_CHANGED: (_says("The digits of {code} on {door} change"), "keypad", "warn"),
    Verb.CODE_CHANGED_OUTSIDE: (
        _says("The code {code} on {door} was changed outside Lockboard{error}"),
        "alert",
        "warn",
    ),
    Verb.CODE_ADOPTED: (_says("{who} adopted the code {code} on {door}"), "keypad", "info"),
    Verb.CODES_EXPORTED: (_exported, "external", "info"),
    Verb.KEYPAD_OVERRIDDEN: (_keypad, "settings", "info"),
    Verb.SYSTEM_FOUND: (_says("{system} was found at {account}"), "building", "info"),
    Verb.SYSTEM_CHANGED: (
        _with_after("{who} changed the settings of {system}"),
        "settings",
        "info",
    ),
    Verb.SYSTEM_HEALTH_CHANGED: (_system_health, "building", "warn"),
    Verb.SYSTEM_GONE: (_says("{system} is no longer in {account}’s list"), "building", "warn"),
    Verb.ENTRANCE_CHANGED: (
        _with_after("{who} changed what is known of {subject}"),
        "door",
        "info",
    ),
    Verb.CARDHOLDER_CREATED: (_says("{who} added {subject} to {system}"), "user", "info"),
    Verb.CARDHOLDER_CHANGED: (_cardholder_changed, "user", "info"),
    Verb.CARDHOLDER_SUSPENDED: (_says("{who} suspended {subject}"), "user", "warn"),
    Verb.CARDHOLDER_UNSUSPENDED: (_says("{who} let {subject} in again"), "user", "info"),
    Verb.CARDHOLDER_DELETED: (_says("{who} asked to delete {subject}"), "user", "warn"),
    Verb.CARDHOLDER_GONE: (_cardholder_gone, "user", "neutral"),
    Verb.CARDHOLDER_CHANGED_OUTSIDE: (
        _changed_outside,
        "user",
        "info",
    ),
    Verb.CARDHOLDER_FAILED: (
        _cardholder_failed,
        "x-circle",
        "danger",
    ),
    Verb.PIN_CREATED: (_says("{who} asked for a PIN for {subject}"), "keypad", "info"),
    Verb.PIN_REVEALED: (_says("{who} looked at the PIN of {subject}"), "eye", "info"),
    Verb.MOBILE_KEY_CREATED: (_with_after("{who} gave {subject} a mobile key"), "phone", "info"),
    Verb.MOBILE_KEY_REVEALED: (
        _says("{who} looked at the link to the mobile key of {subject}"),
        "eye",
        "info",
    ),
    Verb.MOBILE_KEY_WITHDRAWN: (
        _says("{who} took back the mobile key of {subject}"),
        "phone",
        "warn",
    ),
    Verb.CARD_REQUESTED: (_card_requested, "card", "neutral"),
    Verb.CARD_ISSUED: (_says("{who} wrote {card} at {encoder}"), "card", "ok"),
    Verb.CARD_FAILED: (_says("No card was written or read at {encoder}{error}"), "x", "danger"),
    Verb.CARD_CANCELLED: (_says("{who} stopped making or reading {card}"), "x", "neutral"),
    Verb.CARD_UNCONFIRMED: (
        _says("Nobody knows whether {card} was written at {encoder}{error}"),
        "question",
        "warn",
    ),
    Verb.CARD_SETTLED: (_card_settled, "check", "info"),
    Verb.CARD_READ: (_says("{who} read {card} at {encoder}"), "card", "neutral"),
    Verb.TAG_ASSIGNED: (_says("{who} gave {subject} a tag at {encoder}"), "card", "ok"),
    Verb.CARD_LOST: (_says("{who} said that {card} is lost"), "alert", "warn"),
    Verb.CARD_RETURNED: (_says("{who} took {card} back"), "card", "neutral"),
    Verb.CARD_GONE: (_says("The right on {card} is gone from {system}"), "card", "neutral"),
    Verb.GRANT_CREATED: (_with_after("{who} let {subject} in"), "key", "ok"),
    Verb.GRANT_CHANGED: (_with_after("{who} changed the stay of {subject}"), "key", "info"),
    Verb.GRANT_REVOKED: (_says("{who} revoked the stay of {subject}"), "key", "warn"),
    Verb.GRANT_REVOKE_UNDONE: (_says("{who} took back revoking {subject}"), "key", "info"),
    Verb.GRANT_GONE: (_with_after("Nothing of {subject} opens a door any more"), "key", "neutral"),
    Verb.GRANT_OVERDUE: (
        _with_after("{subject} should open nothing any more, and may still open"),
        "alert",
        "danger",
    ),
    Verb.GRANT_FOLLOWED: (_with_after("The doors of {subject} changed"), "key", "info"),
    Verb.GRANT_FAILED: (_with_after("The stay of {subject} needs a look"), "alert", "warn"),
    Verb.GUEST_ARRIVED: (_says("{subject} arrived"), "user", "ok"),
    Verb.GUEST_CHANGED: (_with_after("{who} changed the details of {subject}"), "user", "info"),
    Verb.GUESTS_MERGED: (_with_after("{who} merged guests into {subject}"), "user", "info"),
    Verb.GUEST_LINK_MADE: (_says("{who} made a link for {subject}"), "external", "info"),
    Verb.GUEST_LINK_LOCKED: (
        _says("The link of {subject} is locked: wrong codes were typed"),
        "alert",
        "warn",
    ),
    Verb.GUEST_DEVICE_ADDED: (_with_after("{subject} uses a new phone or browser"), "user", "info"),
    Verb.GUEST_SAW_CODE: (_says("{subject} looked at their code"), "eye", "info"),
    Verb.GUEST_ASKED_FOR_HELP: (_with_after("{subject} cannot get in"), "alert", "warn"),
    Verb.MESSAGE_SENT: (_with_after("{subject} was written to"), "external", "ok"),
    Verb.MESSAGE_FAILED: (_with_after("{subject} could not be written to"), "x-circle", "danger"),
    Verb.FEED_ADDED: (_says("{who} connected the reservations of {subject}"), "external", "info"),
    Verb.FEED_CHANGED: (
        _with_after("{who} changed the reservations of {subject}"),
        "settings",
        "info",
    ),
    Verb.FEED_REMOVED: (
        _says("{who} disconnected the reservations of {subject}"),
        "external",
        "warn",
    ),
    Verb.RESERVATIONS_READ: (_with_after("Reservations of {subject} were read"), "key", "info"),
    Verb.GUEST_PAGE_CHANGED: (
        _with_after("{who} changed what guests of {property} are told"),
        "settings",
        "info",
    ),
    Verb.WEBHOOK_ADDED: (_says("{who} let {account} tell us of changes at once"), "plug", "info"),
    Verb.WEBHOOK_REMOVED: (
        _says("{account} no longer tells us of changes at once"),
        "plug",
        "info",
    ),
}
