"""A load generator that costs little: one process, one thread, keep-alive connections and prepared bytes."""

import selectors
import socket
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from time import perf_counter
from typing import Final

LONGEST_ANSWER: Final = 1 << 20
CHUNK: Final = 1 << 16


@dataclass
class Result:
    """What a load met with: seconds per answer, answers by HTTP status and by outcome, and how long it took."""

    seconds: float = 0.0
    times: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)

    @property
    def rate(self) -> float:
        """Answers per second."""
        return len(self.times) / self.seconds if self.seconds else 0.0

    def add(self, other: "Result") -> None:
        """Count another load of the same kind as part of this one."""
        self.seconds += other.seconds
        self.times += other.times
        self.statuses += other.statuses
        self.outcomes += other.outcomes

    def quantile(self, share: float) -> float:
        """Milliseconds under which `share` of the answers stayed."""
        ordered = sorted(self.times)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000 if ordered else 0.0


def together(results: Iterable[Result]) -> Result:
    """Return what several loads of the same kind met with, as if they were one."""
    whole = Result()
    for result in results:
        whole.add(result)
    return whole


def request_bytes(path: str, key: str, body: bytes) -> bytes:
    """Return a whole POST as it goes over the wire."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Client:
    """A keep-alive connection that has one request under way."""

    def __init__(self, host: str, port: int) -> None:
        self.socket = socket.create_connection((host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.started = 0.0

    def send(self, message: bytes) -> None:
        """Send a whole request."""
        self.buffer = b""
        self.started = perf_counter()
        self.socket.sendall(message)

    def answer(self) -> tuple[int, bytes] | None:
        """Return status and body once the whole answer is here."""
        chunk = self.socket.recv(CHUNK)
        if not chunk:
            raise ConnectionError("the server closed the connection")
        self.buffer += chunk
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return None
        lower = head.lower()
        start = lower.index(b"content-length:") + len(b"content-length:")
        length = int(lower[start:].split(b"\r\n", 1)[0])
        return (int(head.split(b" ", 2)[1]), body) if len(body) >= length else None


@contextmanager
def connected(host: str, port: int, clients: int) -> Iterator[list[Client]]:
    """Keep so many connections open; each belongs to one process of the server, and which one is chance."""
    connections = [Client(host, port) for _ in range(clients)]
    try:
        yield connections
    finally:
        for client in connections:
            client.socket.close()


def run(
    host: str,
    port: int,
    message: Callable[[int], bytes],
    *,
    clients: int,
    seconds: float = 0.0,
    requests: int = 0,
) -> Result:
    """Send `message(0)`, `message(1)`, … over `clients` connections, for `seconds` or until `requests` are answered."""
    with connected(host, port, clients) as connections:
        return run_over(connections, message, seconds=seconds, requests=requests)


def run_over(
    connections: Sequence[Client],
    message: Callable[[int], bytes],
    *,
    at_once: int = 0,
    seconds: float = 0.0,
    requests: int = 0,
) -> Result:
    """Do the same over connections that are open already and stay open, by turns where only some ask at once."""
    selector = selectors.DefaultSelector()
    numbers = count()
    result = Result()
    started = perf_counter()
    ends = started + seconds
    for client in connections:
        selector.register(client.socket, selectors.EVENT_READ, client)
    idle, sent, under_way = deque(connections), 0, 0
    for _ in range(min(at_once or len(connections), requests or len(connections))):
        idle.popleft().send(message(next(numbers)))
        sent, under_way = sent + 1, under_way + 1
    while under_way:
        for key, _ in selector.select(timeout=30):
            client = key.data
            answered = client.answer()
            if answered is None:
                continue
            _note(result, client, *answered)
            idle.append(client)
            if sent < requests if requests else perf_counter() < ends:
                idle.popleft().send(message(next(numbers)))
                sent += 1
            else:
                under_way -= 1
    result.seconds = perf_counter() - started
    return result


def _note(result: Result, client: Client, status: int, body: bytes) -> None:
    result.times.append(perf_counter() - client.started)
    result.statuses[status] += 1
    start = body.find(b'"status":"') + len(b'"status":"')
    result.outcomes[body[start : body.find(b'"', start)].decode()] += 1
