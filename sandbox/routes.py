"""What a request to a simulated cloud is called: the words that faults are matched by."""

import re

CLOUDS = ("/identity/", "/accept/", "/connect/", "/legacy/", "/keypad/", "/seam/", "/calendars/")

SITE = r"/sites/[^/]+"
#: Name → the path below `/identity`, `/connect/v1.1`, `/legacy` … The first match counts.
NAMES = [
    ("token", r"/connect/token|/oauth2/token"),
    ("authorize", r"/connect/authorize|/login|/consent"),
    ("discovery", r"/\.well-known/.*"),
    ("identity_other", r"/connect/(userinfo|revocation)"),
    ("sites", r"/sites"),
    ("site", SITE),
    ("subscription", SITE + r"/subscription"),
    ("me", rf"/me(/.*)?|{SITE}/me"),
    ("locks", SITE + r"/locks"),
    ("lock", SITE + r"/locks/[^/]+"),
    ("locking", SITE + r"/locks/[^/]+/(locking|unlock|lock)"),
    ("lock_other", SITE + r"/locks/[^/]+/.*"),
    ("iqs", SITE + r"/iqs"),
    ("iq", SITE + r"/iqs/[^/]+"),
    ("iq_secret", SITE + r"/iqs/[^/]+/secret"),
    ("iq_pin", SITE + r"/iqs/[^/]+/pin(/.*)?"),
    ("entries", SITE + r"/(entries|audit-trails|audit/log)"),
    ("export", SITE + r"/entries/export"),
    ("incidents", SITE + r"/incidents"),
    ("users", SITE + r"/(users|guests)"),
    ("user", SITE + r"/users/[^/]+(/subscription)?"),
    ("pin", SITE + r"/users/[^/]+/pin(/custom)?"),
    ("keys", SITE + r"/users/[^/]+/(keys|activated_iqs)"),
    ("roles", SITE + r"/(me/)?(roles|permissions)"),
    ("groups", SITE + r"/access_groups"),
    ("group", SITE + r"/access_groups/[^/]+"),
    ("group_locks", SITE + r"/access_groups/[^/]+/locks(/.*)?"),
    ("group_users", SITE + r"/access_groups/[^/]+/users(/.*)?"),
    ("schedules", SITE + r"/access_groups/[^/]+/time_schedules(/.*)?"),
    ("keypad_account", r"/account|/buildings|/buildings/[^/]+/people"),
    ("keypad_locks", r"/buildings/[^/]+/locks|/locks/[^/]+"),
    ("keypad_unlock", r"/locks/[^/]+/(unlock|lock)"),
    ("keypad_codes", r"/buildings/[^/]+/codes"),
    ("keypad_code", r"/locks/[^/]+/codes|/codes/[^/]+"),
    ("keypad_events", r"/buildings/[^/]+/events"),
    ("calendar", r"/calendars/[^/]+\.ics"),
]
#: Name → the path below `/seam`. The first match counts.
SEAM_NAMES = [
    ("seam_workspace", r"/workspaces/.*|/health"),
    ("seam_accounts", r"/connected_accounts/.*"),
    ("seam_unlock", r"/locks/(un)?lock_door"),
    ("seam_simulate", r"/.*/simulate/.*"),
    ("seam_devices", r"/(devices|locks)/.*"),
    ("seam_attempt", r"/action_attempts/.*"),
    ("seam_codes", r"/access_codes/(unmanaged/)?(list|get)"),
    ("seam_code", r"/access_codes/.*"),
    ("seam_events", r"/events/.*"),
    ("seam_webhooks", r"/webhooks/.*"),
    ("seam_identity", r"/(user_identities|instant_keys)/.*"),
    ("seam_encode", r"/acs/encoders/encode_credential"),
    ("seam_scan", r"/acs/encoders/scan_.*"),
    ("seam_acs", r"/acs/(systems/.*|[a-z_]+/(list|get|list_.*))"),
    ("seam_user", r"/acs/(users|access_groups|entrances)/.*"),
    ("seam_credential", r"/acs/credentials/.*"),
]
PATTERNS = [(name, re.compile(pattern)) for name, pattern in NAMES]
SEAM_PATTERNS = [(name, re.compile(pattern)) for name, pattern in SEAM_NAMES]
PREFIX = re.compile(
    r"/accept(?=/)|/identity(?=/)|/connect(?=/v[0-9])|/legacy(?=/)|/keypad(?=/)|/v[0-9.]+(?=/)"
)
LOCK = re.compile(r"/locks/([0-9a-fA-F-]{36})")
DEVICE = re.compile(r"\bdevice_id[\"=:\s]+([0-9a-fA-F-]{36})")
SITE_ID = re.compile(r"/sites/([0-9a-fA-F-]{36})")

#: Words that stand for many routes.
FAMILIES = ("identity", "api", "connect", "legacy", "keypad", "seam", "calendars", "*")


def is_cloud(path: str) -> bool:
    return path.startswith(CLOUDS)


def name_of(path: str) -> str:
    """Return the route's name; `other` for a path that no cloud has."""
    if path.startswith("/seam/"):
        rest = path.removeprefix("/seam")
        return next((name for name, each in SEAM_PATTERNS if each.fullmatch(rest)), "other")
    rest = path
    while match := PREFIX.match(rest):
        rest = rest[match.end() :]
    return next((name for name, pattern in PATTERNS if pattern.fullmatch(rest)), "other")


def families_of(path: str) -> set[str]:
    signs_in = "/identity/" in path or path == "/legacy/oauth2/token"
    brands = ("legacy", "keypad", "seam", "calendars")
    cloud = next((word for word in brands if path.startswith(f"/{word}/")), "connect")
    return {"*", "identity" if signs_in else "api", cloud}


def lock_in(path: str, query: str = "", body: bytes = b"") -> str | None:
    """Return the lock a request is about; Seam names it in the query or the body."""
    if path.startswith("/seam/"):
        match = DEVICE.search(query + body.decode("latin-1"))
    else:
        match = LOCK.search(path)
    return match[1].lower() if match else None


def site_in(path: str) -> str | None:
    match = SITE_ID.search(path)
    return match[1].lower() if match else None


def known_words() -> list[str]:
    return [name for name, _pattern in NAMES + SEAM_NAMES] + [*FAMILIES, "other"]
