"""allauth's pages of second factors: for whoever has one and proves it, and each change of them told."""

from functools import wraps
from typing import ParamSpec

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect

from core.clock import now as clock_now
from core.http import View, person_actor
from people import services
from people.authentication import address_to_prove, note_second_factor_proven, second_factor_proven_at
from people.models import Person
from people.selectors import SecondFactor, has_second_factor, second_factor_of

P = ParamSpec("P")


def behind_second_factor(view: View[HttpRequest, P]) -> View[HttpRequest, P]:
    """Return a view of allauth that who has a second factor reaches by proving it.

    allauth takes the password there as well. Then the password alone, with a session that was left open, would read the
    recovery codes, add a factor or remove them all, and the next large payment would be confirmed by who knows it.
    """

    @wraps(view)
    def proven(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if isinstance(request.user, Person):
            proven_at = second_factor_proven_at(request)
            if second_factor_of(request.user.pk, proven_at, now=clock_now()) is SecondFactor.OWED:
                if request.method == "POST":
                    messages.info(request, "Nothing was changed: prove your second factor once more, then begin again.")
                return redirect(address_to_prove(request.user, then=request.get_full_path()))
        return view(request, *args, **kwargs)

    return proven


def changing_second_factors(view: View[HttpRequest, P]) -> View[HttpRequest, P]:
    """Return a view of allauth as one use case, behind the second factor; what it only shows it shows as ever.

    Whoever sets up their first one has just used it, and goes on to the recovery codes without using it again.
    """

    @wraps(view)
    def told(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if request.method != "POST" or not isinstance(request.user, Person):
            return view(request, *args, **kwargs)
        had_one = has_second_factor(request.user.pk)
        done = services.change_second_factors(
            person=request.user,
            change=lambda: view(request, *args, **kwargs),
            actor=person_actor(request, request.user),
            now=clock_now(),
        )
        if not had_one and has_second_factor(request.user.pk):
            note_second_factor_proven(request)
        return done

    return behind_second_factor(told)
