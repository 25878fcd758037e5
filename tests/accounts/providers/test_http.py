import contextlib
import gzip
import logging
import socket
import struct
import time
import tracemalloc

import pytest

from accounts.providers.base import (
    ProviderError,
    Reach,
    UncertainError,
    UnexpectedReplyError,
    UnreachableError,
)
from accounts.providers.http import MAX_BODY_BYTES, HttpDoor
from tests.accounts.providers.servers import Answer, Cloud, http_answer, raw_server, read_request
from tests.accounts.providers.tls import make_certificate, over_tls

SECRET = "canary-secret-5f2b"


@pytest.fixture
def cloud():
    cloud = Cloud()
    yield cloud
    cloud.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("tls"), "connect.my-clay.com")


@pytest.fixture
def tls_server(certificate):
    with raw_server(over_tls(certificate, answer_an_empty_list)) as origin:
        yield origin, str(certificate)


@pytest.fixture
def dripping_tls_server(certificate):
    with raw_server(over_tls(certificate, drip_head)) as origin:
        yield origin, str(certificate)


def answer_an_empty_list(connection):
    while read_request(connection):
        connection.sendall(http_answer(b"[]"))


def door_to(origin, **options):
    return HttpDoor((), plain_origins=(origin,), **options)


def ask(origin, *, method="PATCH", budget=2.0, fresh=True, path="/x"):
    door = door_to(origin)
    try:
        return door.request(
            method,
            f"{origin}{path}",
            headers={"Authorization": f"Bearer {SECRET}"},
            json={"otp": SECRET},
            budget_seconds=budget,
            fresh=fresh,
        )
    finally:
        door.close()


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


# --- how a server can misbehave ---------------------------------------------------------------


def drip_head(connection):
    read_request(connection)
    for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 200:
        connection.sendall(bytes([byte]))
        time.sleep(0.2)


def drip_body(connection):
    read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n")
    for _ in range(200):
        connection.sendall(b"x")
        time.sleep(0.2)


def say_nothing(connection):
    read_request(connection)
    connection.recv(1)


def reset_at_once(connection):
    reset(connection)


def reset_after_reading(connection):
    read_request(connection)
    reset(connection)


def close_without_reply(connection):
    read_request(connection)


def half_a_reply(connection):
    read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")


def no_http(connection):
    read_request(connection)
    connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")


def endless_headers(connection):
    read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\n" + b"X-More: x\r\n" * 1000)


def damaged_gzip(connection):
    read_request(connection)
    connection.sendall(http_answer(b"not gzip at all", "Content-Encoding: gzip"))


def big_body(connection):
    read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
    for _ in range(100):
        connection.sendall(b"x" * 1_000_000)


def send_elsewhere(connection):
    read_request(connection)
    connection.sendall(http_answer(b"", "Location: http://169.254.169.254/", status="302 Found"))


@pytest.mark.parametrize(
    ("behave", "kind"),
    [
        (drip_head, UncertainError),
        (drip_body, UncertainError),
        (say_nothing, UncertainError),
        (reset_after_reading, UncertainError),
        (close_without_reply, UncertainError),
        (half_a_reply, UncertainError),
        (no_http, UncertainError),
        (endless_headers, UncertainError),
        (damaged_gzip, UncertainError),
        (big_body, UnexpectedReplyError),
        (send_elsewhere, UnexpectedReplyError),
    ],
)
@pytest.mark.parametrize("fresh", [True, False])
def test_act_03_what_may_have_been_carried_out_is_uncertain_and_ends_in_time(behave, kind, fresh):
    with raw_server(behave) as origin:
        started = time.monotonic()
        with pytest.raises(UncertainError) as caught:
            ask(origin, budget=0.4, fresh=fresh)
        took = time.monotonic() - started

    assert type(caught.value) is kind
    assert caught.value.reach is Reach.UNCERTAIN
    assert took < 0.6
    assert SECRET not in repr(caught.value) + str(caught.value)
    assert caught.value.__cause__ is caught.value.__context__ is None


def test_act_03_a_reset_before_the_request_is_read_is_never_called_refused():
    # Whether a byte had left by then is a race; each side of it has its name.
    with raw_server(reset_at_once) as origin, pytest.raises(ProviderError) as caught:
        ask(origin)

    assert caught.value.reach in (Reach.UNCERTAIN, Reach.NOT_SENT)


def refused_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


def not_tls(connection):
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def silent_tls(connection):
    connection.recv(65536)
    connection.recv(1)


def reset_in_the_handshake(connection):
    connection.recv(65536)
    reset(connection)


def test_act_03_a_refused_connection_was_not_sent():
    with pytest.raises(UnreachableError) as caught:
        ask(refused_port())

    assert caught.value.reach is Reach.NOT_SENT
    assert str(caught.value).endswith("cannot be reached (it refuses connections)")
    assert caught.value.__cause__ is caught.value.__context__ is None


