"""What becomes of one payment: stories from the ask to the end, as apps and people make them."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from approvals.selectors.answers import Answer
from conto_admin.seeding.company import TIME_ZONE
from conto_admin.seeding.market import CENT, MET, Payee, Wish
from conto_admin.seeding.office import EFFECT, Office, Story
from conto_admin.seeding.payees import judge

ZONE: Final = ZoneInfo(TIME_ZONE)
OPENS, CLOSES = 8, 18
"""Hours in which people review."""
SATURDAY: Final = 5

REFUSALS: Final = (
    "We have this one already, ask Vera for the file.",
    "Too expensive for what it is; use the short version.",
    "This supplier sent a corrected invoice, pay that one.",
    "Not this month, the budget is for the sector briefs.",
)
VOIDS: Final = (
    "A cheaper source had the same figures.",
    "The run was stopped by its user.",
    "The order was placed twice in the app.",
)
Ending = Callable[[Office, str, Wish, Answer], Story]


def purchase(office: Office, key: str, wish: Wish, ending: Ending | None = None) -> Story:
    """Ask, wait for people where they are asked, and do with the approval what apps mostly do, or come to `ending`."""
    known = office.ask(key, wish)
    if known.status == "pending_review":
        yield from review(office, key, known)
        known = office.look(known)
        get_to_know(office, wish.payee, known)
    if known.may_pay:
        yield from (ending or choose_ending(office))(office, key, wish, known)


def get_to_know(office: Office, payee: Payee, known: Answer) -> None:
    """Let Olu verify a supplier soon after people approved its first payment."""
    if known.status == "approved" and payee in MET and payee not in office.met:
        office.met.add(payee)
        office.begin(verify(office, payee), office.now + timedelta(minutes=office.chance.randint(30, 300)))


def verify(office: Office, payee: Payee) -> Story:
    """Set a supplier's standing, at work."""
    yield until_somebody_is_there(office)
    judge(office.company, payee, "verified", "Bank details checked with the supplier by phone.", office.now)


def choose_ending(office: Office) -> Ending:
    """Return what happens after an approval."""
    endings: tuple[tuple[Ending, int], ...] = (
        (pay, 900),
        (pay_less, 40),
        (forget, 9),
        (give_up, 9),
        (lose_answer, 9),
        (pay_late, 3),
        (pay_more, 3),
        (pay_and_get_back, 5),
        (pay_in_parts, 6),
    )
    return office.chance.choices([one for one, _ in endings], weights=[weight for _, weight in endings])[0]


def pay(office: Office, key: str, wish: Wish, known: Answer) -> Story:
    """Pay and record exactly what was authorized."""
    yield seconds(office, 2, 9)
    office.record(key, known, wish.amount)


def pay_less(office: Office, key: str, wish: Wish, known: Answer) -> Story:
    """Pay for what was really used, which is less."""
    yield seconds(office, 4, 40)
    share = Decimal(office.chance.randint(35, 95)) / 100
    office.record(key, known, max(CENT, (wish.amount * share).quantize(CENT)))


def pay_more(office: Office, key: str, wish: Wish, known: Answer) -> Story:
    """Be charged more than was authorized, and say so: the record is flagged."""
    yield seconds(office, 4, 40)
    office.record(key, known, (wish.amount * Decimal("1.08")).quantize(CENT) + CENT)


def pay_late(office: Office, key: str, wish: Wish, known: Answer) -> Story:
    """Record when the approval has long expired: the record is flagged."""
    yield timedelta(minutes=office.chance.randint(20, 50))
    office.record(key, known, wish.amount)


def pay_in_parts(office: Office, key: str, wish: Wish, known: Answer) -> Story:
    """Pay as a stream is used, and keep what is left over for nobody."""
    part = (wish.amount / 4).quantize(CENT)
    if part < CENT:
        yield from pay(office, key, wish, known)
        return
    for _ in range(2):
        yield seconds(office, 20, 90)
        office.record(key, known, part, is_final=False)
    yield seconds(office, 20, 90)
    office.record(key, known, part)


def pay_and_get_back(office: Office, key: str, wish: Wish, known: Answer) -> Story:
    """Pay, and be paid back some days later."""
    yield from pay(office, key, wish, known)
    yield timedelta(hours=office.chance.randint(20, 90))
    office.refund(known, wish.amount, "Returned: the delivery did not match the order.")


