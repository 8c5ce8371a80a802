"""The API of backtests: a draft asked of history, with the key that writes policies."""

from datetime import timedelta
from typing import Any, Final, cast

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from agents.api.shapes import TextField
from approvals.api.callers import actor_of, named_in
from approvals.models import Backtest
from approvals.selectors import backtests as selectors
from approvals.services.backtests import TASK, Wanted, cancel_backtest, start_backtest
from core.broker import wake
from core.canonical import moment_text
from core.clock import now as clock_now
from core.errors import Invalid
from core.ids import EPOCH, Prefix, from_public, to_public
from people.authentication import OrganizationAuthentication, OrganizationCaller
from people.roles import Scope
from policies.api.calls import demanded, read
from policies.api.shapes import DocumentField, Strict, TargetsIn, TargetsOut, targets_in
from policies.selectors import Targets

TAG: Final = ["Policies"]
ACCEPTED: Final = 202
DEFAULT_PERIOD: Final = timedelta(days=30)
ID_LENGTH: Final = 60
STATES: Final = ["waiting", "running", "done", "cancelled", "failed"]
OUTCOMES: Final = ["allow", "review", "deny"]


class BacktestIn(Strict):
    """What to ask of history."""

    policy = TextField(max_length=ID_LENGTH, help_text="The policy in whose place the draft stands.")
    document = DocumentField(required=False, help_text="The draft; the policy's stored draft where it is not sent.")
    assigned_to = TargetsIn(required=False, help_text="Whom the policy binds now, where it is not sent.")
    agent = TextField(max_length=ID_LENGTH, required=False, help_text="Only this agent's asks.")
    since = serializers.DateTimeField(required=False, help_text="30 days ago where it is not sent.")
    until = serializers.DateTimeField(required=False, help_text="Now where it is not sent.")


class FigureOut(serializers.Serializer[Any]):
    """A number of payments, and their sums by currency."""

    number = serializers.IntegerField()
    sums = serializers.DictField(child=serializers.CharField())


class CellOut(FigureOut):
    """Payments with one outcome then and one with the draft."""

    before = serializers.ChoiceField(OUTCOMES)
    after = serializers.ChoiceField(OUTCOMES)


class ResultOut(serializers.Serializer[Any]):
    """What came out: every payment of the period counts in one cell."""

    asks = serializers.IntegerField()
    changed = serializers.IntegerField()
    sentence = serializers.CharField(help_text="For people.")
    stricter = FigureOut()
    looser = FigureOut()
    cells = CellOut(many=True)
    days = serializers.ListField(child=serializers.DictField(), help_text="Per day: outcomes, and what was allowed.")


class BacktestOut(serializers.Serializer[Any]):
    """A draft asked of history; `result` is null until it is done."""

    id = serializers.CharField()
    policy = serializers.CharField()
    agent = serializers.CharField(allow_null=True)
    assigned_to = TargetsOut()
    status = serializers.ChoiceField(STATES)
    why = serializers.CharField(help_text="Why it failed.")
    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    total = serializers.IntegerField()
    done = serializers.IntegerField()
    asked_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    assumptions = serializers.ListField(child=serializers.CharField())
    result = ResultOut(allow_null=True)


class BacktestsOut(serializers.Serializer[Any]):
    """The backtests that are kept, the newest first."""

    data = BacktestOut(many=True)  # type: ignore[assignment]


class ChangedOut(serializers.Serializer[Any]):
    """One payment whose outcome changes, with the new answer as it would be stored."""

    number = serializers.IntegerField()
    authorization = serializers.CharField()
    before = serializers.ChoiceField(OUTCOMES)
    after = serializers.ChoiceField(OUTCOMES)
    decision = serializers.DictField()


class ChangesOut(serializers.Serializer[Any]):
    """The first payments of each kind of change, in the order of time; the result counts all of them."""

    data = ChangedOut(many=True)  # type: ignore[assignment]


