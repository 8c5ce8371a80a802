"""Questions about agents, their keys and their sealed credentials; each sees one organization only."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from agents.models import Agent, AgentKey, SealedCredential
from agents.selectors.keys import EXPIRING_WITHIN, Keys, counted_keys
from core.db import rows
from core.errors import Invalid, NotFound
from core.ids import Prefix, from_public, ids_in, to_public
from core.sealing import is_wrapped_by_known_key, keyring
from people.selectors import unfit_factor_keks

PAGE_SIZE: Final = 50
LARGEST_PAGE: Final = 100
LARGEST_LIST: Final = 200
"""Keys or credentials on one page, ended ones included; those in force are fewer by far."""
MOST_COMPARED: Final = 10_000
"""Agents that are put in order by what is wrong with them; of more, those that were seen last."""
NUL: Final = "\0"
"""What PostgreSQL's text cannot hold, so nothing that is stored contains it."""
LONGEST_SEARCH: Final = 200
SILENT_AFTER: Final = timedelta(days=1)
KEK_SAMPLES: Final = 3
"""Credentials tried for each key-encryption key: one damaged row is not a wrong key."""

STATES: Final = ("active", "silent", "never_seen", "frozen", "key_expiring", "key_expired", "retired")
KEY_STATES: Final = ("active", "expiring", "replaced", "expired", "revoked")
SORTS: Final = ("newest", "name")


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentFilter:
    """Which agents a list shows, and in which order; without a state retired ones are left out unless asked for."""

    search: str = ""
    state: str = ""
    label: str = ""
    external_ref: str | None = None
    owner_id: UUID | None = None
    with_retired: bool = False
    sort: str = "newest"


@dataclass(frozen=True, slots=True)
class AgentRow:
    """One agent of a list, and what is known of its keys."""

    agent: Agent
    public_id: str
    status: str
    unrevoked: Keys

    @property
    def keys(self) -> int:
        """How many keys are in force."""
        return self.unrevoked.in_force

    @property
    def next_expiry(self) -> datetime | None:
        """When the first of them expires that nothing replaces."""
        return self.unrevoked.next_expiry

    @property
    def is_key_expiring(self) -> bool:
        """Whether a key in force ends soon."""
        return self.status == "key_expiring"


@dataclass(frozen=True, slots=True)
class Likeness:
    """What lists are put in order by."""

    id: UUID
    name: str
    frozen_at: datetime | None
    last_seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class AgentPage:
    """One page of a list, and where the next one begins."""

    rows: tuple[AgentRow, ...]
    next_cursor: str | None


def agents_page(
    organization_id: UUID, chosen: AgentFilter, *, cursor: str | None, limit: int, now: datetime
) -> AgentPage:
    """Return the agents behind `cursor` (a public id). Raises `Invalid` (`cursor_invalid`, `limit_invalid`)."""
    if not 1 <= limit <= LARGEST_PAGE:
        raise Invalid("limit_invalid", f"The limit is 1 to {LARGEST_PAGE}.", field="limit")
    agents = _filtered(organization_id, chosen, now)
    if cursor:
        agents = _behind(agents, organization_id, cursor, chosen.sort)
    order = ("name", "pk") if chosen.sort == "name" else ("-pk",)
    found = list(agents.select_related("owner").order_by(*order)[: limit + 1])
    shown = found[:limit]
    next_cursor = to_public(Prefix.AGENT, shown[-1].pk) if len(found) > limit else None
    return AgentPage(_rows(shown, now), next_cursor)


def every_agent(organization_id: UUID, chosen: AgentFilter, *, now: datetime) -> Iterator[AgentRow]:
    """Yield all that the filter lets through, in the order of the list, a page in memory at a time."""
    cursor, is_more = None, True
    while is_more:
        page = agents_page(organization_id, chosen, cursor=cursor, limit=LARGEST_PAGE, now=now)
        yield from page.rows
        cursor, is_more = page.next_cursor, bool(page.next_cursor)


