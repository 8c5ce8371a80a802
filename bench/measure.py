"""The parts of the benchmark, and the report."""

import argparse
import itertools
import os
import platform
import socket
import timeit
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import fmean
from statistics import quantiles as quartiles
from typing import Final

from django.core.management import call_command
from django.db import connection

from bench import load
from conto_admin import ahead, embedded, programs, supervise

assert ahead.READ, "pages and backtests are measured in a process that has begun as the server and the worker do"

from approvals.selectors.books import faults
from bench import limit, viewers, world
from bench.backtests import backtests
from bench.pages import pages
from bench.report import Report
from core.db import rows
from insight.selectors import rollups

HOST: Final = "127.0.0.1"
CLIENTS: Final = (1, 8, 32)
PATH: Final = "/api/v1/authorizations"
HELD: Final = "select coalesce(sum(held), 0) from spend_hold where organization_id = %s"
ANSWERED: Final = """
select count(*), coalesce(sum(a.amount), 0), coalesce(sum(h.held), 0)
from approvals_authorization a join spend_hold h on h.authorization_id = a.id
where a.organization_id = %s and a.status = 'approved' and a.decided_in_us > 0
"""
"""What Conto approved, not pgbench, which takes no time to decide."""
RACERS: Final = 64
ROOM: Final = 10
AMOUNTS: Final = 7
"""Each agent asks for this many amounts in turn, so that not every ask is the twin of the last."""
BODY: Final = (
    b'{"amount":"%s","currency":"USD","counterparty":{"name":"OpenAI","domain":"api.openai.com"},"category":"ai"}'
)
LOOPS: Final = 1_000_000
SMALL_PAST: Final = 1000
"""The past that growth is compared with."""
LEAST_SHARE: Final = 0.30
MOST_GROWTH: Final = 1.20
LEAST_WATCHED: Final = 0.90
"""Of its rate that asking keeps while everybody looks."""
LEAST_LOOKS: Final = 0.90
"""Of the looks that were due in each round: viewers whom the server keeps waiting would cost it nothing."""
WARM_ASKS: Final = 5
"""Of each agent, so that each process has met it with great likelihood."""
CONNECTIONS: Final = 64
"""So many, by turns, that each process has about as many of them: with eight, one could have six."""
TURNS: Final = 3
WARM_ROUNDS: Final = 2
"""With viewers, before anything counts."""
LEAD_SECONDS: Final = 1
"""At the beginning of each round, whose asks do not count: who begins to look finds everything old."""
ROUND_SECONDS: Final = 4.5
"""Of a round with viewers or without, in turn: so short that a machine that slows down for a while slows both alike,
and as long as a page of an agent is shown before somebody finds that it is no longer fresh, so that each is rendered as
often as if everybody looked all the time."""
PAIRS_PER_SECOND: Final = 4
"""Pairs of such rounds for each second that a load is to take: 40 for ten, for one pair tells little."""


def measure(options: argparse.Namespace, page: Path) -> int:
    """Run the parts; return 0 where every mark was reached."""
    call_command("migrate", verbosity=0, interactive=False)
    report = Report()
    report.say("# Performance")
    report.say("")
    report.say("Written by `python3 run.py bench`: one machine, one run; trust the ratios, not the absolutes.")
    report.say(f"{os.cpu_count()} processors, {interpreter()}.")
    if options.only in (None, "ask"):
        ask(report, options)
    if options.only in (None, "race"):
        race(report, options)
    if options.only in (None, "growth"):
        growth(report, options)
    if options.only in (None, "viewers"):
        watched(report, options)
    if options.only in (None, "pages"):
        pages(report, options.past)
    if options.only in (None, "backtests"):
        backtests(report, options.followed)
    found = [*faults(), *rollups.faults()] if options.only != "ask" else []
    report.demand(not found, f"the books have {len(found)} faults")
    report.say("")
    report.say("Every mark was reached." if not report.failures else "Missed: " + "; ".join(report.failures))
    if options.only is None:
        page.write_text("\n".join(report.lines) + "\n")
    return bool(report.failures)


def interpreter() -> str:
    """Name the interpreter with the speed of its build: builds of one version differ by half."""
    loop = min(timeit.repeat("str(number % 97)", "number = 12345", number=LOOPS, repeat=3))
    return f"Python {platform.python_version()} that turns {LOOPS / loop / 1e6:.1f} million numbers into text a second"


