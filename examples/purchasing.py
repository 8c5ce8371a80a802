"""How an order becomes a payment: one step at a time, and each step may be repeated."""

from collections.abc import Callable, Mapping
from typing import Final

from conto_client import Authorization, Conto, Payment, Refused, Unreachable, new_key
from orders import Ending, Order, OrderBook, State
from provider import NoAnswer, NotSold, Offer, Provider, Receipt

TRY_AGAIN_SECONDS: Final = 3.0
DEFAULT_PATIENCE_SECONDS: Final = 15 * 60.0
"""How long an order is worth having: after that nobody asks for it or waits for a person any more."""


class Executor:
    """The only part that pays: its own key has secrets released and does nothing else, and it keeps no secret."""

    def __init__(self, conto: Conto, provider: Provider, *, credential: str | None = None) -> None:
        self.conto = conto
        self.provider = provider
        self.credential = credential

    def pay(self, order: Order) -> Receipt:
        """Have the secret released for this one payment and use it once.

        `Unreachable` and `Refused` mean that no secret was released: nothing is paid. `NotSold`: the provider charged
        nothing. `NoAnswer`: nobody here knows.
        """
        secret = self.conto.credential(order.authorization, key=order.key, name=self.credential)
        return self.provider.buy(order.offer, reference=order.authorization, secret=secret)

    def payment(self, order: Order) -> Receipt | None:
        """Ask the provider what became of the payment."""
        return self.provider.payment(order.authorization)


