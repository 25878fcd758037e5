"""Seam's words and ours.

Each table holds the values of Seam's published schema (https://docs.seam.co, document 1.1038.0
of August 2026) that mean something to us. The schema changes almost daily, so a word that is
not in a table is to be expected: it becomes `unknown`, or is left out where it says nothing
of a door.
"""

from collections.abc import Mapping

from accounts.providers.base import Code, EntryHow, EntryKind, LockState
from accounts.providers.codes import ListedState

# --- devices ------------------------------------------------------------------------------

#: `properties.locked`. Absent where the device does not say.
LOCK_STATES: Mapping[object, LockState] = {True: LockState.LOCKED, False: LockState.UNLOCKED}

#: `device_type` of what is no door.
NO_DOORS = frozenset(
    {
        "keynest_key",
        "noiseaware_activity_zone",
        "minut_sensor",
        "ecobee_thermostat",
        "nest_thermostat",
        "honeywell_resideo_thermostat",
        "tado_thermostat",
        "sensi_thermostat",
        "smartthings_thermostat",
        "ios_phone",
        "android_phone",
        "ring_camera",
    }
)

#: `device_type` of brands that start and end a code by themselves: it is put there 72 h ahead.
#: The others get it an hour before, and lose it only if they are online at its end.
#: https://docs.seam.co/latest/capability-guides/smart-locks/access-codes
NATIVE_SCHEDULES = frozenset(
    {
        "two_n_intercom",
        "august_lock",
        "igloo_lock",
        "igloohome_lock",
        "kwikset_lock",
        "nuki_lock",
        "salto_lock",
        "schlage_lock",
        "tedee_lock",
        "ttlock_lock",
        "yale_lock",
        "wyze_lock",
    }
)

#: `errors[].error_code` with which a device can be neither seen nor told anything.
AWAY = frozenset(
    {
        "account_disconnected",
        "hub_disconnected",
        "device_disconnected",
        "device_offline",
        "device_removed",
        "bridge_disconnected",
        "dormakaba_sites_disconnected",
    }
)

#: `errors[].error_code` and `warnings[].warning_code` of devices and accounts, as we say it.
TROUBLES: Mapping[str, str] = {
    "account_disconnected": "Seam has lost its login at the brand",
    "hub_disconnected": "its hub is offline",
    "device_disconnected": "it is offline",
    "device_offline": "it is offline",
    "device_removed": "it was removed from its brand's account",
    "bridge_disconnected": "Seam Bridge is offline",
    "dormakaba_sites_disconnected": "its sites are disconnected",
    "insufficient_permissions": "Seam's login at the brand may not control it",
    "august_lock_not_authorized": "Seam's login at August may not control it",
    "missing_device_credentials": "Seam has no credentials for it",
    "subscription_required": "its brand asks for a subscription",
    "salto_ks_subscription_limit_exceeded": "all seats of its Salto KS subscription are taken",
    "salto_ks_subscription_limit_almost_reached": "few seats of its Salto KS subscription are left",
    "salto_ks_lock_access_code_support_removed": "it has lost its support for codes",
    "empty_backup_access_code_pool": "it has no backup codes left",
    "device_communication_degraded": "its connection is poor",
    "device_has_flaky_connection": "its connection comes and goes",
    "ttlock_weak_gateway_signal": "the signal of its gateway is weak",
    "ttlock_lock_gateway_unlocking_not_enabled": "opening by its gateway is switched off",
    "third_party_integration_detected": "another system sets codes on it too",
    "max_access_codes_reached": "it has no room for another code",
    "hub_required_for_additional_capabilities": "it needs a hub",
    "accessory_keypad_setup_required": "its keypad is not set up",
    "accessory_keypad_low_battery": "the battery of its keypad is low",
    "lockly_time_zone_not_configured": "its time zone is not set",
    "two_n_device_missing_timezone": "its time zone is not set",
    "ultraloq_time_zone_unknown": "its time zone is not known",
    "time_zone_unknown": "its time zone is not known",
    "time_zone_mismatch": "its time zone is another than its place's",
    "provider_issue": "its brand has trouble",
    "provider_service_unavailable": "the brand cannot be reached",
    "scheduled_maintenance_window": "the brand is under maintenance",
    "account_reauthorization_requested": "the brand wants the login renewed",
    "setup_required": "it is not set up to the end",
    "being_deleted": "it is being deleted",
}

