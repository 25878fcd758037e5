"""Codes as a table for a spreadsheet. Never with digits."""

import csv
import io
from datetime import datetime

from django.db import transaction

from accounts.actors import Actor
from accounts.permissions import Permission
from audit.services import record
from audit.words import How, Verb
from locks.codes.listing import MOST_EXPORTED, Filters, row_of, with_rows

#: A cell that begins with one of these is a formula to a spreadsheet.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
HEADS = (
    *("Name", "Door", "Property", "Account", "State", "Starts", "Ends", "Time zone"),
    *("Made by", "Made at", "Last used", "Reference"),
)


def export(actor: Actor, filters: Filters, *, at: datetime) -> str:
    """Return the codes a list shows as CSV, and write down who took them, and how many."""
    actor.require(Permission.VIEW_CODES)
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(HEADS)
    count = 0
    found = with_rows(filters.rows(actor, at)).select_related("created_by")
    for code in found[:MOST_EXPORTED]:
        zone = code.device.property.zone
        times = [
            moment.astimezone(zone).isoformat(timespec="minutes") if moment else ""
            for moment in (code.starts_at, code.ends_at, code.created_at, code.last_used_at)
        ]
        cells = [
            *(code.name, code.device.name, code.device.property.name, code.account.name),
            *(row_of(code, actor, at).state.word, times[0], times[1], str(zone)),
            *(str(code.created_by or ""), times[2], times[3], code.ref),
        ]
        table.writerow([safe(cell) for cell in cells])
        count += 1
    with transaction.atomic():
        record(
            Verb.CODES_EXPORTED,
            workspace_id=actor.workspace.pk,
            at=at,
            who=actor.who,
            how=How.WEB,
            rows=count,
            filters=filters.params(),
        )
    return out.getvalue()


def safe(cell: str) -> str:
    """Return text that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
