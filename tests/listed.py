"""The lists of the console for tests: where each is, how any number of its rows come to be, and what filters them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Final

from agents.models import Agent, AgentKey, SealedCredential
from approvals.models import Authorization
from audit.catalogue import Action
from core.db import rows
from core.ids import Prefix, new_id, to_public
from core.paging import DEFAULT_PAGE
from people.models import Member, OrganizationKey, PendingChange, Person
from policies.models import Policy, PolicyVersion
from spend.models import Counterparty, Hold, Identifier, Peg, SpendRecord
from tests.agents.samples import an_agent
from tests.audit.logbook import tell
from tests.factories import NOW, Cast, actor_for
from tests.policies.samples import make_policy

MANY: Final = DEFAULT_PAGE + 10
FORMULA: Final = "=cmd()"
"""What one of the rows is called, or a part of it."""
OWN_POTS: Final = {"key": "own", "type": "BUDGET_ALLOCATION", "amount": {"USD": "40"}, "period": "day", "shared": False}


@dataclass(frozen=True)
class Listed:
    """One list: how its rows come to be, and a filter that lets every other of them through."""

    address: str
    make: Callable[[Cast, range], str | None]
    """Makes a row for each number, which stands in its name; returns the id that the address lacks."""
    some: str
    others: int = 0
    """Rows besides that pass the filter."""
    is_paged: bool = True
    most: int | None = None
    """Rows that it shows at most of ever so many, saying so."""
    file: str = "export/"
    nothing: str = "q=nowhere-to-be-found"
    """A filter that nothing passes."""
    wrong: tuple[str, ...] = ("sort=nonsense", f"q={'x' * 300}")
    """Filters that make no sense."""
    is_lenient: bool = False
    """Whether its page leaves out of a filter what makes no sense, and says so; its file never does."""


def name(number: int) -> str:
    return f"{FORMULA} {number:03}" if number == 7 else f"Row {number:03}"


def members(cast: Cast, numbers: range) -> None:
    people = [
        Person(id=new_id(NOW), name=name(one), email=f"row{one}@example.com", created_at=NOW, password="!")
        for one in numbers
    ]
    Person.objects.bulk_create(people)
    Member.objects.bulk_create(
        Member(
            id=new_id(NOW), organization=cast.organization, person=person, created_at=NOW,
            roles=["reviewer" if number % 2 else "operator"],
        )
        for number, person in zip(numbers, people, strict=True)
    )  # fmt: skip


def organization_keys(cast: Cast, numbers: range) -> None:
    OrganizationKey.objects.bulk_create(
        OrganizationKey(
            id=new_id(NOW), organization=cast.organization, name=name(number), secret_hash=str(number), scopes=["read"],
            created_by=cast.oona.person, created_at=NOW, revoked_at=NOW if number % 2 else None,
        )
        for number in numbers
    )  # fmt: skip


def the_agent(cast: Cast) -> Agent:
    """The one agent whose keys and credentials these are."""
    return Agent.objects.filter(organization=cast.organization, name="Atlas").first() or an_agent(cast.olu)


def runtime_keys(cast: Cast, numbers: range) -> str:
    agent = the_agent(cast)
    AgentKey.objects.bulk_create(
        AgentKey(
            id=new_id(NOW), organization=cast.organization, agent=agent, name=name(number), secret_hash=str(number),
            created_at=NOW, revoked_at=NOW if number % 2 else None,
        )
        for number in numbers
    )  # fmt: skip
    return to_public(Prefix.AGENT, agent.pk)


def credentials(cast: Cast, numbers: range) -> str:
    agent = the_agent(cast)
    SealedCredential.objects.bulk_create(
        SealedCredential(
            id=new_id(NOW), organization=cast.organization, agent=agent, name=name(number), kind="api_key",
            sealed=b"" if number % 2 else b"sealed", wrapped_key=b"" if number % 2 else b"key",
            kek="" if number % 2 else "test", rails=["card"], created_at=NOW, revoked_at=NOW if number % 2 else None,
        )
        for number in numbers
    )  # fmt: skip
    return to_public(Prefix.AGENT, agent.pk)


def pegs(cast: Cast, numbers: range) -> None:
    Peg.objects.bulk_create(
        Peg(organization=cast.organization, currency=f"C{number:03}", pegged_to="EUR" if number % 2 else "USD")
        for number in numbers
    )


def policies(cast: Cast, numbers: range) -> None:
    Policy.objects.bulk_create(
        Policy(
            id=new_id(NOW), organization=cast.organization, name=name(number), created_at=NOW,
            description="even" if number % 2 == 0 else "odd",
        )
        for number in numbers
    )  # fmt: skip


def versions(cast: Cast, numbers: range) -> str:
    """The first version is that with which a policy begins."""
    policy = Policy.objects.filter(organization=cast.organization, name="Many").first()
    policy = policy or make_policy(cast.organization, actor_for(cast.olu), name="Many")
    first = PolicyVersion.objects.get(policy=policy, number=1)
    PolicyVersion.objects.bulk_create(
        PolicyVersion(
            id=new_id(NOW), organization=cast.organization, policy=policy, number=number + 1, document=first.document,
            digest=first.digest, note="even" if number % 2 else FORMULA, published_at=NOW, published_by_id="x",
            published_by_name="Olu",
        )
        for number in numbers
        if number
    )  # fmt: skip
    return to_public(Prefix.POLICY, policy.pk)


def changes(cast: Cast, numbers: range) -> None:
    PendingChange.objects.bulk_create(
        PendingChange(
            id=new_id(NOW), organization=cast.organization, kind="policy", subject_id=f"pol_{number}",
            title=name(number), content={}, digest="d", loosens=[], proposed_by_kind="person",
            proposed_by_id="x", proposed_by_name="Olu", created_at=NOW, expires_at=NOW + timedelta(days=1),
            closed_at=NOW, closed_as="rejected" if number % 2 else "voided",
        )
        for number in numbers
    )  # fmt: skip


def events(cast: Cast, numbers: range) -> None:
    """One is written as events are; the others are like it."""
    tell(cast.organization.pk, Action.AGENT_FROZEN, subject=FORMULA, now=NOW + timedelta(seconds=numbers.start))
    copied = """
        insert into audit_event select (jsonb_populate_record(one, jsonb_build_object('id', gen_random_uuid(),
            'at', one.at + n * interval '1 second', 'action', case when (n + %(start)s) %% 2 = 0 then %(even)s
            else %(odd)s end))).*
        from audit_event one, generate_series(1, %(number)s) n
        where one.id = (select id from audit_event where organization_id = %(organization)s order by at desc limit 1)
        """
    values = {
        "start": numbers.start, "number": len(numbers) - 1, "organization": cast.organization.pk,
        "even": Action.AGENT_FROZEN.value, "odd": Action.AGENT_THAWED.value,
    }  # fmt: skip
    with_result = f"with made as ({copied} returning 1) select count(*) from made"
    rows(with_result, values)


def agents(cast: Cast, numbers: range) -> None:
    Agent.objects.bulk_create(
        Agent(
            id=new_id(NOW), organization=cast.organization, name=name(number), created_at=NOW, last_seen_at=NOW,
            labels=["odd" if number % 2 else "even"],
        )
        for number in numbers
    )  # fmt: skip


def counterparties(cast: Cast, numbers: range) -> None:
    made = [
        Counterparty(
            id=new_id(NOW), organization=cast.organization, name=name(number), first_seen_at=NOW,
            standing="unknown" if number % 2 else "trusted",
        )
        for number in numbers
    ]  # fmt: skip
    Counterparty.objects.bulk_create(made)
    Identifier.objects.bulk_create(
        Identifier(organization=cast.organization, counterparty=one, kind="domain", value=f"row{number}.example.com")
        for number, one in zip(numbers, made, strict=True)
    )


def budgets(cast: Cast, numbers: range) -> None:
    """Agents with a pot each, half of them by another rule's name."""
    if not Policy.objects.filter(organization=cast.organization).exists():
        make_policy(cast.organization, actor_for(cast.olu), OWN_POTS, name=FORMULA)
    Agent.objects.bulk_create(
        Agent(
            id=new_id(NOW), organization=cast.organization, created_at=NOW,
            name=f"{'Odd' if number % 2 else 'Even'} {number:05}",
        )
        for number in numbers
    )  # fmt: skip


