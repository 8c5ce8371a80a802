"""From an empty install to the first payment that may be made: what a new user is told to do, done."""

import html
import io
import json
import re
import shlex
from itertools import pairwise
from typing import Any

import pytest
from django.core.management import call_command
from django.http import QueryDict
from django.test import Client

from tests.factories import PASSWORD
from tests.policies.sent import Controls

pytestmark = pytest.mark.django_db

OWNER = "oona@example.com"
CURL = re.compile(r"<pre[^>]*><code>(curl .*?)</code></pre>", re.DOTALL)
SECRET = re.compile(r'<code class="secret-value"[^>]*>([^<]+)</code>')


@pytest.fixture
def oona(monkeypatch: pytest.MonkeyPatch) -> Client:
    """The owner of an organization that was just bootstrapped, signed in."""
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))
    options = ("--organization", "Acme", "--owner", OWNER, "--currency", "EUR", "--password-stdin")
    call_command("bootstrap", *options, stdout=io.StringIO())
    client = Client()
    assert client.login(email=OWNER, password=PASSWORD)
    return client


def test_the_steps_lead_from_an_empty_console_to_a_payment_that_may_be_made(oona: Client) -> None:
    follow(oona, "/agents/new/", name="Research agent")
    draft = follow(oona, "/policies/new/", name="Research agents", starter="session_budget")
    follow(oona, f"{draft}publish/")
    key_at = next_step(oona)
    secret = SECRET.search(oona.post(key_at, filled(oona, key_at, name="app server")).content.decode())
    assert secret is not None

    answer = run(curl_on(oona), secret[1])

    assert (answer["status"], answer["may_pay"]) == ("approved", True)
    assert "Four steps" not in oona.get("/").content.decode()


def test_the_same_command_asks_anew_where_the_first_ask_was_declined(oona: Client) -> None:
    follow(oona, "/agents/new/", name="Research agent")
    key_at = re.findall(r'href="(/agents/[^"]+/keys/new/)"', oona.get("/").content.decode())[0]
    secret = SECRET.search(oona.post(key_at, filled(oona, key_at, name="app server")).content.decode())
    assert secret is not None
    assert run(curl_on(oona), secret[1])["decision"]["reasons"] == ["no_policy"]

    assert next_step(oona) == "/policies/new/"
    draft = follow(oona, "/policies/new/", name="Research agents", starter="session_budget")
    follow(oona, f"{draft}publish/")

    assert run(curl_on(oona), secret[1], at="later")["may_pay"]


def next_step(client: Client) -> str:
    """The address that the first page leads to next."""
    found = re.search(r'class="btn btn-primary" href="([^"]+)"', client.get("/").content.decode())
    assert found is not None
    return found[1]


def follow(client: Client, path: str, **typed: str) -> str:
    """Send a page as it was shown, with what a person types into it; return where it leads."""
    answer = client.post(path, filled(client, path, **typed))
    assert answer.status_code == 302, answer.content.decode()
    return answer.headers["Location"]


def filled(client: Client, path: str, **typed: str) -> QueryDict:
    sent = Controls(client.get(path).content.decode()).sent
    for name, value in typed.items():
        sent[name] = value
    return sent


def curl_on(client: Client) -> str:
    """The command on the first page, as a person copies it."""
    found = CURL.search(client.get("/").content.decode())
    assert found is not None
    return html.unescape(found[1])


def run(command: str, secret: str, *, at: str = "now") -> dict[str, Any]:
    """Send what the command sends; a shell would put the key and the moment in."""
    words = shlex.split(command.replace("\\\n", " "))
    sent = [word.replace("$CONTO_KEY", secret).replace("$(date +%s)", at) for word in words]
    headers = dict(line.split(": ", 1) for flag, line in pairwise(sent) if flag == "-H")
    body = json.loads(sent[sent.index("-d") + 1])
    path = re.sub(r"^https?://[^/]+", "", sent[1])
    answer = Client().post(path, json.dumps(body), content_type=headers.pop("Content-Type"), headers=headers)
    assert answer.status_code == 201, answer.content
    found: dict[str, Any] = answer.json()
    return found
