"""The list of promises every driver keeps. To test a driver, subclass `DriverContract` and
give it a `rig`: the driver, a provider to talk to, and ways to change that provider's mind.

    class TestSaltoKS(DriverContract):
        @pytest.fixture
        def rig(self):
            ...
"""

import abc
import logging
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts.providers.base import (
    AuthError,
    EventFeed,
    LockDriver,
    LockState,
    ProviderError,
    RateLimitError,
    Reach,
    RefusedError,
    RemoteUnlock,
    UncertainError,
    UnexpectedReplyError,
)


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """What the provider answers from now on, to everything but token requests."""

    status: int = 200
    body: Any = None
    html: bool = False
    silent: bool = False
    headers: dict[str, str] = field(default_factory=dict)


UNAUTHORIZED = Trouble(status=401)
TOO_MANY = Trouble(status=429, headers={"Retry-After": "7"})
FAILED = Trouble(status=500, body={"error": "boom"})
NO_JSON = Trouble(html=True)
SILENT = Trouble(silent=True)
WRONG_SHAPES = (
    {"result": {}},
    {"items": None},
    {"items": {"a": 1}},
    {"items": ["a", 1, None]},
    {"error": "boom"},
    "text",
    7,
    None,
    [[]],
    [{}, {"id": ""}],
    [{"id": "../../x"}],
    [{"id": 5}],
)
ALL = (UNAUTHORIZED, TOO_MANY, FAILED, NO_JSON, SILENT, Trouble(body={"error": "boom"}))

#: Enough for a busy machine; and what tests of silence wait for.
READ_SECONDS = 5.0
SILENT_SECONDS = 0.25


class Rig(abc.ABC):
    """One driver with the world it lives in: a site with at least one lock, online and locked."""

    #: Every documented word for a lock's state, and what it means.
    states: dict[str, LockState]
    #: Nothing of this may show anywhere.
    secrets: tuple[str, ...]
    site_id: str
    lock_id: str
    hub_id: str = ""
    #: How often a command is sent that is answered by 401: again where a token can be renewed.
    sent_when_unauthorized: int = 2

    def __init__(self) -> None:
        #: Goes out with every command, so that it can be counted.
        self.request_id = f"request-{uuid.uuid4()}"

    @abc.abstractmethod
    def driver(self, *, read_seconds: float = READ_SECONDS) -> Any:
        """Return a new driver that gives up a request for reading after so long."""

    @abc.abstractmethod
    def set_lock(self, *, state: str | None = None, online: bool | None = None) -> None: ...

    @abc.abstractmethod
    def make_trouble(self, trouble: Trouble) -> None: ...

    @abc.abstractmethod
    def empty_driver(self) -> Any:
        """Return a driver for an account without sites."""

    @abc.abstractmethod
    def count_commands(self) -> int:
        """Return how many commands have reached the provider."""

    @abc.abstractmethod
    def close(self) -> None: ...


def reads(rig, driver):
    """Every way of reading, by name."""
    since = datetime.now(UTC) - timedelta(hours=1)
    return {
        "identity": driver.identity,
        "list_sites": driver.list_sites,
        "list_hubs": lambda: driver.list_hubs(rig.site_id),
        "list_locks": lambda: driver.list_locks(rig.site_id),
        "get_lock": lambda: driver.get_lock(rig.site_id, rig.lock_id),
        "list_users": lambda: driver.list_users(rig.site_id),
        "list_entries": lambda: driver.list_entries(rig.site_id, since=since),
    }


READS = ("list_sites", "list_locks", "get_lock", "list_users", "list_entries")


def unlock(rig, driver, budget_seconds=2.0):
    return driver.unlock(
        rig.site_id,
        rig.lock_id,
        hub_id=rig.hub_id,
        seconds=5,
        budget_seconds=budget_seconds,
        request_id=rig.request_id,
    )


def lock_of(rig, driver):
    listed = {lock.remote_id: lock for lock in driver.list_locks(rig.site_id)}
    return listed[rig.lock_id]


