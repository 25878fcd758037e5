"""docs/sandbox.md and the program must agree: tests and outside checks stand on both."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from sandbox import control, control_things, faults, routes, seed, visit
from sandbox.ks_system import doors as ks_doors
from sandbox.ks_system import readers
from sandbox.space import control as space_control
from sandbox.space import refusals
from sandbox.things import Settings

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/sandbox.md").read_text()
SOURCES = "\n".join(path.read_text() for path in (ROOT / "sandbox").rglob("*.py"))
WORDS = set(re.findall(r"[\w*@.-]+", TEXT))

NAMES = [
    *seed.ACCOUNTS,
    *faults.EFFECTS,
    *faults.POISONS,
    *routes.known_words(),
    *visit.REASONS,
    *ks_doors.REASONS,
    *refusals.MODES,
    *space_control.ENCODER_CHANGES,
    *space_control.DOOR_CHANGES,
    *space_control.KS_LOCK_CHANGES,
    *space_control.SYSTEM_CHANGES,
    *control.PRESETS,
    *control_things.LOCK_CHANGES,
    *control_things.SITE_CHANGES,
    *control_things.IQ_CHANGES,
    *control_things.PERSON_CHANGES,
    *control_things.CLIENT_CHANGES,
    *(field.name for field in fields(Settings) if field.name != "id"),
    *re.findall(r'\.effect\(\s*"(\w+)"', SOURCES),
]


@pytest.mark.parametrize("name", sorted(set(NAMES)))
def test_the_documentation_names(name):
    assert name in WORDS


def test_every_control_path_is_documented():
    for route in control.ROUTES:
        assert "/control" + route.path.split("/{")[0] in TEXT


def test_the_documented_defaults_are_the_real_ones():
    for field in fields(Settings):
        if field.name in {"page_size", "retention_days", "otp_block_after"}:
            row = next(line for line in TEXT.splitlines() if f"`{field.name}`" in line)
            assert str(field.default) in row


def test_every_client_is_documented(client):
    for row in client.world.clients:
        assert f"`{row.id}`" in TEXT
        assert f"`{row.secret}`" in TEXT


@pytest.mark.parametrize("row", sorted(refusals.ROWS))
def test_every_row_of_the_failure_table_is_documented_word_for_word(row):
    wanted = refusals.ROWS[row]

    assert f"| `{row}` | `{wanted.kind}` | {wanted.message} |" in TEXT


@pytest.mark.parametrize("why", [value for name, value in vars(readers).items() if name.isupper()])
def test_what_readers_say_is_documented(why):
    assert not isinstance(why, refusals.Refusal) or why.message in TEXT
