"""The calls of the API of policies: parse, call one service or selector, answer."""

from typing import Any, cast

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from agents.api.changes import ACCEPTED, PendingChangeOut, accepted
from core.actor import Actor
from core.clock import now as clock_now
from core.errors import Invalid, NotFound
from core.http import address_of, request_id_of
from core.ids import Prefix, from_public, to_public
from core.paging import DEFAULT_PAGE, LARGEST_PAGE, limit_in
from people.authentication import OrganizationAuthentication, OrganizationCaller
from people.roles import Scope
from people.services import Awaiting
from policies import selectors, services
from policies.api import shapes
from policies.engine.document import parse
from policies.engine.types import Mode
from policies.models import Policy
from policies.selectors.versions import version_of, versions_of
from policies.services import AssignTo

TAG = ["Policies"]
CREATED = 201
CURSOR = OpenApiParameter("cursor", str, description="`next_cursor` of the page before.")
LEFT_ALONE = "Where agents had this policy alone, `warnings` says that they have none now (`agent_without_policy`)."
LIMIT = OpenApiParameter("limit", int, description=f"At most {LARGEST_PAGE}; {DEFAULT_PAGE} by default.")


class Policies(APIView):
    """All policies of the organization."""

    authentication_classes = (OrganizationAuthentication,)

    @extend_schema(
        tags=TAG,
        operation_id="policies_list",
        parameters=[CURSOR, LIMIT],
        responses=shapes.PoliciesOut,
        summary="List policies",
    )
    def get(self, request: Request) -> Response:
        """Return a page of policies, retired ones included."""
        caller = demanded(request, Scope.READ)
        limit = limit_in(request.query_params)
        found = selectors.policies_page(caller.organization_id, after=cursor_in(request), limit=limit + 1)
        page = found[:limit]
        targets = selectors.targets_of(page)
        more = len(found) > limit
        return Response(
            {
                "data": [shapes.policy_out(policy, targets[policy.pk]) for policy in page],
                "next_cursor": to_public(Prefix.POLICY, page[-1].pk) if more else None,
            }
        )

    @extend_schema(
        tags=TAG,
        operation_id="policies_create",
        request=shapes.PolicyIn,
        responses={CREATED: shapes.PolicyOut, ACCEPTED: PendingChangeOut},
        summary="Create a policy",
    )
    def post(self, request: Request) -> Response:
        """Store a policy with its first version in force."""
        caller = demanded(request, Scope.POLICIES)
        sent = read(shapes.PolicyIn, request)
        policy_id = services.create_published_policy(
            organization_id=caller.organization_id,
            name=sent["name"],
            description=sent.get("description", ""),
            external_ref=sent.get("external_ref"),
            document=sent["document"],
            mode=Mode(sent["mode"]),
            targets=shapes.targets_in(caller.organization_id, sent["assigned_to"]) if "assigned_to" in sent else None,
            note=sent["note"],
            acknowledged=services.seen(sent["acknowledge"]),
            actor=actor_of(request),
            now=clock_now(),
        )
        if isinstance(policy_id, Awaiting):
            return accepted(caller.organization_id, policy_id)
        return answer(caller, to_public(Prefix.POLICY, policy_id), status=CREATED)


class OnePolicy(APIView):
    """One policy."""

    authentication_classes = (OrganizationAuthentication,)

    @extend_schema(tags=TAG, operation_id="policies_read", responses=shapes.PolicyOut, summary="Read a policy")
    def get(self, request: Request, policy_id: str) -> Response:
        """Return a policy with what is in force."""
        return answer(demanded(request, Scope.READ), policy_id)


