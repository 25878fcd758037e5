import pytest

from sandbox.app import open_world
from sandbox.control import PRESETS
from sandbox.store import Store


def test_logs_can_be_read_from_a_number_on(client, jane):
    jane.locking(jane.lock()["id"])
    seen = client.latest()
    jane.locking(jane.lock()["id"])

    assert [e["kind"] for e in client.effects(after=seen)] == ["lock_opened"]
    assert client.effects(after=client.latest()) == []
    assert len(client.effects(limit=1)) == 1


def test_every_provider_call_is_in_the_request_log_and_no_other(client, jane):
    before = client.get("/control/requests").json()[-1]["n"]
    jane.call("GET", "/locks?$top=1", headers={"X-Request-Id": "r-1"})
    client.get("/healthz")
    client.get("/")
    row = client.get(f"/control/requests?after={before}").json()

    assert [(r["method"], r["route"], r["account"], r["request_id"], r["status"]) for r in row] == [
        ("GET", "locks", "jane@example.com", "r-1", 200)
    ]
    assert (row[0]["query"], row[0]["fault"]) == ("$top=1", None)


@pytest.fixture
def today(client):
    """Jane, signed in by the machine's own clock: a reset brings that back."""
    client.control("clock", reset=True)
    return client.sign_in("jane")


def test_numbers_go_on_after_a_reset(client, today):
    today.locking(today.lock()["id"])
    before = client.latest()
    client.control("reset")

    assert client.effects() == []
    today.locking(today.lock()["id"])
    assert client.latest() == before + 1


def test_a_reset_keeps_ids_and_sign_ins(client, today):
    before = [row["id"] for row in today.items("/locks")]
    client.control("reset")
    assert [row["id"] for row in today.items("/locks")] == before
    client.control("reset", keep_sign_ins=False)

    assert today.get("/locks").status == 401


def test_a_reset_heals_everything(client, today):
    lock = today.lock()["id"]
    client.control("faults", effect="status", match={"route": "locks"}, times=None)
    client.control(f"locks/{lock}", online=False, customer_reference="Other")
    client.control("clock", advance_seconds=1000)
    client.control("settings", preset="realistic")
    client.control("reset")

    assert today.lock()["online"] is True
    assert client.get("/control/clock").json()["offset_seconds"] == 0
    assert client.get("/control/settings").json()["entry_lag_max_seconds"] == 1.5


def test_the_clock_can_be_set_stopped_and_moved(client):
    set_to = client.control("clock", set="2027-01-01T00:00:00Z")
    moved = client.control("clock", advance_seconds=90)
    running = client.control("clock", freeze=False)

    assert (set_to["now"], set_to["frozen"]) == ("2027-01-01T00:00:00.000Z", True)
    assert moved["now"] == "2027-01-01T00:01:30.000Z"
    assert (running["frozen"], running["now"][:17]) == (False, "2027-01-01T00:01:")
    assert client.control("clock", reset=True)["offset_seconds"] == 0


def test_the_date_header_follows_the_clock(client):
    assert client.get("/healthz").headers["date"] == "Sat, 28 Mar 2026 21:00:00 GMT"


@pytest.mark.parametrize("name", PRESETS)
def test_presets_start_from_the_defaults(client, name):
    client.control("settings", page_size=3)
    found = client.control("settings", preset=name)

    assert found["page_size"] == 20
    assert {key: found[key] for key in PRESETS[name]} == PRESETS[name]


