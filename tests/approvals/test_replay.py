"""Replay: every stored decision comes out again byte for byte, and what was changed behind its back is found."""

from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from approvals.models import Authorization
from approvals.replay.decisions import Difference, Replayed, replay
from conto_admin.management.commands.seed_demo import make
from core.db import rows
from core.ids import Prefix, to_public
from policies.engine.rules import RuleType
from tests.approvals.history import History
from tests.approvals.world import ask, make_world, stored
from tests.factories import NOW

pytestmark = pytest.mark.django_db(transaction=True)

LIMIT = {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "100"}}


def differences() -> list[Difference]:
    return list(replay(Replayed()))


def change(assignments: str) -> None:
    """Change stored authorizations as whoever holds the database could, past its triggers."""
    rows("set session_replication_role = replica")
    rows(f"update approvals_authorization set {assignments}")
    rows("set session_replication_role = origin")


def test_every_decision_of_a_varied_history_comes_out_again() -> None:
    History().live()
    stories = Authorization.objects.all()
    counted = Replayed()

    assert list(replay(counted)) == []
    assert counted.decisions == stories.count() + stories.exclude(redecision=None).count()
    assert set(stories.values_list("outcome", flat=True)) == {"allow", "review", "deny"}
    again = stories.exclude(redecision=None).values_list("redecision__outcome", flat=True)
    assert set(again) == {"review", "deny"}
    checks = [check for one in stories for check in one.decision["checks"]]
    assert {check["rule"] for check in checks} == set(RuleType)
    assert {check["mode"] for check in checks} == {"enforced", "shadow"}


def test_every_decision_of_the_demo_comes_out_again() -> None:
    make(datetime(2026, 11, 27, 15, 20, tzinfo=UTC), days=2)
    out = StringIO()

    call_command("replay", stdout=out)

    made = Authorization.objects.count() + Authorization.objects.exclude(redecision=None).count()
    assert out.getvalue() == f"{made} decisions were made again, each byte for byte as it is stored.\n"


@pytest.mark.parametrize(
    ("planted", "path"),
    [
        ("""decision = jsonb_set(decision, '{checks,0,used}', '"1"')""", "checks[0].used"),
        ("""decision = jsonb_set(decision, '{outcome}', '"review"')""", "outcome"),
        ("""facts = jsonb_set(facts, '{payment,amount}', '"11"')""", "checks[0].remaining"),
        ("facts = jsonb_set(facts, '{facts,tallies}', '{}')", "checks[0].code"),
        ("facts = '{}'", "facts"),
        ("""facts = jsonb_set(facts, '{policies,0,version_id}', '"plv_01k00000000000000000000000"')""", "facts"),
        ("versions = '{}'", "versions"),
        ("reasons = '{budget}'", "reasons"),
        ("outcome = 'review'", "outcome"),
    ],
)
def test_a_planted_change_is_found(planted: str, path: str) -> None:
    one = stored(ask(make_world(LIMIT), "10"))
    assert differences() == []

    change(planted)

    found = differences()
    assert path in {difference.path for difference in found}
    assert {difference.authorization for difference in found} == {to_public(Prefix.AUTHORIZATION, one.id)}


def test_a_changed_answer_at_quorum_is_found() -> None:
    History().live()

    change("redecision = jsonb_set(redecision, '{rests_on_earlier}', '\"perhaps\"') where redecision is not null")

    assert {(one.which, one.path) for one in differences()} == {("redecision", "rests_on_earlier")}


def test_the_command_names_each_difference_and_fails() -> None:
    one = stored(ask(make_world(LIMIT), "10"))
    change("""decision = jsonb_set(decision, '{checks,0,limit}', '"200"')""")
    told = StringIO()

    with pytest.raises(CommandError, match="1 differences in 1 decisions") as failed:
        call_command("replay", stderr=told)

    assert failed.value.returncode == 1
    name = to_public(Prefix.AUTHORIZATION, one.id)
    assert told.getvalue() == f"{name} decision: checks[0].limit is stored as 200 and comes out as 100\n"


def test_only_one_organization_or_what_came_later_is_replayed() -> None:
    world = make_world(LIMIT)
    ask(world, "10")
    change("facts = '{}'")
    mine, out = to_public(Prefix.ORGANIZATION, world.organization_id), StringIO()
    other = to_public(Prefix.ORGANIZATION, world.cast.mallory.organization_id)

    with pytest.raises(CommandError):
        call_command("replay", "--organization", mine, stderr=StringIO())
    call_command("replay", "--organization", other, stdout=out)
    call_command("replay", "--since", f"{NOW:%Y-%m-%dT%H:%M:%S}.000001Z", stdout=out)

    assert out.getvalue() == "0 decisions were made again, each byte for byte as it is stored.\n" * 2


@pytest.mark.parametrize("wrong", [["--organization", "org_nobody"], ["--since", "yesterday"]])
def test_what_names_nothing_is_said(wrong: list[str]) -> None:
    with pytest.raises(CommandError, match="is not"):
        call_command("replay", *wrong)
