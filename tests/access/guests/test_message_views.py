"""What staff do with messages: send, copy, print, follow."""

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from access.guests import deliveries, sending
from access.guests.letters import Kind
from access.models import Delivery, GuestHouse, GuestLink
from accounts.models import Role
from audit.models import Event
from locks.models import AccessCode
from tests.access.guests.written_to import DIGITS, ask, give_way, make_door, make_stay
from tests.make import client_of, make_user

pytestmark = pytest.mark.django_db


class Desk:
    """Somebody at the desk, and a guest who comes tomorrow."""

    def __init__(self, **fields: Any) -> None:
        now = timezone.now()
        times = {"starts_at": now + timedelta(days=1), "ends_at": now + timedelta(days=3)}
        self.grant = make_stay(**times | fields)
        self.user = make_user(Role.FRONT_DESK, workspace=self.grant.workspace, name="Ana")
        self.client: Client = client_of(self.user)

    def url(self, name: str, thing: Any = None) -> str:
        return reverse(name, args=[(thing or self.grant).pk])

    def post(self, name: str, thing: Any = None, **posted: Any) -> Any:
        return self.client.post(self.url(name, thing), posted, follow=True)

    def form(self, **chosen: Any) -> dict[str, Any]:
        page = self.client.get(self.url("grant-message-new"))
        form = page.context["form"]
        first = {name: form.get_initial_for_field(form[name].field, name) for name in form.fields}
        return {
            name: value for name, value in (first | chosen).items() if value not in (None, False)
        }


@pytest.fixture
def desk() -> Desk:
    return Desk()


def html(page: Any) -> str:
    return str(page.content.decode())


def test_a_message_is_sent_as_chosen_and_followed(desk: Desk) -> None:
    page = desk.post("grant-message-new", **desk.form(language="fr", waits_until_ready=False))
    assert "On its way" in html(page)

    sending.run()

    page = desk.client.get(desk.url("grant-messages"))
    assert mail.outbox[0].subject == "Votre accès à Harbour House"
    assert "jane@example.org · French" in html(page)
    assert ">Sent</span>" in html(page)


def test_the_preview_follows_the_form_and_sends_nothing(desk: Desk) -> None:
    give_way(desk.grant, make_door(desk.grant.property))

    page = desk.client.post(
        desk.url("grant-message-new") + "?look=1",
        desk.form(language="de", has_digits="on"),
        headers={"hx-request": "true"},
    )

    assert html(page).lstrip().startswith("<section")
    assert "Ihr Zugang zu Harbour House" in html(page)
    assert "••••••" in html(page)
    assert DIGITS not in html(page)
    assert "482 913" not in html(page)
    assert not Delivery.objects.exists()


def test_the_language_of_the_guest_is_chosen_beforehand() -> None:
    assert Desk(language="pt-BR").form()["language"] == "pt"


def test_what_is_wrong_is_said_at_its_field(desk: Desk) -> None:
    page = desk.post("grant-message-new", **desk.form(address="x@y.z\nBcc: a@b.example"))

    assert "e-mail address is not valid" in html(page)
    assert '<a href="#id_address">To</a>' in html(page)
    assert html(page).count('name="key"') == 1
    assert not Delivery.objects.exists()


def test_not_before_is_on_the_clock_of_the_property(desk: Desk) -> None:
    local = (desk.grant.starts_at - timedelta(hours=5)).astimezone(desk.grant.property.zone)

    desk.post("grant-message-new", **desk.form(not_before=f"{local:%Y-%m-%dT%H:%M}"))

    assert Delivery.objects.get().not_before == local.replace(second=0, microsecond=0)


def test_text_for_a_messenger_has_the_link_and_not_the_link_code(desk: Desk) -> None:
    give_way(desk.grant, make_door(desk.grant.property), mode="cloud_key")

    page = desk.client.post(desk.url("grant-message-copy"), desk.form())

    text = page.context["handed"].text
    code = page.context["handed"].link_code
    assert re.fullmatch(r"\d{3} \d{3}", code)
    assert "/k/" in text
    assert code not in text
    assert code.replace(" ", "") not in text
    assert (
        f'when they open the door by the page: <strong class="message-code">{code}</strong>'
        in html(page)
    )
    delivery = Delivery.objects.get()
    assert (delivery.channel, delivery.state) == ("copied", "sent")
    assert Event.objects.get(verb="message_sent").actor_name == "Ana"


def test_without_a_key_by_the_page_no_link_code_is_told(desk: Desk) -> None:
    give_way(desk.grant, make_door(desk.grant.property))

    page = desk.client.post(desk.url("grant-message-copy"), desk.form())

    assert "Tell them this code" not in html(page)


