"""Viewers who keep pages open: one process, one thread, a keep-alive connection each; `python -m bench.polling`.

Reads a plan as a line of JSON from standard input: host, port, seconds between two looks, seconds in all, and for each
viewer a path and a cookie. Opens every page, writes `OPEN` as a line, and waits for lines: at each it polls for so many
seconds and writes what it met with as a line of JSON. Sends what a browser with htmx sends, names what it has seen as
the page told it to. Opening counts for nothing: a page is opened once and then looked at for hours.
"""

import heapq
import html
import json
import re
import selectors
import socket
import sys
from collections import Counter
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
        self.buffer, self.started = b"", 0.0

    def connected(self) -> socket.socket:
        """Return a new connection, as a browser makes one where the server has closed the one that nobody used."""
        made = socket.create_connection(self.address)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    def look(self) -> None:
        """Poll once, naming what is shown."""
        head = (
            f"GET {self.path} HTTP/1.1\r\nHost: localhost\r\nCookie: {self.cookie}\r\nHX-Request: true\r\n"
            f"If-None-Match: {self.tag}\r\n\r\n"
        )
        self.buffer, self.started = b"", perf_counter()
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
        return status


def opened(plan: dict[str, Any]) -> list[Viewer]:
    """Return the viewers with their pages open, one after the other."""
    viewers = [Viewer(plan["host"], plan["port"], one["path"], one["cookie"]) for one in plan["viewers"]]
    for viewer in viewers:
        viewer.look()
        while viewer.hear() is None:
            pass
    return viewers


def poll(viewers: list[Viewer], plan: dict[str, Any]) -> Met:
    """Let all viewers look again and again, spread evenly over the time between two looks."""
    for viewer in viewers:
        viewer.socket.close()
        viewer.socket = viewer.connected()
    selector, met, started = selectors.DefaultSelector(), Met(), perf_counter()
    every, ends = plan["every"], started + plan["seconds"]
    due = [(started + every * number / len(viewers), number) for number in range(len(viewers))]
    for number, viewer in enumerate(viewers):
        selector.register(viewer.socket, selectors.EVENT_READ, number)
    under_way = 0
    while under_way or due:
        now = perf_counter()
        while due and due[0][0] <= now:
            when, number = heapq.heappop(due)
            if when < ends:
                viewers[number].look()
                under_way += 1
        for key, _ in selector.select(timeout=max(0.0, due[0][0] - now) if due else 1.0):
            status = viewers[key.data].hear()
            if status is None:
                continue
            under_way -= 1
            met.statuses[status] += 1
            met.times.append(perf_counter() - viewers[key.data].started)
            # A page that was late does not look twice in a row.
            heapq.heappush(due, (max(viewers[key.data].started + every, perf_counter()), key.data))
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