def payments(cast: Cast, numbers: range) -> None:
    """Payments without an authorization, each of its own amount and moment, every other one by card."""
    agent = the_agent(cast)
    common = {"organization": cast.organization, "agent": agent, "currency": "USD", "counting_currency": "USD"}
    holds = [
        Hold(
            id=new_id(NOW), amount=amount(number), held=0, spent=amount(number), is_ask=False,
            rail="bank" if number % 2 else "card", asked_at=NOW - timedelta(seconds=number), **common,
        )
        for number in numbers
    ]  # fmt: skip
    Hold.objects.bulk_create(holds)
    SpendRecord.objects.bulk_create(
        SpendRecord(
            id=new_id(NOW), hold=hold, kind="payment", amount=hold.amount, payee={"name": name(number)},
            body_digest="d", flags=["unauthorized", *(["over"] if number % 2 == 0 else [])], reported_by="x",
            recorded_at=hold.asked_at, **common,
        )
        for number, hold in zip(numbers, holds, strict=True)
    )  # fmt: skip


def authorizations(cast: Cast, numbers: range) -> None:
    """Asks that were allowed and recorded, each at its own moment, every other one by card."""
    agent = the_agent(cast)
    Authorization.objects.bulk_create(
        Authorization(
            id=new_id(NOW), organization=cast.organization, agent=agent, body_digest="d", amount=amount(number),
            currency="USD", counting_currency="USD", payee={"name": name(number), "identifiers": []}, payee_digest="d",
            rail="bank" if number % 2 else "card", outcome="allow", facts={}, status="recorded",
            decision={"outcome": "allow", "reasons": [], "checks": []}, asked_at=NOW - timedelta(seconds=number),
            closed_at=NOW, changed_at=NOW,
        )
        for number in numbers
    )  # fmt: skip


