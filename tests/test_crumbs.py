"""What leads back from a page names where to, and nothing after it."""

import re
from pathlib import Path

import pytest

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"
WITH_CRUMBS = [path for path in TEMPLATES.rglob("*.html") if 'class="crumbs"' in path.read_text()]


@pytest.mark.parametrize("path", WITH_CRUMBS, ids=lambda path: str(path.relative_to(TEMPLATES)))
def test_the_way_back_does_not_end_in_an_arrow(path: Path) -> None:
    assert not re.search(r'chevron-right" %}\s*</(p|nav)>', path.read_text())
