"""The catalogues of guests' texts: found in code and templates, kept, compiled, looked at.

Babel does what the gettext programs would, so nobody has to install those.
"""

import io
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.conf import settings
from django.utils.translation.template import templatize

CHECKOUT = Path(__file__).resolve().parent.parent
LANGUAGES = ("nl", "de", "fr", "es", "pt")
_KEYWORDS = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}


def path_of(language: str, ending: str) -> Path:
    return CHECKOUT / "locale" / language / "LC_MESSAGES" / f"django.{ending}"


def found() -> Catalog:
    """Return every text that is translated for guests, with the files it stands in."""
    catalog = Catalog(project="Lockboard", charset="utf-8")
    for path, source in _sources():
        name = str(path.relative_to(CHECKOUT))
        texts = extract("python", io.BytesIO(source.encode()), _KEYWORDS, ("Translators:",))
        for _, message, comments, context in texts:
            catalog.add(message, locations=[(name, 0)], auto_comments=comments, context=context)
    return catalog


def _sources() -> Iterator[tuple[Path, str]]:
    for path in sorted((CHECKOUT / "access").rglob("*.py")):
        yield path, path.read_text()
    for path in sorted((CHECKOUT / "templates").rglob("*.*")):
        if "load i18n" in (text := path.read_text()):
            yield path, templatize(text)


def kept(language: str) -> Catalog:
    with path_of(language, "po").open("rb") as file:
        return read_po(file, locale=language)


def update(language: str) -> Catalog:
    """Add what is new, leave out what is gone, and compile."""
    catalog = kept(language) if path_of(language, "po").exists() else _new(language)
    fresh = found()
    now = catalog.creation_date
    catalog.update(fresh, no_fuzzy_matching=True)
    catalog.creation_date = now  # or each run would change every file
    catalog.obsolete.clear()
    path_of(language, "po").parent.mkdir(parents=True, exist_ok=True)
    with path_of(language, "po").open("wb") as file:
        write_po(file, catalog, width=96, sort_output=True, include_lineno=False)
    path_of(language, "mo").write_bytes(compiled(kept(language)))
    return catalog


def _new(language: str) -> Catalog:
    """Return an empty catalogue, its head without the blanks to fill in that are usual."""
    return Catalog(
        locale=language,
        project="Lockboard",
        version="1",
        header_comment="# Texts for guests. Made by bin/translate; translations are written here.",
        msgid_bugs_address="-",
        last_translator="-",
        language_team="-",
        revision_date=datetime(2026, 11, 21, tzinfo=UTC),
        creation_date=datetime(2026, 11, 21, tzinfo=UTC),
        charset="utf-8",
        fuzzy=False,
    )


def compiled(catalog: Catalog) -> bytes:
    file = io.BytesIO()
    write_mo(file, catalog)
    return file.getvalue()


def problems(language: str) -> list[str]:
    """Return what is missing or wrong in a catalogue, one line each."""
    catalog = kept(language)
    wanted = {_key(message): message for message in found() if message.id}
    there = {_key(message): message for message in catalog if message.id}
    lost = [f"{language}: not in the catalogue: {key}" for key in wanted.keys() - there.keys()]
    idle = [f"{language}: no longer used: {key}" for key in there.keys() - wanted.keys()]
    wrong = [
        f"{language}: {problem}: {key}"
        for key, message in there.items()
        for problem in _wrong(message, catalog)
    ]
    return sorted([*lost, *idle, *wrong])


def _key(message: Message) -> tuple[object, object]:
    return message.context, message.id


def _wrong(message: Message, catalog: Catalog) -> Iterator[str]:
    strings = message.string if isinstance(message.string, tuple) else (message.string,)
    if not all(strings):
        yield "not translated"
        return
    if message.fuzzy:
        yield "fuzzy"
    for error in message.check(catalog):
        yield str(error)


def main() -> int:
    if not settings.configured:
        settings.configure(USE_I18N=True)
    left = []
    for language in LANGUAGES:
        update(language)
        left += problems(language)
    for line in left:
        print(line)
    print(f"{len(found())} texts in {len(LANGUAGES)} languages, {len(left)} left to do")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