class Desk:
    """Buys for one agent. `tell` hears of every step."""

    def __init__(
        self,
        name: str,
        agent: Conto,
        executor: Executor,
        book: OrderBook,
        *,
        tell: Callable[[Order], None] = lambda _: None,
        patience_seconds: float = DEFAULT_PATIENCE_SECONDS,
    ) -> None:
        self.name = name
        self.agent = agent
        self.executor = executor
        self.book = book
        self.tell = tell
        self.patience_seconds = patience_seconds
        self.answers: dict[str, Authorization] = {}
        self.recover()

    def recover(self) -> None:
        """After a crash in the middle of a payment nobody knows whether it went through."""
        for order in self.book.open(self.name):
            if order.state is State.PAYING:
                self._move(order, State.DOUBTFUL, "the app ended while it was paying")

    def place(self, offer: Offer, *, session: str, purpose: str, context: Mapping[str, object], now: float) -> Order:
        """Note something to buy, with all that people and policies need to judge it."""
        payment = Payment(
            amount=offer.amount,
            currency=offer.currency,
            payee=offer.pay_to,
            category=offer.category,
            rail=offer.rail,
            session=session,
            purpose=purpose,
            context=context,
        )
        order = Order(new_key(), self.name, offer, payment, placed_at=now, due_at=now)
        self.book.save(order)
        return order

    def advance(self, now: float) -> None:
        """Bring every order that is due as far as it comes now."""
        while (order := self.book.due(self.name, now)) is not None:
            try:
                self._step(order, now)
            except (Unreachable, NoAnswer) as error:
                self._postpone(order, str(error), now)

    def give_up_waiting(self, now: float) -> None:
        """Stop waiting for people, as at the end of a task that can do without."""
        for order in self.book.open(self.name):
            if order.state is State.WAITING:
                order.due_at = now
                self._move(order, State.GIVING_UP, "the task has ended without it")
        self.advance(now)

    def _step(self, order: Order, now: float) -> None:
        match order.state:
            case State.NEW:
                self._ask(order, now)
            case State.WAITING:
                self._look(order, now)
            case State.APPROVED:
                self._pay(order, now)
            case State.PAYING | State.DOUBTFUL:
                self._resolve(order)
            case State.PAID:
                self._record(order)
            case State.GIVING_UP:
                self._void(order)
            case State.ENDED:
                pass

    def _ask(self, order: Order, now: float) -> None:
        try:
            answer = self.agent.authorize(order.payment, key=order.key)
        except Refused as refusal:
            self._end(order, Ending.NOT_ASKED, str(refusal))
            return
        order.authorization = answer.id
        self._follow(order, answer, now)

    def _look(self, order: Order, now: float) -> None:
        if now - order.placed_at > self.patience_seconds:
            self._move(order, State.GIVING_UP, "nobody answered while it was worth having")
            return
        self._follow_as_it_stands(order, now)

    def _follow_as_it_stands(self, order: Order, now: float) -> None:
        """Ask Conto how it stands and do so; what Conto does not say any more is given up, for nothing was paid."""
        known = self.answers.get(order.key)
        try:
            answer = self.agent.look_again(known) if known else self.agent.look(order.authorization)
        except Refused as refusal:
            self._move(order, State.GIVING_UP, str(refusal))
        else:
            self._follow(order, answer, now)

    def _follow(self, order: Order, answer: Authorization, now: float) -> None:
        """Do as Conto says: money moves on `may_pay` and on nothing else."""
        self.answers[order.key] = answer
        if answer.may_pay:
            self._move(order, State.APPROVED)
        elif answer.status in ("pending_review", "approved"):
            # Approved and not payable is frozen: it may be thawed before the approval expires.
            is_news = order.state is not State.WAITING
            order.due_at = now + answer.look_again_seconds
            self._move(order, State.WAITING, "waits for people" if answer.is_waiting else "frozen", is_news=is_news)
        elif answer.status == "declined":
            ending = Ending.REJECTED if answer.was_reviewed else Ending.DECLINED
            self._end(order, ending, answer.status_reason or ", ".join(answer.reasons))
        elif answer.status == "in_doubt":
            self._move(order, State.DOUBTFUL, answer.status_reason)
        else:
            self._end(order, Ending(answer.status), answer.status_reason)

    def _pay(self, order: Order, now: float) -> None:
        # Noted before money can move: whatever happens from here on is asked about, and never simply done again.
        self._move(order, State.PAYING, is_news=False)
        try:
            order.receipt = self.executor.pay(order)
        except Unreachable:
            self._move(order, State.APPROVED, is_news=False)
            raise
        except Refused as refusal:
            if refusal.code == "may_not_pay":
                # No secret, no payment: an answer that is lost now must not leave it looking half done.
                self._move(order, State.APPROVED, is_news=False)
                self._follow_as_it_stands(order, now)
            else:
                self._move(order, State.GIVING_UP, str(refusal))
        except NotSold as refusal:
            self._move(order, State.GIVING_UP, str(refusal))
        except NoAnswer as silence:
            self._move(order, State.DOUBTFUL, f"the provider was silent: {silence}")
        else:
            self._move(order, State.PAID)

    def _resolve(self, order: Order) -> None:
        """Tell Conto of the doubt first, so that the money stays set aside; then ask the one who knows."""
        if not order.is_doubt_told:
            try:
                self.agent.in_doubt(order.authorization, order.note)
            except Refused as refusal:
                order.note = str(refusal)
            order.is_doubt_told = True
            self.book.save(order)
        order.receipt = self.executor.payment(order)
        if order.receipt is None:
            self._move(order, State.GIVING_UP, "the provider knows of no such payment")
        else:
            self._move(order, State.PAID, "the provider was paid after all")

    def _record(self, order: Order) -> None:
        receipt = order.receipt
        assert receipt is not None, "what was paid has a receipt"
        try:
            flags = self.agent.record(
                order.authorization, amount=receipt.amount, currency=receipt.currency, reference=receipt.reference
            )
        except Refused as refusal:
            self._end(order, Ending.UNREPORTED, str(refusal))
        else:
            self._end(order, Ending.RECORDED, ", ".join(flags))

    def _void(self, order: Order) -> None:
        try:
            self.agent.void(order.authorization, order.note)
        except Refused as refusal:
            order.note = f"{order.note} ({refusal.code})"
        self._end(order, Ending.VOIDED, order.note)

    def _postpone(self, order: Order, why: str, now: float) -> None:
        """Nothing is known to have changed: try again later; an ask that nobody answers in time is given up unpaid."""
        if order.state is State.NEW and now - order.placed_at > self.patience_seconds:
            self._end(order, Ending.NOT_ASKED, why)
            return
        order.due_at = now + TRY_AGAIN_SECONDS
        if order.state is State.NEW:
            order.note = why
        self.book.save(order)

    def _move(self, order: Order, state: State, note: str = "", *, is_news: bool = True) -> None:
        order.state, order.note = state, note or order.note
        self.book.save(order)
        if is_news:
            self.tell(order)

    def _end(self, order: Order, ending: Ending, note: str = "") -> None:
        order.ending, order.note = ending, note
        self.answers.pop(order.key, None)
        self._move(order, State.ENDED)
