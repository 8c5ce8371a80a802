"""Above the confirmation amount a yes needs the second factor of who has one, whichever way the yes takes."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.http import HttpRequest
from django.test import Client

from approvals.models import Authorization, Review
from approvals.services import review as reviews
from approvals.views.proving import SAID
from audit.models import Event
from core.errors import NotAllowed
from core.ids import Prefix, to_public
from people.models import Member, Organization
from people.selectors import SECOND_FACTOR_COUNTS
from tests.approvals.world import World, ask, make_world, stored
from tests.factories import NOW, PASSWORD, actor_for

pytestmark = pytest.mark.django_db

REVIEW: dict[str, Any] = {"key": "people", "type": "APPROVAL_THRESHOLD", "above": {"USD": "50"}}
HTMX = {"HX-Request": "true", "HX-Target": "request"}
YES = {"confirmed": "yes"}


@pytest.fixture(autouse=True)
def at_noon(time_machine: Any) -> Any:
    time_machine.move_to(NOW, tick=False)
    return time_machine


@pytest.fixture
def world() -> World:
    """An organization that confirms above 65, whose reviewer Rui has a second factor."""
    made = make_world(REVIEW)
    Organization.objects.filter(id=made.organization_id).update(confirmation_amount=65)
    set_up(made.cast.rui)
    return made


def set_up(member: Member) -> None:
    TOTP.activate(member.person, generate_totp_secret())


def console(member: Member) -> Client:
    client = Client()
    client.force_login(member.person)
    return client


def prove(client: Client, member: Member, method: str = "mfa") -> None:
    """As allauth's page does where the code was right."""
    request = HttpRequest()
    request.session = client.session
    record_authentication(request, member.person, method, reauthenticated=True)
    request.session.save()


def waiting(world: World, *amounts: str) -> list[str]:
    return [to_public(Prefix.AUTHORIZATION, stored(ask(world, amount)).id) for amount in amounts]


def evidence(html: str) -> str:
    return html.split('name="evidence" value="')[1].split('"', maxsplit=1)[0]


def say_yes(client: Client, public_id: str, *, headers: dict[str, str] | None = None, **said: str) -> Any:
    shown = evidence(client.get(f"/approvals/{public_id}/").content.decode())
    path = f"/approvals/{public_id}/approve/?who=mine"
    return client.post(path, {"evidence": shown, **YES, **said}, headers=headers)


def answers() -> int:
    return Review.objects.filter(closed_at=None).count()


def told() -> dict[str, Any]:
    return Event.objects.filter(action="authorization.reviewed").latest("id").after or {}


def test_without_a_proof_nothing_is_approved_and_the_way_leads_there_and_back(world: World) -> None:
    public_id = waiting(world, "80")[0]
    client = console(world.cast.rui)

    asked = say_yes(client, public_id, reason="As agreed with the vendor")

    address = urlsplit(asked.headers["Location"])
    assert (asked.status_code, address.path, answers()) == (302, "/accounts/2fa/reauthenticate/", 0)
    back = parse_qs(address.query)["next"][0]
    assert back == f"/approvals/{public_id}/approve/?who=mine"
    assert client.get(asked.headers["Location"]).status_code == 200
    prove(client, world.cast.rui)
    step = client.get(back).content.decode().split('id="confirm-approval"')[1].split("</form>")[0]
    assert "As agreed with the vendor" in step
    assert answers() == 0
    done = client.post(back, {"evidence": evidence(step), **YES, "reason": "As agreed with the vendor"})
    assert (done.status_code, answers()) == (302, 1)
    assert Review.objects.get().reason == "As agreed with the vendor"
    assert SAID not in client.session


def test_htmx_is_led_there_as_a_whole_page(world: World) -> None:
    asked = say_yes(console(world.cast.rui), waiting(world, "80")[0], headers=HTMX)

    assert asked.headers["HX-Redirect"].startswith("/accounts/2fa/reauthenticate/?next=%2Fapprovals%2F")
    assert answers() == 0


def test_the_code_itself_is_asked_for_and_counts(world: World) -> None:
    public_id = waiting(world, "80")[0]
    client = console(world.cast.rui)
    code = RecoveryCodes.activate(world.cast.rui.person).get_unused_codes()[0]
    address = say_yes(client, public_id).headers["Location"]

    assert client.post(address, {"code": "000000"}).status_code == 200
    assert say_yes(client, public_id).status_code == 302
    assert answers() == 0
    back = client.post(address, {"code": code})

    assert back.headers["Location"].startswith(f"/approvals/{public_id}/approve/")
    assert say_yes(client, public_id).headers["Location"].endswith(f"after={public_id}")
    assert answers() == 1


def test_the_password_said_again_is_no_second_factor(world: World) -> None:
    public_id = waiting(world, "80")[0]
    world.cast.rui.person.set_password(PASSWORD)
    world.cast.rui.person.save()
    client = console(world.cast.rui)
    prove(client, world.cast.rui, "password")

    assert "/2fa/reauthenticate/" in say_yes(client, public_id).headers["Location"]
    assert answers() == 0


def test_a_proof_counts_for_some_minutes_and_is_told(world: World, at_noon: Any) -> None:
    first, second = waiting(world, "80", "90")
    client = console(world.cast.rui)
    prove(client, world.cast.rui)
    at_noon.move_to(NOW + SECOND_FACTOR_COUNTS - timedelta(seconds=1), tick=False)

    say_yes(client, first)

    assert answers() == 1
    assert told()["second_factor_proven_at"] == NOW.astimezone(UTC).isoformat(timespec="microseconds").replace(
        "+00:00", "Z"
    )
    at_noon.move_to(NOW + SECOND_FACTOR_COUNTS, tick=False)
    assert "/2fa/reauthenticate/" in say_yes(client, second).headers["Location"]
    assert answers() == 1


