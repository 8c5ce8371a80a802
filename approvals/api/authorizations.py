"""Ask, read, list, simulate."""

import hashlib
from collections.abc import Collection, Mapping
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

import orjson
from django.http import HttpResponse
from django.utils.http import parse_etags
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from agents.authentication import AgentAuthentication
from approvals.api.callers import actor_of, asker_of, reach_of
from approvals.api.parsing import parse_ask, parse_key
from approvals.api.shapes import KEY_HEADER, LIST_FILTERS, AskIn, AuthorizationOut, LimitsOut, PageOut, SimulationOut
from approvals.api.simulations import simulation_json
from approvals.lifecycle import Status
from approvals.models import Authorization
from approvals.selectors.answers import Answer, answer, as_json
from approvals.selectors.limits import Limit, limits_of
from approvals.selectors.lists import Chosen, searched_page
from approvals.services.authorize import authorize_payment
from approvals.services.simulate import simulate_payment
from core.canonical import moment_text
from core.clock import now as clock_now
from core.errors import Invalid, NotFound
from core.ids import Prefix, from_public, to_public
from core.money import amount_text
from core.paging import limit_in, moment_in, text_in
from people.authentication import OrganizationAuthentication
from people.roles import Scope
from spend.selectors.payees import public_counterparty

POLL_SECONDS: Final = 2
"""How long an app waits between looks while a person decides."""
BOTH: Final = (AgentAuthentication, OrganizationAuthentication)
TAG: Final = ["Authorizations"]
AGENT_ONLY: Final[Any] = [{"agentKey": []}]
SEEN: Final = OpenApiParameter(
    "If-None-Match", str, OpenApiParameter.HEADER, description="The `ETag` of the last look."
)
SESSION: Final = OpenApiParameter("session", str, description="Also the caps of this session.")


class AuthorizationListView(APIView):
    """All authorizations, and the ask."""

    authentication_classes = BOTH

    @extend_schema(
        tags=TAG,
        operation_id="authorizations_ask",
        auth=AGENT_ONLY,
        parameters=[KEY_HEADER],
        request=AskIn,
        responses={
            201: AuthorizationOut,
            200: OpenApiResponse(AuthorizationOut, "Answered before, under the same key."),
        },
    )
    def post(self, request: Request) -> HttpResponse:
        """Ask whether the agent may make a payment. A decision, declined included, is a success."""
        ask, key = parse_ask(request.data)
        key = parse_key(request.headers.get("Idempotency-Key"), key)
        asked = authorize_payment(asker_of(request), ask, idempotency_key=key, actor=actor_of(request), now=clock_now())
        headers = headers_of(asked.answer)
        if asked.is_replay:
            headers["Idempotent-Replayed"] = "true"
        # Rendered here, for nothing in it needs a renderer, and choosing one takes longer than rendering.
        body = orjson.dumps(as_json(asked.answer))
        status = HTTPStatus.OK if asked.is_replay else HTTPStatus.CREATED
        return HttpResponse(body, status=status, content_type="application/json", headers=headers)

    @extend_schema(tags=TAG, operation_id="authorizations_list", parameters=LIST_FILTERS, responses=PageOut)
    def get(self, request: Request) -> Response:
        """List authorizations, the newest first. Organization keys need scope `read`.

        A page searches a bounded part of the history: with a filter that little fits it may be short, even empty, while
        `next_cursor` leads on. The end is where `next_cursor` is null.
        """
        reach = reach_of(request, Scope.READ)
        page = searched_page(
            chosen_of(request, reach.organization_id, reach.agent_id),
            now=clock_now(),
            cursor=request.query_params.get("cursor", ""),
            limit=limit_in(request.query_params),
        )
        return Response({"data": [summary(row) for row in page.rows], "next_cursor": page.next_cursor or None})


class AuthorizationDetailView(APIView):
    """One authorization."""

    authentication_classes = BOTH

    @extend_schema(
        tags=TAG,
        operation_id="authorizations_read",
        parameters=[SEEN],
        responses={200: AuthorizationOut, 304: OpenApiResponse(description="Nothing changed since that look.")},
    )
    def get(self, request: Request, authorization_id: str) -> Response:
        """Read an authorization.

        While people decide, `Retry-After` says when to look again, `ETag` makes a look cheap.
        """
        reach = reach_of(request, Scope.READ, Scope.RELEASE)
        found = answer(
            reach.organization_id,
            from_public(Prefix.AUTHORIZATION, authorization_id),
            now=clock_now(),
            agent_id=reach.agent_id,
        )
        body = as_json(found)
        headers = headers_of(found) | {"ETag": etag_of(body)}
        if is_known(request.headers.get("If-None-Match", ""), headers["ETag"]):
            return Response(status=304, headers=headers)
        return Response(body, headers=headers)


