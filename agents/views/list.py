"""The export of the list of agents; the list itself is `insight.views.fleet`, which knows how they run."""

from django.http import StreamingHttpResponse
from django.views.decorators.http import require_safe

from agents import selectors
from agents.forms import AgentFilterForm
from agents.selectors import AgentRow
from core.canonical import moment_text
from core.clock import now as clock_now
from core.tables import csv_answer
from core.templatetags.statuses import status_of
from people.permissions import MemberRequest, needs
from people.roles import Right
from people.selectors import members_of

COLUMNS = (
    "id",
    "name",
    "reference",
    "status",
    "labels",
    "owner",
    "keys in force",
    "next key expiry",
    "last seen",
    "created",
)


@require_safe
@needs(Right.READ)
def export(request: MemberRequest) -> StreamingHttpResponse:
    """Send the agents of the list as CSV: all that the filter lets through."""
    organization_id, now = request.member.organization_id, clock_now()
    labels, members = selectors.labels_in_use(organization_id), members_of(organization_id)
    chosen = AgentFilterForm(request.GET, labels=labels, members=members).chosen()
    found = selectors.every_agent(organization_id, chosen, now=now)
    return csv_answer(f"agents-{now:%Y-%m-%d}.csv", COLUMNS, map(_line, found))


def _line(row: AgentRow) -> list[str]:
    agent = row.agent
    return [
        row.public_id,
        agent.name,
        agent.external_ref or "",
        status_of(row.status).word,
        " ".join(agent.labels),
        str(agent.owner or ""),
        str(row.keys),
        "" if row.next_expiry is None else moment_text(row.next_expiry),
        "" if agent.last_seen_at is None else moment_text(agent.last_seen_at),
        moment_text(agent.created_at),
    ]