def test_below_the_amount_and_without_a_second_factor_nobody_is_asked_for_one(world: World) -> None:
    small, large = waiting(world, "60", "80")

    say_yes(console(world.cast.rui), small)
    say_yes(console(world.cast.ada), large)

    assert answers() == 2
    assert "second_factor_proven_at" not in told()


def test_recovery_codes_alone_are_no_second_factor(world: World) -> None:
    RecoveryCodes.activate(world.cast.ada.person)

    say_yes(console(world.cast.ada), waiting(world, "80")[0])

    assert answers() == 1


def test_another_persons_proof_in_the_same_browser_is_none(world: World) -> None:
    client, public_id = console(world.cast.rui), waiting(world, "80")[0]
    prove(client, world.cast.rui)
    set_up(world.cast.ada)
    client.force_login(world.cast.ada.person)

    assert "/2fa/reauthenticate/" in say_yes(client, public_id).headers["Location"]
    assert answers() == 0


def test_a_yes_after_an_undo_needs_it_as_well(world: World, at_noon: Any) -> None:
    client, public_id = console(world.cast.rui), waiting(world, "80")[0]
    prove(client, world.cast.rui)
    at_noon.move_to(NOW + SECOND_FACTOR_COUNTS - timedelta(seconds=1), tick=False)
    say_yes(client, public_id)
    at_noon.move_to(NOW + SECOND_FACTOR_COUNTS, tick=False)
    client.post(f"/approvals/reviews/{to_public(Prefix.REVIEW, Review.objects.get().id)}/undo/")

    assert "/2fa/reauthenticate/" in say_yes(client, public_id).headers["Location"]
    assert answers() == 0


@pytest.mark.parametrize("proven_at", [None, NOW - SECOND_FACTOR_COUNTS])
def test_the_use_case_refuses_whoever_calls_it(world: World, proven_at: datetime | None) -> None:
    one = Authorization.objects.get(id=stored(ask(world, "80")).id)
    shown = console(world.cast.rui).get(f"/approvals/{to_public(Prefix.AUTHORIZATION, one.id)}/").content.decode()

    with pytest.raises(NotAllowed) as refused:
        reviews.approve(
            one.id,
            member=world.cast.rui,
            evidence_digest=evidence(shown),
            reason="",
            actor=actor_for(world.cast.rui),
            now=NOW,
            is_confirmed=True,
            second_factor_at=proven_at,
        )

    assert refused.value.code == "second_factor_required"
    assert answers() == 0


def test_a_factor_that_was_taken_away_is_not_told_as_proven(world: World) -> None:
    client, public_id = console(world.cast.rui), waiting(world, "80")[0]
    prove(client, world.cast.rui)
    Authenticator.objects.all().delete()

    say_yes(client, public_id)

    assert (answers(), "second_factor_proven_at" in told()) == (1, False)


# Several at once ------------------------------------------------------------------------------------------------------


def step_two(html: str, confirmed: Sequence[str]) -> dict[str, Any]:
    fields = re.findall(r'<input type="hidden" name="(evidence-[^"]+)" value="([^"]*)"', html)
    chosen = re.findall(r'<input type="hidden" name="chosen" value="([^"]*)"', html)
    return {**dict(fields), "chosen": chosen, "confirmed": confirmed, "verdict": "approve", "answer": "yes"}


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_of_several_none_is_approved_before_the_proof_and_the_choice_is_kept(
    world: World, headers: dict[str, str]
) -> None:
    small, large, other = waiting(world, "60", "80", "90")
    client = console(world.cast.rui)
    shown = client.post("/approvals/bulk/", {"chosen": [small, large, other], "verdict": "approve"}).content.decode()

    asked = client.post("/approvals/bulk/?who=mine", step_two(shown, [large]), headers=headers)

    address = asked.headers["HX-Redirect" if headers else "Location"]
    assert (parse_qs(urlsplit(address).query)["next"], answers()) == (["/approvals/bulk/?who=mine"], 0)
    prove(client, world.cast.rui)
    again = client.get("/approvals/bulk/?who=mine").content.decode()
    assert re.findall(r'name="confirmed" value="([^"]*)" checked', again) == [large]
    done = client.post("/approvals/bulk/?who=mine", step_two(again, [large])).content.decode()
    assert "2 of 3 approved" in done
    assert answers() == 2
    assert client.get("/approvals/bulk/").status_code == 302


def test_several_that_need_no_confirmation_or_are_rejected_need_no_proof(world: World) -> None:
    small, large = waiting(world, "60", "80")
    client = console(world.cast.rui)
    shown = client.post("/approvals/bulk/", {"chosen": [small, large], "verdict": "approve"}).content.decode()

    assert "1 of 2 approved" in client.post("/approvals/bulk/", step_two(shown, [])).content.decode()
    data = {"chosen": [large], "verdict": "reject", "answer": "yes", "reason": "No", "confirmed": [large]}
    assert "1 of 1 rejected" in client.post("/approvals/bulk/", data).content.decode()


def test_who_has_a_passkey_only_is_led_to_where_that_is_asked_for(world: World) -> None:
    Authenticator.objects.all().delete()
    Authenticator.objects.create(user=world.cast.rui.person, type=Authenticator.Type.WEBAUTHN, data={})

    asked = say_yes(console(world.cast.rui), waiting(world, "80")[0])

    assert asked.headers["Location"].startswith("/accounts/2fa/webauthn/reauthenticate/?next=")
    assert answers() == 0