def is_known(if_none_match: str, tag: str) -> bool:
    """Say whether the caller has this already: one tag of a list, weak or not, or any at all (RFC 9110 §13.1.2)."""
    known = parse_etags(if_none_match)
    return known == ["*"] or tag in {one.removeprefix("W/") for one in known}


class SimulateView(APIView):
    """A decision without effect."""

    authentication_classes = (AgentAuthentication,)

    @extend_schema(tags=TAG, operation_id="authorizations_simulate", request=AskIn, responses=SimulationOut)
    def post(self, request: Request) -> Response:
        """Say what would be answered now; nothing is stored and no counter moves."""
        ask, _ = parse_ask(request.data)
        return Response(simulation_json(ask, *simulate_payment(asker_of(request), ask, now=clock_now())))


class LimitsView(APIView):
    """What the agent may still spend."""

    authentication_classes = (AgentAuthentication,)

    @extend_schema(tags=["Agents"], operation_id="limits_read", parameters=[SESSION], responses=LimitsOut)
    def get(self, request: Request) -> Response:
        """List every cap that counts this agent's spending; `?session=` adds those of a session."""
        session = text_in(request.query_params, "session") or None
        limits = limits_of(asker_of(request), now=clock_now(), session=session)
        return Response({"data": [limit_json(limit) for limit in limits]})


def headers_of(found: Answer) -> dict[str, str]:
    """Return `Retry-After` while a person decides."""
    return {"Retry-After": str(POLL_SECONDS)} if found.status == Status.PENDING_REVIEW else {}


def etag_of(body: dict[str, object]) -> str:
    """Return the entity tag of a body."""
    return f'"{hashlib.sha256(orjson.dumps(body)).hexdigest()[:32]}"'


def chosen_of(request: Request, organization_id: UUID, agent_id: UUID | None) -> Chosen:
    """Return the filter that the query asks for, within what the caller may see."""
    asked = request.query_params
    return Chosen(
        organization_id=organization_id,
        agent_id=agent_id or _id_in(asked, "agent", Prefix.AGENT),
        counterparty_id=_id_in(asked, "counterparty", Prefix.COUNTERPARTY),
        status=_choice_in(asked, "status", [status.value for status in Status]),
        outcome=_choice_in(asked, "outcome", ["allow", "review", "deny"]),
        reason=text_in(asked, "reason"),
        category=text_in(asked, "category"),
        rail=text_in(asked, "rail"),
        session=text_in(asked, "session"),
        currency=text_in(asked, "currency"),
        since=moment_in(asked, "since"),
        until=moment_in(asked, "until"),
    )


def _id_in(query: Mapping[str, str], name: str, prefix: Prefix) -> UUID | None:
    text = query.get(name, "")
    try:
        return from_public(prefix, text) if text else None
    except NotFound:
        raise Invalid("id_invalid", f"Send an id such as {prefix.value}_01k….", field=name) from None


def _choice_in(query: Mapping[str, str], name: str, known: Collection[str]) -> str:
    text = query.get(name, "")
    if text and text not in known:
        raise Invalid("choice", f"Send one of: {', '.join(known)}.", field=name)
    return text


def summary(row: Authorization) -> dict[str, object]:
    """Return an authorization as lists show it."""
    return {
        "id": to_public(Prefix.AUTHORIZATION, row.id),
        "agent": to_public(Prefix.AGENT, row.agent_id),
        "status": row.status,
        "outcome": row.outcome,
        "reasons": row.reasons,
        "amount": amount_text(row.amount),
        "currency": row.currency,
        "counterparty": {
            "id": public_counterparty(row.counterparty_id),
            "name": row.payee.get("name"),
            "identifiers": row.payee.get("identifiers"),
        },
        "category": row.category,
        "rail": row.rail,
        "session": row.session,
        "asked_at": moment_text(row.asked_at),
        "expires_at": None if row.expires_at is None else moment_text(row.expires_at),
    }


def limit_json(limit: Limit) -> dict[str, object]:
    """Return a cap in the API's words."""
    shown = amount_text if limit.currency else str
    return {
        "policy": limit.policy_name,
        "policy_id": limit.policy,
        "mode": limit.mode,
        "rule": limit.rule,
        "rule_key": limit.rule_key,
        "code": limit.code,
        "sentence": limit.sentence,
        "currency": limit.currency or None,
        "limit": shown(limit.limit),
        "used": shown(limit.used),
        "held": shown(limit.held),
        "remaining": shown(limit.remaining),
        "window_ends_at": None if limit.ends_at is None else moment_text(limit.ends_at),
        "rolling": limit.is_rolling,
        "on_breach": "review" if limit.is_soft else "deny",
    }
