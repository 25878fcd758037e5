"""What must hold of every file (reliability Q-02, SUP-02, WEB-01; style 4.7)."""

import ast
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings

BASE = Path(settings.BASE_DIR)
PACKAGES = ("audit", "accounts", "locks", "access", "config", "sandbox")
MODULES = sorted(path for package in PACKAGES for path in (BASE / package).rglob("*.py"))
TEMPLATES = sorted((BASE / "templates").rglob("*.html"))
#: Mails have no files of their own for a style to stand in, and no policy of ours over them.
MAILS = [BASE / "templates/access/letters/letter.html"]


def name_of(path: Path) -> str:
    return str(path.relative_to(BASE))


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), filename=str(path))


def calls(path: Path) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree_of(path)) if isinstance(node, ast.Call))


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def test_there_is_something_to_look_at() -> None:
    assert len(MODULES) > 80
    assert len(TEMPLATES) > 20


def offenders(paths: list[Path], *wrong: Callable[[Path], object]) -> list[str]:
    return [name_of(path) for path in paths if any(each(path) for each in wrong)]


def test_q_02_nothing_is_scheduled_by_the_broker() -> None:
    words = {"eta", "countdown", "autoretry_for", "acks_late"}

    def has_one(path: Path) -> bool:
        return any(keyword.arg in words for call in calls(path) for keyword in call.keywords)

    assert offenders(MODULES, has_one) == []


def test_every_message_expires() -> None:
    def sends_for_ever(path: Path) -> bool:
        return any(
            call.func.attr in {"delay", "delay_on_commit", "apply_async_on_commit", "retry"}
            or (call.func.attr == "apply_async" and "expires" not in {k.arg for k in call.keywords})
            for call in calls(path)
            if isinstance(call.func, ast.Attribute)
        )

    # Beat passes on what config.schedule says, and that expires.
    assert offenders(MODULES, sends_for_ever) == ["config/beat.py"]


def test_sup_02_markup_is_never_declared_safe() -> None:
    def declares(path: Path) -> bool:
        nodes = ast.walk(tree_of(path))
        return any(isinstance(node, ast.Name) and node.id == "mark_safe" for node in nodes)

    assert offenders(MODULES, declares) == []


def test_sup_02_templates_escape_everything() -> None:
    trusting = re.compile(r"\|\s*safe\b|autoescape\s+off|\|\s*safeseq")

    assert offenders(TEMPLATES, lambda path: trusting.search(path.read_text())) == []


def test_web_01_templates_hold_no_inline_script_style_or_handler() -> None:
    inline = re.compile(
        r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|javascript:|hx-on|hx-vals='js"
    )

    def has_inline(path: Path) -> object:
        return inline.search(re.sub(r"{%.*?%}", "", path.read_text()))

    assert offenders([path for path in TEMPLATES if path not in MAILS], has_inline) == []


def test_mails_fetch_nothing_and_run_nothing() -> None:
    wrong = re.compile(r"<script|<link|<img|<iframe|url\(|@import|\ssrc=|\sstyle=|\son[a-z]+=")

    assert offenders(MAILS, lambda path: wrong.search(path.read_text())) == []


#: Those of htmx 2 that we use. A typo here never worked anywhere (F-41).
HTMX = {
    "hx-boost",
    "hx-disabled-elt",
    "hx-get",
    "hx-headers",
    "hx-include",
    "hx-indicator",
    "hx-post",
    "hx-push-url",
    "hx-select",
    "hx-swap",
    "hx-swap-oob",
    "hx-sync",
    "hx-target",
    "hx-trigger",
}


def test_web_07_every_hx_attribute_is_one() -> None:
    def has_another(path: Path) -> object:
        return set(re.findall(r"\s(hx-[a-z-]+)", path.read_text())) - HTMX

    assert offenders(TEMPLATES, has_another) == []


def test_every_icon_in_a_template_is_in_the_sprite() -> None:
    drawn = set(
        re.findall(r'<symbol[^>]* id="([^"]+)"', (BASE / "static/icons/sprite.svg").read_text())
    )
    used = {
        (name_of(path), icon)
        for path in TEMPLATES
        for icon in re.findall(r'{% icon "([^"]+)" %}', path.read_text())
    }

    assert {each for each in used if each[1] not in drawn} == set()


def test_every_static_file_in_a_template_exists() -> None:
    used = {
        (name_of(path), name)
        for path in TEMPLATES
        for name in re.findall(r"{% static '([^']+)' %}", path.read_text())
    }
    ours = {each for each in used if not each[1].startswith("django_htmx/")}

    assert {each for each in ours if not (BASE / "static" / each[1]).exists()} == set()


def test_sup_02_http_leaves_through_one_door() -> None:
    outside = {
        name_of(path)
        for path in MODULES
        if imports(path) & {"requests", "httpx", "urllib3", "http.client", "requests_oauthlib"}
    }

    assert {name for name in outside if not name.startswith("accounts/providers/")} == set()


def test_q_09_nothing_relies_on_telling_workers() -> None:
    attributes = {
        node.attr
        for path in MODULES
        if not name_of(path).startswith("sandbox/")
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Attribute)
    }

    assert attributes & {"broadcast", "control"} == set()


def pinned(path: Path) -> dict[str, str]:
    lines = (line.partition("#")[0].strip() for line in path.read_text().splitlines())
    return dict(line.split("==") for line in lines if "==" in line)


def test_every_version_is_pinned_once() -> None:
    runs, checks = (pinned(BASE / name) for name in ("requirements.txt", "tests/requirements.txt"))

    assert set(runs) & set(checks) == set()


def test_versions_in_the_readme_are_those_that_are_pinned() -> None:
    readme = BASE / "README.md"
    if not readme.exists():
        pytest.skip("README.md is not written yet")
    text = readme.read_text()
    versions = {
        name.partition("[")[0].lower(): v for name, v in pinned(BASE / "requirements.txt").items()
    }

    for name in ("django", "celery", "psycopg"):
        for told in re.findall(rf"(?i)\b{name} (\d+\.\d+(?:\.\d+)?)", text):
            assert versions[name].startswith(told)


def test_the_oldest_python_is_named_the_same_everywhere() -> None:
    text = (BASE / "pyproject.toml").read_text()

    assert 'requires-python = ">=3.11"' in text
    assert 'target-version = "py311"' in text
    assert 'python_version = "3.11"' in text


def test_no_file_of_ours_holds_a_password_of_the_environment() -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=BASE,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()

    assert [name for name in tracked if Path(name).name in {".env", "id_rsa", "dump.rdb"}] == []
