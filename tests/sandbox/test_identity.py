import base64
import json
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from sandbox.identity import challenge_of
from tests.sandbox.client import BASE, Answer, Client, basic

VERIFIER = "v" * 43
RETURN_TO = "http://127.0.0.1:8000/connect/return?webview=7"


def ask_token(client: Client, **form: str) -> Answer:
    fields = {
        "grant_type": "password",
        "username": "jane@example.com",
        "password": "1234",
        "scope": "user_api.full_access",
    }
    return client.post(
        "/identity/connect/token",
        form=fields | form,
        headers=basic("lockboard-backend", "lockboard-backend-secret"),
    )


def claims_of(token: str) -> dict:
    return json.loads(_decode(token.split(".")[1]))


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_discovery_names_the_endpoints(client):
    found = client.get("/identity/.well-known/openid-configuration").json()

    assert found["issuer"] == f"{BASE}/identity"
    assert found["token_endpoint"] == f"{BASE}/identity/connect/token"
    assert found["authorization_endpoint"] == f"{BASE}/identity/connect/authorize"
    assert found["code_challenge_methods_supported"] == ["S256"]


def test_the_password_grant_answers_as_measured(client):
    answer = ask_token(client)

    body = answer.json()
    token = body.pop("access_token")
    assert body == {"expires_in": 3600, "token_type": "Bearer", "scope": "user_api.full_access"}
    header = json.loads(_decode(token.split(".")[0]))
    assert (header["alg"], header["typ"]) == ("RS256", "at+jwt")
    claims = claims_of(token)
    assert (claims["iss"], claims["aud"]) == (f"{BASE}/identity", "user_api")
    assert claims["exp"] - claims["iat"] == 3600
    assert claims["amr"] == ["password"]


def test_tokens_are_signed_with_the_published_key(client):
    token = ask_token(client).json()["access_token"]
    key = client.get("/identity/.well-known/openid-configuration/jwks").json()["keys"][0]
    text, _, signature = token.rpartition(".")
    n, e = (int.from_bytes(_decode(key[name]), "big") for name in ("n", "e"))

    rsa.RSAPublicNumbers(e, n).public_key().verify(
        _decode(signature), text.encode(), padding.PKCS1v15(), hashes.SHA256()
    )


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        ({"password": "wrong"}, 400, "invalid_grant"),
        ({"username": "nobody@example.com"}, 400, "invalid_grant"),
        ({"scope": "openid profile"}, 400, "invalid_scope"),
        ({"scope": "core_api.full"}, 400, "invalid_scope"),
        ({"scope": ""}, 400, "invalid_scope"),
        ({"grant_type": "client_credentials"}, 400, "unauthorized_client"),
        ({"grant_type": "telepathy"}, 400, "unsupported_grant_type"),
    ],
)
def test_token_refusals(client, change, status, error):
    answer = ask_token(client, **change)

    assert (answer.status, answer.json()["error"]) == (status, error)


def test_a_wrong_client_secret_is_invalid_client(client):
    by_header = client.post(
        "/identity/connect/token",
        form={"grant_type": "password"},
        headers=basic("lockboard-backend", "wrong"),
    )
    by_form = client.post(
        "/identity/connect/token", form={"grant_type": "password", "client_id": "who"}
    )

    assert (by_header.status, by_header.json()["error"]) == (401, "invalid_client")
    assert (by_form.status, by_form.json()["error"]) == (400, "invalid_client")


# --- signing in with a browser ---


def start_sign_in(client: Client, **change: str) -> Answer:
    query = {
        "client_id": "lockboard-web",
        "redirect_uri": RETURN_TO,
        "response_type": "code",
        "scope": "user_api.full_access openid profile offline_access",
        "state": "s t&te",
        "code_challenge": challenge_of(VERIFIER),
        "code_challenge_method": "S256",
        "nonce": "n1",
    }
    return client.get(f"/identity/connect/authorize?{urlencode(query | change)}")


def hidden_in(page: Answer) -> str:
    return page.text.split('name="sign_in" value="')[1].split('"')[0]


def sign_in_as(client: Client, email: str = "jane@example.com", *, right: bool = True) -> Answer:
    key = hidden_in(start_sign_in(client))
    return follow(
        client,
        "/identity/login",
        {"sign_in": key, "email": email, "password": "1234" if right else "?"},
    )


