"""What people see when something is wrong: in words, with a way on, and never at the cost of what they did."""

from collections.abc import Callable

import pytest
from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import include, path
from pytest_django import DjangoDbBlocker

from conto_admin import urls
from conto_admin.urls import handler400, handler403, handler404, handler429, handler500  # noqa: F401 - Django looks for them here
from core.errors import Conflict, ContoError, Unavailable
from tests.factories import make_cast

HTMX = {"HX-Request": "true"}


def failing(error: Exception) -> Callable[[HttpRequest], HttpResponse]:
    def view(_request: HttpRequest) -> HttpResponse:
        raise error

    return view


urlpatterns = [
    path("accident/", failing(RuntimeError("a secret detail"))),
    path("away/", failing(OperationalError("server closed the connection"))),
    path("refused/", failing(Conflict("was_decided", "Somebody else decided this first."))),
    path("busy/", failing(Unavailable())),
    path("odd/", failing(SuspiciousOperation())),
    path("barred/", failing(PermissionDenied("You may not do that."))),
    path("", include(urls)),
]
pytestmark = pytest.mark.urls(__name__)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("place", "status", "said"), [("accident", 500, "Something broke"), ("away", 503, "database")])
def test_an_accident_is_said_without_the_database_and_in_the_theme_of_the_browser(
    django_db_blocker: DjangoDbBlocker, theme: str, place: str, status: int, said: str
) -> None:
    client = Client(raise_request_exception=False)
    client.cookies["theme"] = theme

    with django_db_blocker.block():
        answer = client.get(f"/{place}/")

    page = answer.content.decode()
    assert answer.status_code == status
    assert said in page
    assert f'data-bs-theme="{theme}"' in page
    assert answer["X-Request-ID"] in page
    assert "secret detail" not in page
    assert "'none'" in answer["Content-Security-Policy"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("place", "status", "said"),
    [
        ("odd/", 400, "could not be understood"),
        ("barred/", 403, "You may not do that."),
        ("nowhere/", 404, "nothing here"),
    ],
)
def test_a_refusal_says_why_and_where_to_go_on(client: Client, place: str, status: int, said: str) -> None:
    client.force_login(make_cast().vera.person)

    answer = client.get(f"/{place}")

    assert answer.status_code == status
    assert said in answer.content.decode()
    assert 'href="/"' in answer.content.decode()


@pytest.mark.django_db
def test_a_page_older_than_the_session_leads_back_to_itself() -> None:
    client = Client(enforce_csrf_checks=True)
    asked = {"Referer": "http://testserver/agents/new/?from=list"}

    answer = client.post("/settings/switch/", headers=asked)

    assert (answer.status_code, answer["X-Page-Too-Old"]) == (403, "true")
    assert 'href="/agents/new/?from=list"' in answer.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/x", "http://testserver.evil.example/", "//evil.example/", "x"]
)
def test_nobody_is_led_elsewhere(elsewhere: str) -> None:
    answer = Client(enforce_csrf_checks=True).post("/settings/switch/", headers={"Referer": elsewhere})

    assert "evil" not in answer.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("place", "error"), [("refused", Conflict("was_decided", "Somebody")), ("busy", Unavailable())]
)
def test_what_a_service_refuses_leads_back_to_the_page_it_was_sent_from(
    client: Client, place: str, error: ContoError
) -> None:
    client.force_login(make_cast().vera.person)

    answer = client.post(f"/{place}/", headers={"Referer": "http://testserver/agents/new/"})
    fragment = client.post(f"/{place}/", headers=HTMX)

    assert answer.status_code == fragment.status_code == error.status
    assert '<a class="btn" href="/agents/new/">' in answer.content.decode()
    assert "<html" not in fragment.content.decode()


@pytest.mark.django_db
def test_a_session_that_is_over_leads_to_sign_in_says_so_and_back_to_the_page_of_the_form(client: Client) -> None:
    client.cookies[settings.SESSION_COOKIE_NAME] = "over"

    looked = client.get("/agents/?q=a")
    client.cookies[settings.SESSION_COOKIE_NAME] = "over"
    did = client.post("/agents/agt_1/freeze/", headers={"Referer": "http://testserver/agents/agt_1/?tab=2"})
    client.cookies.clear()
    came = client.get("/agents/")

    assert looked["Location"] == "/accounts/login/?next=/agents/%3Fq%3Da&ended=1"
    assert did["Location"] == "/accounts/login/?next=/agents/agt_1/%3Ftab%3D2&ended=1"
    assert came["Location"] == "/accounts/login/?next=/agents/"
    assert "Your session is over" in client.get(did["Location"]).content.decode()
    assert "Your session is over" not in client.get(came["Location"]).content.decode()


@pytest.mark.django_db
def test_too_many_attempts_are_said_in_words(client: Client) -> None:
    cache.clear()
    answers = [client.post("/accounts/password/reset/", {"email": "vera@example.com"}) for _ in range(6)]

    assert answers[-1].status_code == 429
    assert "wait some minutes" in answers[-1].content.decode()
