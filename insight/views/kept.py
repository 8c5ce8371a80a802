"""Where parts of pages are kept once they are rendered: by each process for itself, and sealed for all others.

What all processes share lies in the cache server under a key that only this installation has: whoever reads or writes
there learns nothing of a page and puts no text into one. Without that server each process renders for itself.
"""

import json
import logging
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import cache
from threading import Lock
from time import monotonic
from typing import Any, Final, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.core.cache import caches
from django.utils.crypto import salted_hmac
from django.utils.safestring import SafeString, mark_safe
from redis.exceptions import RedisError

R = TypeVar("R")

SHARED: Final = "shared-parts"
"""A name in CACHES."""
MOST_KEPT: Final = 500
"""Renderings that a process keeps for itself, to serve them again while nothing has changed: the last ones."""
FRESH: Final = timedelta(seconds=4)
"""Shorter than the time between two looks of one viewer, so that no look is older than the one before."""
TURN_SECONDS: Final = 2
"""How long the others leave it to one process to render anew what is no longer fresh; they show what there is."""
REST_SECONDS: Final = 5.0
"""How long the shared cache is left alone after it failed: else every look would wait for it in vain."""
NONCE_BYTES: Final = 12

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a page as it was rendered: of which state, when, and the `ETag` that names its text."""

    state: str
    at: datetime
    tag: str
    html: str

    @property
    def safe(self) -> SafeString:
        """The part as a page takes it in."""
        return mark_safe(self.html)  # noqa: S308 - rendered by a template, which has escaped what it was given

    def is_fresh(self, now: datetime) -> bool:
        """Say whether this may be shown to whoever looks at `now`, unasked whether anything has changed."""
        return now - self.at < FRESH

    def may_stand_in(self, now: datetime) -> bool:
        """Say whether this may be shown while another process renders anew."""
        return now - self.at < FRESH + timedelta(seconds=TURN_SECONDS)


class Sealer:
    """How the shared cache stores a value: as JSON under AES-256-GCM; what cannot be opened is not there."""

    def dumps(self, value: dict[str, Any]) -> bytes:
        """Return the sealed value."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + _cipher().encrypt(nonce, json.dumps(value).encode(), None)

    def loads(self, sealed: bytes) -> dict[str, Any] | None:
        """Return what was sealed, or `None` for what another installation, or nobody, has sealed."""
        try:
            opened = _cipher().decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], None)
        except (InvalidTag, ValueError):
            return None
        value: dict[str, Any] = json.loads(opened)
        return value


@cache
def _cipher() -> AESGCM:
    return AESGCM(salted_hmac("insight.views.kept", "parts of pages", algorithm="sha256").digest())


_own: Final[OrderedDict[str, Part]] = OrderedDict()
_writing: Final = Lock()


class _Rest:
    """When the shared cache may be asked again; of this process alone."""

    until = 0.0


def own_part(name: str) -> Part | None:
    """Return what this process has rendered under a name."""
    return _own.get(name)


def newest_part(name: str, now: datetime) -> Part | None:
    """Return the newest rendering of all processes; the others are asked where this one's is no longer fresh."""
    own = own_part(name)
    if own and own.is_fresh(now):
        return own
    others = _asked(lambda: _shared(name))
    if others is None or (own and own.at >= others.at):
        return own
    keep(name, others)
    return others


def keep(name: str, part: Part) -> None:
    """Keep a rendering for this process's next looks."""
    # A server of many threads may write here in several at once.
    with _writing:
        _own[name] = part
        _own.move_to_end(name)
        if len(_own) > MOST_KEPT:
            _own.popitem(last=False)


def forget_own() -> None:
    """Forget what this process keeps, as one that has just begun."""
    _own.clear()


def share(name: str, part: Part) -> None:
    """Let the other processes show a rendering, for as long as it is fresh and one of them renders the next."""
    stored = asdict(part) | {"name": name, "at": part.at.isoformat()}
    _asked(lambda: caches[SHARED].set(name, stored, FRESH.total_seconds() + TURN_SECONDS))


def is_my_turn(name: str, old: Part) -> bool:
    """Say whether this process is to replace a rendering: the first that asks, and if it does not, one in its place."""
    turn = f"{name}-after-{old.at.timestamp()}"
    return _asked(lambda: caches[SHARED].add(turn, {}, TURN_SECONDS)) is not False


def _shared(name: str) -> Part | None:
    found = caches[SHARED].get(name)
    # Sealed under another name it would be somebody else's page; sealed by another version it may have other fields.
    try:
        if found is None or found.pop("name") != name:
            return None
        return Part(**found | {"at": datetime.fromisoformat(found["at"])})
    except (KeyError, TypeError, ValueError):
        return None


def _asked(question: Callable[[], R]) -> R | None:
    """Return what the shared cache answers, `None` where it does not."""
    if monotonic() < _Rest.until:
        return None
    try:
        return question()
    except (RedisError, OSError) as error:
        _rest(error)
        return None


def _rest(error: Exception) -> None:
    _Rest.until = monotonic() + REST_SECONDS
    logger.warning("Each process renders for itself for the next %.0f s: %s", REST_SECONDS, type(error).__name__)