def follow(client: Client, path: str, form: dict[str, str]) -> Answer:
    """Send a form as a browser does; return the page it leads to."""
    answer = client.post(path, form=form)
    assert answer.status == 303
    return client.get(answer.headers["location"])


def decide(client: Client, decision: str, email: str = "jane@example.com") -> dict[str, list[str]]:
    key = hidden_in(sign_in_as(client, email))
    answer = client.post("/identity/consent", form={"sign_in": key, "decision": decision})
    assert answer.status == 303
    assert answer.headers["location"].startswith(RETURN_TO + "&")
    return parse_qs(urlsplit(answer.headers["location"]).query)


def exchange(client: Client, code: str, **change: str) -> Answer:
    form = {
        "grant_type": "authorization_code",
        "client_id": "lockboard-web",
        "code": code,
        "redirect_uri": RETURN_TO,
        "code_verifier": VERIFIER,
    }
    return client.post("/identity/connect/token", form=form | change)


def test_a_person_signs_in_and_allows(client):
    back = decide(client, "allow")
    body = exchange(client, back["code"][0]).json()

    assert back["state"] == ["s t&te"]
    assert set(body) == {
        "access_token",
        "expires_in",
        "token_type",
        "scope",
        "refresh_token",
        "id_token",
    }
    assert claims_of(body["id_token"])["nonce"] == "n1"
    sites = client.get("/connect/v1.2/sites", token=body["access_token"]).json()["items"]
    assert [site["customer_reference"] for site in sites] == ["SIMULATED Mill Lane"]


def test_deny_leads_back_with_access_denied(client):
    back = decide(client, "deny")

    assert (back["error"], back["state"]) == (["access_denied"], ["s t&te"])
    assert "code" not in back


def test_a_wrong_password_shows_the_login_page_again(client):
    page = sign_in_as(client, right=False)

    assert page.status == 401
    assert "E-mail or password is wrong." in page.text
    assert 'value="jane@example.com"' in page.text


def test_no_page_of_a_sign_in_is_the_answer_to_a_form(client):
    """A browser that goes back to such a page shows an error instead."""
    key = hidden_in(start_sign_in(client))
    form = {"sign_in": key, "email": "jane@example.com", "password": "1234"}
    wrong = client.post("/identity/login", form=form | {"password": "?"}).headers["location"]
    asked = client.post("/identity/login", form=form).headers["location"]
    for _ in range(2):
        assert "E-mail or password is wrong." in client.get(wrong).text
        assert "Allow access?" in client.get(asked).text

    client.post("/identity/consent", form={"sign_in": key, "decision": "allow"})

    for page in (client.get(wrong), client.get(asked), client.post("/identity/login", form=form)):
        assert (page.status, "This sign-in took too long, or is over." in page.text) == (400, True)


def test_the_pages_of_a_sign_in_nobody_began_say_so(client):
    for path in ("login", "consent"):
        page = client.get(f"/identity/{path}?sign_in=x")
        assert (page.status, "or is over" in page.text) == (400, True)


def test_the_consent_page_is_not_for_who_has_not_signed_in(client):
    key = hidden_in(start_sign_in(client))

    assert client.get(f"/identity/consent?sign_in={key}").status == 400


def test_a_code_works_once(client):
    code = decide(client, "allow")["code"][0]

    assert exchange(client, code).status == 200
    assert exchange(client, code).json() == {"error": "invalid_grant"}


@pytest.mark.parametrize(
    "change",
    [
        {"code_verifier": "other" * 10},
        {"redirect_uri": "http://127.0.0.1:8000/elsewhere"},
    ],
)
def test_a_code_is_bound_to_verifier_and_address(client, change):
    code = decide(client, "allow")["code"][0]

    assert exchange(client, code, **change).json() == {"error": "invalid_grant"}


def test_a_code_expires_after_a_minute(client):
    code = decide(client, "allow")["code"][0]
    client.pass_time(61)

    assert exchange(client, code).json() == {"error": "invalid_grant"}


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "core_api"}, "invalid_scope"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"prompt": "none"}, "login_required"),
    ],
)
def test_a_mistake_of_the_application_leads_back_to_it(client, change, error):
    answer = start_sign_in(client, **change)

    assert answer.status == 303
    assert parse_qs(urlsplit(answer.headers["location"]).query)["error"] == [error]