def test_the_sheet_has_doors_times_and_something_to_scan(desk: Desk) -> None:
    give_way(desk.grant, make_door(desk.grant.property, "Front door"))
    give_way(desk.grant, make_door(desk.grant.property, "Room 204"))

    page = desk.client.post(desk.url("grant-message-print"), desk.form(language="nl"))

    shown = html(page)
    assert shown.index("Front door") < shown.index("Room 204")
    assert "Uw toegang tot Harbour House" in shown
    assert 'src="data:image/svg+xml' in shown
    assert "482 913" not in shown
    assert Delivery.objects.get().channel == "printed"


def test_digits_on_paper_are_a_wish_that_is_logged(desk: Desk) -> None:
    give_way(desk.grant, make_door(desk.grant.property))

    page = desk.client.post(desk.url("grant-message-print"), desk.form(has_digits="on"))

    assert "482 913" in html(page)
    assert Event.objects.get(verb="code_revealed").actor_name == "Ana"
    assert AccessCode.objects.get().delivered_at is not None


def test_a_stay_without_a_code_has_none_to_write(desk: Desk) -> None:
    give_way(desk.grant, make_door(desk.grant.property), mode="cloud_key")

    assert "Write the code, too" not in html(desk.client.get(desk.url("grant-message-new")))
    assert not ask(desk.grant, has_digits=True, at=timezone.now()).has_digits


def test_digits_that_may_still_change_are_not_handed_out(desk: Desk) -> None:
    give_way(desk.grant, make_door(desk.grant.property), phase="setting")

    page = desk.client.post(desk.url("grant-message-copy"), desk.form(has_digits="on"))

    assert "the code may still change" in html(page)
    assert not GuestLink.objects.exists()


def test_what_waits_can_be_sent_at_once_or_never(desk: Desk) -> None:
    now = timezone.now()
    first, second = (ask(desk.grant, not_before=now + timedelta(hours=2), at=now) for _ in range(2))

    assert "It waits no longer." in html(desk.post("message-now", first))
    assert "It is not sent." in html(desk.post("message-cancel", second))
    assert "It was not waiting any more." in html(desk.post("message-cancel", second))
    sending.run()

    states = [Delivery.objects.get(pk=each.pk).state for each in (first, second)]
    assert states == ["sent", "cancelled"]


def test_a_reminder_is_not_offered_before_its_morning(desk: Desk) -> None:
    ask(desk.grant, kind=Kind.REMINDER, at=timezone.now())

    def offers() -> bool:
        page = desk.client.get(desk.url("grant-messages"))
        return "Send now" in html(page) and "Do not send" in html(page)

    assert "It goes out not before" in html(desk.client.get(desk.url("grant-messages")))
    assert not offers()
    with time_machine.travel(deliveries.reminded_at(desk.grant), tick=False):
        desk.client = client_of(desk.user)
        assert offers()


def test_a_message_is_sent_again_with_a_new_link(desk: Desk) -> None:
    delivery = ask(desk.grant, language="es", at=timezone.now())
    sending.run()

    desk.post("message-again", delivery)
    sending.run()

    assert [each.subject for each in mail.outbox] == ["Su acceso a Harbour House"] * 2
    assert GuestLink.objects.count() == 2
    assert mail.outbox[0].body != mail.outbox[1].body


def test_of_a_revoked_stay_only_that_is_told(desk: Desk) -> None:
    delivery = ask(desk.grant, at=timezone.now())
    sending.run()
    desk.grant.revoked_at = desk.grant.given_up_at = timezone.now()
    desk.grant.save()

    assert "This stay is revoked." in html(desk.post("message-again", delivery))
    desk.post("grant-message-new", **desk.form())
    sending.run()

    assert [each.subject for each in mail.outbox][1:] == [
        "Your access to Harbour House has been cancelled"
    ]


def test_a_locked_link_is_told_on_the_page_of_the_stay_until_a_new_one_is_sent(desk: Desk) -> None:
    give_way(desk.grant, make_door(desk.grant.property), mode="cloud_key")
    delivery = ask(desk.grant, at=timezone.now())
    sending.run()
    stay = desk.grant.get_absolute_url()
    assert "The link is locked" not in html(desk.client.get(stay))
    GuestLink.objects.update(locked_at=timezone.now())

    for url in (stay, desk.url("grant-messages")):
        page = html(desk.client.get(url))
        assert "The link is locked</strong> after five wrong codes" in page
        assert 'id="again-locked"' in page
        assert "Link locked" in page
        assert desk.url("message-link-code", delivery) not in page
    auditor = client_of(make_user(Role.AUDITOR, workspace=desk.grant.workspace))
    assert "The link is locked" in html(auditor.get(stay))
    assert 'id="again-locked"' not in html(auditor.get(stay))

    desk.post("message-again", delivery)
    assert "The link is locked" not in html(desk.client.get(stay))
    sending.run()
    assert "The link is locked" not in html(desk.client.get(stay))
    old, new = GuestLink.objects.order_by("created_at")
    assert old.unseal_code() != new.unseal_code()