@pytest.mark.parametrize(
    ("path", "wish"),
    [
        ("settings", {"nonsense": 1}),
        ("settings", {"page_size": "many"}),
        ("settings", {"preset": "nonsense"}),
        ("clock", {"set": "yesterday"}),
        ("clock", {"nonsense": 1}),
        ("clock", {"advance_seconds": "x"}),
        ("accounts/jane@example.com", {"nonsense": 1}),
        ("accounts/jane@example.com", {"password": 7}),
        ("accounts/jane@example.com", {"role": "emperor"}),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused_in_words(client, path, wish):
    answer = client.post(f"/control/{path}", wish)

    assert answer.status == 400
    assert answer.json()["error"]


@pytest.mark.parametrize(
    "wish", [{"nonsense": 1}, {"open_seconds": 241}, {"open_seconds": 0}, {"offline_answer": "no"}]
)
def test_a_lock_refuses_what_it_cannot_be(client, jane, wish):
    assert client.post(f"/control/locks/{jane.lock()['id']}", wish).status == 400


@pytest.mark.parametrize(
    "path", ["locks/x", "iqs/x", "sites/x", "accounts/x", "keypad", "tag", "inside"]
)
def test_what_does_not_exist_is_404(client, path):
    answer = client.post(f"/control/{path}", {"lock_id": "x"} if "/" not in path else {})

    assert answer.status == 404


def test_the_control_api_takes_json_only(client):
    """A page of another site can send a form, but not this content type."""
    form = client.post("/control/reset", form={"a": "b"})
    broken = client.post("/control/reset", headers={"content-type": "application/json"}, body=b"{")
    a_list = client.post("/control/reset", [1])

    assert (form.status, broken.status, a_list.status) == (415, 400, 400)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8001", "", "127.0.0.1.nip.io"])
def test_another_host_name_is_turned_away(client, host):
    assert client.get("/control/effects", headers={"host": host}).status == 421


@pytest.mark.parametrize("host", ["localhost:8001", "127.0.0.1", "[::1]:8001"])
def test_names_of_this_machine_are_welcome(client, host):
    assert client.get("/healthz", headers={"host": host}).status == 200


def test_lists_tell_the_truth_about_locks_sites_and_iqs(client, jane):
    lock = jane.lock()["id"]
    client.control("settings", lock_flag_delay_seconds=60)
    client.control(f"locks/{lock}", online=False, battery_level="critical")
    row = next(r for r in client.get("/control/locks").json() if r["id"] == lock)
    site = client.get("/control/sites").json()[0]

    assert (row["online"], row["online_flag"], row["battery_percent"]) == (False, True, 6)
    assert (site["name"], site["locks"]) == ("SIMULATED Mill Lane", 8)
    assert "jane@example.com" in site["accounts"]
    assert len(client.get("/control/iqs").json()) == len(client.world.iqs)


def test_an_account_can_lose_its_role_and_password(client, jane):
    client.control("accounts/jane@example.com", drop_role=True, password="other")

    assert jane.get("/me").json()["roles"][0]["code"] == "site_user"
    assert jane.locking(jane.lock()["id"]).status == 403
    with pytest.raises(AssertionError):
        client.sign_in("jane")


def test_a_legacy_client_is_an_account_too(client):
    client.control("accounts/legacy-client", scopes=["locks:read"])
    old = client.legacy()
    client.control("accounts/legacy-client", disabled=True)

    assert old.get("/locks").status == 401


def test_what_is_invented_says_so(client):
    """Doors carry ordinary names; everything else begins with SIMULATED or SIM."""
    world = client.world

    assert {p.first_name.split()[0] for p in world.people} == {"SIMULATED"}
    for table in (world.sites, world.iqs, world.groups):
        assert all(row.customer_reference.startswith("SIMULATED ") for row in table)
    assert all(site.site_uid.startswith("SIM") for site in world.sites)
    assert all(tag.number.startswith("SIM") for tag in world.tags)
    assert not any("SIMULATED" in lock.customer_reference for lock in world.locks)


# --- keeping ---


def test_what_an_older_version_wrote_is_read_as_far_as_it_goes(tmp_path):
    store = Store(tmp_path)
    open_world(store).store.connection.execute(
        "UPDATE things SET body = json_set(body, '$.forgotten', 1) WHERE kind = 'Lock'"
    )
    store.write([("Unicorn", "1", {"id": "1"})], [])

    assert len(open_world(Store(tmp_path)).locks) == len(open_world(store).locks)


def test_a_world_read_back_is_the_same_and_goes_on(client, jane, tmp_path):
    client.control("clock", advance_seconds=0)  # an order is kept; the fixture's is not
    jane.locking(jane.lock()["id"])
    jane.call("POST", "/guests", {"alias": "G", "expires_at": "2026-04-01T10:00:00Z"})
    store = Store(tmp_path)
    first = open_world(store)
    for mine, theirs in zip(first.tables, client.world.tables, strict=True):
        mine.clear()
        for row in theirs:
            mine.put(row)
    first.commit()

    second = open_world(Store(tmp_path))
    for mine, theirs in zip(second.tables, client.world.tables, strict=True):
        assert mine.rows == theirs.rows
    second.move_clock(lambda: second.clock.advance(8))
    assert [effect.kind for effect in second.effects][-1] == "lock_relocked"
