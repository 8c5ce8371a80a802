"""Viewers who keep pages open: one process, one thread, a keep-alive connection each; `python -m bench.polling`.

Reads a plan as a line of JSON from standard input: host, port, seconds between two looks, seconds in all, and for each
viewer a path and a cookie. Opens every page, writes `OPEN` as a line, and waits for lines: at each it polls for so many
seconds, going on with whose turn it is, and writes what it met with as a line of JSON. Sends what a browser with htmx
sends, names what it has seen as the page told it to. Opening counts for nothing: a page is opened once and then looked
at for hours.
"""

import html
import json
import re
import selectors
import socket
import sys
from collections import Counter, deque
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Final

OPEN: Final = "open"
"""What is written once every viewer has their page before them."""
CHUNK: Final = 1 << 16
NO_CONTENT: Final = 204
SEEN: Final = re.compile(rb'hx-get="([^"]*[?&](?:amp;)?seen=[^"]*)"')
"""Where a part of a page names itself in the address of its next poll."""
LENGTH: Final = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)
TAG: Final = re.compile(rb"etag:\s*([^\r\n]+)", re.IGNORECASE)


@dataclass
class Met:
    """What the viewers met with: answers by HTTP status, seconds per answer."""

    statuses: Counter[int] = field(default_factory=Counter)
    times: list[float] = field(default_factory=list)


class Viewer:
    """One open page."""

    def __init__(self, host: str, port: int, path: str, cookie: str) -> None:
        self.address = (host, port)
        self.socket = self.connected()
        self.path, self.cookie, self.tag = path, cookie, "none"
        self.buffer, self.started, self.is_waiting = b"", 0.0, False

    def connected(self) -> socket.socket:
        """Return a new connection, as a browser makes one where the server has closed the one that nobody used."""
        made = socket.create_connection(self.address)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    def reconnect(self) -> None:
        """Connect again where the server has closed the connection meanwhile."""
        try:
            is_closed = not self.socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            is_closed = True
        if is_closed:
            self.socket.close()
            self.socket = self.connected()

    def look(self) -> None:
        """Poll once, naming what is shown."""
        head = (
            f"GET {self.path} HTTP/1.1\r\nHost: localhost\r\nCookie: {self.cookie}\r\nHX-Request: true\r\n"
            f"If-None-Match: {self.tag}\r\n\r\n"
        )
        self.buffer, self.started, self.is_waiting = b"", perf_counter(), True
        self.socket.sendall(head.encode())

    def hear(self) -> int | None:
        """Return the status once the whole answer is here, and keep what the next look names."""
        chunk = self.socket.recv(CHUNK)
        if not chunk:
            raise ConnectionError("the server closed the connection")
        self.buffer += chunk
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return None
        status = int(head.split(b" ", 2)[1])
        length = LENGTH.search(head)
        if status != NO_CONTENT and (length is None or len(body) < int(length.group(1))):
            return None
        tag, seen = TAG.search(head), SEEN.search(body)
        self.tag = tag.group(1).decode() if tag else self.tag
        self.path = html.unescape(seen.group(1).decode()) if seen else self.path
        self.is_waiting = False
        return status


def opened(plan: dict[str, Any]) -> deque[Viewer]:
    """Return the viewers with their pages open, one after the other."""
    viewers = deque(Viewer(plan["host"], plan["port"], one["path"], one["cookie"]) for one in plan["viewers"])
    for viewer in viewers:
        viewer.look()
        while viewer.hear() is None:
            pass
    return viewers


def poll(viewers: deque[Viewer], plan: dict[str, Any]) -> Met:
    """Let viewers look again and again, the first one first, spread evenly over the time between two looks.

    Whose turn comes next stands first afterwards.
    """
    selector, met, started = selectors.DefaultSelector(), Met(), perf_counter()
    apart, ends = plan["every"] / len(viewers), started + plan["seconds"]
    for viewer in viewers:
        viewer.reconnect()
        selector.register(viewer.socket, selectors.EVENT_READ, viewer)
    due, under_way = started, 0
    while under_way or due < ends:
        now = perf_counter()
        while due <= now and due < ends:
            # A page that is late is not looked at twice at once.
            if not viewers[0].is_waiting:
                viewers[0].look()
                under_way += 1
            viewers.rotate(-1)
            due += apart
        for key, _ in selector.select(timeout=max(0.0, due - now) if due < ends else 1.0):
            status = key.data.hear()
            if status is None:
                continue
            under_way -= 1
            met.statuses[status] += 1
            met.times.append(perf_counter() - key.data.started)
    return met


def main() -> None:
    """Open and poll by the plan, as often as somebody says so, and tell what was met."""
    plan = json.loads(sys.stdin.readline())
    viewers = opened(plan)
    print(OPEN, flush=True)
    for _ in sys.stdin:
        met = poll(viewers, plan)
        print(json.dumps({"statuses": met.statuses, "times": met.times}), flush=True)


if __name__ == "__main__":
    main()
