"""Answers as they were printed by people who asked the real Connect API in August 2026
(https://github.com/ECCdigital/smart-city-booking-backend), with ids and names made up."""

SITE_ID = "1c3c0f6e-9f0e-4d5c-8d8c-0f6c2d1b1a11"
OTHER_SITE_ID = "1c3c0f6e-9f0e-4d5c-8d8c-0f6c2d1b1a22"
IQ_ID = "3f7d2c1a-0000-4d5c-8d8c-0f6c2d1b1a33"
LOCK_ID = "6f1de201-1111-4d5c-8d8c-0f6c2d1b1a44"
USER_ID = "8a1b2c3d-2222-4d5c-8d8c-0f6c2d1b1a55"
PERSON_ID = "9b1b2c3d-3333-4d5c-8d8c-0f6c2d1b1a66"

TOKEN = {
    "access_token": "canary-access-1",
    "expires_in": 3600,
    "token_type": "Bearer",
    "scope": "user_api.full_access",
}
SITE = {
    "id": SITE_ID,
    "site_uid": "DE4520168385",
    "customer_reference": "Riverside House",
    "active_user_amount": 5,
    "subscribed_user_amount": 10,
    "active_iq_amount": 1,
    "pin_enabled": True,
    "subscription_valid": True,
    "country_code": "DE",
    "time_zone": "Europe/Berlin",
    "installation_state": "released",
    "mkey_compatible": True,
    "store_events_ttl": "90.00:00:00",
}
IQ = {
    "id": IQ_ID,
    "customer_reference": "IQ 01",
    "time_zone": "Europe/Berlin",
    "mac": "3B.9E.05",
    "state": "active",
    "online": True,
    "data_sync_state": "not_synced",
    "signal_strength": 21,
    "revision": "2.0",
    "otp_enabled": False,
}
LOCK = {
    "id": LOCK_ID,
    "customer_reference": "Front door",
    "mac": "0163813000002C",
    "floor": None,
    "locked_state": "locked",
    "lock_type": "escutcheon_pin",
    "online": True,
    "iq_link_state": "attached",
    "tag_registration_state": "not_started",
    "battery_level": "fresh",
    "left_open_alarm": False,
    "intrusion_alarm": False,
    "privacy_mode": False,
    "communication_type": "blue_net",
    "offline_access_keys_limit": 360,
    "offline_access_keys_count": 1,
    "easy_office_mode_schedule": None,
    "iq": {
        "id": IQ_ID,
        "customer_reference": "IQ 01",
        "mac_address": "3B.9E.05",
        "is_online": True,
        "revision": "2.0",
        "otp_enabled": False,
    },
    "repeater": None,
    "vendor": {"id": "v", "reference": "sallis", "display_name": "SALTO Sallis"},
}
USER = {
    "id": USER_ID,
    "user": {
        "id": PERSON_ID,
        "first_name": "Jane",
        "last_name": "Example",
        "email": "jane@example.com",
        "is_managed_by_current_site": True,
        "has_profile": False,
    },
    "roles": [
        {
            "id": "7d53b0b3-3ef7-11e8-9f1c-0050568d6e36",
            "customer_reference": "Site Admin",
            "code": "site_admin",
            "parent_id": None,
            "is_hierarchical": True,
        }
    ],
    "alias": "",
    "remote_access": True,
    "blocked": False,
    "subscription_state": "subscribed",
    "override_privacy_mode": False,
    "use_pin": True,
    "expires_at": None,
}
ME = {
    "id": PERSON_ID,
    "first_name": "Jane",
    "last_name": "Example",
    "phone": "+49170",
    "email": "jane@example.com",
    "language": "en",
    "tag_number": None,
    "tag_rf_id_uid": None,
    "image_url": None,
}
ENTRY = {
    "id": "e0000000-0000-4d5c-8d8c-000000000001",
    "event_category": "lock_opened",
    "event_detail": None,
    "utc_date_time": "2026-08-19T09:46:42Z",
    "local_date_time": "2026-08-19T11:46:42",
    "lock_id": LOCK_ID,
    "lock_mac_address": "0163813000002C",
    "lock_customer_reference": "Front door",
    "user_id": PERSON_ID,
    "user_first_name": "Jane",
    "user_last_name": "Example",
    "user_image_url": None,
    "user_alias": None,
    "iq_id": IQ_ID,
    "iq_customer_reference": "IQ 01",
    "iq_mac_address": "3B.9E.05",
    "iq_revision": "2.0",
    "exit_requested": False,
    "access_by": "tag",
    "access_detail": "02307300",
    "ttl_in_seconds": 7776000,
    "expiration_date_time": "2026-11-17T09:47:01.219Z",
}

#: The older dialect. Nobody has printed its answers: these have the fields its only public
#: description names (https://docs.harnessautomation.com/gem/admin/integrations/salto_ks).
LEGACY_SITE = {"id": SITE_ID, "name": "Riverside House"}
LEGACY_LOCK = {
    "id": LOCK_ID,
    "name": "Front door",
    "online": True,
    "battery_level": 80,
    "locked_state": "locked",
}
LEGACY_USER = {"id": USER_ID, "name": "Jane Example", "email": "jane@example.com"}
LEGACY_EVENT = {
    "id": "a-1",
    "type": "lock_opened",
    "timestamp": "2026-08-19T09:46:42Z",
    "lockId": LOCK_ID,
    "user": {"id": PERSON_ID, "name": "Jane Example", "email": "jane@example.com"},
}