@pytest.mark.parametrize("behave", [not_tls, silent_tls, reset_in_the_handshake])
def test_act_03_a_failed_handshake_was_not_sent(behave, monkeypatch):
    with raw_server(behave) as origin:
        to_our_server(monkeypatch, origin)
        with pytest.raises(UnreachableError) as caught:
            call_over_tls(budget=0.5)

    assert caught.value.reach is Reach.NOT_SENT
    assert SECRET not in str(caught.value)


def to_our_server(monkeypatch, origin):
    address = ("127.0.0.1", int(origin.rpartition(":")[2]))
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address)]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)


def call_over_tls(budget):
    door = HttpDoor(("connect.my-clay.com",))
    return door.request(
        "PATCH",
        "https://connect.my-clay.com/v1.2/sites",
        headers={"Authorization": f"Bearer {SECRET}"},
        budget_seconds=budget,
        fresh=True,
    )


def test_act_03_an_unknown_name_was_not_sent(monkeypatch):
    def not_found(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", not_found)
    with pytest.raises(UnreachableError, match="its name is not known"):
        call_over_tls(budget=1)


def test_act_11_a_name_that_is_never_answered_ends_in_time(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(1) or [])
    started = time.monotonic()

    with pytest.raises(UnreachableError, match="it took too long"):
        call_over_tls(budget=0.2)

    assert time.monotonic() - started < 0.4


@pytest.fixture
def full_house():
    """Yield the address of a server whose queue is full: connecting to it takes for ever."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            guest = stack.enter_context(socket.socket())
            guest.settimeout(0)
            guest.connect_ex(server.getsockname())
        time.sleep(0.05)
        yield server.getsockname()


def test_act_11_several_addresses_share_one_budget(monkeypatch, full_house):
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", full_house)] * 9
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    started = time.monotonic()

    with pytest.raises(UnreachableError, match="it took too long"):
        call_over_tls(budget=0.3)

    assert time.monotonic() - started < 0.5


def test_nothing_is_sent_when_no_time_is_left(cloud):
    with pytest.raises(UnreachableError, match="no time was left"):
        ask(cloud.origin, budget=0)

    assert cloud.asked == []


def test_act_11_a_budget_covers_a_handshake_and_a_reply_over_tls(monkeypatch, tls_server):
    origin, ca_file = tls_server
    to_our_server(monkeypatch, origin)
    door = HttpDoor(("connect.my-clay.com",), ca_file=ca_file)
    try:
        reply = door.request("GET", "https://connect.my-clay.com/v1.2/sites", budget_seconds=3)
        again = door.request("GET", "https://connect.my-clay.com/v1.2/sites", budget_seconds=3)
    finally:
        door.close()

    assert (reply.status, reply.body_json()) == (200, [])
    assert again.status == 200


def test_a_dripping_tls_server_ends_in_time(monkeypatch, dripping_tls_server):
    origin, ca_file = dripping_tls_server
    to_our_server(monkeypatch, origin)
    door = HttpDoor(("connect.my-clay.com",), ca_file=ca_file)
    started = time.monotonic()

    with pytest.raises(UncertainError):
        door.request(
            "PATCH", "https://connect.my-clay.com/x", json={}, budget_seconds=0.7, fresh=True
        )

    assert time.monotonic() - started < 0.9


def test_an_unknown_certificate_was_not_sent(monkeypatch, tls_server):
    origin, _ = tls_server
    to_our_server(monkeypatch, origin)

    with pytest.raises(UnreachableError, match="certificate"):
        call_over_tls(budget=3)


def test_a_certificate_of_another_host_was_not_sent(monkeypatch, tls_server):
    origin, ca_file = tls_server
    to_our_server(monkeypatch, origin)
    door = HttpDoor(("clp.my-clay.com",), ca_file=ca_file)

    with pytest.raises(UnreachableError, match="certificate"):
        door.request("GET", "https://clp.my-clay.com/", budget_seconds=3, fresh=True)


# --- what is never done -------------------------------------------------------------------------


def test_a_command_is_sent_once_however_it_ends():
    seen = []

    def count(connection):
        seen.append(read_request(connection))
        reset(connection)

    with raw_server(count) as origin, pytest.raises(UncertainError):
        ask(origin, method="PUT")

    assert len(seen) == 1


def test_redirects_are_not_followed(cloud):
    cloud.on("GET", "/a", Answer(status=307, headers={"Location": f"{cloud.origin}/b"}))
    door = door_to(cloud.origin)

    with pytest.raises(UnexpectedReplyError):
        door.request("GET", f"{cloud.origin}/a", budget_seconds=2)
    door.close()

    assert [each.path for each in cloud.asked] == ["/a"]


def test_proxies_netrc_and_cookies_are_not_used(cloud, monkeypatch, tmp_path):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login eve password eve")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    cloud.on("GET", "/a", Answer(headers={"Set-Cookie": "who=eve; Path=/"}))
    door = door_to(cloud.origin)

    door.request("GET", f"{cloud.origin}/a", budget_seconds=2)
    door.request("GET", f"{cloud.origin}/a", budget_seconds=2)
    door.close()

    assert len(cloud.asked) == 2
    assert all({"authorization", "cookie"}.isdisjoint(each.headers) for each in cloud.asked)


@pytest.mark.parametrize(
    "url", ["https://evil.example/", "http://127.0.0.1:1/", "https://connect.my-clay.com:22/"]
)
def test_other_hosts_are_not_spoken_to(url):
    with pytest.raises(UnreachableError, match="not called: "):
        HttpDoor(("connect.my-clay.com",)).request("GET", url, budget_seconds=1)


def test_a_header_that_cannot_be_written_is_not_quoted(cloud):
    with pytest.raises(UnreachableError) as caught:
        door_to(cloud.origin).request(
            "GET",
            f"{cloud.origin}/a",
            headers={"Authorization": f"Bearer {SECRET}\nX: y"},
            budget_seconds=1,
        )

    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is caught.value.__context__ is None


# --- replies ------------------------------------------------------------------------------------


def test_any_status_but_a_redirect_comes_back(cloud):
    cloud.on("PATCH", "/x", Answer({"ErrorCode": "2202"}, status=404, headers={"X-A": "b"}))

    reply = ask(cloud.origin)

    assert (reply.status, reply.body_json()) == (404, {"ErrorCode": "2202"})
    assert reply.headers["x-a"] == "b"
    assert not reply.is_success


def test_a_fresh_connection_is_closed_and_a_kept_one_used_again(cloud):
    cloud.on("GET", "/a", Answer({}))
    door = door_to(cloud.origin)
    for fresh in (True, False, False):
        door.request("GET", f"{cloud.origin}/a", budget_seconds=2, fresh=fresh)
    door.close()

    assert [each.headers.get("connection") for each in cloud.asked] == ["close", None, None]


def test_a_kept_connection_may_outlive_the_call_that_made_it(cloud):
    cloud.on("GET", "/a", Answer({}))
    door = door_to(cloud.origin)
    door.request("GET", f"{cloud.origin}/a", budget_seconds=0.3)
    time.sleep(0.4)

    assert door.request("GET", f"{cloud.origin}/a", budget_seconds=0.3).status == 200
    door.close()


def test_gzip_is_read_and_a_bomb_is_not(cloud):
    cloud.on("GET", "/small", gzipped(b'{"a": 1}'))
    cloud.on("GET", "/bomb", gzipped(b" " * 300_000_000))
    door = door_to(cloud.origin)
    assert door.request("GET", f"{cloud.origin}/small", budget_seconds=2).body_json() == {"a": 1}
    tracemalloc.start()

    with pytest.raises(UnexpectedReplyError, match="more than we read"):
        door.request("GET", f"{cloud.origin}/bomb", budget_seconds=5)
    door.close()

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * MAX_BODY_BYTES


def gzipped(body):
    return Answer(raw=gzip.compress(body), headers={"Content-Encoding": "gzip"})


@pytest.mark.parametrize(
    "raw",
    [
        b"<html>busy</html>",
        b'{"a": 1',
        b'"\xff"',
        b"[" * 100_000 + b"]" * 100_000,
        b"[" * 60 + b"]" * 60,
        b"1" * 5000,
    ],
)
def test_what_is_no_json_is_an_unexpected_reply(cloud, raw):
    cloud.on("PATCH", "/x", Answer(raw=raw))
    reply = ask(cloud.origin)

    with pytest.raises(UnexpectedReplyError) as caught:
        reply.body_json()

    assert caught.value.__cause__ is caught.value.__context__ is None


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"", None),
        (b" \r\n", None),
        (b"null", None),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b'{"a": 1, "a": 2}', {"a": 2}),
        (b"[NaN, -Infinity, 1e999, -1e999]", ["NaN", "-Infinity", "1e999", "-1e999"]),
        (b"[1.5, 2]", [1.5, 2]),
        (b'{"a": "\\u0000\\ud800"}', {"a": "\x00\ud800"}),
        (b"[" * 30 + b"]" * 30, None),
    ],
)
def test_json_is_read_strictly_but_not_narrowly(cloud, raw, value):
    cloud.on("PATCH", "/x", Answer(raw=raw))

    found = ask(cloud.origin).body_json()

    assert found == value or value is None


def test_one_line_is_logged_without_query_headers_or_body(cloud, caplog):
    cloud.on("PATCH", "/sites/1/x", Answer({"secret": SECRET}))
    door = door_to(cloud.origin)
    with caplog.at_level(logging.DEBUG):
        door.request(
            "PATCH",
            f"{cloud.origin}/sites/1/x",
            params={"otp": SECRET},
            headers={"Authorization": SECRET},
            json={"pin": SECRET},
            budget_seconds=2,
        )
    door.close()

    ours = [each.getMessage() for each in caplog.records if each.name.startswith("accounts.")]
    host = cloud.origin.removeprefix("http://")
    assert [line.rpartition(" ")[0].rpartition(" ")[0] for line in ours] == [
        f"PATCH {host}/sites/1/x 200"
    ]
    assert SECRET not in "".join(ours)


def test_a_failure_is_logged_by_its_code(caplog):
    origin = refused_port()
    with caplog.at_level(logging.DEBUG, "accounts"), pytest.raises(UnreachableError):
        ask(origin)

    assert caplog.messages[0].startswith(f"PATCH {origin.removeprefix('http://')}/x unreachable ")
