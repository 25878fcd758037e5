"""Messages go out once, when they may; and what became of them is told as it is."""

import smtplib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail

from access.guests import deliveries, mailing, message_words, sending
from access.guests.letters import Change, Kind
from access.models import AccessGrant, Delivery, GuestHouse, GuestLink, ReservationFeed
from access.reservations import greeting
from audit.models import Event
from locks.codes.states import CodePhase
from locks.models import AccessCode
from tests.access.guests.written_to import DIGITS, NOW, ask, give_way, make_door, make_stay
from tests.make import actor, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock() -> Iterator[Any]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def run(*, ready: bool = True) -> int:
    return sending.run(lambda grant: ready)


def state(delivery: Delivery) -> tuple[str, str]:
    delivery.refresh_from_db()
    return delivery.state, delivery.error


class Server(smtplib.SMTP):
    """A mail server inside the process: dies, refuses or takes, as it is told."""

    does: dict[str, Any] = {}
    taken: list[Any] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.local_hostname = "here"
        self.command_encoding = "ascii"
        self.esmtp_features = {}

    def _answer(self, step: str, usual: tuple[int, bytes]) -> tuple[int, bytes]:
        told = self.does.get(step, usual)
        if isinstance(told, Exception):
            raise told
        return told

    def ehlo_or_helo_if_needed(self) -> None:
        self._answer("helo", (250, b"ok"))

    def mail(self, *args: Any) -> tuple[int, bytes]:
        return self._answer("mail", (250, b"ok"))

    def rcpt(self, *args: Any) -> tuple[int, bytes]:
        return self._answer("rcpt", (250, b"ok"))

    def data(self, msg: Any) -> tuple[int, bytes]:
        self.taken.append(msg)
        return self._answer("data", (250, b"ok"))

    def rset(self) -> tuple[int, bytes]:
        return (250, b"ok")

    def quit(self) -> tuple[int, bytes]:
        return (221, b"bye")

    def close(self) -> None:
        pass


class _Noting(mailing._Noting, Server):
    pass


@pytest.fixture
def server(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Any]]:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    monkeypatch.setattr(Server, "taken", [])

    def does(**steps: Any) -> list[Any]:
        connect = steps.pop("connect", None)

        def made(*args: Any, **kwargs: Any) -> Server:
            if connect:
                raise connect
            return _Noting()

        monkeypatch.setattr(Server, "does", steps)
        monkeypatch.setattr(mailing, "_Client", made)
        return Server.taken

    return does


# --- going out --------------------------------------------------------------------------------


def test_a_message_goes_out_once_with_a_link_of_its_own() -> None:
    grant = make_stay(language="nl")
    delivery = ask(grant)

    assert (run(), run()) == (1, 0)

    (sent,) = mail.outbox
    assert state(delivery) == ("sent", "")
    assert delivery.sent_at == NOW
    assert delivery.link == GuestLink.objects.get(grant=grant)
    assert sent.to == ["jane@example.org"]
    assert sent.subject == "Uw toegang tot Harbour House"
    assert "/k/" in sent.body
    assert sent.alternatives[0].mimetype == "text/html"
    event = Event.objects.get(verb="message_sent")
    assert event.detail["after"] == "invitation by e-mail, in Dutch"


def test_its_headers_say_what_it_is_and_hold_no_secret() -> None:
    delivery = ask(make_stay())
    run()

    headers = mail.outbox[0].message()
    assert headers["X-Lockboard-Message"] == str(delivery.pk)
    assert headers["Auto-Submitted"] == "auto-generated"
    assert headers["Message-ID"] == f"<{delivery.pk}@127.0.0.1>"
    assert headers["Content-Language"] == "en"


def test_answers_go_to_the_house_where_it_has_an_address() -> None:
    grant = make_stay()
    ask(grant)
    run()
    GuestHouse.objects.create(house=grant.property, email="desk@example.org", changed_at=NOW)
    ask(grant)
    run()

    assert [each.reply_to for each in mail.outbox] == [[], ["desk@example.org"]]