def agent_of(organization_id: UUID, agent_id: UUID) -> Agent:
    """Return one agent; raises `NotFound` where the organization has none of this id."""
    agent = Agent.objects.select_related("owner").filter(organization_id=organization_id, pk=agent_id).first()
    if agent is None:
        raise NotFound()
    return agent


def agent_by_reference(organization_id: UUID, external_ref: str) -> Agent:
    """Return the agent of the app's own reference; raises `NotFound`."""
    agents = Agent.objects.select_related("owner").filter(organization_id=organization_id, external_ref=external_ref)
    agent = None if NUL in external_ref else agents.first()
    if agent is None:
        raise NotFound()
    return agent


def agent_row(agent: Agent, *, now: datetime) -> AgentRow:
    """Return an agent as lists and its page show it."""
    return _rows([agent], now)[0]


def agent_rows(organization_id: UUID, agent_ids: Sequence[UUID], *, now: datetime) -> tuple[AgentRow, ...]:
    """Return these agents as lists show them, in the order given; foreign ones are missing."""
    agents = Agent.objects.filter(organization_id=organization_id, pk__in=agent_ids).select_related("owner")
    found = {agent.pk: agent for agent in agents}
    return _rows([found[one] for one in agent_ids if one in found], now)


def agents_like(organization_id: UUID, chosen: AgentFilter, *, now: datetime) -> tuple[Likeness, ...]:
    """Return what a filter lets through, in no particular order; those seen last, if there are too many to look at."""
    agents = _filtered(organization_id, chosen, now).order_by(F("last_seen_at").desc(nulls_last=True), "-pk")
    found = agents.values_list("pk", "name", "frozen_at", "last_seen_at")[:MOST_COMPARED]
    return tuple(Likeness(*line) for line in found)


def agent_names(organization_id: UUID, agent_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Return the names of agents by id; foreign ids are missing."""
    agents = Agent.objects.filter(organization_id=organization_id, pk__in=list(agent_ids))
    return dict(agents.values_list("pk", "name"))


def agents_to_stop(organization_id: UUID, public_ids: Iterable[str]) -> frozenset[str]:
    """Return those of these agents that can be frozen: neither frozen already nor retired."""
    ids = {from_public(Prefix.AGENT, one) for one in public_ids}
    found = Agent.objects.filter(organization_id=organization_id, pk__in=ids, frozen_at=None, retired_at=None)
    return frozenset(to_public(Prefix.AGENT, one) for one in found.values_list("pk", flat=True)) if ids else frozenset()


def labels_in_use(organization_id: UUID) -> tuple[str, ...]:
    """Return the labels of the agents that are not retired, sorted."""
    sql = """
        select distinct label from agents_agent, unnest(labels) as label
         where organization_id = %s and retired_at is null order by label limit %s
    """
    return tuple(str(label) for (label,) in rows(sql, [organization_id, LARGEST_LIST]))


def keys_of(organization_id: UUID, agent_id: UUID) -> tuple[AgentKey, ...]:
    """Return an agent's keys, the newest first; raises `NotFound` for a foreign agent."""
    agent = agent_of(organization_id, agent_id)
    return tuple(AgentKey.objects.filter(agent=agent).order_by("-pk")[:LARGEST_LIST])


def listed_keys(
    organization_id: UUID, agent_id: UUID, *, words: str = "", status: str = "", now: datetime
) -> QuerySet[AgentKey]:
    """Return an agent's keys with these words in their name, or that id, in one state or any."""
    found = AgentKey.objects.filter(organization_id=organization_id, agent_id=agent_id)
    if words:
        found = found.filter(Q(name__icontains=words) | Q(pk__in=ids_in(Prefix.KEY, [words])))
    return found.filter(_key_in_state(status, now)) if status else found


def _key_in_state(status: str, now: datetime) -> Q:
    soon, present = now + EXPIRING_WITHIN, Q(revoked_at=None, expires_at__gt=now)
    return {
        "active": Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=soon, successor=None)),
        "expiring": present & Q(expires_at__lte=soon, successor=None),
        "replaced": present & Q(successor__isnull=False),
        "expired": Q(revoked_at=None, expires_at__lte=now),
        "revoked": Q(revoked_at__isnull=False),
    }[status]


