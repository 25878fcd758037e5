from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from accounts.providers.base import (
    AccountIdentity,
    AuthError,
    Code,
    NotYetError,
    OtpSecret,
    Reach,
    RefusedError,
    TellsTime,
    UncertainError,
    UnexpectedReplyError,
    UnsupportedError,
)
from accounts.providers.salto_ks.environments import api_root
from accounts.providers.salto_ks.otp import one_time_code
from tests.accounts.providers.keeper import CountedTurns
from tests.accounts.providers.salto_ks import answers
from tests.accounts.providers.salto_ks.rigs import RecordedRig, connection_to
from tests.accounts.providers.servers import Answer

OTP = OtpSecret(hub_id=answers.IQ_ID, secret="ABCDEFGHIJKLMNOP", pin="0601")


@pytest.fixture
def rig():
    rig = RecordedRig("connect")
    yield rig
    rig.close()


@pytest.fixture
def legacy():
    rig = RecordedRig("legacy")
    yield rig
    rig.close()


def command(rig, driver, name, **options):
    return getattr(driver, name)(
        rig.site_id,
        rig.lock_id,
        **{"hub_id": rig.hub_id, "budget_seconds": 2} | options,
        request_id="request-1",
    )


def sent(rig):
    return [each for each in rig.cloud.asked if each.method == "PATCH"]


# --- commands -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options", "body"),
    [
        ("unlock", {"seconds": 30}, {"locked_state": "unlocked"}),
        ("lock", {}, {"locked_state": "locked"}),
        ("set_office_mode", {"on": True}, {"locked_state": "office_mode"}),
        ("set_office_mode", {"on": False}, {"locked_state": "locked"}),
    ],
)
def test_a_command_is_a_patch_of_locking_on_a_connection_of_its_own(rig, name, options, body):
    opening = command(rig, rig.driver(), name, **options)

    (asked,) = sent(rig)
    assert asked.path == f"/connect/v1.2/sites/{rig.site_id}/locks/{rig.lock_id}/locking"
    assert asked.json == body
    assert asked.headers["x-request-id"] == "request-1"
    assert asked.headers["connection"] == "close"
    assert opening.released_seconds is None


@pytest.mark.parametrize(("asked", "seconds"), [(None, 5), (30, 30), (600, 60)])
def test_the_older_dialect_opens_for_seconds(legacy, asked, seconds):
    opening = command(legacy, legacy.driver(), "unlock", seconds=asked)

    assert sent(legacy)[0].json == {"locked_state": "unlocked", "seconds": seconds}
    assert opening.released_seconds == seconds


def test_the_older_dialect_locks(legacy):
    command(legacy, legacy.driver(), "lock")

    assert sent(legacy)[0].json == {"locked_state": "locked"}


def test_act_15_an_old_strike_refuses_to_lock(legacy):
    path = f"sites/{legacy.site_id}/locks/{legacy.lock_id}/locking"
    legacy.tell(path, Answer(status=422), method="PATCH")

    with pytest.raises(RefusedError) as caught:
        command(legacy, legacy.driver(), "lock")

    assert (caught.value.code, caught.value.status) == (Code.OFFLINE_OR_UNSUPPORTED, 422)


@pytest.mark.parametrize("body", [Answer(), Answer({"locked_state": "unlocked"}), Answer({})])
def test_nothing_or_an_object_is_a_yes(rig, body):
    rig.tell_site(f"locks/{rig.lock_id}/locking", body, method="PATCH")

    assert command(rig, rig.driver(), "unlock", seconds=None)


@pytest.mark.parametrize("body", [Answer([]), Answer("ok"), Answer(raw=b"<html>")])
def test_anything_else_is_neither_yes_nor_no(rig, body):
    rig.tell_site(f"locks/{rig.lock_id}/locking", body, method="PATCH")

    with pytest.raises(UnexpectedReplyError):
        command(rig, rig.driver(), "unlock", seconds=None)


# --- one-time codes -----------------------------------------------------------------------------


def test_a_one_time_code_is_five_characters_of_an_md5():
    # printf '20260328120000ABCDEFGHIJKLMNOP0601' | md5sum
    at = datetime(2026, 3, 28, 12, 0, 0, 999_999, tzinfo=UTC)

    assert one_time_code(OTP, at) == "4422a"


