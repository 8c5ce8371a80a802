"""The first organization and its owner, on a real install."""

import sys
from typing import Any, Final

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email
from django.urls import reverse

from core.actor import SYSTEM
from core.clock import now as clock_now
from core.errors import Conflict, Invalid
from people.models import Person
from people.services import NewPerson, create_organization

NEXT_STEPS: Final = """
Next, in the console at {url}/
  1. sign in as {email} and set a second factor under Settings, Your account
  2. invite operators and reviewers under Settings, Members
  3. create the first agent and issue its key (shown once)
  4. write a policy, publish it and assign it: without a policy every payment is declined
  5. let the app ask:
       curl {url}/api/v1/authorizations -H "Authorization: Bearer $CONTO_KEY" -H "Content-Type: application/json" \\
            -d '{{"amount": "1.00", "currency": "{currency}", "rail": "card", "session": "first-session",
                 "counterparty": {{"name": "Example", "domain": "api.example.com"}}}}'
"""


class Command(BaseCommand):
    """`manage.py bootstrap`."""

    help = "Create an organization and its owner, and say what comes next."

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the organization, its owner, and where the owner's password comes from."""
        parser.add_argument("--organization", required=True, help="its name")
        parser.add_argument("--owner", required=True, metavar="EMAIL", help="the owner's mail address")
        parser.add_argument("--name", default="", help="the owner's name")
        parser.add_argument("--time-zone", default="UTC", help="where the organization's days begin")
        parser.add_argument("--currency", default="USD")
        parser.add_argument(
            "--password-stdin",
            action="store_true",
            help="read the owner's password from standard input; without it a link to set one is printed",
        )

    def handle(
        self, *_: Any, organization: str, owner: str, currency: str, password_stdin: bool, **options: Any
    ) -> None:
        """Create what is not there; print a fresh link to an owner who never set a password; refuse otherwise."""
        new = new_owner(owner, options["name"], sys.stdin.readline().rstrip("\n") if password_stdin else None)
        try:
            create_organization(
                name=organization.strip(),
                owner=new,
                currency=currency,
                time_zone=options["time_zone"],
                actor=SYSTEM,
                now=clock_now(),
            )
            self.stdout.write(f"Created the organization {organization} with the owner {new.email}.")
        except Invalid as error:
            raise CommandError(error.detail) from error
        except Conflict as error:
            if Person.objects.get(email=new.email).has_usable_password():
                raise CommandError(f"{error.detail} Nothing was changed.") from error
            self.stdout.write(f"{error.detail} Nothing was changed.")
        person = Person.objects.get(email=new.email)
        if not person.has_usable_password():
            self.stdout.write(f"\nSet the password once, within {settings.PASSWORD_RESET_TIMEOUT // 86_400} days, at")
            self.stdout.write(f"  {base_url()}{password_path(person)}")
        self.stdout.write(NEXT_STEPS.format(url=base_url(), email=new.email, currency=currency))


def new_owner(email: str, name: str, password: str | None) -> NewPerson:
    """Return the owner as typed; raises `CommandError` for a mail address or a password that will not do."""
    owner = NewPerson(email.strip().lower(), name.strip(), password)
    try:
        validate_email(owner.email)
        if password is not None:
            validate_password(password, Person(email=owner.email, name=owner.name))
    except ValidationError as error:
        raise CommandError(" ".join(error.messages)) from error
    return owner


def password_path(person: Person) -> str:
    """Return the path of the page on which a person sets a password; it works until a password is set."""
    return reverse(
        "account_reset_password_from_key",
        kwargs={"uidb36": user_pk_to_url_str(person), "key": default_token_generator.make_token(person)},
    )


def base_url() -> str:
    """Return where this install answers, as far as the settings say."""
    return settings.PUBLIC_URL or "https://YOUR-HOST"
