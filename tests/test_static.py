"""The browser's side keeps its own rules: colours in one file, contrast, no inline anything."""

import re
from pathlib import Path

import pytest

from audit.presenting import PRESENTERS

ROOT = Path(__file__).resolve().parent.parent
CSS = sorted((ROOT / "static/css").glob("*.css"))
JS = sorted((ROOT / "static/js").glob("*.js"))
#: Of pages; what mails may hold is looked at in tests/config/test_repository.py.
TEMPLATES = sorted(
    path for path in (ROOT / "templates").rglob("*.html") if path.name != "letter.html"
)
TOKENS = (ROOT / "static/css/tokens.css").read_text()

#: Symbols that templates name by a variable.
_BY_VARIABLE = {icon for _, icon, _ in PRESENTERS.values()}


def token(name: str, theme: int) -> str:
    found = re.search(rf"--{name}: light-dark\((#[0-9a-f]{{6}}), (#[0-9a-f]{{6}})\)", TOKENS)
    assert found, name
    return found.group(theme + 1)


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


_SIGNALS = ("ok", "warn", "danger", "info", "unknown")
_TEXT = [
    *[(text, ground) for text in ("n5", "n6", "n7") for ground in ("n0", "n1", "n2")],
    *[(f"{s}-fg", ground) for s in _SIGNALS for ground in (f"{s}-bg", "n0", "n1")],
    *[(text, f"{s}-bg") for s in _SIGNALS for text in ("n5", "n6", "n7")],
    *[(f"{s}-on", f"{s}-solid") for s in ("ok", "warn", "danger")],
    ("n0", "n7"),
    ("n0", "n6"),
]
_SHAPES = [
    ("n4", "n0"),
    ("n4", "n1"),
    ("focus", "n0"),
    ("focus", "n1"),
    ("warn-bar", "warn-solid"),
    ("ok-solid", "n1"),
]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), _TEXT)
def test_text_can_be_read(text, ground, theme):
    assert contrast(token(text, theme), token(ground, theme)) >= 4.5


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("shape", "ground"), _SHAPES)
def test_shapes_can_be_seen(shape, ground, theme):
    assert contrast(token(shape, theme), token(ground, theme)) >= 3


@pytest.mark.parametrize("path", [p for p in CSS if p.name != "tokens.css"], ids=lambda p: p.name)
def test_only_the_tokens_contain_a_colour(path):
    text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)

    assert re.findall(r"#[0-9a-fA-F]{3,8}\b|\b(?:rgb|hsl|oklch|color-mix)\(", text) == []


@pytest.mark.parametrize("path", [p for p in CSS if p.name != "tokens.css"], ids=lambda p: p.name)
def test_every_custom_property_exists(path):
    known = set(re.findall(r"(--[\w-]+):", TOKENS + path.read_text()))

    assert set(re.findall(r"var\((--[\w-]+)\)", path.read_text())) <= known


def test_every_stylesheet_is_linked_and_exists():
    linked = {n for path in TEMPLATES for n in re.findall(r"css/([\w-]+\.css)", path.read_text())}

    assert sorted(linked) == [path.name for path in CSS]


def test_every_script_is_linked_and_exists():
    linked = {n for path in TEMPLATES for n in re.findall(r"js/([\w-]+\.js)", path.read_text())}

    assert sorted(linked) == [path.name for path in JS]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: str(p.relative_to(ROOT / "templates")))
def test_templates_hold_nothing_that_the_policy_forbids(path):
    text = re.sub(r"{%.*?%}", "", path.read_text())

    assert (
        re.findall(r"<script(?![^>]*\bsrc=)|<style|\s(?:style|on\w+)=|hx-on|javascript:", text)
        == []
    )
    assert re.findall(r"js:|hx-trigger=\"[^\"]*\[|\|safe\b|mark_safe|autoescape off", text) == []
    assert re.findall(r"(?:src|srcset)=\"(?:https?:)?//", text) == []


def test_every_symbol_is_in_the_sprite():
    drawn = set(
        re.findall(r'<symbol id="([\w-]+)"', (ROOT / "static/icons/sprite.svg").read_text())
    )
    named = {n for path in TEMPLATES for n in re.findall(r'{% icon "([\w-]+)"', path.read_text())}

    assert named | _BY_VARIABLE <= drawn


def test_tiles_hold_nothing_about_a_person():
    parts = (ROOT / "templates/locks").glob("tile*.html")

    for path in parts:
        assert not re.search(r"csrf|request\.|actor\.|user\b|{% now", path.read_text()), path.name