def test_sks_05_a_code_is_sent_where_we_are_activated(rig):
    driver = rig.driver(otp_secrets=(OTP,))
    driver.now = lambda: datetime(2026, 3, 28, 12, 0, tzinfo=UTC)

    command(rig, driver, "unlock", seconds=None)
    command(rig, driver, "unlock", seconds=None, hub_id="another-hub")
    command(rig, driver, "unlock", seconds=None, hub_wants_otp=False)
    unfinished = rig.driver(otp_secrets=(OtpSecret(hub_id=rig.hub_id, secret="S", pin=""),))
    command(rig, unfinished, "unlock", seconds=None)

    assert [each.json.get("otp") for each in sent(rig)] == ["4422a", None, None, None]


def test_a_hub_that_wants_a_code_we_do_not_have_is_refused_without_a_call(rig):
    with pytest.raises(RefusedError) as caught:
        command(rig, rig.driver(), "unlock", seconds=None, hub_wants_otp=True)

    assert caught.value.code == Code.OTP_REQUIRED
    assert rig.cloud.asked == []


@pytest.mark.parametrize("word", ["otp_invalid", "otp_blocked"])
def test_sks_05_a_refused_code_is_not_tried_again(rig, word):
    said = {"ErrorCode": "3102", "Message": f"Request execution failed with code: {word}"}
    rig.tell_site(f"locks/{rig.lock_id}/locking", Answer(said, 400), method="PATCH")

    with pytest.raises(RefusedError) as caught:
        command(rig, rig.driver(otp_secrets=(OTP,)), "unlock", seconds=None)

    assert caught.value.code == word
    assert len(sent(rig)) == 1


def test_an_activation_is_a_secret_a_mail_and_a_proof(rig):
    iq = f"iqs/{rig.hub_id}"
    rig.tell_site(f"{iq}/secret", {"secret": "S" * 16})
    rig.tell_site(f"{iq}/pin", Answer(status=204))
    rig.tell_site(f"{iq}/pin", Answer(status=204), method="PUT")
    driver = rig.driver()
    driver.now = lambda: datetime(2026, 3, 28, 12, 0, tzinfo=UTC)

    secret = driver.fetch_otp_secret(rig.site_id, rig.hub_id)
    driver.send_otp_pin(rig.site_id, rig.hub_id)
    driver.confirm_otp(rig.site_id, OTP)

    mail, proof = (
        rig.cloud.calls(method, f"/connect/v1.2/sites/{rig.site_id}/{iq}/pin")[0]
        for method in ("GET", "PUT")
    )
    assert secret == OtpSecret(hub_id=rig.hub_id, secret="S" * 16, pin="")
    assert "SSSS" not in repr(secret)
    assert mail.query == {"send_email": "true"}
    assert proof.json == {"otp": "4422a", "delta": "0000"}


def test_a_second_secret_is_refused_by_name(rig):
    said = {"ErrorCode": "2203", "Message": "Cannot get first secret for an already activated Iq."}
    rig.tell_site(f"iqs/{rig.hub_id}/secret", Answer(said, 403))

    with pytest.raises(RefusedError) as caught:
        rig.driver().fetch_otp_secret(rig.site_id, rig.hub_id)

    assert caught.value.code == Code.ALREADY_ACTIVATED


@pytest.mark.parametrize("body", [{}, {"secret": 7}, {"secret": ""}])
def test_a_secret_that_is_none_is_an_unexpected_reply(rig, body):
    rig.tell_site(f"iqs/{rig.hub_id}/secret", body)

    with pytest.raises(UnexpectedReplyError):
        rig.driver().fetch_otp_secret(rig.site_id, rig.hub_id)


def test_what_the_older_dialect_lacks_is_unsupported(legacy):
    driver, site, now = legacy.driver(), legacy.site_id, datetime.now(UTC)

    for ask in (
        lambda: command(legacy, driver, "set_office_mode", on=True),
        lambda: driver.list_incidents(site, since=now),
        lambda: driver.get_me(site),
        lambda: driver.fetch_otp_secret(site, "h"),
        lambda: driver.send_otp_pin(site, "h"),
        lambda: driver.confirm_otp(site, OTP),
    ):
        with pytest.raises(UnsupportedError):
            ask()
    assert driver.list_hubs(site) == []
    assert legacy.cloud.asked == []


# --- lists --------------------------------------------------------------------------------------


def sites(*numbers):
    return [{**answers.SITE, "id": f"s-{number}"} for number in numbers]


def remote_ids(found):
    return [each.remote_id for each in found]


def test_a_bare_array_is_a_list_too(rig):
    rig.cloud.on("GET", "/connect/v1.2/sites", Answer(sites(1, 2)))

    assert remote_ids(rig.driver().list_sites()) == ["s-1", "s-2"]