#: Words that say no more than that a lock is offline, which is shown as such.
PLAINLY_AWAY = frozenset({"device_disconnected", "device_offline"})
#: With these, Seam or the brand is likely to refuse to open a lock.
HINDRANCES = frozenset(
    {
        "insufficient_permissions",
        "august_lock_not_authorized",
        "missing_device_credentials",
        "subscription_required",
        "ttlock_lock_gateway_unlocking_not_enabled",
        "scheduled_maintenance_window",
        "provider_service_unavailable",
    }
)

#: `warnings[].warning_code` that tell a mode of the lock.
OFFICE_WARNINGS = frozenset({"salto_ks_office_mode"})
PRIVACY_WARNINGS = frozenset({"privacy_mode", "salto_ks_privacy_mode"})
#: Words of a Salto KS site whose subscription has few seats left, or none.
SEATS_RUN_OUT = frozenset(
    {"salto_ks_subscription_limit_exceeded", "salto_ks_subscription_limit_almost_reached"}
)
#: `warnings[].warning_code` of a Salto KS user without a seat.
UNSUBSCRIBED = frozenset({"salto_ks_user_not_subscribed"})

# --- commands -----------------------------------------------------------------------------

#: `error.type` of a refusal or of a failed action attempt. Of a lock's attempts the schema says
#: only that it is text, so this holds the words the schema uses elsewhere.
REFUSALS: Mapping[str, Code] = {
    **dict.fromkeys(AWAY, Code.OFFLINE_OR_UNSUPPORTED),
    "privacy_mode": Code.PRIVACY_MODE,
    "salto_ks_privacy_mode": Code.PRIVACY_MODE,
    "blocked_by_privacy_mode": Code.PRIVACY_MODE,
    "insufficient_permissions": Code.COMMAND_FORBIDDEN,
    "august_lock_not_authorized": Code.COMMAND_FORBIDDEN,
    "ttlock_lock_gateway_unlocking_not_enabled": Code.COMMAND_FORBIDDEN,
    "subscription_required": Code.SUBSCRIPTION_ENDED,
    "duplicate_access_code": Code.DUPLICATE_CODE,
    "duplicate_code_on_device": Code.DUPLICATE_CODE,
    "no_space_for_access_code_on_device": Code.NO_SPACE,
    "max_access_codes_reached": Code.NO_SPACE,
    "code_constraints_violated": Code.CONSTRAINTS_VIOLATED,
    "salto_ks_subscription_limit_exceeded": Code.NO_SEAT,
}

#: Parameters that `validation_errors` complains of, where that tells more than a no.
COMPLAINTS: Mapping[str, Code] = {
    "code": Code.CONSTRAINTS_VIOLATED,
    "full_name": Code.WRONG_NAME,
    "email_address": Code.WRONG_EMAIL,
    "phone_number": Code.WRONG_PHONE,
    "access_schedule": Code.WRONG_TIMES,
}

#: `error.type` with which Seam says that what we sent is no key of a workspace. Its own fake
#: answers so, with 400, to keys it does not know.
NO_KEY = frozenset({"unauthorized", "missing_workspace_id"})

#: `error.type` of a 404 about the way to a thing, which says nothing about the thing.
NO_WAY_THERE = frozenset(
    {
        "route_not_found",
        "workspace_not_found",
        "connected_account_not_found",
        "acs_system_not_found",
        "client_session_not_found",
    }
)