class PolicyByReference(APIView):
    """One policy by the app's own reference."""

    authentication_classes = (OrganizationAuthentication,)

    @extend_schema(
        tags=TAG, operation_id="policies_read_by_ref", responses=shapes.PolicyOut, summary="Read a policy by reference"
    )
    def get(self, request: Request, external_ref: str) -> Response:
        """Return the policy that the app knows by this reference."""
        caller = demanded(request, Scope.READ)
        policy = selectors.policy_by_reference(caller.organization_id, external_ref)
        if policy is None:
            raise NotFound()
        return Response(described(policy))

    @extend_schema(
        tags=TAG,
        operation_id="policies_sync",
        request=shapes.SyncIn,
        responses={200: shapes.SyncedOut, CREATED: shapes.SyncedOut, ACCEPTED: shapes.PendingWarnedOut},
        summary="Sync a policy",
        description=(
            "Bring the policy of this reference to exactly this state. The same call twice changes nothing. What lint "
            "calls an error is refused; what it warns of stands in `warnings` and stops nothing. Where it may let more "
            "money pass and the organization wants four eyes, the answer is 202 with the change that waits for two "
            "persons; the same call again answers with the same change. A shadow for a policy that has an "
            "enforced version is refused (409 `policy_is_enforced`, `mode`): it would leave that in force. Publish it "
            "as a version of the policy, or retire the policy first."
        ),
    )
    def put(self, request: Request, external_ref: str) -> Response:
        """Create the policy, or change what differs."""
        caller = demanded(request, Scope.POLICIES)
        sent = read(shapes.SyncIn, request)
        targets = shapes.targets_in(caller.organization_id, sent["assigned_to"]) if "assigned_to" in sent else None
        left = left_by(selectors.policy_by_reference(caller.organization_id, external_ref), targets)
        synced = services.upsert_policy_by_ref(
            organization_id=caller.organization_id,
            external_ref=external_ref,
            name=sent["name"],
            description=sent.get("description"),
            document=sent["document"],
            mode=Mode(sent["mode"]),
            targets=targets,
            note=sent["note"],
            actor=actor_of(request),
            now=clock_now(),
        )
        if isinstance(synced, Awaiting):
            waiting = selectors.policy_by_reference(caller.organization_id, external_ref)
            assert waiting is not None, "a change that waits is about a policy that is stored"
            told = warnings_of(waiting, sent["document"], targets)
            return accepted(caller.organization_id, synced, warnings=[*told, *left])
        policy = selectors.policy_of(caller.organization_id, to_public(Prefix.POLICY, synced.policy_id))
        body = {**described(policy), "warnings": [*warnings_of(policy, sent["document"]), *left]}
        return Response(body, status=CREATED if synced.is_created else 200)


class Versions(APIView):
    """The versions of a policy."""

    authentication_classes = (OrganizationAuthentication,)

    @extend_schema(
        tags=TAG,
        operation_id="policies_versions",
        responses=shapes.VersionsOut,
        summary="List the versions of a policy",
    )
    def get(self, request: Request, policy_id: str) -> Response:
        """Return every published version, the newest first."""
        policy = selectors.policy_of(demanded(request, Scope.READ).organization_id, policy_id)
        return Response({"data": [shapes.version_out(policy, version) for version in versions_of(policy)]})

    @extend_schema(
        tags=TAG,
        operation_id="policies_publish",
        request=shapes.VersionIn,
        responses={200: shapes.VersionOut, CREATED: shapes.VersionOut, ACCEPTED: PendingChangeOut},
        summary="Publish a version",
        description="201 where something changed; 200 where this document is in force in this mode already.",
    )
    def post(self, request: Request, policy_id: str) -> Response:
        """Publish a document."""
        caller = demanded(request, Scope.POLICIES)
        sent = read(shapes.VersionIn, request)
        published = services.publish(
            organization_id=caller.organization_id,
            policy_id=from_public(Prefix.POLICY, policy_id),
            document=sent["document"],
            mode=Mode(sent["mode"]),
            note=sent["note"],
            acknowledged=services.seen(sent["acknowledge"]),
            actor=actor_of(request),
            now=clock_now(),
        )
        if isinstance(published, Awaiting):
            return accepted(caller.organization_id, published)
        policy = selectors.policy_of(caller.organization_id, policy_id)
        version = version_of(policy, published.number)
        return Response(shapes.version_out(policy, version), status=CREATED if published.is_changed else 200)


