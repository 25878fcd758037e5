"""Mail to the people of a workspace."""

import pytest
from django.core import mail
from django.utils import timezone

from accounts import staff_mail
from accounts.models import Membership, Role
from locks.codes import alerts
from tests.make import make_code, make_device, make_user, make_workspace

pytestmark = pytest.mark.django_db


def test_everybody_gets_it_once_and_sees_nobody_else() -> None:
    workspace = make_workspace()
    users = [make_user(role, workspace=workspace) for role in (Role.ADMIN, Role.MANAGER)]
    make_user(Role.ADMIN, workspace=workspace, is_active=False)

    people = Membership.objects.filter(workspace=workspace)
    staff_mail.write(people, subject="Look", text="At this.", path="/here/")

    (sent,) = mail.outbox
    assert (sent.to, sent.bcc) == ([], sorted(each.email for each in users))
    assert sent.body == "At this.\n\nhttp://127.0.0.1:8000/here/\n"


def test_nobody_to_write_to_is_no_mail() -> None:
    staff_mail.write(Membership.objects.none(), subject="Look", text="", path="/")

    assert mail.outbox == []


def test_a_name_with_line_ends_adds_no_header_and_stops_no_mail() -> None:
    device = make_device(name="Room 1\nBcc: eve@example.org", has_keypad=True)
    make_user(Role.ADMIN, workspace=device.workspace)

    alerts.escalate(make_code(device, overdue_since=timezone.now()))

    (sent,) = mail.outbox
    assert sent.subject == "A code may still open Room 1 Bcc: eve@example.org"
    assert len(sent.bcc) == 1