def is_thing_missing(word: str) -> bool:
    """Tell whether the word of a 404 is about a thing that a call names."""
    return word.endswith("_not_found") and word not in NO_WAY_THERE


#: `error.type` of an action attempt whose end nobody knows: the door may have moved.
UNSURE = frozenset({"action_attempt_expired", "uncategorized_error"})
#: Parts of other words that say the same.
UNSURE_PARTS = ("timeout", "timed_out", "expired")

# --- codes --------------------------------------------------------------------------------

#: `status`. A code that waits on its lock for its hour is `unset`: see `rows.code_state`.
CODE_STATES: Mapping[str, ListedState] = {
    "setting": ListedState.PENDING,
    "unset": ListedState.PENDING,
    "set": ListedState.SET,
    "removing": ListedState.REMOVING,
    "unknown": ListedState.UNKNOWN,
}

#: `errors[].error_code` after which Seam tries no more by itself.
FINAL_ERRORS: Mapping[str, Code] = {
    "code_constraints_violated": Code.CONSTRAINTS_VIOLATED,
    "duplicate_code_on_device": Code.DUPLICATE_CODE,
    "no_space_for_access_code_on_device": Code.NO_SPACE,
    "salto_ks_subscription_limit_exceeded": Code.NO_SEAT,
}
#: What other errors and warnings of a code mean. Their own texts may quote digits.
CODE_TROUBLES: Mapping[str, str] = {
    "code_constraints_violated": "The lock does not take these digits.",
    "duplicate_code_on_device": "The lock has another code with these digits.",
    "no_space_for_access_code_on_device": "The lock has no room for another code.",
    "salto_ks_subscription_limit_exceeded": (
        "All seats of the Salto KS subscription are taken: the code opens nothing."
    ),
    "provider_issue": "The lock's brand has trouble; Seam keeps trying.",
    "failed_to_set_on_device": "The lock did not take it yet; Seam keeps trying.",
    "failed_to_remove_from_device": "The lock did not let it go yet; Seam keeps trying.",
    "conflicting_external_modification": "Somebody changed it at the brand; Seam sets it again.",
    "access_code_inactive": "It is inactive at the brand.",
    "account_disconnected": "Seam has lost its login at the brand.",
    "device_disconnected": "The lock is offline.",
    "device_offline": "The lock is offline.",
    "hub_disconnected": "The lock's hub is offline.",
    "device_removed": "The lock was removed from its brand's account.",
    "bridge_disconnected": "Seam Bridge is offline.",
    "failed_to_issue": "The lock did not take it yet; Seam keeps trying.",
    "failed_to_update": "The lock did not take the change yet; Seam keeps trying.",
    "failed_to_expire": "The lock did not end it yet; Seam keeps trying.",
    "failed_to_delete": "The lock did not let it go yet; Seam keeps trying.",
    "insufficient_permissions": "Seam's login at the brand may not set codes.",
    "subscription_required": "The lock's brand asks for a subscription.",
}
#: With these it opens nothing although it is listed.
SUSPENDING = frozenset({"salto_ks_subscription_limit_exceeded"})
#: The brand shifted its times on purpose: they are not put back.
TIMES_ADJUSTED = frozenset({"time_frame_adjusted_for_unknown_time_zone"})
#: `pending_mutations[].mutation_code` of a code that has yet to reach its lock.
ON_ITS_WAY = frozenset({"creating", "deferring_creation"})

# --- events -------------------------------------------------------------------------------

