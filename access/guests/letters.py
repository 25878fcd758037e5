"""What a message to a guest says. Nothing here is sent, and nothing asked of the database.

Every text is made in the guest's language, once, for mail, messenger and paper alike.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from access.guests import languages
from access.guests.facts import Facts, Pin
from accounts.providers.systems import AccessMethod as Mode

#: What stands for a link that is made when a message goes out.
NO_LINK_YET = "…/k/…"


class Kind(StrEnum):
    INVITATION = "invitation"
    CHANGED = "changed"
    REMINDER = "reminder"
    REVOKED = "revoked"


class Change(StrEnum):
    TIMES = "times"
    DOORS = "doors"
    CODE = "code"


@dataclass(frozen=True, kw_only=True)
class Body:
    """A message in parts: how they stand is for templates."""

    language: str
    subject: str
    greeting: str
    leads: tuple[str, ...]
    #: What it is called, and what it is.
    times: tuple[tuple[str, str], ...] = ()
    clock: str = ""
    #: For paper only: a mail lies around where others read it.
    doors: tuple[str, ...] = ()
    door_label: str = ""
    pins: tuple[Pin, ...] = field(default=(), repr=False)
    pin_label: str = ""
    page: str = ""
    page_label: str = ""
    url: str = field(default="", repr=False)
    notes: tuple[str, ...] = ()
    contact: str = ""
    footer: str = ""
    #: How a label and what follows it stand on one line of plain text.
    line: str = "%(label)s: %(value)s"

    @property
    def time_lines(self) -> list[str]:
        return [self._line(label, value) for label, value in self.times]

    @property
    def pin_lines(self) -> list[tuple[str, tuple[str, ...]]]:
        return [(self._line(self.pin_label, pin.digits), pin.doors) for pin in self.pins]

    @property
    def url_line(self) -> str:
        return self._line(self.page_label, self.url) if self.url else ""

    def _line(self, label: str, value: str) -> str:
        return self.line % {"label": label, "value": value}


@dataclass(frozen=True, kw_only=True)
class Letter:
    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)


def compose(
    kind: Kind,
    facts: Facts,
    *,
    language: str,
    url: str = "",
    address: str = "",
    pins: Sequence[Pin] = (),
    changes: Sequence[str] = (),
) -> Body:
    """Put a message together in a language.

    `pins` only by somebody's wish; `address` is named at the end of a mail.
    """
    with languages.speaking(language):
        is_over = kind == Kind.REVOKED
        return Body(
            language=_tag(language),
            subject=_one_line(_subject(kind, facts)),
            greeting=_greeting(facts),
            leads=tuple(_leads(kind, facts, changes)),
            times=tuple(_times(facts)),
            clock=_("All times are local times at %(house)s.") % {"house": facts.house},
            doors=() if is_over else facts.doors,
            door_label=_("Your doors, in the order of your way"),
            pins=() if is_over else tuple(pins),
            pin_label=_("Your code"),
            page="" if is_over else _page(),
            page_label=_("Open your page"),
            url="" if is_over else url,
            notes=() if is_over else tuple(_notes(facts)),
            contact=_contact(facts),
            footer=_footer(facts, address) if address else "",
            line=_("%(label)s: %(value)s"),
        )


def as_mail(body: Body) -> Letter:
    """Return the message as plain text and as HTML."""
    with languages.speaking(languages.choose(body.language)):
        context = {"body": body}
        return Letter(
            subject=body.subject,
            text=render_to_string("access/letters/letter.txt", context),
            html=render_to_string("access/letters/letter.html", context),
        )


def as_sheet(body: Body, *, picture: str) -> str:
    """Return the message as a part of a page that is printed. `picture`: its link to scan."""
    with languages.speaking(languages.choose(body.language)):
        context = {"body": body, "picture": picture, "scan": _("Scan this to open your page.")}
        return render_to_string("access/letters/sheet.html", context)


def as_short_text(body: Body) -> str:
    """Return the message as somebody sends it by a messenger of their own."""
    pins = [f"{line} ({', '.join(doors)})" for line, doors in body.pin_lines]
    url = [body.url_line] if body.url else []
    lines = [body.greeting, *body.leads, *body.time_lines, *pins, *url, *body.notes]
    return "\n".join(lines)


# --- the parts --------------------------------------------------------------------------------


def _subject(kind: Kind, facts: Facts) -> str:
    said = {
        Kind.INVITATION: _("Your access to %(house)s"),
        Kind.CHANGED: _("Your access to %(house)s has changed"),
        Kind.REMINDER: _("Today: your access to %(house)s"),
        Kind.REVOKED: _("Your access to %(house)s has been cancelled"),
    }
    return said[kind] % {"house": facts.house}


def _greeting(facts: Facts) -> str:
    if not facts.guest:
        return _("Hello,")
    return _("Hello %(name)s,") % {"name": _one_line(facts.guest)}


def _leads(kind: Kind, facts: Facts, changes: Sequence[str]) -> list[str]:
    house = {"house": facts.house}
    if kind == Kind.CHANGED:
        changed = {
            Change.TIMES: _("The times have changed."),
            Change.DOORS: _("The doors have changed."),
            Change.CODE: _("The code has changed: please do not use the old one any more."),
        }
        return [
            _("Your access to %(house)s has changed. This message replaces earlier ones.") % house,
            *[sentence for each, sentence in changed.items() if each in changes],
        ]
    if kind == Kind.REMINDER:
        return [_("Your access to %(house)s begins today.") % house]
    if kind == Kind.REVOKED:
        return [
            _("Your access to %(house)s has been cancelled.") % house,
            _("Please do not use its codes, cards, keys and links any more."),
            _("If you think that this is a mistake, please contact us."),
        ]
    return [_("Here is your access to %(house)s.") % house]


def _times(facts: Facts) -> list[tuple[str, str]]:
    until = (
        languages.day_and_time(facts.ends_at, facts.zone) if facts.ends_at else _("no end is set")
    )
    return [(_("From"), languages.day_and_time(facts.starts_at, facts.zone)), (_("Until"), until)]


def _page() -> str:
    return _(
        "Your page shows how you get in. Doors and codes appear there once your access begins."
    )


def _notes(facts: Facts) -> list[str]:
    said = {
        Mode.CLOUD_KEY: _(
            "To open a door from your page you need a link code. We tell it to you separately."
        ),
        Mode.CARD: _("Please collect your card at the desk."),
        Mode.MOBILE_KEY: _("The key for your phone is on your page, too."),
    }
    notes = [sentence for mode, sentence in said.items() if mode in facts.modes]
    return [*notes, _("Please keep the link to yourself: whoever has it can see your page.")]


def _contact(facts: Facts) -> str:
    ways = {"phone": facts.contact.phone, "address": facts.contact.email}
    if all(ways.values()):
        return _("Questions? Call %(phone)s, or write to %(address)s.") % ways
    if facts.contact.phone:
        return _("Questions? Call %(phone)s.") % ways
    return _("Questions? Write to %(address)s.") % ways if facts.contact.email else ""


def _footer(facts: Facts, address: str) -> str:
    return _(
        "This message was sent to %(address)s on behalf of %(house)s. If it is not for you,"
        " please delete it."
    ) % {"address": address, "house": facts.house}


def _tag(language: str) -> str:
    return "en-GB" if language == "en" else language


def _one_line(text: str) -> str:
    """Return the text as a header may hold it: no breaks, nothing unseen, no turned writing."""
    seen = (each if unicodedata.category(each)[0] != "C" else " " for each in text)
    return " ".join("".join(seen).split())