@pytest.mark.parametrize(
    "address", ["x@y.z\nBcc: all@example.org", "a@b", "", "x" * 300 + "@example.org"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(deliveries.RefusedError, match="e-mail address is not valid"):
        ask(make_stay(email=""), address=address)


def test_a_name_cannot_add_a_header() -> None:
    grant = make_stay(full_name="Jane\r\nBcc: all@example.org")
    grant.property.name = "House\nBcc: all@example.org"
    grant.property.save()
    delivery = ask(grant)

    run()

    assert state(delivery) == ("sent", "")
    sent = mail.outbox[0]
    assert sent.message()["Bcc"] is None
    assert sent.recipients() == ["jane@example.org"]


def test_pressed_twice_it_is_one_message() -> None:
    grant = make_stay()
    by = actor(make_user(workspace=grant.workspace))
    wanted = deliveries.Wanted(waits_until_ready=False)
    key = GuestLink().pk

    first, second = (deliveries.send(grant, wanted, pk=key, by=by, at=NOW) for _ in range(2))
    run()

    assert first == second
    assert len(mail.outbox) == 1


# --- waiting ----------------------------------------------------------------------------------


def test_it_waits_until_everything_is_ready(clock: Any) -> None:
    delivery = ask(make_stay(), waits_until_ready=True)

    assert run(ready=False) == 0
    assert state(delivery) == ("waiting", "It waits until everything is ready.")

    clock.shift(timedelta(hours=1))
    run()
    assert state(delivery) == ("sent", "")


def test_it_does_not_go_before_its_time(clock: Any) -> None:
    delivery = ask(make_stay(), not_before=NOW + timedelta(hours=3))

    assert run() == 0
    clock.shift(timedelta(hours=3))
    assert run() == 1
    assert state(delivery)[0] == "sent"


def test_shortly_before_the_stay_it_is_late_and_still_waits(clock: Any) -> None:
    grant = make_stay()
    delivery = ask(grant, waits_until_ready=True)
    before = grant.starts_at - deliveries.LATE_BEFORE

    assert not deliveries.is_late(delivery, before - timedelta(seconds=1))
    assert deliveries.is_late(delivery, before)
    assert "The stay begins " in message_words.state_of(delivery, before).note
    assert "The stay began " in message_words.state_of(delivery, grant.starts_at).note

    clock.move_to(before)
    assert run(ready=False) == 0
    by = actor(make_user(workspace=grant.workspace))
    assert deliveries.send_now(delivery, by=by, at=before)
    assert run(ready=False) == 1


def test_what_waits_for_a_stay_that_is_revoked_is_not_sent(clock: Any) -> None:
    grant = make_stay()
    delivery = ask(grant)
    revoke(grant)

    assert run() == 0
    assert state(delivery) == ("waiting", "The stay is being revoked.")

    clock.shift(timedelta(seconds=10))
    assert run() == 0
    assert state(delivery) == ("cancelled", "The stay was revoked.")
    assert mail.outbox == []


def test_revoking_that_is_taken_back_costs_no_message(clock: Any) -> None:
    grant = make_stay()
    delivery = ask(grant)
    revoke(grant)
    run()
    AccessGrant.objects.filter(pk=grant.pk).update(revoked_at=None, revoke_due_at=None)

    clock.shift(timedelta(seconds=10))
    run()

    assert state(delivery) == ("sent", "")


def revoke(grant: AccessGrant) -> None:
    grant.revoked_at, grant.revoke_due_at = NOW, NOW + timedelta(seconds=10)
    grant.save()


def test_what_waits_for_a_stay_that_is_over_is_not_sent(clock: Any) -> None:
    grant = make_stay()
    delivery = ask(grant)

    clock.move_to(grant.ends_at)
    run()

    assert state(delivery) == ("cancelled", "The stay is over.")


def test_a_cancellation_is_told_once_it_cannot_be_taken_back(clock: Any) -> None:
    grant = make_stay()
    ask(grant)
    run()
    revoke(grant)
    by = actor(make_user(workspace=grant.workspace))
    told = deliveries.tell_revoked(grant, pk=GuestLink().pk, by=by, at=NOW)
    assert told is not None

    run()
    assert state(told)[0] == "waiting"
    clock.shift(timedelta(seconds=10))
    run()

    assert state(told) == ("sent", "")
    assert mail.outbox[1].subject == "Your access to Harbour House has been cancelled"
    assert told.link is None


def test_a_reminder_comes_in_the_morning_of_the_day_and_follows_it(clock: Any) -> None:
    grant = make_stay()
    delivery = ask(grant, kind=Kind.REMINDER)
    assert delivery.next_run_at == datetime.fromisoformat("2026-11-27T08:00+01:00")
    grant.starts_at += timedelta(days=1)
    grant.save()

    clock.move_to(delivery.next_run_at)
    run()
    assert state(delivery)[0] == "waiting"

    clock.shift(timedelta(days=1))
    run()
    assert state(delivery)[0] == "sent"


@pytest.mark.parametrize("is_sending", [True, False])
def test_a_reminder_comes_earlier_for_a_stay_that_does(clock: Any, is_sending: bool) -> None:
    grant = make_stay()
    delivery = ask(grant, kind=Kind.REMINDER)
    by = actor(make_user(workspace=grant.workspace))
    grant.starts_at -= timedelta(days=2)
    grant.save()
    feed = ReservationFeed(sends=is_sending)

    greeting.tell_times(grant, feed, by=by, at=NOW)
    assert run() == 0
    assert state(delivery) == ("waiting", "It goes out at its time.")
    clock.move_to(datetime.fromisoformat("2026-11-25T08:00+01:00"))
    run()

    assert state(delivery)[0] == "sent"


def test_a_reminder_keeps_to_a_later_moment_that_somebody_chose(clock: Any) -> None:
    grant = make_stay()
    late = datetime.fromisoformat("2026-11-27T12:00+01:00")
    delivery = ask(grant, kind=Kind.REMINDER, not_before=late)

    clock.move_to(late - timedelta(minutes=1))
    assert run() == 0
    clock.move_to(late)
    run()

    assert state(delivery)[0] == "sent"


def test_a_reminder_that_missed_its_day_is_not_sent(clock: Any) -> None:
    grant = make_stay()
    delivery = ask(grant, kind=Kind.REMINDER)

    clock.move_to(grant.starts_at + timedelta(days=1))
    run()

    assert state(delivery) == ("cancelled", "The day of their arrival is over.")


def test_a_change_is_told_to_who_was_told_before_only() -> None:
    grant = make_stay()
    by = actor(make_user(workspace=grant.workspace))

    def change() -> Delivery | None:
        return deliveries.tell_change(grant, [Change.TIMES], pk=GuestLink().pk, by=by, at=NOW)

    assert change() is None
    ask(grant)
    assert change() is None  # what waits says how things are when it goes
    run()
    assert change() is not None
    assert change() is None
    run()
    assert "The times have changed." in mail.outbox[1].body


# --- digits -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "phase", [CodePhase.WAITING, CodePhase.SETTING, CodePhase.AMBIGUOUS, CodePhase.BLOCKED]
)
def test_code_08_digits_that_may_still_change_are_written_to_nobody(phase: str) -> None:
    grant = make_stay()
    give_way(grant, make_door(grant.property), phase=phase)
    delivery = ask(grant, has_digits=True)

    run()

    assert state(delivery)[0] == "waiting"
    assert "waits for the code" in delivery.error


def test_code_08_digits_that_were_written_are_marked_so_before_they_go() -> None:
    grant = make_stay()
    give_way(grant, make_door(grant.property), phase=CodePhase.ACCEPTED)
    ask(grant, has_digits=True)

    run()

    assert "Your code: 482 913\n- Room 204\n" in mail.outbox[0].body
    assert AccessCode.objects.get().delivered_at == NOW


def test_by_default_no_digits_are_written() -> None:
    grant = make_stay()
    give_way(grant, make_door(grant.property))
    ask(grant)

    run()

    text = mail.outbox[0].message().as_string()
    assert DIGITS not in text
    assert "482 913" not in text
    assert AccessCode.objects.get().delivered_at is None


def test_sec_04_no_token_and_no_digits_outside_the_message(caplog: Any) -> None:
    grant = make_stay()
    give_way(grant, make_door(grant.property))
    ask(grant, has_digits=True)

    run()

    token = mail.outbox[0].body.partition("/k/")[2].partition("/")[0]
    assert len(token) > 40
    rows = str([*Delivery.objects.values(), *GuestLink.objects.values(), *Event.objects.values()])
    for secret in (token, DIGITS, "482 913"):
        assert secret not in rows
        assert secret not in caplog.text


def test_q_06_the_hint_to_the_worker_says_nothing(
    monkeypatch: Any, django_capture_on_commit_callbacks: Any
) -> None:
    hints: list[Any] = []
    monkeypatch.setattr(
        deliveries.live, "send", lambda task, **told: hints.append((task.name, told))
    )

    with django_capture_on_commit_callbacks(execute=True):
        ask(make_stay())

    assert hints == [("access.tasks.send_messages", {"expires": 30})]


# --- failing ----------------------------------------------------------------------------------


def test_a_server_that_is_not_there_is_tried_again_later(server: Any, clock: Any) -> None:
    server(connect=ConnectionRefusedError())
    delivery = ask(make_stay())

    run()

    assert state(delivery) == ("waiting", "The mail server does not answer.")
    assert delivery.next_run_at == NOW + sending.PAUSES[0]
    assert not GuestLink.objects.exists()

    taken = server()
    clock.shift(sending.PAUSES[0])
    run()
    assert state(delivery) == ("sent", "")
    assert len(taken) == 1


def test_sec_04_where_no_mail_server_is_set_up_no_link_is_made(settings: Any, capsys: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    delivery = ask(make_stay())

    run()

    assert state(delivery) == ("waiting", "No mail server is set up (EMAIL_URL).")
    assert not GuestLink.objects.exists()
    assert capsys.readouterr().out == ""


def test_it_is_not_tried_for_ever(server: Any, clock: Any) -> None:
    server(connect=TimeoutError())
    delivery = ask(make_stay())

    for _ in range(len(sending.PAUSES) + 1):
        run()
        assert Event.objects.filter(verb="message_failed").count() == (
            state(delivery)[0] == "failed"
        )
        clock.shift(timedelta(hours=2))

    assert state(delivery) == ("failed", "The mail server does not answer.")
    assert delivery.attempts == len(sending.PAUSES) + 1


_LOST = smtplib.SMTPServerDisconnected("lost")


@pytest.mark.parametrize("step", ["helo", "mail", "rcpt"])
def test_a_connection_lost_before_the_text_left_is_tried_again(server: Any, step: str) -> None:
    taken = server(**{step: _LOST})
    delivery = ask(make_stay())

    run()

    assert state(delivery)[0] == "waiting"
    assert taken == []
    assert GuestLink.objects.get().revoked_at == NOW


@pytest.mark.parametrize("loss", [_LOST, TimeoutError(), ConnectionResetError()])
def test_a_connection_lost_after_the_text_left_is_told_and_never_repeated(
    server: Any, clock: Any, loss: Exception
) -> None:
    taken = server(data=loss)
    delivery = ask(make_stay())

    run()
    clock.shift(timedelta(days=1))
    run()

    assert state(delivery)[0] == "failed"
    assert delivery.detail["is_unknown"] is True
    assert delivery.next_run_at is None
    assert len(taken) == 1
    assert GuestLink.objects.get().revoked_at is None  # whoever got it can use it


@pytest.mark.parametrize(
    ("step", "answer", "said"),
    [
        (
            "rcpt",
            (550, b"no such\r\nuser"),
            "The mail server refuses this address (550: no such user).",
        ),
        ("mail", (553, b"not you"), "The mail server refuses Lockboard’s own address (553)."),
        ("data", (554, b"bad link https://x/k/abc"), "The mail server refuses this message (554)."),
    ],
)
def test_a_refusal_for_good_fails_at_once_and_says_why(
    server: Any, step: str, answer: tuple[int, bytes], said: str
) -> None:
    if step == "data":
        answer_or_error: Any = smtplib.SMTPDataError(*answer)
    else:
        answer_or_error = answer
    server(**{step: answer_or_error})
    delivery = ask(make_stay())

    run()

    assert state(delivery) == ("failed", said)


@pytest.mark.parametrize("step", ["rcpt", "mail"])
def test_a_refusal_for_now_is_tried_again(server: Any, step: str) -> None:
    server(**{step: (451, b"later")})
    delivery = ask(make_stay())

    run()

    assert state(delivery)[0] == "waiting"


def test_what_a_lost_worker_left_is_told_and_never_repeated(clock: Any) -> None:
    delivery = ask(make_stay())
    claim = sending._next(lambda grant: True, at=NOW)
    assert isinstance(claim, sending.Claim)

    clock.shift(sending.LEASE - timedelta(seconds=1))
    assert run() == 0
    assert state(delivery)[0] == "sending"
    clock.shift(timedelta(seconds=1))
    run()

    assert state(delivery) == ("failed", sending.INTERRUPTED)
    assert mail.outbox == []


def test_an_answer_that_comes_after_the_lease_is_believed(clock: Any) -> None:
    delivery = ask(make_stay())
    claim = sending._next(lambda grant: True, at=NOW)
    assert isinstance(claim, sending.Claim)
    clock.shift(sending.LEASE)
    run()

    sending._settle(claim, mailing.Sent(), at=NOW)

    assert state(delivery) == ("sent", "")


def test_what_cannot_be_written_fails_and_leaves_others_alone(monkeypatch: Any) -> None:
    bad, good = ask(make_stay()), ask(make_stay(make_stay().property, email="b@example.org"))
    write = sending.writing.mail

    def writes(delivery: Delivery, *, at: datetime) -> Any:
        if delivery.pk == bad.pk:
            raise RuntimeError("a slip")
        return write(delivery, at=at)

    monkeypatch.setattr(sending.writing, "mail", writes)

    run()

    assert state(bad) == ("failed", "Lockboard could not write this message.")
    assert state(good) == ("sent", "")


def test_looking_at_the_page_is_noted_once() -> None:
    delivery = ask(make_stay())
    run()
    delivery.refresh_from_db()
    assert delivery.link is not None

    deliveries.note_opened(delivery.link, NOW)
    deliveries.note_opened(delivery.link, NOW + timedelta(hours=1))

    delivery.refresh_from_db()
    assert delivery.opened_at == NOW