#: `event_type` of what happens at a door.
KINDS: Mapping[str, EntryKind] = {
    "lock.unlocked": EntryKind.OPENED,
    "lock.locked": EntryKind.LOCKED,
    "lock.access_denied": EntryKind.REJECTED,
    "device.connected": EntryKind.CONNECTION_RESTORED,
    "device.unmanaged.connected": EntryKind.CONNECTION_RESTORED,
    "device.connection_stabilized": EntryKind.NOTICE,
    "device.disconnected": EntryKind.CONNECTION_LOST,
    "device.unmanaged.disconnected": EntryKind.CONNECTION_LOST,
    "device.connection_became_flaky": EntryKind.NOTICE,
    "device.low_battery": EntryKind.LOW_BATTERY,
    "device.tampered": EntryKind.ALARM,
    "device.salto.privacy_mode_activated": EntryKind.PRIVACY_STARTED,
    "device.salto.privacy_mode_deactivated": EntryKind.PRIVACY_ENDED,
    "device.added": EntryKind.NOTICE,
    "device.removed": EntryKind.NOTICE,
    "device.deleted": EntryKind.NOTICE,
    "device.converted_to_unmanaged": EntryKind.NOTICE,
    "device.unmanaged.converted_to_managed": EntryKind.NOTICE,
    "device.name_changed": EntryKind.NOTICE,
    "device.doorbell_rang": EntryKind.NOTICE,
    "device.third_party_integration_detected": EntryKind.NOTICE,
    "device.third_party_integration_no_longer_detected": EntryKind.NOTICE,
    "device.accessory_keypad_connected": EntryKind.NOTICE,
    "device.accessory_keypad_disconnected": EntryKind.NOTICE,
    "device.error.subscription_required": EntryKind.NOTICE,
    "device.error.subscription_required.resolved": EntryKind.NOTICE,
}
DETAILS: Mapping[str, str] = {
    "device.connection_stabilized": "its connection is steady again",
    "device.connection_became_flaky": "its connection comes and goes",
    "device.tampered": "somebody tampered with it",
    "device.added": "added to Seam",
    "device.removed": "removed from its brand's account",
    "device.deleted": "deleted at Seam",
    "device.converted_to_unmanaged": "no longer managed by Seam",
    "device.unmanaged.converted_to_managed": "managed by Seam",
    "device.name_changed": "renamed",
    "device.doorbell_rang": "somebody rang",
    "device.third_party_integration_detected": "another system sets codes on it too",
    "device.third_party_integration_no_longer_detected": "no other system sets codes on it now",
    "device.accessory_keypad_connected": "its keypad is connected",
    "device.accessory_keypad_disconnected": "its keypad is not connected",
    "device.error.subscription_required": "its brand asks for a subscription",
    "device.error.subscription_required.resolved": "its brand's subscription is in order",
}
#: Begins of `event_type` that tell of other things than doors, or of what we ask for anyway.
NOT_OF_DOORS = (
    "access_code.",
    "access_grant.",
    "access_method.",
    "acs_",
    "action_attempt.",
    "camera.",
    "client_session.",
    "connect_webview.",
    "connected_account.",
    "device.battery_status_changed",
    "enrollment_automation.",
    "noise_sensor.",
    "phone.",
    "space.",
    "thermostat.",
)
#: `method` of lock.unlocked and lock.locked.
HOWS: Mapping[str, EntryHow] = {
    "keycode": EntryHow.CODE,
    "remote": EntryHow.REMOTE,
    "card": EntryHow.CARD,
    "automatic": EntryHow.UNKNOWN,
    "manual": EntryHow.UNKNOWN,
    "unknown": EntryHow.UNKNOWN,
}
METHODS: Mapping[str, str] = {"manual": "by hand", "automatic": "by itself"}
#: `reason.reason_code` of lock.access_denied.
DENIALS: Mapping[str, tuple[EntryHow, str]] = {
    "unknown_code": (EntryHow.CODE, "unknown code"),
    "expired_code": (EntryHow.CODE, "the code's time is over"),
    "blocklisted_code": (EntryHow.CODE, "the code is blocked"),
    "too_many_attempts": (EntryHow.CODE, "too many attempts"),
    "blocked_by_privacy_mode": (EntryHow.UNKNOWN, "privacy mode"),
    "credential_error": (EntryHow.UNKNOWN, "the credential was not accepted"),
}
