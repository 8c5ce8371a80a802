"""Every runtime key and every sealed credential of an agent, ended ones included; no secret among them."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from agents.forms import CredentialFilterForm, KeyFilterForm
from agents.models import Agent, AgentKey, SealedCredential
from agents.selectors import agent_of, listed_credentials, listed_keys
from agents.views.shown import credential_line, key_line
from core.canonical import moment_text
from core.clock import now as clock_now
from core.ids import Prefix, from_public
from core.lists import ListFilter, Page, around, asked_page, every
from core.tables import csv_answer
from core.templatetags.statuses import status_of
from people.permissions import MemberRequest, needs
from people.roles import Right

KEY_COLUMNS: Final = ("id", "name", "status", "issued", "expires", "last used", "revoked", "replaced by")
CREDENTIAL_COLUMNS: Final = (
    "id", "name", "kind", "status", "rails", "counterparties", "released by", "sealed", "replaced", "revoked",
)  # fmt: skip


@require_safe
@needs(Right.READ)
def keys(request: MemberRequest, public_id: str) -> HttpResponse:
    """List an agent's runtime keys."""
    agent, form, now = _agent(request, public_id), KeyFilterForm(request.GET), clock_now()
    page = asked_page(
        request.GET,
        form,
        lambda: listed_keys(agent.organization_id, agent.pk, words=form.words(), status=form.chosen("status"), now=now),
    )
    lines = {"key_lines": [key_line(one, now=now) for one in page.rows]}
    return render(request, "agents/all_keys.html", _context(request, agent, public_id, form, page, "keys") | lines)


@require_safe
@needs(Right.READ)
def export_keys(request: MemberRequest, public_id: str) -> StreamingHttpResponse:
    """Send the runtime keys of the list as CSV: all that the filter lets through."""
    agent, form, now = _agent(request, public_id), KeyFilterForm(request.GET), clock_now()
    form.must_make_sense()
    found = listed_keys(agent.organization_id, agent.pk, words=form.words(), status=form.chosen("status"), now=now)
    lines = (tuple(_key_cells(one, now)) for one in every(found, form.order()))
    return csv_answer(f"keys-{public_id}-{now:%Y-%m-%d}.csv", KEY_COLUMNS, lines)


@require_safe
@needs(Right.READ)
def credentials(request: MemberRequest, public_id: str) -> HttpResponse:
    """List an agent's sealed credentials."""
    agent, form = _agent(request, public_id), CredentialFilterForm(request.GET)
    page = asked_page(
        request.GET,
        form,
        lambda: listed_credentials(agent.organization_id, agent.pk, words=form.words(), status=form.chosen("status")),
    )
    lines = {"credential_lines": [credential_line(one) for one in page.rows]}
    context = _context(request, agent, public_id, form, page, "credentials")
    return render(request, "agents/all_credentials.html", context | lines)


@require_safe
@needs(Right.READ)
def export_credentials(request: MemberRequest, public_id: str) -> StreamingHttpResponse:
    """Send the sealed credentials of the list as CSV, without what is sealed: all that the filter lets through."""
    agent, form = _agent(request, public_id), CredentialFilterForm(request.GET)
    form.must_make_sense()
    found = listed_credentials(agent.organization_id, agent.pk, words=form.words(), status=form.chosen("status"))
    lines = (tuple(_credential_cells(one)) for one in every(found, form.order()))
    return csv_answer(f"credentials-{public_id}-{clock_now():%Y-%m-%d}.csv", CREDENTIAL_COLUMNS, lines)


def _agent(request: MemberRequest, public_id: str) -> Agent:
    return agent_of(request.member.organization_id, from_public(Prefix.AGENT, public_id))


def _context(
    request: MemberRequest, agent: Agent, public_id: str, form: ListFilter, page: Page[Any], what: str
) -> dict[str, Any]:
    list_url, export_url = (reverse(f"agents:{one}", args=[public_id]) for one in (what, f"export_{what}"))
    return {
        "agent": agent,
        "public_id": public_id,
        "may_manage": request.member.may(Right.MANAGE_AGENTS) and agent.retired_at is None,
        "may_revoke": request.member.may(Right.MANAGE_AGENTS),
        **around(request.GET, form, page, list_url=list_url, export_url=export_url),
    }


def _key_cells(key: AgentKey, now: datetime) -> Iterator[str]:
    line = key_line(key, now=now)
    yield from (line.public_id, key.name, status_of(line.status, "key").word)
    yield from map(_moment, (key.created_at, key.expires_at, key.last_used_at, key.revoked_at))
    yield line.successor


def _credential_cells(credential: SealedCredential) -> Iterator[str]:
    line = credential_line(credential)
    yield from (line.public_id, credential.name, line.kind, status_of(line.status, "key").word)
    yield from (" ".join(credential.rails), " ".join(line.counterparties))
    yield "executor or agent" if credential.may_agent_release else "executor"
    yield from map(_moment, (credential.created_at, credential.replaced_at, credential.revoked_at))


def _moment(moment: datetime | None) -> str:
    return "" if moment is None else moment_text(moment)
