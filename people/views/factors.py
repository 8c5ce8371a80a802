"""allauth's pages of second factors, each change of them told in the transaction that makes it."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.http import HttpRequest, HttpResponseBase

from core.clock import now as clock_now
from core.http import person_actor
from people import services
from people.models import Person

P = ParamSpec("P")


def changing_second_factors(
    view: Callable[Concatenate[HttpRequest, P], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """Return a view of allauth as one use case; what it only shows it shows as ever."""

    @wraps(view)
    def told(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if request.method != "POST" or not isinstance(request.user, Person):
            return view(request, *args, **kwargs)
        return services.change_second_factors(
            person=request.user,
            change=lambda: view(request, *args, **kwargs),
            actor=person_actor(request, request.user),
            now=clock_now(),
        )

    return told
