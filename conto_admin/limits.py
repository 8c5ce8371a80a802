"""How often a key may call the API: one counter per key, shared by all processes; when it cannot be asked, all pass."""

import logging
import socket
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from ipaddress import AddressValueError, IPv6Address, ip_address
from threading import Thread, local
from time import monotonic
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from redis.backoff import NoBackoff
from redis.connection import AbstractConnection, Connection, SSLConnection, parse_url
from redis.exceptions import RedisError
from redis.retry import Retry
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from conto_admin import api_errors
from conto_admin.middleware import GetResponse
from core.errors import TooMany
from core.http import address_of

WINDOW_SECONDS: Final = 60
REST_SECONDS: Final = 1.0
"""How long the counter is left alone after it failed: else every request would wait for it in vain."""
CONNECT_SHARE, HANDSHAKE_SHARE = 0.6, 0.2
"""Of the wait: for the connection, and for each of the two steps of its handshake."""
SHORTEST_WAIT_SECONDS: Final = 0.001
NETWORK_BITS: Final = 64
"""Of an IPv6 address: who has one has all that differ in the rest."""

# Counts one more, in a window that begins with its first; answers the count and the milliseconds left.
COUNT: Final = """
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return {count, redis.call('PTTL', KEYS[1])}
"""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rate:
    """One limit as it stands: `remaining` and `resets_in_seconds` are `None` where the counter could not be asked."""

    name: str
    quota: int
    remaining: int | None = None
    resets_in_seconds: int | None = None

    @property
    def headers(self) -> dict[str, str]:
        """The header fields that tell the caller (draft-ietf-httpapi-ratelimit-headers)."""
        told = {"RateLimit-Policy": f'"{self.name}";q={self.quota};w={WINDOW_SECONDS}'}
        if self.remaining is not None:
            told["RateLimit"] = f'"{self.name}";r={self.remaining};t={self.resets_in_seconds}'
        return told


class KeyRate(BaseThrottle):
    """Counts each call of a key, before any work is done for it."""

    def allow_request(self, request: Request, _view: object) -> bool:
        """Let the call pass, or raise `TooMany` (`rate_limited`)."""
        key_id: UUID | None = getattr(request.auth, "key_id", None)
        quota: int = settings.RATE_PER_MINUTE
        if key_id is None or not quota:
            return True
        rate, is_over = spend_one("key", key_id.hex, quota)
        request._request.rate = rate  # type: ignore[attr-defined]  # noqa: SLF001 - the middleware looks there
        if is_over:
            raise too_many("This key", rate)
        return True


class RateHeaders:
    """Tells every caller its limit; who fails to authenticate again and again from one address is told to wait.

    A known key passes whatever others fail with from its address.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        if settings.RATE_URL:
            # Now, at the start, so that it is known where the counter is when the first request comes.
            connection_to(settings.RATE_URL, settings.RATE_WAIT_SECONDS)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code == HTTPStatus.UNAUTHORIZED:
            response = self.count_failure(request, response)
        elif refused := getattr(request, "refused_key_id", None):
            response = self.count_refusal(request, response, refused)
        rate: Rate | None = getattr(request, "rate", None)
        if rate is not None:
            for name, value in rate.headers.items():
                response.headers[name] = value
        return response

    def count_failure(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Return the 401 as it is, or 429 in its place."""
        quota: int = settings.FAILURES_PER_MINUTE
        if not quota:
            return response
        rate, is_over = spend_one("address", network_of(address_of(request)), quota)
        if not is_over:
            return response
        request.rate = rate  # type: ignore[attr-defined]
        return api_errors.of_conto(request, too_many("This address, without a known key,", rate))

    def count_refusal(self, request: HttpRequest, response: HttpResponse, key_id: UUID) -> HttpResponse:
        """Return the 403 for a key of the wrong kind as it is, or 429: such a call counts for the key as any other."""
        quota: int = settings.RATE_PER_MINUTE
        if not quota:
            return response
        request.rate, is_over = spend_one("key", key_id.hex, quota)  # type: ignore[attr-defined]
        return api_errors.of_conto(request, too_many("This key", request.rate)) if is_over else response  # type: ignore[attr-defined]


