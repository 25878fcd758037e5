import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.providers.addresses import (
    MUST_BE_HTTPS,
    NOT_ALLOWED,
    NOT_ON_THE_LIST,
    check_address,
)

HOSTS = ("clp.my-clay.com", "connect.my-clay.com", "*.saltoks.com")
SANDBOX = ("http://127.0.0.1:8001",)


@pytest.mark.parametrize(
    "url",
    [
        "https://clp.my-clay.com/v1.1",
        "https://clp.my-clay.com",
        "https://CLP.my-clay.com/",
        "https://clp.my-clay.com:443/v1.1",
        "https://api.regional.saltoks.com/v1.1",
        "https://a.b.saltoks.com/v1.1/sites/6f1d%20e2/locks",
        "http://127.0.0.1:8001",
        "http://127.0.0.1:8001/legacy/v1.1",
    ],
)
def test_an_allowed_address_is_taken(url):
    check_address(url, HOSTS, SANDBOX)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://clp.my-clay.com/v1.1", MUST_BE_HTTPS),
        ("HTTP://clp.my-clay.com/v1.1", MUST_BE_HTTPS),
        ("clp.my-clay.com/v1.1", MUST_BE_HTTPS),
        ("", MUST_BE_HTTPS),
        ("http://127.0.0.1:8002/v1.1", MUST_BE_HTTPS),
        ("http://127.0.0.1:80010/v1.1", MUST_BE_HTTPS),
        ("https://evil.example/v1.1", NOT_ON_THE_LIST),
        ("https://saltoks.com", NOT_ON_THE_LIST),
        ("https://evilsaltoks.com", NOT_ON_THE_LIST),
        ("https://clp.my-clay.com@evil.example", NOT_ALLOWED),
        ("https://clp.my-clay.com:pw@clp.my-clay.com", NOT_ALLOWED),
        ("https://clp.my-clay.com.evil.example", NOT_ALLOWED),
        ("https://127.1", NOT_ALLOWED),
        ("https://127.0.0.1", NOT_ALLOWED),
        ("https://127.0.0.1:8001", NOT_ALLOWED),
        ("https://[::1]", NOT_ALLOWED),
        ("https://[64:ff9b::7f00:1]", NOT_ALLOWED),
        ("https://[::127.0.0.1]", NOT_ALLOWED),
        ("https://192.88.99.1", NOT_ALLOWED),
        ("https://224.0.0.1", NOT_ALLOWED),
        ("https://[ff02::1]", NOT_ALLOWED),
        ("https://0x7f.1", NOT_ALLOWED),
        ("https://0x7f000001", NOT_ALLOWED),
        ("https://2130706433", NOT_ALLOWED),
        ("https://①②⑦.⓪.⓪.①", NOT_ALLOWED),
        ("https://ⓒlp.my-clay.com", NOT_ALLOWED),
        ("https://localhost", NOT_ALLOWED),
        ("https://clp.my-clay.com:22", NOT_ALLOWED),
        ("https://clp.my-clay.com:", NOT_ALLOWED),
        ("https://clp.my-clay.com./v1.1", NOT_ALLOWED),
        ("https://clp.my-clay.com/../../x", NOT_ALLOWED),
        ("https://clp.my-clay.com/v1.1/%2e%2e/x", NOT_ALLOWED),
        ("https://clp.my-clay.com/v1.1/..%2fx", NOT_ALLOWED),
        ("https://clp.my-clay.com/v1.1\\..\\x", NOT_ALLOWED),
        ("https://clp.my-clay.com/v1.1/%5c..%5cx", NOT_ALLOWED),
        ("https://clp.my-clay.com\\@evil.example/", NOT_ALLOWED),
        ("https://clp.my-clay.com/v1.1#x", NOT_ALLOWED),
        ("https://clp.my-clay.com/v1.1?x=1", NOT_ALLOWED),
        ("https://clp.my-clay.com/v1.1\n", NOT_ALLOWED),
        ("https://clp.my-\tclay.com/v1.1", NOT_ALLOWED),
        (" https://clp.my-clay.com/v1.1", NOT_ALLOWED),
        ("https://clp.my-clay.com/\x00", NOT_ALLOWED),
        ("https:///clp.my-clay.com", NOT_ALLOWED),
        ("https://", NOT_ALLOWED),
        ("file:///etc/passwd", NOT_ALLOWED),
        ("gopher://clp.my-clay.com/", NOT_ALLOWED),
        ("ftp://clp.my-clay.com/", NOT_ALLOWED),
        ("http://127.0.0.1:8001/../x", NOT_ALLOWED),
        ("http://127.0.0.1:8001@evil.example/", MUST_BE_HTTPS),
    ],
)
def test_any_other_address_is_refused_with_the_sentence_for_the_form(url, sentence):
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        check_address(url, HOSTS, SANDBOX)


def test_a_query_is_for_the_links_of_providers_only():
    check_address("https://clp.my-clay.com/v1.1?$skip=20", HOSTS, query_allowed=True)

    with pytest.raises(ValueError, match=NOT_ALLOWED):
        check_address("https://clp.my-clay.com/v1.1?a=b#c", HOSTS, query_allowed=True)


@given(st.text(max_size=60))
def test_nothing_after_the_scheme_gets_past_the_list(tail):
    url = f"https://{tail}"
    try:
        check_address(url, HOSTS)
    except ValueError:
        return

    host = tail.split("/")[0].lower().removesuffix(":443")
    assert host in HOSTS or host.endswith(".saltoks.com")
