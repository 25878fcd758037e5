import logging
import socket

import pytest

from accounts.providers.addresses import (
    MUST_BE_HTTPS,
    NOT_ALLOWED,
    check_public_address,
    is_public,
)
from accounts.providers.base import UnreachableError
from accounts.providers.public import PublicDoor
from tests.accounts.providers.servers import Answer, Cloud, http_answer, raw_server, read_request
from tests.accounts.providers.tls import make_certificate, over_tls

SECRET = "canary-secret-5f2b"
HOST = "calendar.booking.example"


@pytest.fixture
def cloud():
    cloud = Cloud()
    yield cloud
    cloud.close()


def leads_to(monkeypatch, *addresses, port=443):
    """Have every name lead to these addresses; return what was asked for."""
    asked = []

    def answer(host, *_, **__):
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    return asked


@pytest.mark.parametrize(
    "url",
    [
        "https://www.airbnb.com/calendar/ical/42.ics?s=441e74&locale=en",
        "https://calendar.google.com/calendar/ical/a%40group.calendar.google.com/private-1/basic.ics",
        "https://ical.booking.com/v1/export?t=0c2b9e0a-5b0e",
        "https://HOST.example:8443/a",
        "https://host.example?t=1",
        "https://host.example",
    ],
)
def test_an_address_of_a_calendar_is_taken(url):
    check_public_address(url)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://www.airbnb.com/a.ics", MUST_BE_HTTPS),
        ("www.airbnb.com/a.ics", MUST_BE_HTTPS),
        ("file:///etc/passwd", NOT_ALLOWED),
        ("gopher://host.example/", NOT_ALLOWED),
        ("https://user:pw@host.example/", NOT_ALLOWED),
        ("https://host.example:25/", NOT_ALLOWED),
        ("https://localhost/", NOT_ALLOWED),
        ("https://127.0.0.1/", NOT_ALLOWED),
        ("https://127.1/", NOT_ALLOWED),
        ("https://0x7f.1/", NOT_ALLOWED),
        ("https://2130706433/", NOT_ALLOWED),
        ("https://[::1]/", NOT_ALLOWED),
        ("https://①②⑦.⓪.⓪.①/", NOT_ALLOWED),
        ("https://host.example./", NOT_ALLOWED),
        ("https://host.example/../x", NOT_ALLOWED),
        ("https://host.example/a#b", NOT_ALLOWED),
        ("https://host.example/a b", NOT_ALLOWED),
        ("https://host.example/a\nb", NOT_ALLOWED),
        ("https://host.example\\@evil.example/", NOT_ALLOWED),
        ("https://host.example/" + "a" * 2048, NOT_ALLOWED),
    ],
)
def test_any_other_address_is_refused(url, sentence):
    with pytest.raises(ValueError, match="^" + sentence):
        check_public_address(url)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "64:ff9b::5db8:d822"])
def test_addresses_of_the_internet_are_public(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "192.88.99.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2001:0:7f00:1::",
        "localhost",
        "",
    ],
)
def test_ssrf_02_no_form_of_a_private_address_is_public(address):
    assert not is_public(address)


@pytest.mark.parametrize(
    "found", [["169.254.169.254"], ["93.184.216.34", "127.0.0.1"], ["127.0.0.1", "93.184.216.34"]]
)
def test_ssrf_02_a_name_that_leads_inside_is_not_called(monkeypatch, found):
    leads_to(monkeypatch, *found)

    with pytest.raises(UnreachableError) as caught:
        PublicDoor().request("GET", f"https://{HOST}/{SECRET}?t={SECRET}", budget_seconds=2)

    assert str(caught.value) == f"{HOST} cannot be reached (its address is not a public one)"


def test_ssrf_02_a_name_is_resolved_once_and_what_was_checked_is_called(monkeypatch, tmp_path):
    certificate = make_certificate(tmp_path, HOST)

    def answer(connection):
        read_request(connection)
        connection.sendall(http_answer(b"hello"))

    checked = []
    monkeypatch.setattr("accounts.providers.public.is_public", lambda at: not checked.append(at))
    with raw_server(over_tls(certificate, answer)) as origin:
        asked = leads_to(monkeypatch, "127.0.0.1", port=int(origin.rpartition(":")[2]))
        reply = PublicDoor(ca_file=str(certificate)).request(
            "GET", f"https://{HOST}/a", budget_seconds=5, fresh=True
        )

    assert (reply.body, asked, checked) == (b"hello", [HOST], ["127.0.0.1"])


@pytest.mark.parametrize("status", [301, 304, 307])
def test_redirects_and_not_modified_are_handed_back(cloud, status):
    cloud.on("GET", "/a", Answer(status=status, headers={"Location": "https://evil.example/"}))

    reply = PublicDoor((cloud.origin,)).request(
        "GET", f"{cloud.origin}/a", budget_seconds=2, fresh=True
    )

    assert (reply.status, len(cloud.asked)) == (status, 1)


def test_only_the_sandbox_may_be_plain_and_beside_us(cloud):
    with pytest.raises(UnreachableError, match="not called: "):
        PublicDoor().request("GET", f"{cloud.origin}/a", budget_seconds=2)

    assert cloud.asked == []


def test_logs_hold_the_host_alone(cloud, caplog):
    with caplog.at_level(logging.DEBUG):
        PublicDoor((cloud.origin,)).request(
            "GET", f"{cloud.origin}/{SECRET}?t={SECRET}", budget_seconds=2, fresh=True
        )

    (line,) = caplog.messages
    assert line.startswith(f"GET {cloud.origin.removeprefix('http://')} 404 ")
    assert SECRET not in caplog.text