class Assignments(APIView):
    """To whom a policy applies."""

    authentication_classes = (OrganizationAuthentication,)

    @extend_schema(
        tags=TAG,
        operation_id="policies_assign",
        request=shapes.TargetsIn,
        responses={200: shapes.AssignedOut, ACCEPTED: shapes.PendingWarnedOut},
        summary="Assign a policy",
        description=LEFT_ALONE,
    )
    def put(self, request: Request, policy_id: str) -> Response:
        """Let the policy apply to exactly these."""
        caller = demanded(request, Scope.POLICIES)
        sent = read(shapes.TargetsIn, request)
        targets = shapes.targets_in(caller.organization_id, sent)
        left = left_by(selectors.policy_of(caller.organization_id, policy_id), targets)
        changed = services.set_assignments(
            organization_id=caller.organization_id,
            policy_id=from_public(Prefix.POLICY, policy_id),
            targets=targets,
            actor=actor_of(request),
            now=clock_now(),
        )
        if isinstance(changed, Awaiting):
            return accepted(caller.organization_id, changed, warnings=left)
        policy = selectors.policy_of(caller.organization_id, policy_id)
        return Response({**described(policy), "warnings": left})


class Retirement(APIView):
    """The end of a policy."""

    authentication_classes = (OrganizationAuthentication,)

    @extend_schema(
        tags=TAG,
        operation_id="policies_retire",
        request=None,
        responses={200: shapes.AssignedOut, ACCEPTED: shapes.PendingWarnedOut},
        summary="Retire a policy",
        description=LEFT_ALONE,
    )
    def post(self, request: Request, policy_id: str) -> Response:
        """Take the policy out of force; retiring it again changes nothing."""
        caller = demanded(request, Scope.POLICIES)
        left = left_by(selectors.policy_of(caller.organization_id, policy_id), AssignTo())
        changed = services.retire(
            organization_id=caller.organization_id,
            policy_id=from_public(Prefix.POLICY, policy_id),
            actor=actor_of(request),
            now=clock_now(),
        )
        if isinstance(changed, Awaiting):
            return accepted(caller.organization_id, changed, warnings=left)
        policy = selectors.policy_of(caller.organization_id, policy_id)
        return Response({**described(policy), "warnings": left})


# --- Helpers ----------------------------------------------------------------------------------------------------------


def demanded(request: Request, scope: Scope) -> OrganizationCaller:
    """Return who calls; raises `NotAllowed` where its key lacks the scope. Who may write policies may read them."""
    caller = cast(OrganizationCaller, request.auth)
    if not (scope is Scope.READ and Scope.POLICIES in caller.scopes):
        caller.demand(scope)
    return caller


def actor_of(request: Request) -> Actor:
    """Return the calling key as the actor of a use case."""
    caller = cast(OrganizationCaller, request.auth)
    return caller.actor(request_id_of(request._request), address_of(request._request))  # noqa: SLF001


def read(shape: type[shapes.Strict], request: Request) -> dict[str, Any]:
    """Return the body in the given shape; raises what the shape says."""
    sent = shape(data=request.data)
    sent.is_valid(raise_exception=True)
    return cast(dict[str, Any], sent.validated_data)


def answer(caller: OrganizationCaller, policy_id: str, *, status: int = 200) -> Response:
    """Return the policy as it stands now."""
    return Response(described(selectors.policy_of(caller.organization_id, policy_id)), status=status)


def described(policy: Policy) -> dict[str, object]:
    """Return one policy as the API shows it."""
    return shapes.policy_out(policy, selectors.targets_of((policy,))[policy.pk])


def warnings_of(policy: Policy, document: object, targets: AssignTo | None = None) -> list[dict[str, str]]:
    """Return what lint warns of in a document that was published, or waits to be, with an eye on history."""
    bound = None if targets is None else services.as_targets(targets)
    found = services.findings_with_history(policy, parse(document), bound, now=clock_now())
    return [services.finding_facts(one) for one in found]


def left_by(policy: Policy | None, targets: AssignTo | None) -> list[dict[str, str]]:
    """Return a warning about the agents whom a policy for these targets, before it is for these, leaves with none."""
    if policy is None or targets is None:
        return []
    return [services.finding_facts(one) for one in services.findings_of_targets(policy, services.as_targets(targets))]


def cursor_in(request: Request) -> str | None:
    """Return the cursor; raises `Invalid` (`cursor_invalid`)."""
    cursor: str | None = request.query_params.get("cursor")
    if cursor is None:
        return None
    try:
        from_public(Prefix.POLICY, cursor)
    except NotFound:
        raise Invalid("cursor_invalid", "Send `next_cursor` of the page before.", field="cursor") from None
    return cursor