def test_next_links_are_followed(rig):
    rig.cloud.on(
        "GET",
        "/connect/v1.2/sites",
        [
            Answer({"items": sites(1), "next_page_link": f"{rig.origin}/connect/v1.2/sites?a=2"}),
            Answer({"items": sites(2), "next_page_link": None, "count": 2}),
        ],
    )

    assert remote_ids(rig.driver().list_sites()) == ["s-1", "s-2"]
    asked = rig.cloud.calls("GET", "/connect/v1.2/sites")
    assert [each.query for each in asked] == [{"$top": "100"}, {"a": "2"}]


def test_a_page_without_news_does_not_end_a_list_that_has_a_link(rig):
    link = f"{rig.origin}/connect/v1.2/sites?page="
    rig.cloud.on(
        "GET",
        "/connect/v1.2/sites",
        [
            Answer({"items": sites(1), "next_page_link": f"{link}2"}),
            Answer({"items": sites(1), "next_page_link": f"{link}3"}),
            Answer({"items": sites(2), "next_page_link": None}),
        ],
    )

    assert remote_ids(rig.driver().list_sites()) == ["s-1", "s-2"]


@pytest.mark.parametrize(
    "link", ["https://evil.example/", "http://127.0.0.1:1/", "//evil.example/", "/x", 7, ["a"]]
)
def test_a_link_to_somewhere_else_is_not_followed(rig, link):
    rig.cloud.on("GET", "/connect/v1.2/sites", Answer({"items": sites(1), "next_page_link": link}))

    with pytest.raises(UnexpectedReplyError):
        rig.driver().list_sites()


def test_links_without_end_are_an_error_and_no_list(rig, monkeypatch):
    numbers = iter(range(1000))

    def page(_):
        return Answer(
            {
                "items": sites(next(numbers)),
                "next_page_link": f"{rig.origin}/connect/v1.2/sites?x=1",
            }
        )

    monkeypatch.setattr("accounts.providers.salto_ks.api.MAX_PAGES", 5)
    rig.cloud.on("GET", "/connect/v1.2/sites", page)

    with pytest.raises(UnexpectedReplyError):
        rig.driver().list_sites()


@pytest.mark.parametrize("bare", [True, False])
@pytest.mark.parametrize("cap", [20, 100, 1000])
@pytest.mark.parametrize("count", [0, 1, 19, 20, 21, 40, 100, 101, 250])
def test_paging_goes_to_the_end_whatever_the_server_takes_for_a_page(rig, bare, cap, count):
    everything = sites(*range(count))

    def page(asked):
        start = int(asked.query.get("$skip", 0))
        rows = everything[start : start + min(cap, int(asked.query["$top"]))]
        return Answer(rows if bare else {"items": rows, "next_page_link": None})

    rig.cloud.on("GET", "/connect/v1.2/sites", page)

    assert remote_ids(rig.driver().list_sites()) == [f"s-{number}" for number in range(count)]


def test_a_server_that_does_not_care_for_paging_is_asked_twice_at_most(rig):
    rig.cloud.on("GET", "/connect/v1.2/sites", Answer(sites(*range(40))))

    assert len(rig.driver().list_sites()) == 40
    assert len(rig.cloud.calls("GET", "/connect/v1.2/sites")) == 2


def test_a_failing_second_page_leaves_no_half_list(rig):
    rig.cloud.on("GET", "/connect/v1.2/sites", [Answer(sites(*range(20))), Answer(status=500)])

    with pytest.raises(Exception, match="Salto KS failed"):
        rig.driver().list_sites()


def test_a_row_with_a_bad_id_is_left_out_and_one_that_comes_twice_counts_once(rig, caplog):
    rows = [*sites(1, 1), {**answers.SITE, "id": "../x"}, {**answers.SITE, "id": ""}, *sites(2)]
    rig.cloud.on("GET", "/connect/v1.2/sites", Answer(rows))

    assert remote_ids(rig.driver().list_sites()) == ["s-1", "s-2"]
    assert len([each for each in caplog.records if each.levelname == "WARNING"]) == 2


def test_a_list_that_takes_too_long_is_given_up(rig, monkeypatch):
    monkeypatch.setattr("accounts.providers.salto_ks.api.LIST_BUDGET_SECONDS", 0)

    with pytest.raises(UncertainError, match="took too long"):
        rig.driver().list_sites()


def test_a_drivers_trouble_is_told_in_its_dialects_words(rig, legacy):
    error = AuthError("no")

    assert rig.driver().troubleshooting(error)[0] == "Salto KS refuses the sign-in"
    assert legacy.driver().troubleshooting(error)[0] == "Salto KS refuses the credential"


