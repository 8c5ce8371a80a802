"""Schemathesis sends what the description allows, and what it forbids, to the live server.

Whatever comes, the answer is one that the description names, in the form it gives, and never an accident.
`CONTO_FUZZ_EXAMPLES=500` looks longer, and elsewhere at each run.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import pytest
import schemathesis
from django.core.management import call_command
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoDbBlocker
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from core.clock import now as clock_now
from core.ids import Prefix, new_id, to_public
from people.roles import Scope
from people.services import issue_organization_key
from spend.payee import PayeeClaim
from tests.agents.samples import a_credential, a_key, an_agent
from tests.api.description import described, operations
from tests.approvals.world import add_agent, ask, make_world
from tests.examples.server import LiveConto
from tests.factories import actor_for
from tests.policies.samples import make_policy
from tests.spend.samples import a_counterparty, public

pytestmark = pytest.mark.fuzz

LONGER: Final = os.environ.get("CONTO_FUZZ_EXAMPLES", "")
CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
NAMES: Final = [operation["operationId"] for _, _, operation in operations()]
RULES: Final = (
    {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "100000"}},
    {"key": "pot", "type": "BUDGET_ALLOCATION", "amount": {"USD": "100000"}, "period": "month", "shared": True},
    {"key": "people", "type": "APPROVAL_THRESHOLD", "above": {"USD": "50"}},
)
PAYEE: Final = {"name": "OpenAI", "domain": "api.openai.com"}
PAYMENT: Final = {"amount": "12.50", "currency": "USD", "counterparty": PAYEE}
DOCUMENT: Final = {"schema": 1, "rules": list(RULES)}
POLICY: Final = {"name": "Research", "document": DOCUMENT, "assigned_to": {"organization": True}}
FILE: Final = {"schema": 1, "policies": [{"ref": "research", "name": "Research", "rules": list(RULES)}]}
GOOD: Final[dict[str, dict[str, Any]]] = {
    "authorizations_ask": PAYMENT,
    "authorizations_record": PAYMENT,
    "authorizations_simulate": PAYMENT,
    "backtests_start": {"document": DOCUMENT},
    "counterparties_add_identifier": {"identifier": "domain:api.anthropic.com"},
    "counterparties_create": {"name": "Anthropic", "identifiers": ["domain:anthropic.example"], "country": "US"},
    "policies_apply": {"file": FILE, "digest": "0" * 64},
    "policies_create": POLICY,
    "policies_plan": {"file": FILE},
    "policies_publish": {"document": DOCUMENT},
    "policies_sync": POLICY,
    "sealed_credentials_create": {"name": "Card", "secret": "s3cr3t-of-the-provider", "rails": ["card"]},
    "simulations": {"payment": PAYMENT},
    "spend_records_report": PAYMENT,
}
"""Members that bring a body past the first look, each put into what was generated now and then."""
EXAMPLES: Final = 15


@dataclass(frozen=True)
class Target:
    """The live server, keys that it knows, and things that stand in it, by the parameter that names them."""

    url: str
    secrets: dict[str, str]
    known: dict[str, list[str]]


@pytest.fixture(scope="module")
def target(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Target]:
    conto = LiveConto(tmp_path_factory.mktemp("conto") / "web.log")
    with django_db_blocker.unblock():
        conto.start()
        try:
            yield make_target(conto.url)
        finally:
            conto.supervisor.stop()
            call_command("flush", interactive=False, verbosity=0)


def make_target(url: str) -> Target:
    """One agent calls; what the path of a call names is another's, so that no call locks out those that follow."""
    now = clock_now()
    world = make_world(*RULES, now=now)
    member, other = world.cast.olu, add_agent(world.cast, "Other", now=now)
    bound = an_agent(member, "Bound", external_ref="bound")
    policy = make_policy(world.cast.organization, actor_for(member), name="Another")
    key = issue_organization_key(
        organization_id=member.organization_id,
        name="back end",
        scopes=list(Scope),
        expires_at=None,
        by=member.person,
        actor=actor_for(member),
        now=now,
    )
    payees = [PayeeClaim(f"Vendor {number}", (f"domain:v{number}.example",)) for number in range(4)]
    asked = [ask(world, amount, payee=payee, now=now) for amount in ("12.50", "80") for payee in payees]
    agents = [to_public(Prefix.AGENT, one) for one in (other.agent.id, bound.pk)]
    return Target(
        url,
        {"agentKey": world.secret, "organizationKey": key.secret},
        {
            "agent_id": agents,
            "authorization_id": [to_public(Prefix.AUTHORIZATION, one.answer.id) for one in asked],
            "backtest_id": [to_public(Prefix.BACKTEST, new_id(now))],
            "change_id": [to_public(Prefix.CHANGE, new_id(now))],
            "counterparty_id": [public(a_counterparty(member)), public(a_counterparty(member, "B", identifiers=[]))],
            "credential_id": [to_public(Prefix.CREDENTIAL, a_credential(member, bound).pk)],
            "external_ref": ["bound", "a/b"],
            "identifier": ["domain:api.openai.com"],
            "key_id": [to_public(Prefix.KEY, a_key(member, bound).key.pk) for _ in range(3)],
            "policy_id": [to_public(Prefix.POLICY, policy.pk)],
        },
    )


@cache
def schema() -> Any:
    generation = {"with-security-parameters": False}  # the keys are ours
    config = schemathesis.Config.from_dict({"generation": generation})
    return schemathesis.openapi.from_dict(described(), config=config)


@pytest.mark.parametrize("name", NAMES)
def test_answers_are_what_the_description_says(target: Target, name: str) -> None:
    operation = schema().find_operation_by_label(label_of(name))
    cases = st.one_of(*(operation.as_strategy(mode) for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)))

    @settings(
        max_examples=int(LONGER or EXAMPLES),
        derandomize=not LONGER,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases, data=st.data())
    def send(case: Any, data: st.DataObject) -> None:
        schemes = [scheme for entry in operation.definition.raw["security"] for scheme in entry]
        headers = {"Authorization": f"Bearer {target.secrets[data.draw(st.sampled_from(schemes))]}"}
        for parameter in case.path_parameters or {}:
            if data.draw(st.integers(0, 3)):
                case.path_parameters[parameter] = data.draw(st.sampled_from(target.known[parameter]))
        if name in GOOD and isinstance(case.body, dict):
            fitting = data.draw(st.sets(st.sampled_from(sorted(GOOD[name]))))
            case.body = case.body | {member: GOOD[name][member] for member in fitting}
        case.call_and_validate(base_url=target.url, headers=headers, checks=CHECKS, timeout=20)

    send()


def label_of(name: str) -> str:
    return next(f"{method.upper()} {path}" for method, path, one in operations() if one["operationId"] == name)
