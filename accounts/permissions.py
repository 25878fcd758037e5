"""What each role may do. Sight (which doors) is apart: `for_actor` on the querysets."""

from enum import StrEnum

from accounts.models.people import Role


class Permission(StrEnum):
    VIEW_BOARD = "view_board"
    UNLOCK = "unlock"
    VIEW_LOG = "view_log"
    VIEW_RAW = "view_raw"
    VIEW_CODES = "view_codes"
    MANAGE_CODES = "manage_codes"
    REVEAL_CODES = "reveal_codes"
    MANAGE_ACCOUNTS = "manage_accounts"
    MANAGE_PEOPLE = "manage_people"
    MANAGE_DOORS = "manage_doors"
    #: Access control systems: their people, groups, entrances, cards; and their log.
    VIEW_ACCESS = "view_access"
    MANAGE_CARDHOLDERS = "manage_cardholders"
    MAKE_CARDS = "make_cards"
    #: Take a card back: lost, returned, replaced.
    CANCEL_CARDS = "cancel_cards"
    SCAN_CARDS = "scan_cards"
    #: Which property a system belongs to, where its entrances lead.
    MANAGE_SYSTEMS = "manage_systems"
    #: Access grants: guests, their stays, what they were sent.
    VIEW_GRANTS = "view_grants"
    MANAGE_GRANTS = "manage_grants"
    #: Calendars of booking sites, and what guests are told about a property.
    MANAGE_RESERVATIONS = "manage_reservations"


_EVERYONE = {
    Permission.VIEW_BOARD,
    Permission.VIEW_LOG,
    Permission.VIEW_CODES,
    Permission.VIEW_ACCESS,
    Permission.VIEW_GRANTS,
}
_STAFF = _EVERYONE | {
    Permission.UNLOCK,
    Permission.MANAGE_CODES,
    Permission.REVEAL_CODES,
    Permission.MANAGE_CARDHOLDERS,
    Permission.MAKE_CARDS,
    Permission.CANCEL_CARDS,
    Permission.SCAN_CARDS,
    Permission.MANAGE_GRANTS,
}

PERMISSIONS_OF: dict[str, frozenset[Permission]] = {
    Role.AUDITOR: frozenset(_EVERYONE),
    Role.FRONT_DESK: frozenset(_STAFF),
    Role.MANAGER: frozenset(
        _STAFF
        | {
            Permission.MANAGE_ACCOUNTS,
            Permission.MANAGE_SYSTEMS,
            Permission.MANAGE_RESERVATIONS,
        }
    ),
    Role.ADMIN: frozenset(Permission),
}

#: The same for people: each role and what it adds to the one before.
ROLES_IN_WORDS: tuple[tuple[str, str], ...] = (
    (
        Role.AUDITOR,
        "sees doors, guests, cardholders, codes without their digits, and the log. Opens and changes"
        " nothing.",
    ),
    (
        Role.FRONT_DESK,
        "also opens doors, lets guests in, makes, changes, reveals and revokes codes, and makes"
        " cards.",
    ),
    (
        Role.MANAGER,
        "also connects accounts, access systems and booking calendars, and looks after them.",
    ),
    (Role.ADMIN, "everything, also people, and how doors are opened."),
)


def roles_with(permission: Permission) -> list[str]:
    """Return the roles that hold a permission, for questions asked in SQL."""
    return [role for role, held in PERMISSIONS_OF.items() if permission in held]
