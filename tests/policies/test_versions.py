"""The versions of a policy: listed page by page, compared two by two in words and line by line, brought back."""

import re
from datetime import timedelta

import pytest

from policies.engine.types import Mode
from policies.models import Policy
from policies.services import publish, save_draft
from policies.views.versions import side_by_side
from tests.factories import NOW, Cast, actor_for, make_cast
from tests.policies.samples import daily_limit, document, make_policy, reload
from tests.policies.test_pages import public, signed_in, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> Cast:
    return make_cast()


def published(people: Cast, *amounts: str) -> Policy:
    policy = make_policy(people.organization, actor_for(people.olu))
    for number, amount in enumerate(amounts, 1):
        publish(
            organization_id=policy.organization_id,
            policy_id=policy.pk,
            document=document(daily_limit(amount)),
            mode=Mode.ENFORCED,
            note=f"note {number}",
            actor=actor_for(people.ada),
            now=NOW + timedelta(hours=number),
        )
    return reload(policy.pk)


def test_every_version_says_who_when_and_why(people: Cast) -> None:
    policy = published(people, "600", "700")
    page = text_of(signed_in(people.vera).get(f"/policies/{public(policy)}/versions/").content)
    for words in ("Version 3", "note 2", "Ada", "Version 1", "Olu", "Enforced", "Superseded"):
        assert words in page


def test_many_versions_stand_on_pages_and_the_policy_shows_the_last_ones(people: Cast) -> None:
    policy, vera = published(people, *(str(600 + number) for number in range(51))), signed_in(people.vera)
    at = f"/policies/{public(policy)}"
    first = vera.get(f"{at}/versions/").content.decode()
    assert (">Version 52<" in first, ">Version 3<" in first, ">Version 2<" in first) == (True, True, False)
    behind = re.search(r'rel="next" href="([^"]+)"', first)
    assert behind
    older = vera.get(f"{at}/versions/{behind[1]}").content.decode()
    assert (">Version 2<" in older, ">Version 3<" in older) == (True, False)
    page = vera.get(f"{at}/").content.decode()
    assert (">Version 45<" in page, ">Version 44<" in page) == (True, False)
    assert f'href="{at}/versions/"' in page


def test_two_versions_are_compared_in_words_and_in_the_document(people: Cast) -> None:
    policy, vera = published(people, "600", "700"), signed_in(people.vera)
    at = f"/policies/{public(policy)}/compare/"
    page = vera.get(f"{at}?from=1&to=3")
    words = text_of(page.content)
    assert "At most $500.00 a day. At most $700.00 a day." in words
    assert "This loosens" in words
    assert "<del>        &quot;USD&quot;: &quot;500.00&quot;</del>" in page.content.decode()
    assert "<ins>        &quot;USD&quot;: &quot;700.00&quot;</ins>" in page.content.decode()
    assert "This only tightens" in text_of(vera.get(f"{at}?from=3&to=1").content)
    assert "Version 2 → Version 3" in text_of(vera.get(at).content), "the last two, where nothing is said"
    assert "The documents are the same." in text_of(vera.get(f"{at}?from=2&to=2").content)


def test_documents_that_are_very_long_are_compared_in_words_only(people: Cast) -> None:
    def lists(number: int) -> list[dict[str, object]]:
        allowed = [f"domain:n{place}.example" for place in range(number)]
        return [{"key": f"r{place}", "type": "WHITELIST", "allowed": allowed} for place in range(6)]

    policy = make_policy(people.organization, actor_for(people.olu), *lists(900))
    save_draft(
        organization_id=policy.organization_id,
        policy_id=policy.pk,
        document=document(*lists(901)),
        actor=actor_for(people.olu),
        now=NOW,
    )
    page = text_of(signed_in(people.vera).get(f"/policies/{public(policy)}/compare/?from=1&to=draft").content)
    assert "too long to stand side by side" in page
    assert "In words Changed Only these payees r0" in page


def test_the_draft_is_compared_as_well(people: Cast) -> None:
    policy, vera = published(people), signed_in(people.vera)
    at = f"/policies/{public(policy)}/compare/?from=1&to=draft"
    assert vera.get(at).status_code == 404
    save_draft(
        organization_id=policy.organization_id,
        policy_id=policy.pk,
        document=document(daily_limit("400")),
        actor=actor_for(people.olu),
        now=NOW,
    )
    assert "Version 1 → Draft" in text_of(vera.get(at).content)


@pytest.mark.parametrize("query", ["from=9", "to=x", "from=-1", "from=99999999999999999999", "to=1&from=draft"])
def test_what_is_no_version_is_not_found(people: Cast, query: str) -> None:
    policy = published(people)
    assert signed_in(people.vera).get(f"/policies/{public(policy)}/compare/?{query}").status_code == 404


def test_a_policy_that_was_never_published_has_nothing_to_compare(people: Cast) -> None:
    olu = signed_in(people.olu)
    made = olu.post("/policies/new/", {"name": "New", "starter": "review_above", "organization": "on"})
    at = made["Location"].removesuffix("draft/")
    assert olu.get(f"{at}versions/").status_code == 200
    assert olu.get(f"{at}compare/").status_code == 200


def test_equal_lines_far_from_differences_are_counted() -> None:
    left = [*map(str, range(20)), "a", *map(str, range(20, 40))]
    right = [*map(str, range(20)), "b", "c", *map(str, range(20, 40))]
    lines = list(side_by_side(left, right))
    assert [line.equal for line in lines if line.equal] == [17, 17]
    changed = [(line.left, line.right, line.left_number, line.right_number) for line in lines if line.kind == "changed"]
    assert changed == [("a", "b", 21, 21), ("", "c", None, 22)]
    assert list(side_by_side(left, left)) == []
