"""The demo's month: what was asked for on which day, and what people changed meanwhile."""

from collections.abc import Callable
from datetime import datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import Final
from uuid import UUID

from agents.services import freeze_agent, rotate_key, thaw_agent
from conto_admin.seeding import payees, rules, stories
from conto_admin.seeding.company import Company
from conto_admin.seeding.market import (
    ATLAS,
    AURELIA,
    BRIGHTLINE,
    CARDS,
    CLOUDFLARE,
    COMPANIES,
    DICE,
    FOUNDRY,
    HETZNER,
    NIMBUS,
    OPENAI,
    RHEINPARK,
    SIGNAL,
    TESSERA,
    Payee,
    Wish,
    bill,
    call_for,
    invoice,
    machine,
    report_for,
)
from conto_admin.seeding.office import Office, Story

DAYS: Final = 30
RENT_DAY: Final = 2
LOOPS: Final = 10
"""How often one story may ask; every other asks once."""
CHANCE: Final = 1847
"""The same month each time."""


def live_through(company: Company, policies: dict[str, UUID], *, start: datetime, end: datetime) -> None:
    """Let the month happen, from `start` until `end`."""
    planned(company, policies, start=start, end=end).run(end)


def planned(company: Company, policies: dict[str, UUID], *, start: datetime, end: datetime) -> Office:
    """Return the company with everything ahead of it; nothing has happened yet."""
    office = Office(company, start, Random(CHANCE))  # noqa: S311 - a story, not a secret
    for number in range(DAYS + 1):
        plan_day(office, start + timedelta(days=number), start, end)
    plan_changes(office, policies, end)
    plan_mishaps(office, end)
    plan_present(office, end)
    return office


def plan_day(office: Office, day: datetime, start: datetime, end: datetime) -> None:
    """Plan what the agents ask for on one day."""
    local = day.astimezone(stories.ZONE)
    is_weekend = local.weekday() >= stories.SATURDAY
    chance = office.chance
    midnight = datetime.combine(local.date(), time(), stories.ZONE)

    def plan(key: str, wish: Wish, moment: datetime) -> None:
        if start < moment < end:
            office.begin(stories.purchase(office, key, wish), moment)

    for _ in range(1 if is_weekend else chance.choice((1, 2, 2))):
        plan_run(office, midnight + hours(chance, 7, 21), plan)
    for number in range(chance.choice((0, 0, 1)) if is_weekend else chance.randint(3, 7)):
        wish = invoice(f"{local:%m%d}-{number + 1}", chance)
        plan("procurement", wish, midnight + hours(chance, 8, 17))
    for hour in (2, 6, 14) if not is_weekend else (2,):
        plan("infrastructure", machine(f"{local:%m%d}", chance), midnight + hours(chance, hour, hour + 0.4))
    if local.day == RENT_DAY:
        plan("procurement", bill(RHEINPARK, Decimal("4200.00"), f"{local:%m}-rent"), midnight + hours(chance, 9, 10))
    if not is_weekend:
        plan_oddities(office, local, midnight, plan)


def plan_run(office: Office, begins: datetime, plan: Callable[[str, Wish, datetime], None]) -> None:
    """Plan one run of the research agent: some ten calls on a company, sometimes with a report."""
    chance = office.chance
    session, company = f"run_{chance.getrandbits(40):010x}", chance.choice(COMPANIES)
    moment = begins
    for _ in range(chance.randint(5, 10)):
        plan("research", call_for(company, session, chance), moment)
        moment += timedelta(seconds=chance.uniform(15, 160))
    if chance.random() < 0.4:
        plan("research", report_for(company, session, chance), moment)


def plan_oddities(
    office: Office, local: datetime, midnight: datetime, plan: Callable[[str, Wish, datetime], None]
) -> None:
    """Plan what happens on some days only: lawyers, mistakes, and what nobody should pay."""
    chance = office.chance
    if local.weekday() == 1:
        wish = bill(AURELIA, Decimal(chance.randint(4600, 6900)), f"{local:%m%d}-A")
        plan("procurement", wish, midnight + hours(chance, 10, 15))
    if local.weekday() == 2:
        twice = bill(TESSERA, Decimal("187.40"), f"{local:%m%d}-T")
        plan("procurement", twice, midnight + hours(chance, 9, 10))
        plan("procurement", twice, midnight + hours(chance, 11, 12))
        plan("procurement", bill(DICE, Decimal("60.00"), f"{local:%m%d}-D"), midnight + hours(chance, 13, 16))
    if local.weekday() == 3:
        wish = Wish(ATLAS, Decimal("4.90"), "Bulk quotes in one call", f"run_bulk_{local:%m%d}")
        plan("research", wish, midnight + hours(chance, 10, 16))
        plan(
            "research",
            Wish(CARDS, Decimal("50.00"), "Prepaid card for a paywall", wish.session),
            midnight + hours(chance, 16, 18),
        )
    if local.weekday() == 4:
        wish = Wish(SIGNAL, Decimal("340.00"), "Complete archive of reports", f"run_archive_{local:%m%d}")
        plan("research", wish, midnight + hours(chance, 10, 16))
        plan(
            "infrastructure",
            Wish(HETZNER, Decimal("420.00"), "Rack for the new cluster", f"ops-{local:%m%d}"),
            midnight + hours(chance, 10, 12),
        )


