"""Planning a file of policies over the API, with what history would have been answered where that is asked for."""

from typing import Any, Final

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from approvals.api.backtests import CellOut
from approvals.replay.files import LONGEST_DAYS, AtOnce, ask_history
from core.clock import now as clock_now
from people.authentication import OrganizationAuthentication
from people.roles import Scope
from policies.api.calls import TAG, demanded, read
from policies.api.code import PlanIn, PlanOut
from policies.engine.written import parse_file
from policies.services.code import plan_file

AT_ONCE: Final = AtOnce(policies=20, asks=2_000)
"""About a second of work: whoever asks for a payment at the same process waits behind it."""


class PlanWithHistoryIn(PlanIn):
    """A file to compare with what is stored, and with history."""

    backtest_days = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=LONGEST_DAYS,
        help_text="Ask so many days of history as well what each changed policy would have answered.",
    )


class ReasonOut(serializers.Serializer[Any]):
    """Why payments were answered otherwise, and how often."""

    code = serializers.CharField()
    number = serializers.IntegerField()


class AskedOut(serializers.Serializer[Any]):
    """What history says of one policy of the file, beside the others as they are now."""

    policy = serializers.CharField(help_text="Its reference, else its id.")
    days = serializers.IntegerField()
    asks = serializers.IntegerField()
    changed = serializers.IntegerField(help_text="How many of them would have been answered otherwise.")
    cells = CellOut(many=True)
    reasons = ReasonOut(many=True, help_text="The most frequent ones of those that were answered otherwise.")


class PlanWithHistoryOut(PlanOut):
    """What a file would change, with what history says of it."""

    backtests = AskedOut(many=True, required=False, help_text="Where `backtest_days` were sent.")


class PlanFile(APIView):
    """What a file would change."""

    authentication_classes = (OrganizationAuthentication,)

    @extend_schema(
        tags=TAG,
        operation_id="policies_plan",
        request=PlanWithHistoryIn,
        responses=PlanWithHistoryOut,
        summary="Plan a file of policies",
        description=(
            "Says what the file would change, and by that whether what is stored has drifted from it; what lint says "
            "of it on the state that there would be; and with `backtest_days` what history would have been answered. "
            f"At once, so of at most {AT_ONCE.policies} changed policies and {AT_ONCE.asks:,} asks together, payments "
            "that nobody had asked for and further records of one ask among them: beyond that 422 "
            "`backtest_too_large`, and `POST /backtests` asks for one policy in the background."
        ),
    )
    def post(self, request: Request) -> Response:
        """Compare the file with what is stored; nothing changes."""
        caller, now = demanded(request, Scope.POLICIES), clock_now()
        sent = read(PlanWithHistoryIn, request)
        file = parse_file(sent["file"])
        plan = plan_file(caller.organization_id, file, retires_others=sent["retire_others"], now=now)
        if "backtest_days" not in sent:
            return Response(plan.facts())
        tested = ask_history(caller.organization_id, file, days=sent["backtest_days"], now=now, at_most=AT_ONCE)
        return Response({**plan.facts(), "backtests": tested})