class DriverContract:
    @pytest.fixture
    def rig(self):
        raise NotImplementedError

    def test_it_speaks_the_protocols(self, rig):
        driver = rig.driver()

        assert isinstance(driver, LockDriver)
        assert isinstance(driver, RemoteUnlock)
        assert isinstance(driver, EventFeed)
        assert driver.label

    # --- words ---

    def test_every_documented_state_is_mapped(self, rig):
        driver, found = rig.driver(), {}
        for word in rig.states:
            rig.set_lock(state=word)
            found[word] = lock_of(rig, driver).state

        assert found == rig.states

    def test_an_undocumented_state_is_unknown_and_its_word_is_kept(self, rig):
        rig.set_lock(state="ajar")

        lock = lock_of(rig, rig.driver())

        assert lock.state is LockState.UNKNOWN
        assert "ajar" in lock.unknown_words.values()
        assert "ajar" in lock.raw.values()

    @pytest.mark.parametrize("index", range(2))
    def test_offline_is_not_locked_and_not_unlocked(self, rig, index):
        rig.set_lock(state=("locked", "unlocked")[index], online=False)

        lock = lock_of(rig, rig.driver())

        assert (lock.state, lock.is_online) == (LockState.UNKNOWN, False)

    def test_one_lock_reads_like_the_list(self, rig):
        driver = rig.driver()
        listed, single = lock_of(rig, driver), driver.get_lock(rig.site_id, rig.lock_id)

        assert (listed.name, listed.state, listed.is_online, listed.battery_percent) == (
            single.name,
            single.state,
            single.is_online,
            single.battery_percent,
        )

    def test_an_empty_account_is_no_error(self, rig):
        assert rig.empty_driver().list_sites() == []

    # --- trouble ---

    @pytest.mark.parametrize("name", READS)
    def test_acc_03_a_token_refused_twice_is_an_auth_error(self, rig, name):
        driver = rig.driver()
        rig.make_trouble(UNAUTHORIZED)

        with pytest.raises(AuthError):
            reads(rig, driver)[name]()

    @pytest.mark.parametrize("name", READS)
    def test_a_rate_limit_says_how_long(self, rig, name):
        driver = rig.driver()
        rig.make_trouble(TOO_MANY)

        with pytest.raises(RateLimitError) as caught:
            reads(rig, driver)[name]()

        assert caught.value.retry_after_seconds == 7

    @pytest.mark.parametrize("name", READS)
    def test_a_failing_provider_is_uncertain(self, rig, name):
        driver = rig.driver()
        rig.make_trouble(FAILED)

        with pytest.raises(UncertainError) as caught:
            reads(rig, driver)[name]()

        assert caught.value.status == 500

    @pytest.mark.parametrize("name", READS)
    def test_a_silent_provider_is_given_up_in_time(self, rig, name):
        driver = rig.driver(read_seconds=SILENT_SECONDS)
        driver.ensure_token()
        rig.make_trouble(SILENT)
        started = time.monotonic()

        with pytest.raises(UncertainError):
            reads(rig, driver)[name]()

        assert time.monotonic() - started < SILENT_SECONDS + 0.4

    @pytest.mark.parametrize("name", READS)
    def test_what_is_no_json_is_an_unexpected_reply(self, rig, name):
        driver = rig.driver()
        rig.make_trouble(NO_JSON)

        with pytest.raises(UnexpectedReplyError):
            reads(rig, driver)[name]()

    @pytest.mark.parametrize("name", READS)
    @pytest.mark.parametrize("shape", WRONG_SHAPES)
    def test_a_wrong_shape_is_an_unexpected_reply_and_nothing_else(self, rig, name, shape):
        driver = rig.driver()
        rig.make_trouble(Trouble(body=shape))

        try:
            found = reads(rig, driver)[name]()
        except UnexpectedReplyError:
            return

        # A feed keeps what it cannot read; nothing else has anything to return.
        assert name == "list_entries"
        assert found.entries == ()
        assert len(found.unreadable) == len({str(row) for row in rows_in(shape)})

    # --- commands ---

    def test_act_01_an_unlock_is_one_call(self, rig):
        driver = rig.driver()
        driver.ensure_token()

        unlock(rig, driver)

        assert rig.count_commands() == 1

    @pytest.mark.parametrize(
        ("trouble", "reach", "calls"),
        [
            (FAILED, Reach.UNCERTAIN, 1),
            (Trouble(status=503), Reach.UNCERTAIN, 1),
            (SILENT, Reach.UNCERTAIN, 1),
            (NO_JSON, Reach.UNCERTAIN, 1),
            (Trouble(status=302, headers={"Location": "http://127.0.0.1:1/"}), Reach.UNCERTAIN, 1),
            (TOO_MANY, Reach.REFUSED, 1),
            (Trouble(status=400), Reach.REFUSED, 1),
            (Trouble(status=403), Reach.REFUSED, 1),
            (Trouble(status=404), Reach.REFUSED, 1),
            (Trouble(status=409), Reach.REFUSED, 1),
            (Trouble(status=410), Reach.REFUSED, 1),
            (Trouble(status=422), Reach.REFUSED, 1),
            (Trouble(status=423), Reach.REFUSED, 1),
            (UNAUTHORIZED, Reach.REFUSED, 2),
        ],
    )
    def test_act_03_a_command_that_fails_says_how_far_it_got(self, rig, trouble, reach, calls):
        driver = rig.driver()
        driver.ensure_token()
        rig.make_trouble(trouble)

        with pytest.raises(ProviderError) as caught:
            unlock(rig, driver, SILENT_SECONDS if trouble.silent else READ_SECONDS)

        assert caught.value.reach is reach
        sent_once = trouble is UNAUTHORIZED and rig.sent_when_unauthorized == 1
        assert rig.count_commands() == (1 if sent_once else calls)

    def test_act_02_without_time_nothing_is_sent(self, rig):
        driver = rig.driver()
        driver.ensure_token()

        with pytest.raises(ProviderError) as caught:
            unlock(rig, driver, budget_seconds=0)

        assert caught.value.reach is Reach.NOT_SENT
        assert rig.count_commands() == 0

    @pytest.mark.parametrize("bad", ["", ".", "..", "../x", "a/b", "a\\b", "x" * 201, "a\nb", "é"])
    def test_what_is_no_id_never_becomes_a_path(self, rig, bad):
        driver = rig.driver()

        with pytest.raises(RefusedError):
            driver.get_lock(rig.site_id, bad)
        with pytest.raises(RefusedError):
            driver.list_locks(bad)

    # --- secrets ---

    @pytest.mark.parametrize("trouble", ALL)
    def test_no_credential_in_any_message_repr_or_log(self, rig, trouble, caplog):
        seconds = SILENT_SECONDS if trouble.silent else READ_SECONDS
        driver = rig.driver(read_seconds=seconds)
        said = [repr(driver), repr(driver.connection), str(vars(driver.connection).keys())]
        with caplog.at_level(logging.DEBUG):
            driver.refresh_token()
            rig.make_trouble(trouble)
            asks = [*reads(rig, driver).values(), lambda: unlock(rig, driver, seconds)]
            said += [line for ask in asks for line in everything_said_by(ask)]

        text = "\n".join([*said, *(record.getMessage() for record in caplog.records)])
        assert [secret for secret in (*rig.secrets, *tokens_of(driver)) if secret in text] == []


def rows_in(shape):
    rows = shape.get("items") if isinstance(shape, dict) else shape
    return rows if isinstance(rows, list) else []


def everything_said_by(ask):
    try:
        return [repr(ask())]
    except ProviderError as error:
        chain, each = [], error
        while each is not None:
            chain += [str(each), repr(each), repr(vars(each))]
            each = each.__cause__ or each.__context__
        return chain


def tokens_of(driver):
    keeper = getattr(driver.api, "tokens", None)
    token = keeper.current() if keeper else None
    return [text for text in (token.access_token, token.refresh_token) if text] if token else []