def plan_changes(office: Office, policies: dict[str, UUID], end: datetime) -> None:
    """Plan what people changed: a limit, a key, a freeze; and spend that was never asked for."""
    office.begin(raise_limit(office, policies["research"]), end - timedelta(days=12, hours=3))
    office.begin(rotate(office, "research"), end - timedelta(days=6, hours=5))
    office.begin(loop_and_freeze(office), end - timedelta(days=9, hours=2))
    office.begin(block(office, DICE), end - timedelta(days=17, hours=1))
    unasked = (
        (21, "procurement", bill(BRIGHTLINE, Decimal("96.00"), "1101-X"), "Paid by hand from the office card."),
        (10, "research", Wish(OPENAI, Decimal("3.10"), "Test of a new prompt", "run_by_hand"), "Run from a laptop."),
        (
            3,
            "infrastructure",
            Wish(HETZNER, Decimal("29.00"), "Emergency machine", "ops-night"),
            "Paid during an outage.",
        ),
    )
    for days, key, wish, note in unasked:
        office.begin(stories.unauthorized(office, key, wish, note), end - timedelta(days=days, hours=4))


def plan_mishaps(office: Office, end: datetime) -> None:
    """Plan each thing that may become of an approval at least once: chance alone might leave one out."""
    mishaps = (
        (stories.pay_in_parts, "Stream of quotes, by the minute"),
        (stories.pay_late, "Draft of the brief, from the night batch"),
        (stories.pay_more, "Summary of the sources, long edition"),
        (stories.lose_answer, "Summary of the annual report"),
        (stories.pay_and_get_back, "Translation of the register's extract"),
        (stories.forget, "Summary of the sources, first try"),
        (stories.give_up, "Draft of the brief, first try"),
    )
    for number, (ending, purpose) in enumerate(mishaps):
        wish = Wish(OPENAI, Decimal("3.60") + number, purpose, f"run_odd_{number}")
        office.begin(stories.purchase(office, "research", wish, ending), end - timedelta(days=2 + 3 * number, hours=5))


def plan_present(office: Office, end: datetime) -> None:
    """Plan what is open now: questions of differing age, a doubt, an approval not used yet."""
    waiting = (
        (
            timedelta(minutes=4),
            "research",
            Wish(SIGNAL, Decimal("78.00"), "Competitor report for the brief on Caldera Metals", "run_now_1"),
            0,
        ),
        (timedelta(minutes=31), "procurement", bill(FOUNDRY, Decimal("1180.00"), "1187-F"), 0),
        (
            timedelta(hours=2, minutes=10),
            "infrastructure",
            Wish(NIMBUS, Decimal("96.00"), "GPU hours for the embedding job", "ops-now"),
            0,
        ),
        (timedelta(hours=6, minutes=40), "procurement", bill(AURELIA, Decimal("6450.00"), "1188-A"), 1),
        (
            timedelta(hours=19),
            "research",
            Wish(SIGNAL, Decimal("112.50"), "Sector outlook for the brief on Nordlicht Wind", "run_now_2"),
            0,
        ),
    )
    for age, key, wish, approvals in waiting:
        office.begin(stories.left_waiting(office, key, wish, approvals), end - age)
    doubtful = Wish(HETZNER, Decimal("44.00"), "Build machine ci-4 for the week", "ops-now")
    office.begin(stories.left_in_doubt(office, "infrastructure", doubtful), end - timedelta(hours=1, minutes=50))
    unused = Wish(OPENAI, Decimal("4.20"), "Summary of the sources for the brief on Caldera Metals", "run_now_1")
    office.begin(stories.left_unrecorded(office, "research", unused), end - timedelta(minutes=3))


def raise_limit(office: Office, policy_id: UUID) -> Story:
    """Publish a higher daily limit."""
    rules.raise_research_limit(office.company, policy_id, office.now)
    yield from ()


def block(office: Office, payee: Payee) -> Story:
    """Say that a payee is never to be paid, whatever the policies say."""
    payees.judge(office.company, payee, "blocked", "Sends invoices for vouchers that nobody ordered.", office.now)
    yield from ()


def rotate(office: Office, key: str) -> Story:
    """Give an agent's app a new key; the old one works a day longer."""
    bot, company = office.bot(key), office.company
    issued = rotate_key(
        organization_id=company.organization_id,
        key_id=bot.key_id,
        overlap_seconds=24 * 3600,
        actor=company.actor("olu"),
        now=office.now,
    )
    bot.key_id, bot.secret = issued.key.pk, issued.secret
    yield from ()


def loop_and_freeze(office: Office) -> Story:
    """Let the infrastructure agent run wild until Olu freezes it; Ada lets it go on when the script is mended."""
    company, bot = office.company, office.bot("infrastructure")
    wish = Wish(CLOUDFLARE, Decimal("19.00"), "Renew meridian-mail.example", "ops-loop")
    for _ in range(LOOPS - 3):
        known = office.ask("infrastructure", wish)
        if known.may_pay:
            yield from stories.pay(office, "infrastructure", wish, known)
        yield timedelta(seconds=25)
    agent = {"organization_id": company.organization_id, "agent_id": bot.agent.pk}
    freeze_agent(**agent, reason="Renews the same domain again and again.", actor=company.actor("olu"), now=office.now)
    for _ in range(3):
        yield timedelta(seconds=40)
        office.ask("infrastructure", wish)
    yield timedelta(minutes=50)
    thaw_agent(**agent, reason="The provisioning script is mended.", actor=company.actor("ada"), now=office.now)


def hours(chance: Random, least: float, most: float) -> timedelta:
    """Return a time of day."""
    return timedelta(hours=chance.uniform(least, most))
