"""Parts of pages that renew themselves: one rendering serves all who look, and who has it already is told so (204).

What is polled is at most `kept.FRESH` old, a little more while it is rendered anew, however many look; a page that is
opened is always new.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from hashlib import blake2b
from typing import Final

from django.http import HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString

from core.http import tagged, unless_shown
from insight.views.kept import Part, is_my_turn, keep, newest_part, share
from people.permissions import MemberRequest

MINUTE: Final = "%Y%m%d%H%M"
NAME_BYTES: Final = 12


def part_of(
    request: MemberRequest, name: str, *, state: Callable[[], str], render: Callable[[], SafeString], now: datetime
) -> Part:
    """Return a part of the page, rendered anew where its state has changed or its minute is over.

    `state` is one cheap read. A poll within `kept.FRESH` of the last look of anybody costs not even that, nor does one
    that comes while another process renders.
    """
    key = _key(request, name)
    known = newest_part(key, now) if "If-None-Match" in request.headers else None
    if known and (known.is_fresh(now) or (known.may_stand_in(now) and not is_my_turn(key, known))):
        return known
    current = f"{state()} {now:{MINUTE}}"
    part = replace(known, at=now) if known and known.state == current else _rendered(current, now, render())
    keep(key, part)
    share(key, part)
    return part


def answer(request: MemberRequest, part: Part) -> HttpResponse:
    """Send a part to htmx, or 204 where it shows that very text already."""
    return unless_shown(request, part.tag, part.html)


def _rendered(state: str, now: datetime, text: SafeString) -> Part:
    tag, html = tagged(text)
    return Part(state, now, tag, html)


def _key(request: MemberRequest, name: str) -> str:
    """Return the name of a rendering: whose rows, in which zone and with which rights, and what exactly is shown."""
    member = request.member
    seen = (member.organization_id, str(timezone.get_current_timezone()), sorted(member.roles), name)
    return f"part-{blake2b(repr(seen).encode(), digest_size=NAME_BYTES).hexdigest()}"