class Backtests(APIView):
    """All backtests that are kept."""

    authentication_classes = (OrganizationAuthentication,)

    @extend_schema(
        tags=TAG,
        operation_id="backtests_list",
        parameters=[OpenApiParameter("policy", str, description="Only of this policy.")],
        responses=BacktestsOut,
        summary="List backtests",
    )
    def get(self, request: Request) -> Response:
        """Return the newest backtests."""
        caller, policy = demanded(request, Scope.READ), request.query_params.get("policy")
        with named_in("policy"):
            of = None if policy is None else from_public(Prefix.POLICY, policy)
        found = selectors.backtests_of(caller.organization_id, policy_id=of)
        return Response({"data": [backtest_json(row) for row in found]})

    @extend_schema(
        tags=TAG,
        operation_id="backtests_start",
        request=BacktestIn,
        responses={ACCEPTED: BacktestOut},
        summary="Start a backtest",
        description="Ask history what a draft and the other current policies would have answered. The worker follows "
        "it; look again at the id. An organization has one at a time (409 `backtest_under_way`).",
    )
    def post(self, request: Request) -> Response:
        """Put a backtest before the worker."""
        caller, now = demanded(request, Scope.POLICIES), clock_now()
        sent = read(BacktestIn, request)
        until = sent.get("until", now)
        with named_in("agent"):
            agent = from_public(Prefix.AGENT, sent["agent"]) if "agent" in sent else None
        with named_in("policy"):
            wanted = Wanted(
                policy_id=from_public(Prefix.POLICY, sent["policy"]),
                since=sent["since"] if "since" in sent else max(until, EPOCH) - DEFAULT_PERIOD,
                until=until,
                document=sent.get("document"),
                agent_id=agent,
                targets=_targets(caller, sent),
            )
            started = start_backtest(wanted, organization_id=caller.organization_id, actor=actor_of(request), now=now)
        wake(TASK)
        return Response(backtest_json(selectors.backtest_of(caller.organization_id, started)), status=ACCEPTED)


class OneBacktest(APIView):
    """One backtest."""

    authentication_classes = (OrganizationAuthentication,)

    @extend_schema(tags=TAG, operation_id="backtests_read", responses=BacktestOut, summary="Read a backtest")
    def get(self, request: Request, backtest_id: str) -> Response:
        """Return how far it is, or what came out."""
        return Response(backtest_json(_found(demanded(request, Scope.READ), backtest_id)))


class Changes(APIView):
    """The payments that a backtest answers otherwise."""

    authentication_classes = (OrganizationAuthentication,)

    @extend_schema(
        tags=TAG, operation_id="backtests_changes", responses=ChangesOut, summary="List the payments that change"
    )
    def get(self, request: Request, backtest_id: str) -> Response:
        """Return them with the new answer; the old one is the authorization's."""
        row = _found(demanded(request, Scope.READ), backtest_id)
        data = [
            {
                "number": one.number,
                "authorization": to_public(Prefix.AUTHORIZATION, one.authorization_id),
                "before": one.before,
                "after": one.after,
                "decision": one.decision,
            }
            for one in row.changes.order_by("number")
        ]
        return Response({"data": data})


class Cancelling(APIView):
    """The end of a backtest that is not finished."""

    authentication_classes = (OrganizationAuthentication,)

    @extend_schema(
        tags=TAG, operation_id="backtests_cancel", request=None, responses=BacktestOut, summary="Cancel a backtest"
    )
    def post(self, request: Request, backtest_id: str) -> Response:
        """Stop it; cancelling one that is finished changes nothing."""
        caller = demanded(request, Scope.POLICIES)
        cancel_backtest(
            from_public(Prefix.BACKTEST, backtest_id),
            organization_id=caller.organization_id,
            actor=actor_of(request),
            now=clock_now(),
        )
        return Response(backtest_json(_found(caller, backtest_id)))


def backtest_json(row: Backtest) -> dict[str, object]:
    """Return a backtest in the API's words."""
    targets = {name: row.targets[name] for name in ("organization", "labels", "agents")}
    return {
        "id": to_public(Prefix.BACKTEST, row.pk),
        "policy": to_public(Prefix.POLICY, row.policy_id),
        "agent": None if row.agent_id is None else to_public(Prefix.AGENT, row.agent_id),
        "assigned_to": targets,
        "status": row.status,
        "why": row.why,
        "since": moment_text(row.since),
        "until": moment_text(row.until),
        "total": row.total,
        "done": row.done,
        "asked_by": row.asked_by_name,
        "created_at": moment_text(row.created_at),
        "ended_at": None if row.ended_at is None else moment_text(row.ended_at),
        "assumptions": list(selectors.assumptions_of(row)),
        "result": _result_json(row),
    }


def _result_json(row: Backtest) -> dict[str, object] | None:
    if row.result is None:
        return None
    summary, result = selectors.summary_of(row), cast(dict[str, object], row.result)
    figures = {"stricter": summary.stricter, "looser": summary.looser}
    return {
        **{name: result[name] for name in ("asks", "changed", "cells", "days")},
        "sentence": summary.sentence,
        **{
            name: {"number": one.number, "sums": {currency: f"{amount:f}" for amount, currency in one.sums}}
            for name, one in figures.items()
        },
    }


def _targets(caller: OrganizationCaller, sent: dict[str, Any]) -> Targets | None:
    if "assigned_to" not in sent:
        return None
    named = targets_in(caller.organization_id, sent["assigned_to"])
    found = Targets(named.organization, named.labels, tuple((agent, "") for agent in named.agents))
    if found.is_empty:
        raise Invalid("targets_missing", "Name whom the draft would bind.", field="assigned_to")
    return found


def _found(caller: OrganizationCaller, backtest_id: str) -> Backtest:
    return selectors.backtest_of(caller.organization_id, from_public(Prefix.BACKTEST, backtest_id))