def ask(report: Report, options: argparse.Namespace) -> None:
    """Measure pgbench's limit and the ask over HTTP, spread over agents and on one budget."""
    spread = world.make_world("spread", options.agents, world.THREE_LIMITS)
    one = world.make_world("one-budget", 32, world.budget(world.LARGE))
    report.say("")
    report.say("## Asking")
    report.say("")
    report.say("| load | clients | per second | p50 ms | p99 ms | share of pgbench |")
    report.say("| --- | --- | --- | --- | --- | --- |")
    answered: Counter[str] = Counter()
    with web(programs.DEFAULT_PROCESSES) as port:
        for place, requests in ((spread, 2 * options.agents), (one, 200)):
            answered[place.name] += approvals(
                report, load.run(HOST, port, asks(place), clients=8, requests=requests), "the warm-up"
            )
        rows("analyze")  # as a server that has run for a minute has done by itself: plans go by it
        for clients in CLIENTS:
            best, results = in_turn(port, spread, one, clients=clients, seconds=options.seconds)
            report.say(f"| pgbench, the same durable writes | {clients} | {best:.0f} | – | – | 1 |")
            for name, place, result in zip(
                ("spread over agents", "all on one budget"), (spread, one), results, strict=True
            ):
                share = result.rate / best
                times = f"{result.quantile(0.5):.1f} | {result.quantile(0.99):.1f}"
                report.say(f"| {name} | {clients} | {result.rate:.0f} | {times} | {share:.2f} |")
                answered[place.name] += approvals(report, result, name)
                if clients == CLIENTS[-1] and place is spread:
                    report.demand(share >= LEAST_SHARE, f"{share:.2f} of pgbench at {clients} clients")
    report.say("")
    for place in (spread, one):
        count, asked, held = rows(ANSWERED, [place.organization_id])[0]
        report.say(
            f"{place.name}: {answered[place.name]} approvals were answered; the ledger has {count}, for {asked},"
        )
        report.say(f"and holds {held}.")
        report.demand(count == answered[place.name] and asked == held, f"the ledger of {place.name} differs")


