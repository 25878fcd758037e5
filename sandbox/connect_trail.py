"""The Connect API's audit trail and incidents.

Sources: https://saltoks.com/developers/connect/entries and https://my-clay.com/developers/incidents
"""

import csv
import io
from typing import Any
from zoneinfo import ZoneInfo

from starlette.responses import Response

from sandbox import feed, odata
from sandbox.ask import MOST_ROWS, V4_HEADER, Ask, site_route
from sandbox.clock import parse_moment
from sandbox.replies import Json, PlainRefusalError, RefusedError, problem
from sandbox.things import Entry

TOKEN_HEADER = "clp-continuation-token"  # noqa: S105 - the name of a header


def entries(ask: Ask) -> Response:
    """Answer on v1.1 only; page by the continuation token that goes back in a header."""
    if "/v1.1/" not in ask.request.url.path:
        raise PlainRefusalError(problem(405))
    return _trail(ask, is_incident=False)


def incidents(ask: Ask) -> Response:
    return _trail(ask, is_incident=True)


def _trail(ask: Ask, *, is_incident: bool) -> Response:
    query = ask.request.query_params
    rows = feed.readable(ask.world, ask.site.id, is_incident=is_incident)
    if text := query.get("$filter"):
        v4 = V4_HEADER in ask.request.headers
        matches = odata.parse_filter(text, feed.FIELDS, v4=v4)
        rows = [row for row in rows if matches(row.row)]
    if text := query.get("$orderby"):
        field, descending = odata.parse_orderby(text, feed.FIELDS)
        rows = feed.order(rows, field, descending=descending)
    top = min(odata.parse_number(query, "$top", ask.world.settings.page_size), MOST_ROWS)
    token = ask.request.headers.get(TOKEN_HEADER)
    try:
        page, next_token = feed.page(ask.world, rows, top=top, token=token)
    except feed.BadTokenError as wrong:
        raise RefusedError(400, "1100", "The continuation token is invalid.") from wrong
    items = [feed.shape(ask.world, entry) for entry in page]
    return Json({"items": items, "continuation_token": next_token})


def export(ask: Ask) -> Response:
    """Return the trail as semicolon-separated text, local times as Salto's export has them."""
    query = ask.request.query_params
    rows = feed.readable(ask.world, ask.site.id)
    for name, keep in (("from_date", "ge"), ("to_date", "le")):
        if text := query.get(name):
            compare, limit = odata.COMPARE[keep], _checked_moment(text)
            rows = [row for row in rows if compare(row.at, limit)]
    file = io.StringIO()
    writer = csv.writer(file, delimiter=";")
    writer.writerow(EXPORT_COLUMNS)
    zone = ZoneInfo(ask.site.time_zone)
    writer.writerows(_export_row(row, zone) for row in rows)
    return Response(file.getvalue(), media_type="text/csv")


EXPORT_COLUMNS = (
    "Local Time (MM/DD/YYYY)",
    "Event Category",
    "Event Detail",
    "Lock Name",
    "User First Name",
    "User Last Name",
    "Access By",
    "Access Detail",
)


def _export_row(entry: Entry, zone: ZoneInfo) -> list[Any]:
    names = (
        "event_category event_detail lock_customer_reference user_first_name user_last_name"
        " access_by access_detail"
    )
    cells = [entry.row.get(name) for name in names.split()]
    return [entry.at.astimezone(zone).strftime("%m/%d/%Y %H:%M:%S"), *cells]


def _checked_moment(text: str) -> Any:
    try:
        return parse_moment(text)
    except ValueError as wrong:
        raise RefusedError(400, "1101", "The value of a date is invalid.") from wrong


ROUTES = [
    site_route("/entries", "GET", entries, admin=True),
    site_route("/entries/export", "GET", export, admin=True),
    site_route("/incidents", "GET", incidents, admin=True),
]
