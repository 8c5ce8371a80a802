"""How a request's view is found: as it was found for the same path before."""

from functools import lru_cache
from typing import Final

from django.conf import settings
from django.http import HttpRequest
from django.urls import ResolverMatch, get_resolver

MATCHES_KEPT: Final = 200
"""Paths whose views a process remembers."""


class RemembersPaths:
    """For Django's request handlers: find the view by what was found for the same path before.

    Most requests go to few paths; trying the patterns one by one takes a fifth of what a look at a live page costs.
    """

    def resolve_request(self, request: HttpRequest) -> ResolverMatch:
        """Set and return the match of the request's path; raises Django's `Resolver404`."""
        request.resolver_match = match_of(settings.ROOT_URLCONF, request.path_info)
        return request.resolver_match


@lru_cache(maxsize=MATCHES_KEPT)
def match_of(urls: str, path: str) -> ResolverMatch:
    """Return the view for a path and what the path holds; raises Django's `Resolver404`, which is not kept."""
    return get_resolver(urls).resolve(path)
