"""Guests' texts in six languages: nothing missing, nothing stale, and staff pages untouched."""

import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import translation

sys.path.insert(0, str(Path(settings.BASE_DIR) / "bin"))
import catalogues

every = pytest.mark.parametrize("language", catalogues.LANGUAGES)


def test_there_is_something_to_translate() -> None:
    assert len([message for message in catalogues.found() if message.id]) > 20


@every
def test_every_text_for_guests_is_translated(language: str) -> None:
    assert catalogues.problems(language) == []


@every
def test_what_is_compiled_is_what_is_written(language: str) -> None:
    written = catalogues.compiled(catalogues.kept(language))

    assert catalogues.path_of(language, "mo").read_bytes() == written


def test_the_languages_are_those_of_the_settings() -> None:
    assert {"en", *catalogues.LANGUAGES} == {code for code, _ in settings.LANGUAGES}


def test_no_browser_chooses_the_language_of_a_page() -> None:
    assert [name for name in settings.MIDDLEWARE if "locale" in name.lower()] == []


@pytest.mark.django_db
@every
def test_staff_pages_are_english_whatever_a_browser_would_like(language: str) -> None:
    asked: Any = Client(headers={"accept-language": language}).get(reverse("account_login"))

    plain = Client().get(reverse("account_login"))
    assert (
        asked.context["form"].fields["login"].label == plain.context["form"].fields["login"].label
    )
    assert '<html lang="en-GB">' in asked.content.decode()
    assert translation.get_language() == "en-gb"