# --- the account --------------------------------------------------------------------------------


def test_an_account_is_recognised_by_its_person_or_client(rig, legacy):
    assert rig.driver().identity() == AccountIdentity(
        remote_id=answers.PERSON_ID, name="Jane Example", email="jane@example.com"
    )
    assert legacy.driver().identity() == AccountIdentity(remote_id="client-1")


@pytest.mark.parametrize(
    ("dialect", "api_base", "root"),
    [
        ("connect", "https://connect.my-clay.com", "https://connect.my-clay.com"),
        ("connect", "https://connect.my-clay.com/", "https://connect.my-clay.com"),
        ("connect", "https://connect.my-clay.com/v1.1", "https://connect.my-clay.com"),
        ("connect", "https://connect.my-clay.com/v1.2/", "https://connect.my-clay.com"),
        ("connect", "http://127.0.0.1:8001/connect", "http://127.0.0.1:8001/connect"),
        ("legacy", "https://clp.my-clay.com/v1.1", "https://clp.my-clay.com/v1.1"),
        ("legacy", "https://clp.my-clay.com/v1.1/", "https://clp.my-clay.com/v1.1"),
    ],
)
def test_the_version_belongs_to_the_resource_not_to_the_address(dialect, api_base, root):
    assert api_root(connection_to("x", dialect, api_base=api_base)) == root


def test_refreshing_a_token_replaces_a_good_one(rig):
    driver = rig.driver()
    first, second = driver.refresh_token(), driver.refresh_token()

    assert (first.version, second.version) == (1, 2)
    assert len(rig.cloud.calls("POST", rig.token_path)) == 2


# --- turns, and Salto's clock --------------------------------------------------------------------


def test_acc_06_each_request_takes_a_turn_of_the_account(rig):
    driver = rig.driver()
    driver.api.turns = turns = CountedTurns()

    driver.list_locks(rig.site_id)
    driver.list_hubs(rig.site_id)
    command(rig, driver, "unlock", seconds=None)

    asked = [each for each in rig.cloud.asked if each.path != rig.token_path]
    assert len(turns.budgets) == len(asked) == 3
    assert turns.budgets[-1] <= 2


def test_acc_06_without_a_turn_nothing_is_sent(rig):
    driver = rig.driver()
    driver.api.turns = CountedTurns(0)

    with pytest.raises(NotYetError) as caught:
        command(rig, driver, "unlock", seconds=None)

    assert sent(rig) == []
    assert (caught.value.reach, caught.value.code) == (Reach.NOT_SENT, Code.HELD_BACK)
    assert str(caught.value) == "Too many requests at once, try again in 1 s"


@pytest.mark.parametrize("ahead", [-90, 0, 90])
def test_poll_09_salto_s_clock_is_read_from_its_replies(rig, ahead):
    stamp = format_datetime(datetime.now(UTC) + timedelta(seconds=ahead), usegmt=True)
    rig.tell("sites", Answer({"items": [answers.SITE]}, headers={"Date": stamp}))
    driver = rig.driver()
    assert driver.clock_offset_seconds is None

    driver.list_sites()

    assert isinstance(driver, TellsTime)
    assert driver.clock_offset_seconds == pytest.approx(ahead, abs=1.5)


@pytest.mark.parametrize(
    "headers",
    [{"Date": "yesterday"}, {"Date": ""}, {"Date": "Thu, 01 Jan 1970 00:00:00 GMT", "Age": "9"}],
)
def test_poll_09_a_date_that_tells_nothing_is_ignored(rig, headers):
    rig.tell("sites", Answer({"items": [answers.SITE]}, headers=headers))
    driver = rig.driver()

    driver.list_sites()

    assert driver.clock_offset_seconds is None


# --- when a lock was seen -----------------------------------------------------------------------


@pytest.mark.parametrize("dialect", ["connect", "legacy"])
def test_a_lock_was_seen_when_it_was_asked_and_not_when_the_answer_came(dialect):
    rig = RecordedRig(dialect)
    driver = rig.driver()
    driver.list_sites()  # signs in
    began = datetime(2026, 11, 21, 12, tzinfo=UTC)
    driver.now = lambda: began + timedelta(seconds=len(rig.cloud.asked))

    try:
        for read in (
            lambda: driver.list_locks(rig.site_id)[0],
            lambda: driver.get_lock(rig.site_id, rig.lock_id),
        ):
            before = driver.now()
            assert read().observed_at == before < driver.now()
    finally:
        rig.close()
