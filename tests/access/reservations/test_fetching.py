import gzip
import logging

import pytest

from access.reservations import fetching
from access.reservations.fetching import FetchError, Validators, clean_address, fetch
from access.reservations.lines import MAX_BYTES
from accounts.providers.public import PublicDoor
from tests.access.reservations.samples import AIRBNB
from tests.accounts.providers.servers import Answer, Cloud

SECRET = "canary-token-77c1"
PATH = f"/calendar/{SECRET}.ics"


@pytest.fixture
def cloud():
    cloud = Cloud()
    yield cloud
    cloud.close()


@pytest.fixture
def door(cloud):
    return PublicDoor((cloud.origin,))


def get(cloud, door, **options):
    return fetch(f"{cloud.origin}{PATH}?s={SECRET}", door=door, **options)


def the_error(cloud, door, **options):
    with pytest.raises(FetchError) as caught:
        get(cloud, door, **options)
    error = caught.value
    assert SECRET not in str(error)
    assert error.__cause__ is error.__context__ is None
    return error


def host_of(cloud):
    return cloud.origin.removeprefix("http://")


def test_a_calendar_comes_with_what_tells_its_version(cloud, door):
    told = {"ETag": '"v1"', "Last-Modified": "Sat, 21 Nov 2026 12:00:00 GMT"}
    cloud.on("GET", PATH, Answer(raw=AIRBNB, headers=told))

    fetched = get(cloud, door)

    assert fetched.content == AIRBNB
    assert fetched.validators == Validators(etag='"v1"', last_modified=told["Last-Modified"])
    assert cloud.asked[0].query == {"s": SECRET}
    assert "if-none-match" not in cloud.asked[0].headers
    assert SECRET not in repr(fetched)


def test_what_we_have_is_not_sent_again(cloud, door):
    cloud.on("GET", PATH, Answer(status=304))
    seen = Validators(etag='"v1"', last_modified="Sat, 21 Nov 2026 12:00:00 GMT")

    fetched = get(cloud, door, seen=seen)

    assert (fetched.content, fetched.validators) == (None, seen)
    headers = cloud.asked[0].headers
    assert (headers["if-none-match"], headers["if-modified-since"]) == (
        seen.etag,
        seen.last_modified,
    )


def test_versions_that_cannot_be_sent_back_are_dropped(cloud, door):
    cloud.on("GET", PATH, Answer(raw=AIRBNB, headers={"ETag": "x" * 501, "Last-Modified": "é"}))

    assert get(cloud, door).validators == Validators()


def test_a_redirect_is_followed(cloud, door):
    cloud.on("GET", PATH, Answer(status=302, headers={"Location": "/other.ics?t=1"}))
    cloud.on("GET", "/other.ics", Answer(raw=AIRBNB))

    assert get(cloud, door).content == AIRBNB
    assert cloud.asked[1].query == {"t": "1"}


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data",
        "https://127.0.0.1/",
        "https://[::1]/",
        "file:///etc/passwd",
        "https://evil.example:22/",
        "https://somewhere.example/",  # from the sandbox out to the world
        "http://[",
        "",
    ],
)
def test_ssrf_02_a_redirect_is_checked_like_an_address(cloud, door, location):
    cloud.on("GET", PATH, Answer(status=302, headers={"Location": location}))

    error = the_error(cloud, door)

    assert str(error) == f"{host_of(cloud)} sends us to an address that is not allowed."
    assert len(cloud.asked) == 1


def test_redirects_end(cloud, door):
    for turn in range(9):
        cloud.on("GET", f"/{turn}", Answer(status=301, headers={"Location": f"/{turn + 1}"}))
    cloud.on("GET", PATH, Answer(status=301, headers={"Location": "/0"}))

    assert "from one address to the next" in str(the_error(cloud, door))
    assert len(cloud.asked) == fetching.MAX_REDIRECTS + 1


@pytest.mark.parametrize(
    ("status", "headers", "sentence", "is_lasting", "wait"),
    [
        (404, {}, "knows no calendar at this address. Copy the address anew.", True, None),
        (410, {}, "knows no calendar at this address. Copy the address anew.", True, None),
        (403, {}, "does not let us read this calendar. Copy the address anew.", True, None),
        (429, {"Retry-After": "120"}, "asks us to come less often.", False, 120),
        (429, {"Retry-After": "9" * 9}, "asks us to come less often.", False, 86400),
        (429, {"Retry-After": "soon"}, "asks us to come less often.", False, None),
        (503, {}, "answered with HTTP 503.", False, None),
        (304, {}, "answered with HTTP 304.", False, None),
        (204, {}, "answered with HTTP 204.", False, None),
    ],
)
def test_any_other_answer_is_told(cloud, door, *, status, headers, sentence, is_lasting, wait):
    cloud.on("GET", PATH, Answer(raw=SECRET.encode(), status=status, headers=headers))

    error = the_error(cloud, door)

    assert str(error) == f"{host_of(cloud)} {sentence}"
    assert (error.is_lasting, error.retry_after_seconds) == (is_lasting, wait)


@pytest.mark.parametrize("is_packed", [False, True])
def test_no_more_than_five_megabytes_are_read(cloud, door, is_packed):
    body = b"x" * (MAX_BYTES + 1)
    answer = Answer(raw=body)
    if is_packed:
        answer = Answer(raw=gzip.compress(body), headers={"Content-Encoding": "gzip"})
    cloud.on("GET", PATH, answer)

    assert str(the_error(cloud, door)) == "127.0.0.1 answered with more than 5 MB."


def test_a_host_that_is_not_there_is_told(cloud, door):
    cloud.close()

    assert "cannot be reached" in str(the_error(cloud, door))


def test_an_address_that_is_not_allowed_is_not_called(cloud):
    assert str(the_error(cloud, PublicDoor())) == "The address is not allowed."
    assert cloud.asked == []


def test_logs_do_not_hold_the_address(cloud, door, caplog):
    cloud.on("GET", PATH, Answer(raw=AIRBNB))

    with caplog.at_level(logging.DEBUG):
        get(cloud, door)

    assert SECRET not in caplog.text
    assert caplog.messages != []


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (" https://host.example/a.ics?s=1\n", "https://host.example/a.ics?s=1"),
        ("webcal://host.example/a.ics", "https://host.example/a.ics"),
        ("WEBCAL://host.example/a.ics", "https://host.example/a.ics"),
    ],
)
def test_an_address_is_kept_as_https(typed, kept):
    assert clean_address(typed, door=PublicDoor()) == kept


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("http://host.example/a.ics", "must start with https://"),
        ("webcal://127.0.0.1/a.ics", "address is not allowed"),
        ("", "must start with https://"),
    ],
)
def test_other_addresses_are_refused_with_a_sentence(typed, sentence):
    with pytest.raises(ValueError, match=sentence):
        clean_address(typed, door=PublicDoor())
