"""The log page, the history on other pages, and what an auditor downloads."""

import csv
import re
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from audit.catalogue import Action
from audit.models import Checkpoint, Event, Leaf
from audit.services.sealing import seal
from core.actor import Actor, ActorKind
from core.ids import Prefix, to_public
from tests.audit.logbook import AGENT, VERIFIER, freeze, run_verifier, signed_in, tamper, tell, text_of
from tests.factories import NOW, Cast, make_cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> Cast:
    return make_cast()


def part(client: Client, address: str) -> str:
    """What a page is given that asks for a part."""
    return client.get(address, headers={"HX-Request": "true"}).content.decode()


def test_the_log_tells_what_happened_in_sentences(people: Cast) -> None:
    freeze(people.organization.pk)
    page = text_of(signed_in(people.vera), "/audit/")
    assert "Ada froze agent Research" in page
    assert "frozen no yes" in page
    assert "192.0.2.7" in page


def test_a_payment_is_called_by_what_it_is_about(people: Cast) -> None:
    for action, subject, after in (
        (Action.AUTHORIZATION_APPROVED, "atz_1", {"amount": "12.50", "currency": "USD", "payee": "OpenAI"}),
        (Action.AUTHORIZATION_EXPIRED, "atz_2", {"amount": "7", "currency": "EUR"}),
        (Action.AUTHORIZATION_VOIDED, "atz_01k00000000000000abcdef", {"reason": "no use"}),
        (Action.AUTHORIZATION_CREDENTIAL_RELEASED, "atz_01k00000000000000abcdee", {"name": "Atlas account"}),
    ):
        tell(people.organization.pk, action, kind="authorization", subject=subject, after=after)
    page = text_of(signed_in(people.vera), "/audit/")
    assert "Authorization of 12.50 USD to OpenAI was approved" in page
    assert "The time of authorization of 7 EUR ran out" in page
    assert "Ada gave up authorization atz_…abcdef" in page
    assert "Ada was given a secret to pay authorization atz_…abcdee" in page


def test_every_role_reads_the_log_and_nobody_else(people: Cast) -> None:
    for member in people.members():
        assert signed_in(member).get("/audit/").status_code == 200
    response = Client().get("/audit/?action=agent")
    assert (response.status_code, response["Location"]) == (302, "/accounts/login/?next=/audit/%3Faction%3Dagent")


@pytest.mark.parametrize("address", ["/audit/", f"/audit/history/{AGENT}/", "/audit/seal/"])
def test_another_organization_sees_nothing_of_it(people: Cast, address: str) -> None:
    freeze(people.organization.pk, name="Secret plans")
    seal(people.organization.pk, now=NOW)
    page = text_of(signed_in(people.mallory), address)
    assert "Secret plans" not in page
    assert "#0" not in page


def test_an_empty_log_says_what_will_stand_there(people: Cast) -> None:
    page = text_of(signed_in(people.vera), "/audit/")
    assert "Nothing has happened yet" in page
    assert "Nothing is sealed yet" in page


def test_an_event_has_a_page_of_its_own_with_its_place_in_the_log(people: Cast, tmp_path: Path) -> None:
    for name in ("Research", "Painting", "Travel"):
        freeze(people.organization.pk, name=name)
    client, one = signed_in(people.vera), Event.objects.order_by("id")[1]
    address = f"/audit/events/{to_public(Prefix.EVENT, one.pk)}/"
    assert "Not sealed yet" in text_of(client, address)
    seal(people.organization.pk, now=NOW)
    page = text_of(client, address)
    assert "Ada froze agent Painting" in page
    assert "Leaf #1" in page
    assert bytes(one.leaf.hash).hex() in page
    assert f'href="{address}"' in client.get("/audit/").content.decode()
    proof = tmp_path / "proof.jsonl"
    proof.write_bytes(b"".join(client.get(f"{address}proof/")))
    code, said = run_verifier(proof)
    assert (code, "1 events of a log of 3" in said) == (0, True), said


def test_an_event_of_another_organization_is_not_found(people: Cast) -> None:
    freeze(people.organization.pk)
    address = f"/audit/events/{to_public(Prefix.EVENT, Event.objects.get().pk)}/"
    for path in (address, f"{address}proof/", "/audit/events/evt_nonsense/"):
        assert signed_in(people.mallory).get(path).status_code == 404