def key_of(organization_id: UUID, key_id: UUID) -> AgentKey:
    """Return one key with its agent; raises `NotFound`."""
    key = AgentKey.objects.select_related("agent").filter(organization_id=organization_id, pk=key_id).first()
    if key is None:
        raise NotFound()
    return key


def key_status(key: AgentKey, *, now: datetime) -> str:
    """Return `revoked`, `expired`, `replaced` (works until it expires), `expiring` or `active`."""
    if key.revoked_at is not None:
        return "revoked"
    if key.expires_at is None:
        return "active"
    if key.expires_at <= now:
        return "expired"
    if key.successor_id is not None:
        return "replaced"
    return "expiring" if key.expires_at - now <= EXPIRING_WITHIN else "active"


def credentials_of(organization_id: UUID, agent_id: UUID) -> tuple[SealedCredential, ...]:
    """Return an agent's sealed credentials without what is sealed, those in force first; raises `NotFound`."""
    agent = agent_of(organization_id, agent_id)
    credentials = SealedCredential.objects.filter(agent=agent).defer("sealed", "wrapped_key")
    return tuple(credentials.order_by("-revoked_at", "name", "pk")[:LARGEST_LIST])


def listed_credentials(
    organization_id: UUID, agent_id: UUID, *, words: str = "", status: str = ""
) -> QuerySet[SealedCredential]:
    """Return an agent's sealed credentials, without what is sealed, with these words in their name, or that id."""
    credentials = SealedCredential.objects.filter(organization_id=organization_id, agent_id=agent_id)
    if words:
        credentials = credentials.filter(Q(name__icontains=words) | Q(pk__in=ids_in(Prefix.CREDENTIAL, [words])))
    if status:
        credentials = credentials.filter(revoked_at__isnull=status == "active")
    return credentials.defer("sealed", "wrapped_key")


def credential_of(organization_id: UUID, credential_id: UUID) -> SealedCredential:
    """Return one sealed credential with its agent, without what is sealed; raises `NotFound`."""
    credentials = SealedCredential.objects.select_related("agent").defer("sealed", "wrapped_key")
    credential = credentials.filter(organization_id=organization_id, pk=credential_id).first()
    if credential is None:
        raise NotFound()
    return credential


def credentials_bound_to(
    organization_id: UUID, counterparty_id: UUID, *, without: UUID
) -> tuple[SealedCredential, ...]:
    """Return the credentials in force that name the one counterparty and not the other, with their agents."""
    credentials = SealedCredential.objects.select_related("agent").defer("sealed", "wrapped_key")
    bound = credentials.filter(organization_id=organization_id, counterparties__contains=[counterparty_id])
    return tuple(bound.filter(revoked_at=None).exclude(counterparties__contains=[without])[:LARGEST_LIST])


def count_stale_credentials() -> int:
    """Return how many sealed credentials, of all organizations, are not under the current key-encryption key."""
    return SealedCredential.objects.filter(revoked_at=None).exclude(kek=keyring().current).count()


def unfit_keks() -> tuple[str, ...]:
    """Return the names of the key-encryption keys that are missing or wrong, of those that stored secrets need.

    Of sealed credentials and of people's second factors.
    """
    sealed = SealedCredential.objects.filter(revoked_at=None)
    names = sealed.order_by("kek").values_list("kek", flat=True).distinct()
    unfit = {name for name in names if not _opens_some(sealed.filter(kek=name))}
    return tuple(sorted(unfit | unfit_factor_keks()))


