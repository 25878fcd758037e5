"""Webhooks of the simulated Seam: what is sent, how it is signed."""

import base64
import hashlib
import hmac
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import requests

from sandbox.seam import webhooks
from tests.sandbox.test_seam import KEY, ask, doors, refusal, settled

__all__ = ["ask", "doors"]  # fixtures
URL = "http://127.0.0.1:9/hook"


@pytest.fixture
def hook(ask):
    return ask("/webhooks/create", url=URL).json()["webhook"]


def sent(client):
    [row] = client.get("/control/webhooks").json()
    return row["sent"]


def test_the_signature_is_the_one_svix_prints_in_its_documentation():
    headers = webhooks.sign(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        datetime.fromtimestamp(1614265330, UTC),
        b'{"test": 2432232314}',
    )

    assert headers["svix-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_what_happens_is_sent_once(client, ask, doors, hook):
    settled(client, ask, ask("/locks/unlock_door", device_id=doors["Workshop"]))
    client.pass_time(5)

    kinds = [row["event_type"] for row in sent(client)]
    assert kinds == ["lock.unlocked", "action_attempt.unlock_door.succeeded"]


def test_only_what_was_asked_for_is_sent(client, ask, doors, hook):
    wish = {"webhook_id": hook["webhook_id"]}
    ask("/webhooks/update", **wish, event_types=["lock.locked"])
    settled(client, ask, ask("/locks/unlock_door", device_id=doors["Workshop"]))
    client.pass_time(5)

    assert sent(client) == []
    assert ask("/webhooks/get", **wish).json()["webhook"]["event_types"] == ["lock.locked"]
    assert len(ask("/webhooks/list").json()["webhooks"]) == 1
    ask("/webhooks/delete", **wish)
    assert refusal(ask("/webhooks/get", **wish)) == (404, "webhook_not_found")


def test_events_can_be_sent_again_in_any_order_and_old(client, ask, doors, hook):
    settled(client, ask, ask("/locks/unlock_door", device_id=doors["Workshop"]))
    client.pass_time(2)
    first, second = sent(client)
    wish = {"event_ids": [second["event_id"], first["event_id"]], "age_seconds": 600}

    again = client.control(f"webhooks/{hook['webhook_id']}", **wish)

    assert [row["event_id"] for row in again] == wish["event_ids"]
    assert again[1]["headers"]["svix-id"] == first["headers"]["svix-id"]
    stamps = [int(row["headers"]["svix-timestamp"]) for row in (first, again[1])]
    assert stamps[0] - stamps[1] > 500
    unknown = {"event_ids": [hook["webhook_id"]]}
    assert client.post(f"/control/webhooks/{hook['webhook_id']}", unknown).status == 404


@pytest.mark.parametrize(
    "url", ["https://example.com/x", "http://10.0.0.1/", "file:///etc/passwd", "http://localhost/"]
)
def test_nothing_leaves_this_machine(ask, url):
    assert refusal(ask("/webhooks/create", url=url)) == (400, "invalid_input")


class Receiver(BaseHTTPRequestHandler):
    got: list[tuple[dict[str, str], bytes]] = []
    came = threading.Event()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
        self.send_response(204)
        self.end_headers()
        self.came.set()

    def log_message(self, *_args):
        pass


@pytest.mark.sandbox
def test_the_program_sends_what_it_signed(program):
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    seam = f"{program.base}/seam"
    url = f"http://127.0.0.1:{server.server_port}/hook"
    made = requests.post(f"{seam}/webhooks/create", json={"url": url}, headers=KEY, timeout=5)
    lock = requests.post(f"{seam}/locks/list", json={}, headers=KEY, timeout=5).json()["locks"][0]
    wish = {"device_id": lock["device_id"]}
    requests.post(f"{seam}/locks/unlock_door", json=wish, headers=KEY, timeout=5)

    assert Receiver.came.wait(20)
    server.shutdown()
    server.server_close()
    headers, body = Receiver.got[0]
    key = base64.b64decode(made.json()["webhook"]["secret"].removeprefix("whsec_"))
    text = f"{headers['svix-id']}.{headers['svix-timestamp']}.".encode() + body
    digest = base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
    assert headers["svix-signature"] == f"v1,{digest}"