def in_turn(
    port: int, spread: world.World, one: world.World, *, clients: int, seconds: int
) -> tuple[float, tuple[load.Result, load.Result]]:
    """Return pgbench's rate and what asking met with, spread and on one budget, `seconds` each.

    In turns, so that what else the machine does meanwhile falls on all of them.
    """
    limits: list[float] = []
    met = load.Result(), load.Result()
    for _ in range(TURNS):
        limits.append(limit.measure(spread, clients=clients, seconds=max(1, seconds // TURNS)))
        for place, result in zip((spread, one), met, strict=True):
            result.add(load.run(HOST, port, asks(place), clients=clients, seconds=seconds / TURNS))
    return fmean(limits), met


def approvals(report: Report, result: load.Result, what: str) -> int:
    """Return how many asks were approved; anything else is a mark missed, for there is room for all."""
    approved = result.outcomes["approved"]
    is_right = set(result.statuses) == {201} and approved == len(result.times)
    report.demand(is_right, f"{what}: answers {dict(result.statuses)}, {dict(result.outcomes)}")
    return approved


def race(report: Report, options: argparse.Namespace) -> None:
    """Let 64 simultaneous asks of 1 meet a budget of 10, round after round."""
    report.say("")
    report.say("## Racing for a budget")
    report.say("")
    report.say(f"{RACERS} simultaneous asks of 1 on a budget of {ROOM}, {options.rounds} rounds each.")
    report.say("")
    report.say("| processes | approved per round | overspends | ledger sum |")
    report.say("| --- | --- | --- | --- |")
    for processes in (1, 2, 4):
        place = world.make_world(f"race-{processes}", RACERS, [])
        approved: list[int] = []
        with web(processes) as port:
            for number in range(options.rounds):
                world.replace_rules(place, [world.pot(f"pot{number}", str(ROOM))])
                result = load.run(HOST, port, asks(place, amount=b"1"), clients=RACERS, requests=RACERS)
                approved.append(result.outcomes["approved"])
        held = rows(HELD, [place.organization_id])[0][0]
        over = sum(count > ROOM for count in approved)
        report.say(f"| {processes} | {min(approved)} to {max(approved)} | {over} | {held} |")
        report.demand(over == 0 and held == sum(approved), f"{over} overspends with {processes} processes")
        report.demand(min(approved) == ROOM, f"room was left with {processes} processes")


def growth(report: Report, options: argparse.Namespace) -> None:
    """Ask with a short past and with a long one."""
    report.say("")
    report.say("## Growing with history")
    report.say("")
    report.say("| past authorizations | per second | p50 ms | p99 ms |")
    report.say("| --- | --- | --- | --- |")
    place = world.make_world("growth", 100, world.THREE_LIMITS)
    halves: list[float] = []
    with web(programs.DEFAULT_PROCESSES) as port:
        load.run(HOST, port, asks(place), clients=8, requests=400)
        for past in (SMALL_PAST, options.past):
            world.seed_past(place, past)
            rows("analyze")
            rows("checkpoint")
            load.run(HOST, port, asks(place), clients=8, requests=400)
            result = load.run(HOST, port, asks(place), clients=8, seconds=options.seconds)
            approvals(report, result, f"behind {past:,}")
            halves.append(result.quantile(0.5))
            report.say(f"| {past:,} | {result.rate:.0f} | {result.quantile(0.5):.1f} | {result.quantile(0.99):.1f} |")
    report.demand(halves[1] <= halves[0] * MOST_GROWTH, f"p50 grew from {halves[0]:.1f} to {halves[1]:.1f} ms")


def watched(report: Report, options: argparse.Namespace) -> None:
    """Ask with nobody looking and with all viewers looking, in turn."""
    due, pairs = options.viewers / viewers.EVERY_SECONDS, PAIRS_PER_SECOND * options.seconds
    seconds = min(options.seconds, ROUND_SECONDS)
    report.say("")
    report.say("## Being watched")
    report.say("")
    report.say(f"{options.viewers} viewers, each looking every {viewers.EVERY_SECONDS} s: at the fleet, at an agent")
    report.say(
        f"that is asking, at the inbox: {due:.0f} looks a second from one process. {pairs} rounds with them and as"
    )
    report.say(f"many without, of {seconds} s, in turn, every second pair the other way round. Pages are opened once,")
    report.say(f"before the first round; all rounds ask over {CONNECTIONS} connections, eight at once.")
    report.say("")
    place = world.make_world("watched", options.agents, world.THREE_LIMITS)
    alone: list[load.Result] = []
    seen: list[load.Result] = []
    polls: list[viewers.Polls] = []
    with web(programs.DEFAULT_PROCESSES) as port, load.connected(HOST, port, CONNECTIONS) as clients:
        # Every process has answered every agent and shown every page before anything counts.
        load.run_over(clients, asks(place), at_once=8, requests=WARM_ASKS * options.agents)
        plan = viewers.plan_of(place, HOST, port, viewers=options.viewers, seconds=LEAD_SECONDS + seconds)
        with viewers.looking(plan) as watchers:
            for _ in range(WARM_ROUNDS):
                watchers.begin()
                _round(report, clients, place, seconds)
                watchers.result()
            rows("analyze")
            for number in range(pairs):
                # What the machine does besides weighs on both alike.
                for is_watched in (False, True) if number % 2 else (True, False):
                    if is_watched:
                        watchers.begin()
                    (seen if is_watched else alone).append(_round(report, clients, place, seconds))
                    if is_watched:
                        polls.append(watchers.result())
    fewest = min(each.number for each in polls) / (LEAD_SECONDS + seconds)
    report.demand(fewest >= LEAST_LOOKS * due, f"{fewest:.0f} of {due:.0f} looks a second")
    tell_of_viewers(report, alone, seen, viewers.together(polls), number_of_viewers=options.viewers)


def _round(report: Report, clients: Sequence[load.Client], place: world.World, seconds: float) -> load.Result:
    """Return what asks met with, from `LEAD_SECONDS` on; those of before are looked at for their answers alone."""
    approvals(report, load.run_over(clients, asks(place), at_once=8, seconds=LEAD_SECONDS), "the first second")
    result = load.run_over(clients, asks(place), at_once=8, seconds=seconds)
    approvals(report, result, "a round")
    return result


def tell_of_viewers(
    report: Report,
    alone: Sequence[load.Result],
    seen: Sequence[load.Result],
    polls: viewers.Polls,
    *,
    number_of_viewers: int,
) -> None:
    """Say what asks met with in the rounds with viewers and without, the looks at any time, and what asking keeps."""
    looks = polls.number / sum(LEAD_SECONDS + result.seconds for result in seen)
    report.say("| viewers | per second | p50 ms | p99 ms | looks per second | unchanged | p99 ms of a look |")
    report.say("| --- | --- | --- | --- | --- | --- | --- |")
    totals = load.together(alone), load.together(seen)
    for number, total in zip((0, number_of_viewers), totals, strict=True):
        told = (
            f"{looks:.0f} | {polls.unchanged / max(1, polls.number):.0%} | {polls.p99:.0f}" if number else "– | – | –"
        )
        report.say(f"| {number} | {total.rate:.0f} | {quantiles(total)} | {told} |")
    share = totals[1].rate / totals[0].rate
    lower, middle, upper = quartiles([one.rate / other.rate for one, other in zip(seen, alone, strict=True)], n=4)
    report.say("")
    report.say(f"Watched, asking keeps {share:.2f} of its rate.")
    report.say(f"Pair by pair: {middle:.2f} in the middle, half of them between {lower:.2f} and {upper:.2f}.")
    report.demand(share >= LEAST_WATCHED, f"{share:.2f} of its rate while watched")
    report.demand(not polls.failed, f"looks were answered {polls.statuses}")


def quantiles(result: load.Result) -> str:
    """Return p50 and p99 as two cells."""
    return f"{result.quantile(0.5):.1f} | {result.quantile(0.99):.1f}"


def asks(place: world.World, *, amount: bytes = b"") -> Callable[[int], bytes]:
    """Return asks that walk over the agents, with amounts from 1.00 to 9.99."""
    bodies = [
        load.request_bytes(PATH, key, BODY % (amount or b"%d.%02d" % divmod(100 + number % 900, 100)))
        for number, key in zip(range(AMOUNTS * len(place.keys)), itertools.cycle(place.keys), strict=False)
    ]
    steps = itertools.cycle(bodies)
    return lambda _number: next(steps)


@contextmanager
def web(processes: int) -> Iterator[int]:
    """Run the web server with so many processes on a free port of this machine."""
    connection.close()
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    supervisor = supervise.Supervisor(must_end=lambda: False)
    try:
        supervisor.start(programs.web(HOST, port, processes, {"PUBLIC_URL": f"http://{HOST}:{port}"}))
        yield port
    finally:
        supervisor.stop()


__all__ = ["embedded", "measure"]