def test_what_cannot_be_proven_is_refused_and_not_sent_by_half(people: Cast) -> None:
    freeze(people.organization.pk)
    seal(people.organization.pk, now=NOW)
    freeze(people.organization.pk)
    stray = Event.objects.get(leaf=None)
    Leaf.objects.create(organization_id=people.organization.pk, index=1, event=stray, hash=bytes(32))
    Checkpoint.objects.create(
        organization_id=people.organization.pk, size=2, root=bytes(32), frontier=b"", text="forged", at=NOW
    )
    response = signed_in(people.vera).get("/audit/export/?action=agent")
    assert response.status_code == 409


def test_pages_lead_forth_and_back(people: Cast) -> None:
    for step in range(120):
        tell(people.organization.pk, after={"name": f"Agent {step:03}"}, now=NOW + timedelta(seconds=step))
    client = signed_in(people.vera)
    first = client.get("/audit/").content.decode()
    address = "/audit/" + unescape(re.findall(r'rel="next" href="([^"]+)"', first)[0])
    second = client.get(address).content.decode()
    assert "Agent 119" in first
    assert "Agent 069" in second
    assert "Agent 070" not in second
    back = "/audit/" + unescape(re.findall(r'rel="prev" href="([^"]+)"', second)[0])
    again = client.get(back).content.decode()
    assert re.findall(r"Agent \d{3}", again) == re.findall(r"Agent \d{3}", first)


def test_what_was_written_by_others_is_escaped(people: Cast) -> None:
    villain = Actor(ActorKind.AGENT, "agt_<b>", "<script>alert(1)</script>", None)
    tell(people.organization.pk, actor=villain, subject='"><img src=x>', after={"name": "<i>", "<u>": "<s>"})
    for address in ("/audit/", "/audit/history/%22%3E%3Cimg%20src=x%3E/"):
        page = part(signed_in(people.vera), address)
        assert not re.search(r"<script>alert|<img src=x|<i>|<u>|<s>", page)
        assert "&lt;script&gt;" in page


def test_a_page_that_shows_the_seal_gets_no_answer_until_it_changes(people: Cast, time_machine: Any) -> None:
    time_machine.move_to(NOW, tick=False)
    client = signed_in(people.vera)
    page = client.get("/audit/").content.decode()
    shown = page.partition('id="seal"')[2].partition('{"If-None-Match": "\\"')[2].partition("\\")[0]
    assert len(shown) > 1

    same = client.get("/audit/seal/", headers={"If-None-Match": f'"{shown}"'})
    assert (same.status_code, same.content) == (204, b"")
    freeze(people.organization.pk)
    changed = client.get("/audit/seal/", headers={"If-None-Match": f'"{shown}"'})
    assert "1 event, the oldest" in re.sub(r"<[^>]+>", "", changed.content.decode())
    assert client.get("/audit/seal/", headers={"If-None-Match": changed["ETag"]}).status_code == 204
    assert changed["ETag"].strip('"') in changed.content.decode()


def test_the_state_of_the_seal(people: Cast) -> None:
    freeze(people.organization.pk)
    client = signed_in(people.vera)
    assert "1 event, the oldest" in text_of(client, "/audit/seal/")
    seal(people.organization.pk, now=NOW)
    page = text_of(client, "/audit/seal/")
    assert "Sealed up to event #0" in page
    assert "not yet, runs every night" in page
    assert "Not sealed yet 0 events" in page


def test_a_damaged_log_is_shown_as_broken(people: Cast) -> None:
    freeze(people.organization.pk)
    seal(people.organization.pk, now=NOW)
    freeze(people.organization.pk)
    stray = Event.objects.get(leaf=None)
    Leaf.objects.create(organization_id=people.organization.pk, index=7, event=stray, hash=bytes(32))
    page = text_of(signed_in(people.vera), "/audit/seal/")
    assert "Broken" in page
    assert "verify_audit" in page


def test_the_history_of_one_object_stands_on_its_page(people: Cast) -> None:
    freeze(people.organization.pk, name="Research")
    freeze(people.organization.pk, name="Painting", subject="agt_other")
    page = text_of(signed_in(people.vera), f"/audit/history/{AGENT}/")
    assert "Ada froze agent Research" in page
    assert "Painting" not in page
    assert "The whole history" not in page


def test_a_long_history_leads_to_the_log(people: Cast) -> None:
    for _ in range(31):
        freeze(people.organization.pk)
    page = part(signed_in(people.vera), f"/audit/history/{AGENT}/")
    assert page.count("froze agent") == 30
    assert f"/audit/?subject={AGENT}" in page


def test_without_scripts_the_link_leads_to_the_log(people: Cast) -> None:
    response = signed_in(people.vera).get("/audit/history/agt_%26/")
    assert (response.status_code, response["Location"]) == (302, "/audit/?subject=agt_%26")


