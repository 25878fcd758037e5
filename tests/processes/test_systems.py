"""Answers are lost and the provider goes away; then what is there is what is wished."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.processes.stack import Stack, until

KEY = "seam_test1_sandboxdemokey"
pytestmark = pytest.mark.processes


@pytest.fixture
def annex(stack: Stack) -> Iterator[Stack]:
    """The stack with the simulated Salto Space connected and seen."""
    stack.run("tests.processes.systems", "connect")
    until(
        lambda: stack.rows(
            "SELECT 1 FROM access_acsmembership JOIN access_acsuser AS u ON u.id = user_id"
            " WHERE u.full_name = 'SIMULATED Mara Lindqvist' AND is_seen"
        ),
        seconds=60,
        every=0.2,
    )
    yield stack
    stack.rows(
        "UPDATE accounts_connectedaccount SET state = 'disconnected', next_status_poll_at = NULL,"
        " next_event_poll_at = NULL WHERE provider = 'seam'"
    )


def _there(stack: Stack) -> dict[str, list[dict[str, Any]]]:
    """Return the users of the installation by name, as the provider has them."""
    answer = requests.post(
        f"{stack.sandbox.url}/seam/acs/users/list",
        json={},
        headers={"Authorization": f"Bearer {KEY}"},
        timeout=10,
    )
    found: dict[str, list[dict[str, Any]]] = {}
    for user in answer.json()["acs_users"]:
        found.setdefault(user["full_name"], []).append(user)
    return found


def _row(stack: Stack, name: str) -> dict[str, Any]:
    (row,) = stack.rows("SELECT * FROM access_acsuser WHERE full_name = %s", name)
    return row


def test_a_lost_answer_makes_one_user_and_an_outage_delays_what_has_to_end(annex: Stack) -> None:
    annex.sandbox.fault("drop_after", route="seam_user")
    annex.run("tests.processes.systems", "create", "Jane Doe")

    until(lambda: _row(annex, "Jane Doe")["phase"] == "live", seconds=60, every=0.2)
    until(lambda: not _row(annex, "Jane Doe")["pending"], seconds=30, every=0.2)

    (made,) = _there(annex)["Jane Doe"]
    assert _row(annex, "Jane Doe")["remote_id"] == made["acs_user_id"]

    fault = annex.sandbox.fault("status", route="seam", status=503, times=None)
    annex.run("tests.processes.systems", "suspend", "Jane Doe")
    annex.run("tests.processes.systems", "delete", "SIMULATED Tom Achebe")
    until(lambda: _hits(annex, fault) >= 2, seconds=60, every=0.5)
    assert _row(annex, "Jane Doe")["pending"] == ["suspension"]
    assert _row(annex, "SIMULATED Tom Achebe")["phase"] == "deleting"

    annex.sandbox.clear_faults()
    until(lambda: _row(annex, "SIMULATED Tom Achebe")["phase"] == "gone", seconds=90, every=0.2)
    until(lambda: not _row(annex, "Jane Doe")["pending"], seconds=90, every=0.2)

    (name,) = annex.rows(
        "SELECT u.full_name FROM access_acsuser AS u JOIN access_acssystem AS s ON s.id = u.system_id"
        " WHERE s.external_type = 'salto_ks_site' AND u.is_subscribed AND NOT EXISTS (SELECT 1 FROM"
        " access_acscredential AS c WHERE c.user_id = u.id AND access_method = 'code')"
        " ORDER BY u.full_name LIMIT 1"
    )
    annex.sandbox.fault("drop_after", route="seam_credential")
    annex.run("tests.processes.systems", "pin", name["full_name"])
    pins = (
        "SELECT c.code_sealed, c.remote_id FROM access_acscredential AS c JOIN access_acsuser AS u"
    )
    pins += " ON u.id = c.user_id WHERE c.access_method = 'code' AND u.full_name = %s"
    until(lambda: annex.rows(pins, name["full_name"])[0]["code_sealed"], seconds=60, every=0.2)
    assert len(annex.rows(pins, name["full_name"])) == 1

    there = _there(annex)
    assert "SIMULATED Tom Achebe" not in there
    assert [user["is_suspended"] for user in there["Jane Doe"]] == [True]


def _hits(stack: Stack, fault: str) -> int:
    return sum(each["hits"] for each in stack.sandbox.ask("GET", "/faults") if each["id"] == fault)
