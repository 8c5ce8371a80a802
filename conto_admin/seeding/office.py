"""What people, apps and the clock do in the demo, each through the service that the product itself would call."""

from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from heapq import heappop, heappush
from random import Random
from typing import TypeAlias

from agents.authentication import authenticate_agent
from agents.models import Agent
from approvals.lifecycle import UNDO_TIME
from approvals.selectors.answers import Answer, answer
from approvals.selectors.evidence import present_evidence
from approvals.selectors.situation import read_asker
from approvals.services.authorize import authorize_payment
from approvals.services.booking import Report
from approvals.services.expire import expire_due
from approvals.services.finalise import finalise_authorization
from approvals.services.record import record_spend, record_unauthorized
from approvals.services.review import approve, reject
from approvals.services.void import mark_in_doubt, void_authorization
from conto_admin.seeding.company import Bot, Company, request_id, with_request
from conto_admin.seeding.market import Payee, Wish
from core.actor import Actor, ActorKind

Story: TypeAlias = Generator[timedelta, None, None]
"""Something that goes on over time: it yields how long nothing happens in it."""

EXPIRY_LOOK = timedelta(seconds=2)
"""After which the worker has seen that something is due."""
EFFECT = UNDO_TIME + timedelta(milliseconds=400)
"""After which the worker has let an answer take effect."""


@dataclass
class Office:
    """The company at one moment. Time runs forwards only: whatever happens, happens at `now`."""

    company: Company
    now: datetime
    chance: Random
    waiting: list[tuple[datetime, int, Story]] = field(default_factory=list)
    begun: int = 0
    met: set[Payee] = field(default_factory=set)

    def begin(self, story: Story, at: datetime) -> None:
        """Let a story begin at a moment; one that lies in the past is not told."""
        if at >= self.now:
            self.begun += 1
            heappush(self.waiting, (at, self.begun, story))

    def run(self, until: datetime) -> None:
        """Let everything happen that happens before `until`; what goes on longer stays as it is then."""
        while self.waiting and self.waiting[0][0] < until:
            self.now, _, story = heappop(self.waiting)
            pause = next(story, None)
            if pause is not None:
                self.begin(story, self.now + pause)

    def bot(self, key: str) -> Bot:
        """Return an agent."""
        return self.company.bots[key]

    def app(self, key: str) -> Actor:
        """Return an agent as an actor."""
        bot = self.bot(key)
        return with_request(ActorKind.AGENT, bot.public_id, bot.agent.name, self.company.organization_id)

    def ask(self, key: str, wish: Wish) -> Answer:
        """Ask as the app does."""
        bot = self.bot(key)
        # The key is marked as used, as by every request.
        authenticate_agent(f"Bearer {bot.secret}", self.now)
        asked = authorize_payment(
            read_asker(bot.agent.pk, key_id=bot.key_id),
            wish.ask(),
            idempotency_key=f"order-{request_id()}",
            actor=self.app(key),
            now=self.now,
        )
        self.set_clock(asked.answer)
        return asked.answer

    def is_frozen(self, key: str) -> bool:
        """Say whether an agent is frozen: then nobody can approve anything of it."""
        return Agent.objects.filter(pk=self.bot(key).agent.pk, frozen_at__isnull=False).exists()

    def look(self, known: Answer) -> Answer:
        """Read an authorization as it stands."""
        return answer(self.company.organization_id, known.id, now=self.now)

    def record(
        self,
        key: str,
        known: Answer,
        amount: Decimal,
        *,
        is_final: bool = True,
        payee: Payee | None = None,
        reference: str | None = None,
    ) -> None:
        """Report what the app paid."""
        report = Report(
            amount,
            known.currency,
            reference=reference or f"pay_{request_id()[:16]}",
            is_final=is_final,
            payee=None if payee is None else payee.claim,
        )
        record_spend(
            known.id,
            report,
            organization_id=self.company.organization_id,
            agent_id=self.bot(key).agent.pk,
            actor=self.app(key),
            now=self.now,
        )

    def refund(self, known: Answer, amount: Decimal, note: str) -> None:
        """Report as the back end that money came back."""
        record_spend(
            known.id,
            Report(amount, known.currency, kind="refund", reference=f"refund_{request_id()[:12]}", note=note),
            organization_id=self.company.organization_id,
            agent_id=None,
            actor=self.company.back_end_actor(),
            now=self.now,
        )

    def report_unauthorized(self, key: str, wish: Wish, note: str) -> None:
        """Report spend that nobody asked for."""
        report = Report(
            wish.amount,
            wish.payee.currency,
            payee=wish.payee.claim,
            reference=f"pay_{request_id()[:16]}",
            note=note,
            category=wish.payee.category,
            rail=wish.payee.rail,
            session=wish.session,
        )
        record_unauthorized(
            report,
            organization_id=self.company.organization_id,
            agent_id=self.bot(key).agent.pk,
            actor=self.app(key),
            now=self.now,
        )

    def void(self, key: str, known: Answer, reason: str) -> None:
        """Give an authorization up as the app does."""
        void_authorization(
            known.id,
            organization_id=self.company.organization_id,
            agent_id=self.bot(key).agent.pk,
            reason=reason,
            actor=self.app(key),
            now=self.now,
        )

    def doubt(self, key: str, known: Answer, reason: str) -> None:
        """Say as the app does that it does not know whether the payment went through."""
        mark_in_doubt(
            known.id,
            organization_id=self.company.organization_id,
            agent_id=self.bot(key).agent.pk,
            reason=reason,
            actor=self.app(key),
            now=self.now,
        )

    def approve(self, reviewer: str, known: Answer, reason: str = "") -> None:
        """Let somebody approve on what is shown at this moment."""
        person = self.company.people[reviewer]
        evidence = present_evidence(known.id, organization_id=self.company.organization_id, now=self.now)
        approve(
            known.id,
            member=person.member,
            evidence_digest=evidence.digest,
            reason=reason,
            actor=person.actor(),
            now=self.now,
        )
        self.begin(self.effect(known), self.now + EFFECT)

    def reject(self, reviewer: str, known: Answer, reason: str) -> None:
        """Let somebody reject."""
        person = self.company.people[reviewer]
        reject(known.id, member=person.member, reason=reason, actor=person.actor(), now=self.now)
        self.begin(self.effect(known), self.now + EFFECT)

    def effect(self, known: Answer) -> Story:
        """Let an answer take effect that nobody took back."""
        finalise_authorization(known.id, organization_id=self.company.organization_id, now=self.now)
        self.set_clock(self.look(known))
        yield from ()

    def set_clock(self, known: Answer) -> None:
        """Let the worker look when the present status of an authorization runs out."""
        if known.expires_at is not None:
            self.begin(self.worker(), known.expires_at + EXPIRY_LOOK)

    def worker(self) -> Story:
        """Expire what is due, as the worker does every few seconds."""
        expire_due(now=self.now)
        yield from ()