def test_an_object_without_history_has_none_to_show(people: Cast) -> None:
    assert "Nothing has happened yet" in text_of(signed_in(people.vera), "/audit/history/agt_nobody/")
    assert signed_in(people.vera).get("/audit/history/a%00/").status_code == 404


def test_an_auditor_takes_home_a_proof(people: Cast, tmp_path: Path) -> None:
    client = signed_in(people.vera)
    assert client.get("/audit/checkpoint/").status_code == 404
    freeze(people.organization.pk)
    seal(people.organization.pk, now=NOW)
    kept = tmp_path / "kept.txt"
    kept.write_bytes(client.get("/audit/checkpoint/").content)
    freeze(people.organization.pk, subject="agt_other")
    seal(people.organization.pk, now=NOW)
    response = client.get("/audit/export/")
    assert re.fullmatch(r'attachment; filename="conto-audit-org_\w+-\d+T\d+Z\.jsonl"', response["Content-Disposition"])
    whole = tmp_path / "whole.jsonl"
    whole.write_bytes(b"".join(response))
    assert run_verifier(whole, kept)[0] == 0
    chosen = tmp_path / "chosen.jsonl"
    chosen.write_bytes(b"".join(client.get("/audit/export/?subject=agt_other")))
    code, said = run_verifier(chosen)
    assert (code, "1 events of a log of 2" in said) == (0, True), said


def test_the_log_as_a_table(people: Cast) -> None:
    tell(people.organization.pk, actor=Actor(ActorKind.AGENT, "agt_2", "=1+1", None), after={"step": 1, "name": "café"})
    tell(people.organization.pk, subject="agt_other")
    client = signed_in(people.vera)
    page = client.get(f"/audit/?subject={AGENT}").content.decode()
    address = f"/audit/table/?subject={AGENT}"
    assert f'href="{address}"' in page
    response = client.get(address)
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    names, row = csv.reader(b"".join(response).decode().splitlines())
    told = dict(zip(names, row, strict=True))
    assert (told["actor_name"], told["subject_id"], told["leaf_index"]) == ("'=1+1", AGENT, "")
    assert (told["before"], told["after"]) == ("", '{"name":"café","step":1}')
    assert b"agt_other" in b"".join(client.get("/audit/table/"))


def test_a_table_is_longer_than_a_page(people: Cast) -> None:
    for step in range(205):
        tell(people.organization.pk, after={"step": step}, now=NOW + timedelta(seconds=step))
    table = b"".join(signed_in(people.vera).get("/audit/table/"))
    assert len(table.splitlines()) == 206


def test_the_verifier_is_sent_as_it_is(people: Cast) -> None:
    response = signed_in(people.vera).get("/audit/verifier/")
    assert b"".join(response) == VERIFIER.read_bytes()


@pytest.mark.parametrize(
    "address", ["/audit/", "/audit/seal/", "/audit/history/x/", "/audit/export/", "/audit/table/", "/audit/verifier/"]
)
def test_nothing_here_is_changed_by_a_request(people: Cast, address: str) -> None:
    assert signed_in(people.ada).post(address).status_code == 405


def test_a_longer_log_costs_no_more_queries(people: Cast) -> None:
    client, counts = signed_in(people.vera), []
    for _ in range(2):
        for _ in range(20):
            freeze(people.organization.pk)
        seal(people.organization.pk, now=NOW)
        with CaptureQueriesContext(connection) as queries:
            client.get("/audit/")
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.parametrize("change", ["actor_name = 'Mallory'", "after = '{\"frozen\": 3.5}'"])
def test_an_event_that_is_not_what_was_sealed_is_marked_wherever_it_is_told(people: Cast, change: str) -> None:
    organization_id = people.organization.pk
    freeze(organization_id)
    freeze(organization_id, name="Other", subject="agt_other")
    seal(organization_id, now=NOW)
    changed, untouched = Event.objects.order_by("id")
    tamper(f"update audit_event set {change} where id = %s", changed.pk)

    vera = signed_in(people.vera)
    _, *shown = vera.get("/audit/").content.decode().split('<tr id="')
    marked = {one.partition('"')[0]: 'data-status="broken"' in one for one in shown}
    assert marked == {to_public(Prefix.EVENT, one.pk): one is changed for one in (changed, untouched)}
    for one, is_said in ((changed, True), (untouched, False)):
        address = f"/audit/events/{to_public(Prefix.EVENT, one.pk)}/"
        assert ("This is not what was sealed" in text_of(vera, address)) == is_said
        assert ("This is not what was sealed" in text_of(vera, f"/audit/history/{one.subject_id}/")) == is_said
