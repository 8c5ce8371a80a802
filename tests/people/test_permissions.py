"""What the middleware makes of errors that a page's view lets pass."""

from collections.abc import Callable

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.test import RequestFactory
from django_htmx.middleware import HtmxMiddleware

from core.errors import Conflict, ContoError, NotAllowed, NotFound, Unavailable
from core.http import PageErrors

Answer = Callable[[Exception], HttpResponse | None]


@pytest.fixture
def answer(rf: RequestFactory) -> Answer:
    return lambda exception: answered(rf.get("/settings/"), exception)


def answered(request: HttpRequest, exception: Exception) -> HttpResponse | None:
    """What `PageErrors` answers to an exception of a view."""
    made = PageErrors(lambda _request: HttpResponse()).process_exception(request, exception)
    assert made is None or isinstance(made, HttpResponse)
    return made


def test_not_found_and_not_allowed_go_djangos_way(answer: Answer) -> None:
    with pytest.raises(Http404):
        answer(NotFound())
    with pytest.raises(PermissionDenied, match="Only an owner"):
        answer(NotAllowed("owners_only", "Only an owner may."))


@pytest.mark.parametrize(
    ("error", "status"), [(Conflict("last_owner", "The last owner cannot go."), 409), (Unavailable(), 503)]
)
def test_the_rest_is_a_page_that_says_what_was_refused(answer: Answer, error: ContoError, status: int) -> None:
    page = answer(error)
    assert page is not None
    assert page.status_code == status
    assert error.detail in page.content.decode()
    assert "<!doctype html>" in page.content.decode()


def test_a_fragment_gets_a_fragment(rf: RequestFactory) -> None:
    request = rf.get("/settings/", headers={"HX-Request": "true"})

    def refuse(request: HttpRequest) -> HttpResponseBase:
        return answered(request, Conflict("last_owner", "The last owner cannot go.")) or HttpResponse()

    fragment = HtmxMiddleware(refuse)(request)
    assert isinstance(fragment, HttpResponse)
    assert "The last owner cannot go." in fragment.content.decode()
    assert "<!doctype html>" not in fragment.content.decode()


def test_an_accident_stays_an_accident(answer: Answer) -> None:
    assert answer(ValueError("a fault of ours")) is None