def forget(office: Office, key: str, wish: Wish, known: Answer) -> Story:  # noqa: ARG001 - one shape for all endings
    """Never use the approval: it expires."""
    yield from ()


def give_up(office: Office, key: str, wish: Wish, known: Answer) -> Story:  # noqa: ARG001 - one shape for all endings
    """Give the approval back."""
    yield seconds(office, 10, 200)
    office.void(key, known, office.chance.choice(VOIDS))


def lose_answer(office: Office, key: str, wish: Wish, known: Answer) -> Story:
    """Lose the provider's answer, and find out later what happened."""
    yield seconds(office, 8, 30)
    office.doubt(key, known, "The provider did not answer within 30 seconds.")
    yield timedelta(minutes=office.chance.randint(3, 45))
    if office.chance.random() < 0.6:
        office.record(key, known, wish.amount)
    else:
        office.void(key, known, "The provider knows of no such payment.")


def review(office: Office, key: str, known: Answer) -> Story:
    """Let people answer when they are there, or let nobody answer."""
    mood = office.chance.random()
    if mood < 0.06:
        return
    if mood < 0.12:
        yield timedelta(minutes=office.chance.randint(40, 400))
        if office.look(known).status == "pending_review":
            office.void(key, known, office.chance.choice(VOIDS))
        return
    for reviewer in reviewers(office, known):
        yield until_somebody_is_there(office)
        while office.is_frozen(key):
            yield timedelta(minutes=20)
        if office.look(known).status != "pending_review":
            return
        if mood < 0.24:
            office.reject(reviewer, known, office.chance.choice(REFUSALS))
            yield EFFECT
            return
        office.approve(reviewer, known)
    # The app looks every other second.
    yield EFFECT + seconds(office, 1, 3)


def reviewers(office: Office, known: Answer) -> tuple[str, ...]:
    """Return who answers, as many as the rules ask for."""
    needed = max(int(str(need["approvals"])) for need in known.requirements)
    first = office.chance.choices(("rui", "noor", "ada"), weights=(6, 4, 2))[0]
    others = [name for name in ("rui", "noor", "ada") if name != first]
    return (first, *others[: needed - 1])


def until_somebody_is_there(office: Office) -> timedelta:
    """Return how long it takes until a reviewer looks: minutes in office hours, else until the next morning."""
    look = office.now + timedelta(minutes=min(240.0, office.chance.lognormvariate(2.6, 1.0)))
    local = look.astimezone(ZONE)
    while not is_open(local):
        morning = local.replace(hour=OPENS, minute=office.chance.randint(5, 55), second=office.chance.randint(0, 59))
        local = morning if local.hour < OPENS and local.weekday() < SATURDAY else morning + timedelta(days=1)
    return local - office.now


def is_open(local: datetime) -> bool:
    """Say whether people are at work."""
    return local.weekday() < SATURDAY and OPENS <= local.hour < CLOSES


def unauthorized(office: Office, key: str, wish: Wish, note: str) -> Story:
    """Report spend that nobody asked for."""
    office.report_unauthorized(key, wish, note)
    yield from ()


def left_waiting(office: Office, key: str, wish: Wish, approvals: int = 0) -> Story:
    """Ask for something that people have not decided yet, or not all of them."""
    known = office.ask(key, wish)
    for reviewer in ("rui", "noor")[:approvals]:
        yield timedelta(minutes=2)
        if office.look(known).status != "pending_review":
            return
        office.approve(reviewer, known)


def left_in_doubt(office: Office, key: str, wish: Wish) -> Story:
    """Pay, lose the answer, and not know yet."""
    known = office.ask(key, wish)
    yield timedelta(seconds=12)
    if known.may_pay:
        office.doubt(key, known, "The provider did not answer within 30 seconds.")


def left_unrecorded(office: Office, key: str, wish: Wish) -> Story:
    """Have an approval that is not used yet."""
    office.ask(key, wish)
    yield from ()


def seconds(office: Office, least: int, most: int) -> timedelta:
    """Return a short while."""
    return timedelta(seconds=office.chance.uniform(least, most))