def test_a_locked_link_of_a_copied_text_leads_to_a_new_message(desk: Desk) -> None:
    desk.post("grant-message-copy", **desk.form())
    GuestLink.objects.update(locked_at=timezone.now())

    page = html(desk.client.get(desk.grant.get_absolute_url()))

    assert "The link is locked" in page
    assert 'id="again-locked"' not in page
    assert desk.url("grant-message-new") in page


def test_the_link_code_is_shown_to_who_asks_for_it(desk: Desk) -> None:
    give_way(desk.grant, make_door(desk.grant.property), mode="cloud_key")
    delivery = ask(desk.grant, at=timezone.now())
    sending.run()
    page = desk.client.get(desk.url("grant-messages"))
    told = desk.client.post(
        desk.url("message-link-code", delivery), headers={"x-requested-with": "XMLHttpRequest"}
    ).json()

    assert re.fullmatch(r"\d{3} \d{3}", told["digits"])
    assert told["digits"] not in html(page)
    assert told["digits"] in html(desk.post("message-link-code", delivery))


def test_what_was_sent_and_copied_stands_among_what_happened_to_the_stay(desk: Desk) -> None:
    ask(desk.grant, at=timezone.now())
    sending.run()
    desk.post("grant-message-copy", **desk.form())

    lines = desk.client.get(desk.grant.get_absolute_url()).context["lines"]

    written = [line.text for line in lines if "was written to" in line.text]
    assert len(written) == 2
    assert sum("as text for a messenger" in each for each in written) == 1


def test_an_auditor_sees_messages_and_sends_none(desk: Desk) -> None:
    ask(desk.grant, at=timezone.now())
    auditor = client_of(make_user(Role.AUDITOR, workspace=desk.grant.workspace))

    page = html(auditor.get(desk.url("grant-messages")))

    assert "jane@example.org" in page
    assert '<form method="post" action="/grants' not in page


@pytest.mark.parametrize("count", [1, 3])
def test_messages_are_listed_in_a_fixed_number_of_queries(
    desk: Desk, count: int, django_assert_num_queries: Any
) -> None:
    for _ in range(count):
        ask(desk.grant, at=timezone.now())
    sending.run()

    with django_assert_num_queries(6):
        page = desk.client.get(desk.url("grant-messages"))

    assert len(page.context["message_rows"]) == count


def test_a_demo_shows_the_mail_it_did_not_send(desk: Desk, settings: Any, tmp_path: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = settings.DEMO_MAIL_FOLDER = str(tmp_path)
    first, second = (ask(desk.grant, language=each, at=timezone.now()) for each in ("en", "fr"))
    sending.run()

    assert desk.url("message-mail", first) in html(desk.client.get(desk.url("grant-messages")))
    page = html(desk.client.get(desk.url("message-mail", first)))

    assert "Here is your access to Harbour House." in page
    assert re.search(r'href="http://[^"]+/k/[\w-]{40,}/"', page)
    assert "Voici votre" in html(desk.client.get(desk.url("message-mail", second)))


def test_without_the_demo_no_mail_can_be_read_here(desk: Desk) -> None:
    delivery = ask(desk.grant, at=timezone.now())
    sending.run()

    assert desk.client.get(desk.url("message-mail", delivery)).status_code == 404
    assert desk.url("message-mail", delivery) not in html(
        desk.client.get(desk.url("grant-messages"))
    )


def test_the_link_in_a_message_leads_to_the_page_in_its_language() -> None:
    desk = Desk(language="nl")
    GuestHouse.objects.create(
        house=desk.grant.property, phone="+31 20 555 0100", changed_at=timezone.now()
    )
    ask(desk.grant, at=timezone.now())
    sending.run()
    link = mail.outbox[0].body.partition("http://127.0.0.1:8000")[2].split()[0]

    page = Client().get(link, follow=True)

    assert page.status_code == 200
    assert '<html lang="nl"' in html(page)
    assert "Vragen? Bel +31 20 555 0100." in mail.outbox[0].body
    assert GuestLink.objects.get().fetched_at is not None
    assert Delivery.objects.get().opened_at is None


def test_more_messages_than_anybody_means_are_refused(desk: Desk) -> None:
    for _ in range(20):
        ask(desk.grant, at=timezone.now())

    page = desk.post("grant-message-new", **desk.form())

    assert "20 messages within an hour is the most for one stay." in html(page)