def _opens_some(credentials: QuerySet[SealedCredential]) -> bool:
    samples = credentials.order_by("pk")[:KEK_SAMPLES]
    return any(is_wrapped_by_known_key(one.envelope, one.place) for one in samples)


def _filtered(organization_id: UUID, chosen: AgentFilter, now: datetime) -> QuerySet[Agent]:
    agents = Agent.objects.filter(organization_id=organization_id)
    if NUL in chosen.label or NUL in (chosen.external_ref or ""):
        return agents.none()
    if chosen.state:
        agents = agents.filter(_in_state(chosen.state, now))
    elif not chosen.with_retired:
        agents = agents.filter(retired_at=None)
    if chosen.label:
        agents = agents.filter(labels__contains=[chosen.label])
    if chosen.external_ref is not None:
        agents = agents.filter(external_ref=chosen.external_ref)
    if chosen.owner_id is not None:
        agents = agents.filter(owner_id=chosen.owner_id)
    return agents.filter(_named_like(chosen.search)) if chosen.search else agents


def _named_like(search: str) -> Q:
    text = search.strip()[:LONGEST_SEARCH].replace(NUL, "")
    named = Q(name__icontains=text) | Q(external_ref__icontains=text)
    try:
        return named | Q(pk=from_public(Prefix.AGENT, text))
    except NotFound:
        return named


def _in_state(state: str, now: datetime) -> Q:
    living = Q(retired_at=None)
    expiring = AgentKey.objects.filter(
        agent=OuterRef("pk"), revoked_at=None, successor=None, expires_at__gt=now, expires_at__lte=now + EXPIRING_WITHIN
    )
    match state:
        case "retired":
            return Q(retired_at__isnull=False)
        case "frozen":
            return living & Q(frozen_at__isnull=False)
        case "key_expiring":
            return living & Q(Exists(expiring))
        case "key_expired":
            known = AgentKey.objects.filter(agent=OuterRef("pk"), revoked_at=None)
            return living & Q(Exists(known)) & ~Q(Exists(known.exclude(expires_at__lte=now)))
        case "never_seen":
            return living & Q(frozen_at=None, last_seen_at=None)
        case "silent":
            return living & Q(frozen_at=None, last_seen_at__lte=now - SILENT_AFTER)
        case "active":
            return living & Q(frozen_at=None, last_seen_at__gt=now - SILENT_AFTER)
    raise Invalid("state_unknown", f"The state is one of {', '.join(STATES)}.", field="state")


def _behind(agents: QuerySet[Agent], organization_id: UUID, cursor: str, sort: str) -> QuerySet[Agent]:
    try:
        last = agent_of(organization_id, from_public(Prefix.AGENT, cursor))
    except NotFound:
        raise Invalid("cursor_invalid", "Take the cursor from `next_cursor`.", field="cursor") from None
    if sort == "name":
        return agents.filter(Q(name__gt=last.name) | Q(name=last.name, pk__gt=last.pk))
    return agents.filter(pk__lt=last.pk)


def _rows(agents: list[Agent], now: datetime) -> tuple[AgentRow, ...]:
    keys = counted_keys([agent.pk for agent in agents], now=now)
    return tuple(_row(agent, keys.get(agent.pk, Keys()), now) for agent in agents)


def _row(agent: Agent, keys: Keys, now: datetime) -> AgentRow:
    status = agent_status(agent, keys.state(now), now)
    return AgentRow(agent, to_public(Prefix.AGENT, agent.pk), status, keys)


def agent_status(agent: Agent, key_state: str, now: datetime) -> str:
    """Return the one word for an agent, of `STATES`; the state of its keys counts before its silence."""
    if agent.retired_at is not None:
        return "retired"
    if agent.frozen_at is not None:
        return "frozen"
    if key_state:
        return key_state
    if agent.last_seen_at is None:
        return "never_seen"
    return "silent" if now - agent.last_seen_at >= SILENT_AFTER else "active"
