"""A varied history to decide again: every type of rule, shadow, reviews, denials, records, and changes in between."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from agents.services import change_agent, freeze_agent, thaw_agent
from approvals.services.authorize import Asked
from approvals.services.booking import Report
from approvals.services.record import record_spend, record_unauthorized
from approvals.services.void import void_authorization
from policies.engine.types import Mode
from policies.services import AssignTo
from spend.models import Identifier
from spend.payee import PayeeClaim
from spend.services.changes import set_standing
from spend.services.pegs import replace_pegs
from tests.approvals.world import (
    OPENAI,
    World,
    add_agent,
    ask,
    make_world,
    put_policy,
    republish,
    say_no,
    say_yes,
    stored,
)
from tests.factories import NOW, actor_for

WHOLE_DAY: Final = [{"from": "00:00", "to": "24:00"}]
DICE: Final = PayeeClaim("Dice", ("domain:dice.example",))
RULES: Final[tuple[dict[str, Any], ...]] = (
    {
        "key": "limit",
        "type": "SPEND_LIMIT",
        "per_transaction": {"USD": "400", "EUR": "90"},
        "daily": {"USD": "900", "EUR": "90"},
    },
    {"key": "hour", "type": "SPEND_LIMIT", "hourly": {"USD": "600", "EUR": "90"}, "window": "rolling"},
    {
        "key": "payee",
        "type": "SPEND_LIMIT",
        "monthly": {"USD": "5000", "EUR": "900"},
        "per": "agent_counterparty",
    },
    {"key": "pot", "type": "BUDGET_ALLOCATION", "amount": {"USD": "1500", "EUR": "90"}, "period": "month"},
    {
        "key": "who",
        "type": "COUNTERPARTY",
        "blocked": ["domain:dice.example"],
        "first_payment": "review",
    },
    {
        "key": "list",
        "type": "WHITELIST",
        "allowed": ["domain:api.openai.com", "domain:dice.example", "domain:*.cloud.example"],
    },
    {"key": "what", "type": "CATEGORY", "blocked": ["gambling"], "when": {"rails": ["card"]}},
    {"key": "big", "type": "APPROVAL_THRESHOLD", "above": {"USD": "200", "EUR": "50"}},
    {"key": "open", "type": "TIME_WINDOW", "windows": WHOLE_DAY},
    {"key": "closed", "type": "BLACKOUT_PERIOD", "dates": [{"from": "2026-12-24", "to": "2026-12-26"}]},
    {"key": "pace", "type": "VELOCITY", "limit": 9, "period_minutes": 60},
    {"key": "where", "type": "GEOGRAPHIC", "blocked": ["KP"], "when": {"categories": ["hosting"]}},
    {"key": "until", "type": "EXPIRATION", "valid_until": "2027-01-01T00:00:00Z"},
    {"key": "how", "type": "RAIL", "allowed": ["card", "x402"], "ceiling": {"USD": "300", "EUR": "9"}},
    {"key": "twice", "type": "DUPLICATE", "minutes": 10, "match": ["purpose"]},
)
SHADOWED: Final = ({"key": "low", "type": "SPEND_LIMIT", "daily": {"USD": "50", "EUR": "5"}},)
MORE: Final[dict[str, Any]] = {"category": "ai", "rail": "card", "session": "run_1"}


class History:
    """Lets things happen one after the other, a minute apart."""

    def __init__(self, *, start: datetime = NOW) -> None:
        self.now = start
        self.world = make_world(labels=("research",), now=start)
        self.cast = self.world.cast
        self.other = add_agent(self.cast, "Other", labels=("research",), now=start)
        targets = AssignTo(labels=("research",))
        self.policy = put_policy(self.cast, "Research agents", RULES, targets=targets, now=start)
        put_policy(self.cast, "Watched", SHADOWED, mode=Mode.SHADOW, now=start)

    def ask(self, amount: str, *, world: World | None = None, **more: Any) -> Asked:
        """Ask a minute later."""
        self.wait()
        return ask(world or self.world, amount, now=self.now, **(MORE | more))

    def wait(self, minutes: int = 1) -> None:
        self.now += timedelta(minutes=minutes)

    def answer(self, asked: Asked, say: Callable[..., str]) -> None:
        """Let Rui answer a minute later."""
        self.wait()
        say(stored(asked), self.cast.rui, now=self.now)

    def record(self, asked: Asked, amount: str, **more: Any) -> None:
        """Record what was paid a minute later."""
        self.wait()
        record_spend(
            asked.answer.id,
            Report(Decimal(amount), stored(asked).currency, **more),
            organization_id=self.world.organization_id,
            agent_id=stored(asked).agent_id,
            actor=self.world.actor,
            now=self.now,
        )

    def void(self, asked: Asked) -> None:
        self.wait()
        void_authorization(
            asked.answer.id,
            organization_id=self.world.organization_id,
            agent_id=stored(asked).agent_id,
            reason="not needed",
            actor=self.world.actor,
            now=self.now,
        )

    def unasked(self, amount: str) -> None:
        """Report spend that nobody asked for."""
        self.wait()
        record_unauthorized(
            Report(Decimal(amount), "USD", payee=OPENAI, category="ai", rail="card"),
            organization_id=self.world.organization_id,
            agent_id=self.world.agent.id,
            actor=self.world.actor,
            now=self.now,
        )

    @property
    def whose(self) -> dict[str, Any]:
        """What use cases of operators need."""
        return {"organization_id": self.world.organization_id, "actor": actor_for(self.cast.olu), "now": self.now}

    def live(self) -> None:
        """Let everything happen that a decision may look at."""
        first = self.ask("100", purpose="first")
        self.answer(first, say_yes)
        self.record(first, "80")
        same = self.ask("20", purpose="same")
        self.record(same, "20", is_final=False)
        self.record(same, "5")
        again = self.ask("20", purpose="same")
        self.answer(again, say_no)
        self.ask("10", payee=DICE)
        self.ask("10", category="gambling")
        self.ask("10", rail="bank")
        self.ask("10", currency="JPY")
        self.ask("450")
        self.ask("310", rail="x402")
        big = self.ask("250", purpose="big")
        self.answer(big, say_yes)
        self.record(big, "240")
        given_up = self.ask("90", purpose="given up")
        self.void(given_up)
        self.unasked("60")
        self.ask("30", world=self.other, purpose="from the pot")
        self._change()
        for number in range(6):
            self.ask("70", purpose=f"many {number}")
        self.wait(70)
        self.ask("70", purpose="after the rush")
        late = self.ask("210", purpose="narrow")
        republish(self.cast, self.policy, [{**RULES[0], "per_transaction": {"USD": "150", "EUR": "9"}}], now=self.now)
        self.answer(late, say_yes)
        self.ask("160")
        self.ask("140")
        self.wait(60 * 24)
        self.ask("140", purpose="tomorrow")

    def _change(self) -> None:
        """Let people change what decisions rest on, and let the agents ask in between."""
        self.wait()
        replace_pegs(pegs={"USDC": "USD"}, **self.whose)
        self.ask("15", currency="USDC", purpose="pegged")
        self.wait()
        openai = Identifier.objects.get(value="api.openai.com").counterparty_id
        set_standing(counterparty_id=openai, standing="verified", **self.whose)
        self.ask("16", purpose="verified")
        self.wait()
        freeze_agent(agent_id=self.world.agent.id, reason="looping", **self.whose)
        self.ask("17", purpose="frozen")
        self.wait()
        thaw_agent(agent_id=self.world.agent.id, reason="mended", **self.whose)
        self.ask("18", purpose="thawed")
        self.wait()
        change_agent(agent_id=self.other.agent.id, change={"labels": ()}, **self.whose)
        self.ask("19", world=self.other, purpose="nobody's")
        self.wait()
        change_agent(agent_id=self.other.agent.id, change={"labels": ("research",)}, **self.whose)
        self.ask("19", world=self.other, purpose="ours again")