def amount(number: int) -> Decimal:
    """Neither rising nor falling with the number, and some of them alike."""
    return Decimal(1 + number * 7 % 1000)


LISTS: Final = (
    Listed("/settings/members/", members, "role=operator", others=1),
    Listed("/settings/keys/", organization_keys, "status=active"),
    Listed("/agents/{}/keys/", runtime_keys, "status=active"),
    Listed("/agents/{}/credentials/", credentials, "status=active"),
    Listed("/counterparties/pegs/", pegs, "q=usd", is_paged=False),
    Listed("/policies/", policies, "q=even"),
    Listed("/policies/{}/versions/", versions, "q=even"),
    Listed("/approvals/changes/", changes, "status=voided"),
    Listed("/audit/", events, "action=agent.frozen", file="table/"),
    Listed("/agents/", agents, "label=even", is_lenient=True, wrong=("sort=nonsense", "label=nonsense")),
    Listed("/counterparties/", counterparties, "standing=trusted"),
    Listed(
        "/authorizations/", authorizations, "rail=card", nothing="rail=invoice", wrong=("sort=nonsense", "rail=none")
    ),
    Listed("/budgets/", budgets, "q=even", most=500),
    Listed(
        "/analytics/payments/",
        payments,
        "rail=card",
        nothing="rail=invoice",
        wrong=("sort=nonsense", "rail=nonsense", "since=nonsense"),
    ),
    Listed("/analytics/flagged/", payments, "flag=over", nothing="flag=late", wrong=("sort=nonsense", "flag=nonsense")),
)
