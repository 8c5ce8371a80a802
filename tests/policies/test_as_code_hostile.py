"""Files that nobody means well with: refused with the path of what is wrong, and nothing of them is applied."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from audit.models import Event
from people.models import PendingChange
from people.roles import Scope
from policies.engine.types import Mode
from policies.models import Policy, PolicyVersion
from policies.services import publish
from tests.agents.samples import bearer
from tests.factories import NOW, Cast, actor_for, make_cast
from tests.furnished import issue_key
from tests.policies.samples import daily_limit, document
from tests.policies.test_as_code import applied, file_of, planned, research, run, stored

pytestmark = pytest.mark.django_db
TEN_MEGABYTES = "x" * 10_000_000
DEEP: Any = {"policies": []}
for _ in range(200):
    DEEP = {"policies": [DEEP]}

SENT: list[tuple[dict[str, Any], str, str]] = [
    (file_of(research(), research()), "policies[1].ref", "reference_repeated"),
    (file_of(research(colour="red")), "policies[0].colour", "field_unknown"),
    ({**file_of(research()), "colour": "red"}, "file.colour", "field_unknown"),
    (file_of(research(rules=[daily_limit(colour="red")])), "policies[0].rules[0].colour", "field_unknown"),
    (file_of(research(rules=[daily_limit(), daily_limit()])), "policies[0].rules[1].key", "key_repeated"),
    (file_of(research(rules=[daily_limit("1e3")])), "policies[0].rules[0].daily.USD", "amount_invalid"),
    (file_of(research(rules=[{**daily_limit(), "daily": {"USD": True}}])), "policies[0].rules[0].daily.USD", ""),
    (file_of(research(name="a\u0000b")), "policies[0].name", "text_invalid"),
    (file_of(research(name=["a"])), "policies[0].name", "type_wrong"),
    ({"schema": 2, "policies": []}, "schema", "schema_unknown"),
    ({"schema": True, "policies": []}, "schema", "schema_unknown"),
    ({"schema": 1, "policies": {"ref": "x"}}, "policies", "type_wrong"),
]


@pytest.fixture
def people() -> Cast:
    people = make_cast()
    people.organization.name = "Acme"
    people.organization.save(update_fields=["name"])
    applied(people, research(assigned_to={"organization": True}))
    return people


@pytest.fixture
def app(people: Cast) -> Client:
    return Client(headers=bearer(issue_key(people, [Scope.POLICIES], NOW).secret))


def rows() -> tuple[int, ...]:
    return tuple(one.objects.count() for one in (Policy, PolicyVersion, PendingChange, Event))


def call(app: Client, path: str, body: dict[str, Any]) -> Any:
    return app.post(f"/api/v1/policies/{path}", json.dumps(body), content_type="application/json")


def paths_of(problem: dict[str, Any]) -> list[tuple[str, str]]:
    listed = problem.get("errors") or [problem]
    return [(one["field"], one["code"]) for one in listed]


@pytest.mark.parametrize(("file", "path", "code"), SENT)
def test_what_is_wrong_is_named_by_its_path_over_the_api(
    app: Client, file: dict[str, Any], path: str, code: str
) -> None:
    before = rows()
    for address, more in (("plan", {}), ("apply", {"digest": "0" * 64})):
        answer = call(app, address, {"file": file, **more})
        assert answer.status_code == 422
        assert any(field.startswith(path) and found.startswith(code) for field, found in paths_of(answer.json()))
    assert rows() == before


@pytest.mark.parametrize(("file", "path", "code"), SENT)
def test_what_is_wrong_is_named_by_its_path_by_the_command(
    people: Cast, tmp_path: Path, file: dict[str, Any], path: str, code: str
) -> None:
    before, written = rows(), tmp_path / "policies.json"
    written.write_text(json.dumps(file))
    for action in ("plan", "apply"):
        with pytest.raises(CommandError) as refused:
            run(action, str(written))
        assert refused.value.returncode == 1
        assert path in str(refused.value)
        assert code in str(refused.value)
    assert rows() == before


def test_what_is_too_large_is_refused_before_it_is_read(app: Client, people: Cast, tmp_path: Path) -> None:
    before = rows()
    for body in ({"file": file_of(research(description=TEN_MEGABYTES))}, {"file": TEN_MEGABYTES}):
        assert call(app, "plan", body).status_code == 413
        assert call(app, "apply", {**body, "digest": "0" * 64}).status_code == 413
    assert call(app, "plan", {"file": {"schema": 1, "policies": [DEEP]}}).status_code == 400
    path = tmp_path / "policies.yaml"
    for text, words in (
        (f"schema: 1\npolicies: []\n# {TEN_MEGABYTES}", "at most"),
        ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "not read"),
        ("- " * 5_000 + "x", "levels deep"),
        ("schema: 1\nschema: 1\npolicies: []\n", "stands twice"),
        ("!!python/object/apply:os.system ['id']\n", "Tags"),
        ("schema: 1\npolicies: []\n---\nschema: 1\n", "one document"),
    ):
        path.write_text(text)
        for action in ("plan", "apply"):
            with pytest.raises(CommandError) as refused:
                run(action, str(path))
            assert words in str(refused.value)
    assert rows() == before


def test_a_version_that_somebody_publishes_meanwhile_outdates_the_plan(app: Client, people: Cast) -> None:
    body = {"file": file_of(research(rules=[daily_limit("400")]))}
    digest = call(app, "plan", body).json()["digest"]
    publish(
        organization_id=people.organization.pk,
        policy_id=stored(people).pk,
        document=document(daily_limit("450")),
        mode=Mode.ENFORCED,
        actor=actor_for(people.olu),
        now=NOW,
    )
    before = rows()
    answer = call(app, "apply", {**body, "digest": digest})
    assert (answer.status_code, answer.json()["code"]) == (409, "plan_outdated")
    assert rows() == before


def test_another_file_under_the_digest_of_a_plan_is_refused(app: Client) -> None:
    body = {"file": file_of(research(rules=[daily_limit("400")]))}
    digest = call(app, "plan", body).json()["digest"]
    before = rows()
    for other in (
        {"file": file_of(research(rules=[daily_limit("499")]))},
        {**body, "retire_others": True},
    ):
        assert call(app, "apply", {**other, "digest": digest}).json()["code"] == "plan_outdated"
    assert rows() == before


def test_a_key_that_may_only_read_plans_and_applies_nothing(people: Cast) -> None:
    reader = Client(headers=bearer(issue_key(people, [Scope.READ], NOW).secret))
    for path, more in (("plan", {}), ("apply", {"digest": "0" * 64})):
        assert call(reader, path, {"file": file_of(), **more}).status_code == 403


def test_however_many_holidays_a_file_names_they_are_looked_up_once_each(people: Cast) -> None:
    off = [{"key": f"off{n}", "type": "BLACKOUT_PERIOD", "holidays": {"country": "DE"}} for n in range(3)]
    applied(people, research(rules=[daily_limit(), *off]))
    counts = []
    for rules in ([daily_limit("400"), *off], [daily_limit("400")]):
        with CaptureQueriesContext(connection) as asked:
            planned(people, research(rules=rules))
        counts.append(len(asked))
    assert counts[0] - counts[1] <= 1