@pytest.mark.parametrize(
    "change",
    [
        {"redirect_uri": "https://evil.example/"},
        {"redirect_uri": "http://127.0.0.1.evil.example/"},
        {"redirect_uri": "http://localhost@evil.example/"},
        {"redirect_uri": "javascript:alert(1)"},
        {"client_id": "unknown"},
    ],
)
def test_nobody_is_sent_to_a_strange_address(client, change):
    answer = start_sign_in(client, **change)

    assert answer.status == 400
    assert "location" not in answer.headers


# --- refreshing ---


def refresh(client: Client, token: str) -> Answer:
    form = {"grant_type": "refresh_token", "client_id": "lockboard-web", "refresh_token": token}
    return client.post("/identity/connect/token", form=form)


def test_a_refresh_token_comes_only_with_offline_access(client):
    with_it = ask_token(client, scope="user_api.full_access offline_access").json()

    assert "refresh_token" in with_it
    assert "refresh_token" not in ask_token(client).json()


def test_refreshing_rotates_the_refresh_token(client):
    first = exchange(client, decide(client, "allow")["code"][0]).json()
    second = refresh(client, first["refresh_token"]).json()

    assert second["refresh_token"] != first["refresh_token"]
    assert refresh(client, first["refresh_token"]).json() == {"error": "invalid_grant"}
    assert refresh(client, second["refresh_token"]).status == 200


def test_rotation_can_be_switched_off(client):
    client.control("settings", refresh_rotation=False)
    first = exchange(client, decide(client, "allow")["code"][0]).json()
    second = refresh(client, first["refresh_token"]).json()

    assert second["refresh_token"] == first["refresh_token"]


def test_tokens_expire_by_the_movable_clock(client, jane):
    client.pass_time(3601)
    answer = client.get("/connect/v1.2/sites", token=jane.token)

    assert (answer.status, answer.body) == (401, b"")
    assert answer.headers["www-authenticate"].startswith(
        'Bearer error="invalid_token", error_description="The token expired at'
    )


def test_token_lifetime_is_a_setting(client):
    client.control("settings", token_lifetime_seconds=20)

    assert ask_token(client).json()["expires_in"] == 20


# --- the other environment, other people ---


def test_an_accept_account_is_recognised_by_issuer_and_site(client):
    token = ask_token(client, username="accept@example.com").json()["access_token"]
    site = client.get("/connect/v1.2/sites", token=token).json()["items"][0]

    assert claims_of(token)["iss"] == f"{BASE}/accept/identity"
    assert site["site_uid"].startswith("SIMACC")
    assert site["customer_reference"].endswith("(accept environment)")
    found = client.get("/accept/identity/.well-known/openid-configuration").json()
    assert found["issuer"] == f"{BASE}/accept/identity"


def test_a_disabled_account_is_out_at_once(client, jane):
    client.control("accounts/jane@example.com", disabled=True)

    assert client.get("/connect/v1.2/sites", token=jane.token).status == 401
    assert ask_token(client).json()["error"] == "invalid_grant"


def test_revoked_tokens_are_invalid(client, jane):
    client.control("accounts/jane@example.com", revoke_tokens=True)
    answer = client.get("/connect/v1.2/sites", token=jane.token)

    assert answer.headers["www-authenticate"] == (
        'Bearer error="invalid_token", error_description="The token is invalid"'
    )
    assert ask_token(client).status == 200


def test_an_application_can_give_its_token_back(client, jane):
    form = {"token": jane.token}
    secret = basic("lockboard-backend", "lockboard-backend-secret")
    answer = client.post("/identity/connect/revocation", form=form, headers=secret)

    assert answer.status == 200
    assert client.get("/connect/v1.2/sites", token=jane.token).status == 401


def test_userinfo_tells_who_signed_in(client, jane):
    answer = client.get("/identity/connect/userinfo", token=jane.token)

    assert answer.json()["email"] == "jane@example.com"


def test_no_credential_is_ever_logged(client):
    back = decide(client, "allow")
    exchange(client, back["code"][0])
    logs = client.get("/control/effects").text + client.get("/control/requests").text

    assert back["code"][0] not in logs
    assert VERIFIER not in logs
