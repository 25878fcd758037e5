"""The first step of a real installation: a workspace and its first admin."""

import getpass
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email
from django.db import transaction

from accounts.models import Membership, Role, User, Workspace


class Command(BaseCommand):
    help = "Create a workspace and its first admin; asks for the password."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("workspace", help="name, for example 'Acme Apartments'")
        parser.add_argument("email", help="the admin's e-mail address")
        parser.add_argument("--name", default="", help="the admin's name")

    def handle(self, *args: Any, **options: Any) -> None:
        email = options["email"].strip().lower()
        user = User.objects.filter(email=email).first() or User(email=email, name=options["name"])
        try:
            validate_email(email)
            if user._state.adding:
                password = getpass.getpass("Password: ")
                validate_password(password, user)
                user.set_password(password)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        with transaction.atomic():
            workspace = Workspace.objects.create(name=options["workspace"])
            user.save()
            Membership.objects.create(workspace=workspace, user=user, role=Role.ADMIN)
        self.stdout.write(f"Created {workspace} with {email} as its admin.")
