"""Changes that wait for a second person, read over the API; only a person agrees, in the console."""

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from agents.api.changes import PendingChangeOut, PendingChangesOut, change_out
from approvals.selectors.changes import public_id_of
from core.errors import Invalid, NotFound
from core.ids import Prefix, from_public
from core.paging import DEFAULT_PAGE, LARGEST_PAGE, limit_in
from people.authentication import OrganizationAuthentication
from people.roles import Scope
from people.selectors import change_of, changes_page, contents_of
from policies.api.calls import demanded

TAG = ["Changes"]
CURSOR = OpenApiParameter("cursor", str, description="`next_cursor` of the page before.")
LIMIT = OpenApiParameter("limit", int, description=f"At most {LARGEST_PAGE}; {DEFAULT_PAGE} by default.")


class ChangesView(APIView):
    """Every change that waited or waits for a second person."""

    authentication_classes = (OrganizationAuthentication,)

    @extend_schema(
        tags=TAG,
        operation_id="changes_list",
        parameters=[CURSOR, LIMIT],
        responses=PendingChangesOut,
        summary="List changes that wait for a second person",
    )
    def get(self, request: Request) -> Response:
        """Return a page of changes, closed ones included, the newest first."""
        caller = demanded(request, Scope.READ)
        limit = limit_in(request.query_params)
        found = changes_page(caller.organization_id, after=_cursor(request), limit=limit + 1)
        page = found[:limit]
        contents, more = contents_of(page), len(found) > limit
        data = [change_out(one, contents.get(one.pk, {})) for one in page]
        return Response({"data": data, "next_cursor": public_id_of(page[-1]) if more else None})


class ChangeView(APIView):
    """One change."""

    authentication_classes = (OrganizationAuthentication,)

    @extend_schema(
        tags=TAG, operation_id="changes_read", responses=PendingChangeOut, summary="Read a change that waits or waited"
    )
    def get(self, request: Request, change_id: str) -> Response:
        """Return a change, and what became of it."""
        change = change_of(demanded(request, Scope.READ).organization_id, change_id)
        return Response(change_out(change, change.content))


def _cursor(request: Request) -> str | None:
    cursor: str | None = request.query_params.get("cursor")
    if cursor is None:
        return None
    try:
        from_public(Prefix.CHANGE, cursor)
    except NotFound:
        raise Invalid("cursor_invalid", "Send `next_cursor` of the page before.", field="cursor") from None
    return cursor
