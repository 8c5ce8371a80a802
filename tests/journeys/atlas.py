"""Every address of the console that can be opened, from the resolver, with examples for its parameters."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.urls import URLResolver, get_resolver, reverse

ELSEWHERE = ("admin/", "api/", "healthz", "readyz", ".well-known/")
"""Not pages of the console: Django's own administration, the API, and what machines ask."""

ENTRANCE = ("account_login", "account_signup", "account_reset_password")
"""What people see before they sign in."""


@dataclass(frozen=True)
class Place:
    """An address with a name that a file can have."""

    name: str
    path: str


def route_names() -> Iterator[tuple[str, tuple[str, ...]]]:
    """The full name of each route, with the names of its parameters."""
    return names_in(get_resolver(), "", "", ())


def names_in(
    resolver: URLResolver, prefix: str, namespace: str, outer: tuple[str, ...]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    for entry in resolver.url_patterns:
        address = f"{prefix}{entry.pattern}"
        parameters = (*outer, *entry.pattern.regex.groupindex)
        if isinstance(entry, URLResolver):
            inner = f"{namespace}{entry.namespace}:" if entry.namespace else namespace
            yield from names_in(entry, address, inner, parameters)
        elif not address.startswith(ELSEWHERE):
            assert entry.name, f"{address} has no name"
            yield f"{namespace}{entry.name}", parameters


def places(examples: Mapping[str, Mapping[str, str]]) -> Iterator[Place]:
    """Each route with each example of its last parameter, and the first example of the others.

    `examples` gives the values of a parameter, by what they stand for: under `route:parameter`, or under
    `app:parameter` for all routes of an app. A route without an example is a `KeyError`: a new page has to be put in.
    """
    for route, parameters in route_names():
        name = route.replace(":", "-").replace("_", "-")
        if not parameters:
            yield Place(name, reverse(route))
            continue
        *outer, last = parameters
        given = {one: next(iter(values_of(examples, route, one).values())) for one in outer}
        for meaning, value in values_of(examples, route, last).items():
            yield Place(f"{name}-{meaning}" if meaning else name, reverse(route, kwargs=given | {last: value}))


def values_of(examples: Mapping[str, Mapping[str, str]], route: str, parameter: str) -> Mapping[str, str]:
    own = f"{route}:{parameter}"
    return examples[own] if own in examples else examples[f"{route.partition(':')[0]}:{parameter}"]
