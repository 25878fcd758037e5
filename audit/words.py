"""The words of the log. Stored as they are; never renamed, only added to."""

from django.db import models


class Kind(models.TextChoices):
    #: Something happened at a door.
    DOOR = "door"
    #: Somebody changed who or what may open doors, or signed in.
    CHANGE = "change"


class Verb(models.TextChoices):
    # at a door, from a provider's feed
    OPENED = "opened"
    REJECTED = "rejected"
    LOCKED = "locked"
    OFFICE_MODE_STARTED = "office_mode_started"
    OFFICE_MODE_ENDED = "office_mode_ended"
    PRIVACY_STARTED = "privacy_started"
    PRIVACY_ENDED = "privacy_ended"
    ALARM = "alarm"
    ALARM_ENDED = "alarm_ended"
    CONNECTION_LOST = "connection_lost"
    CONNECTION_RESTORED = "connection_restored"
    LOW_BATTERY = "low_battery"
    #: Something a lock tells that is neither access nor trouble.
    NOTICE = "notice"
    UNKNOWN = "unknown"
    UNREADABLE = "unreadable"
    FEED_GAP = "feed_gap"
    # at a door, our commands: requested, then one outcome, then perhaps evidence
    UNLOCK_REQUESTED = "unlock_requested"
    UNLOCK_SUCCEEDED = "unlock_succeeded"
    UNLOCK_FAILED = "unlock_failed"
    UNLOCK_EXPIRED = "unlock_expired"
    UNLOCK_CANCELLED = "unlock_cancelled"
    UNLOCK_UNCONFIRMED = "unlock_unconfirmed"
    UNLOCK_SETTLED = "unlock_settled"
    LOCK_REQUESTED = "lock_requested"
    LOCK_SUCCEEDED = "lock_succeeded"
    LOCK_FAILED = "lock_failed"
    LOCK_EXPIRED = "lock_expired"
    LOCK_CANCELLED = "lock_cancelled"
    LOCK_UNCONFIRMED = "lock_unconfirmed"
    LOCK_SETTLED = "lock_settled"
    # changes
    SIGNED_IN = "signed_in"
    SIGN_IN_FAILED = "sign_in_failed"
    SIGNED_OUT = "signed_out"
    PERMISSION_DENIED = "permission_denied"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105  a word of the log
    NAME_CHANGED = "name_changed"
    PERSON_INVITED = "person_invited"
    INVITATION_ACCEPTED = "invitation_accepted"
    INVITATION_WITHDRAWN = "invitation_withdrawn"
    PERSON_CHANGED = "person_changed"
    PERSON_DEACTIVATED = "person_deactivated"
    PERSON_REACTIVATED = "person_reactivated"
    WEBVIEW_CREATED = "webview_created"
    WEBVIEW_CANCELLED = "webview_cancelled"
    ACCOUNT_CONNECTED = "account_connected"
    ACCOUNT_RECONNECTED = "account_reconnected"
    ACCOUNT_DISCONNECTED = "account_disconnected"
    ACCOUNT_CHANGED = "account_changed"
    ACCOUNT_HEALTH_CHANGED = "account_health_changed"
    REMOTE_OPENING_ACTIVATED = "remote_opening_activated"
    PROPERTY_CREATED = "property_created"
    DOOR_ADDED = "door_added"
    #: The doors of a site that was just connected, in one line.
    DOORS_FOUND = "doors_found"
    DOOR_VANISHED = "door_vanished"
    DOOR_RETURNED = "door_returned"
    POLICY_CHANGED = "policy_changed"
    CODE_CREATED = "code_created"
    CODE_CHANGED = "code_changed"
    CODE_REVOKED = "code_revoked"
    CODE_REVEALED = "code_revealed"
    CODE_SET = "code_set"
    CODE_REMOVED = "code_removed"
    CODE_FAILED = "code_failed"
    CODE_OVERDUE = "code_overdue"
    CODE_DIGITS_CHANGED = "code_digits_changed"
    CODE_CHANGED_OUTSIDE = "code_changed_outside"
    CODE_ADOPTED = "code_adopted"
    CODES_EXPORTED = "codes_exported"
    KEYPAD_OVERRIDDEN = "keypad_overridden"
    # access control systems: what was found, and who may open by them
    SYSTEM_FOUND = "system_found"
    SYSTEM_CHANGED = "system_changed"
    SYSTEM_HEALTH_CHANGED = "system_health_changed"
    SYSTEM_GONE = "system_gone"
    ENTRANCE_CHANGED = "entrance_changed"
    CARDHOLDER_CREATED = "cardholder_created"
    CARDHOLDER_CHANGED = "cardholder_changed"
    CARDHOLDER_SUSPENDED = "cardholder_suspended"
    CARDHOLDER_UNSUSPENDED = "cardholder_unsuspended"
    CARDHOLDER_DELETED = "cardholder_deleted"
    #: Seen gone at the provider; and changes that were made there.
    CARDHOLDER_GONE = "cardholder_gone"
    CARDHOLDER_CHANGED_OUTSIDE = "cardholder_changed_outside"
    #: Our wish about somebody was refused.
    CARDHOLDER_FAILED = "cardholder_failed"
    PIN_CREATED = "pin_created"
    PIN_REVEALED = "pin_revealed"
    MOBILE_KEY_CREATED = "mobile_key_created"
    MOBILE_KEY_REVEALED = "mobile_key_revealed"
    MOBILE_KEY_WITHDRAWN = "mobile_key_withdrawn"
    # cards: every try at an encoder is asked for once, and ends once
    CARD_REQUESTED = "card_requested"
    CARD_ISSUED = "card_issued"
    CARD_FAILED = "card_failed"
    CARD_CANCELLED = "card_cancelled"
    #: Nobody knows what is on it; and how that ended.
    CARD_UNCONFIRMED = "card_unconfirmed"
    CARD_SETTLED = "card_settled"
    CARD_READ = "card_read"
    TAG_ASSIGNED = "tag_assigned"
    CARD_LOST = "card_lost"
    CARD_RETURNED = "card_returned"
    #: Its credential was seen gone.
    CARD_GONE = "card_gone"
    # guests: their stays, and what they were sent
    GRANT_CREATED = "grant_created"
    GRANT_CHANGED = "grant_changed"
    GRANT_REVOKED = "grant_revoked"
    GRANT_REVOKE_UNDONE = "grant_revoke_undone"
    #: Everything of it was seen gone; or should have been, and was not.
    GRANT_GONE = "grant_gone"
    GRANT_OVERDUE = "grant_overdue"
    #: Doors that came into a space later, which the grant opens now; or could not be planned.
    GRANT_FOLLOWED = "grant_followed"
    GRANT_FAILED = "grant_failed"
    GUEST_ARRIVED = "guest_arrived"
    GUEST_CHANGED = "guest_changed"
    GUESTS_MERGED = "guests_merged"
    GUEST_LINK_MADE = "guest_link_made"
    GUEST_LINK_LOCKED = "guest_link_locked"
    GUEST_DEVICE_ADDED = "guest_device_added"
    GUEST_SAW_CODE = "guest_saw_code"
    GUEST_ASKED_FOR_HELP = "guest_asked_for_help"
    MESSAGE_SENT = "message_sent"
    MESSAGE_FAILED = "message_failed"
    FEED_ADDED = "feed_added"
    FEED_CHANGED = "feed_changed"
    FEED_REMOVED = "feed_removed"
    RESERVATIONS_READ = "reservations_read"
    GUEST_PAGE_CHANGED = "guest_page_changed"
    WEBHOOK_ADDED = "webhook_added"
    WEBHOOK_REMOVED = "webhook_removed"


#: Verbs that tell of doors; every other one is a change.
DOOR_VERBS = frozenset(list(Verb)[: list(Verb).index(Verb.SIGNED_IN)])


class How(models.TextChoices):
    WEB = "web"
    API = "api"
    COMMAND = "command", "command line"
    CODE = "code"
    CARD = "card"
    MOBILE_KEY = "mobile_key", "mobile key"
    GUEST = "guest", "guest link"
    INSIDE = "inside", "inside handle"
    REMOTE = "remote"
    SCHEDULE = "schedule"
    SYSTEM = "system"
    UNKNOWN = "unknown"


class Result(models.TextChoices):
    NONE = "", "–"
    REQUESTED = "requested"
    GRANTED = "granted"
    DENIED = "denied"
    FAILED = "failed"
    UNCONFIRMED = "unconfirmed"


class Source(models.TextChoices):
    LOCKBOARD = "lockboard", "Lockboard"
    SALTO_KS = "salto_ks", "Salto KS"
    KEYPAD = "keypad", "SIMULATED Keypad Cloud"
    SEAM = "seam", "Seam"