def spend_one(name: str, who: str, quota: int) -> tuple[Rate, bool]:
    """Count one more of `who`; return the limit as it stands now, and whether it is passed."""
    counted = counter_at(settings.RATE_URL, settings.RATE_WAIT_SECONDS).count(f"{settings.NAMESPACE}:{name}:{who}")
    if counted is None:
        return Rate(name, quota), False
    count, milliseconds = counted
    return Rate(name, quota, max(0, quota - count), -(-milliseconds // 1000)), count > quota


def too_many(who: str, rate: Rate) -> TooMany:
    return TooMany(
        "rate_limited",
        f"{who} may call {rate.quota} times in {WINDOW_SECONDS} seconds.",
        retry_after_seconds=max(1, rate.resets_in_seconds or 0),
    )


def network_of(address: str) -> str:
    """Return what stands for everybody who could send from this address."""
    try:
        number = int(IPv6Address(address.partition("%")[0]))
    except AddressValueError:
        return address
    return f"{number >> (128 - NETWORK_BITS):x}"


@lru_cache(maxsize=8)
def counter_at(url: str, wait_seconds: float) -> "Counter":
    return Counter(url, wait_seconds)


class Counter:
    """Counters in a Valkey. One question is one round trip, and never takes longer than `wait_seconds`."""

    def __init__(self, url: str, wait_seconds: float) -> None:
        self.url = url
        self.wait_seconds = wait_seconds
        self.rests_until = 0.0
        self.mine = local()

    def count(self, name: str, window_seconds: float = WINDOW_SECONDS) -> tuple[int, int] | None:
        """Count one more under `name`; return the count and the milliseconds its window lasts.

        Returns `None` where the server does not answer in time; it is then left alone for a second.
        """
        began = monotonic()
        if not self.url or began < self.rests_until:
            return None
        try:
            connection = self.connection()
            connection.send_command("EVAL", COUNT, 1, name, int(window_seconds * 1000))  # type: ignore[no-untyped-call]
            left = max(SHORTEST_WAIT_SECONDS, self.wait_seconds - (monotonic() - began))
            count, milliseconds = connection.read_response(timeout=left)
        except (RedisError, OSError) as error:
            self.rests_until = monotonic() + REST_SECONDS
            self.forget_connection()
            logger.warning("Rate limits are not enforced for the next second: %s", type(error).__name__)
            return None
        return count, max(0, milliseconds)

    def connection(self) -> AbstractConnection:
        """Return this thread's connection, opened where there is none."""
        known: AbstractConnection | None = getattr(self.mine, "connection", None)
        if known is None:
            known = self.mine.connection = connection_to(self.url, self.wait_seconds)
            known.connect()  # type: ignore[no-untyped-call]
        return known

    def forget_connection(self) -> None:
        """Begin anew next time, at another of the server's addresses where it has several."""
        failed: AbstractConnection | None = getattr(self.mine, "connection", None)
        self.mine.connection = None
        if isinstance(failed, ByAddress):
            failed.place.move_on()


class Place:
    """Where the name of a server leads. It is looked up beside the requests: none waits for a name server."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.failed = ""
        self.addresses: tuple[str, ...] = (host,) if is_address(host) else ()
        self.lookup: Thread | None = None
        if not self.addresses:
            self.look_up()

    def address(self) -> str:
        """Return the address to connect to; raises `OSError` while none is known."""
        if not self.addresses:
            self.look_up()
            raise OSError(f"it is not known yet where {self.host} is")
        return self.addresses[0]

    def move_on(self) -> None:
        """Take another address next, and look the name up again: the server may have moved."""
        self.failed = self.addresses[0] if self.addresses else ""
        self.look_up()

    def look_up(self) -> None:
        """Begin to look the name up, where nobody does; a process that was forked does not inherit the thread."""
        if not is_address(self.host) and (self.lookup is None or not self.lookup.is_alive()):
            self.lookup = Thread(target=self.find, name=f"look up {self.host}", daemon=True)
            self.lookup.start()

    def find(self) -> None:
        """Ask; what was known stays where there is no answer, and what failed last is tried last."""
        try:
            found = socket.getaddrinfo(self.host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return
        addresses = dict.fromkeys(str(place[0]) for *_, place in found)
        self.addresses = tuple(sorted(addresses, key=lambda one: one == self.failed))


class ByAddress(Connection):
    """Connects to where its `place` is; the name stays what a certificate is compared with."""

    place: Place

    def _connect(self) -> Any:
        name, self.host = self.host, self.place.address()
        try:
            return super()._connect()  # type: ignore[no-untyped-call]
        finally:
            self.host = name


class ByAddressWithTls(SSLConnection, ByAddress):
    """The same, encrypted."""


@lru_cache(maxsize=8)
def place_of(host: str) -> Place:
    return Place(host)


def is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def connection_to(url: str, wait_seconds: float) -> AbstractConnection:
    """Return a connection, not opened yet, that gives up by itself and never tries twice."""
    options: dict[str, Any] = dict(parse_url(url))  # type: ignore[no-untyped-call]
    kind: type[AbstractConnection] = options.pop("connection_class", Connection)
    by_address = {Connection: ByAddress, SSLConnection: ByAddressWithTls}.get(kind)
    made: AbstractConnection = (by_address or kind)(
        **options,
        protocol=2,  # the newer one begins with a step more
        driver_info=None,
        retry=Retry(NoBackoff(), 0),
        socket_connect_timeout=wait_seconds * CONNECT_SHARE,
        socket_timeout=wait_seconds * HANDSHAKE_SHARE,
    )
    if isinstance(made, ByAddress):
        made.place = place_of(made.host)
    return made
