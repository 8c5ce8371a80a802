"""What the address of a page of analytics asks for, and the links between these pages."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from django.urls import reverse
from django.utils.http import urlencode

from core.clock import now as clock_now
from core.paging import text_in
from insight.forms import AnalyticsForm
from insight.selectors.choices import choices_of
from insight.selectors.ledger import NONE, Chosen, Dimension, Ledger, ledger_of
from insight.selectors.periods import PRESET_WORDS, Period, Preset
from insight.selectors.spending import NAMELESS, currency_for, names_of, public_key
from insight.views.shown import with_query
from people.permissions import MemberRequest

SECTIONS: Final = (
    ("Spend", "insight:analytics", "chart-histogram"),
    ("Decisions", "insight:decisions", "scale"),
    ("Review times", "insight:review_times", "hourglass"),
    ("Payments", "insight:payments", "receipt"),
    ("Flagged", "insight:flagged", "flag"),
)
KEPT: Final = ("period", "since", "until", "currency", "compare")
"""What stays when somebody goes to another page of analytics."""


@dataclass(frozen=True, slots=True)
class Tab:
    """One way to look at it."""

    label: str
    url: str
    is_current: bool
    icon: str = ""


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter of the address; the link takes it away. `dimension` is what it picks a group of."""

    label: str
    url: str
    dimension: Dimension | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """The address, understood: whose ledger, which days, in which currency."""

    form: AnalyticsForm
    ledger: Ledger
    period: Period
    currency: str
    currencies: tuple[str, ...]

    @property
    def before(self) -> Period | None:
        """The days that are compared with, where somebody asks for them."""
        return self.period.before() if self.form.is_compared() else None

    @property
    def chosen(self) -> Chosen:
        """Which spend is meant."""
        return self.form.chosen(self.currency)


def form_in(request: MemberRequest) -> AnalyticsForm:
    """Return the filter of the address with what can be chosen."""
    names = (Dimension.AGENT, Dimension.CATEGORY, Dimension.LABEL, Dimension.POLICY)
    organization_id = request.member.organization_id
    choices = choices_of(organization_id, **{one.value: text_in(request.GET, one.value) for one in names})
    return AnalyticsForm(request.GET, organization_id=organization_id, choices=choices)


def asked_in(request: MemberRequest) -> Asked:
    """Understand the address of a page that shows sums of one currency."""
    form, organization = form_in(request), request.member.organization
    ledger = ledger_of(organization)
    period = form.dates(zone=organization.time_zone, now=clock_now())
    currency, known = currency_for(organization, ledger, period, wanted=form.wanted_currency(), chosen=form.chosen())
    return Asked(form, ledger, period, currency, known)


def frame(
    request: MemberRequest, asked: Asked, section: str, *, heeds: Collection[Dimension] | None = None
) -> dict[str, object]:
    """Return what every page of analytics shows around its figures; `heeds` are the filters that count on it."""
    form, found = asked.form, list(chips(request, asked))
    heeded = [chip for chip in found if heeds is None or chip.dimension in heeds]
    fields = [form[one.value] for one in Dimension if heeds is None or one in heeds]
    more = [one for one in fields if one.name != Dimension.AGENT.value]
    shown = {*KEPT, *(one.name for one in fields), "sort", "cursor"}
    return {
        "form": form,
        "period": asked.period,
        "ledger": asked.ledger,
        "currency": asked.currency,
        "sections": sections(request, section),
        "periods": [(one.value, PRESET_WORDS[one]) for one in Preset],
        "chosen_period": form.chosen_period(),
        "currencies": asked.currencies,
        "chips": heeded,
        "unheeded": [chip for chip in found if chip not in heeded],
        "clear_url": clear_url(request),
        "kept": [
            (name, value) for name, values in request.GET.lists() for value in values if name not in shown and value
        ],
        "main_fields": [one for one in fields if one not in more],
        "more_fields": more,
        "is_more_wrong": any(one.errors for one in more),
        "number_of_more": sum(bool(request.GET.get(one.name) or one.errors) for one in more),
    }


def sections(request: MemberRequest, current: str) -> list[Tab]:
    """Return the pages of analytics, each for the same days and currency."""
    kept = {name: request.GET[name] for name in KEPT if request.GET.get(name)}
    query = f"?{urlencode(kept)}" if kept else ""
    return [Tab(label, f"{reverse(name)}{query}", name == current, icon) for label, name, icon in SECTIONS]


def chips(request: MemberRequest, asked: Asked) -> Iterator[Chip]:
    """Yield the filters in force, each with the way to take it away."""
    if asked.form.is_unauthorized():
        yield Chip("Without authorization", with_query(request, unauthorized=""))
    for dimension, key in asked.form.filters():
        names = names_of(asked.ledger.organization_id, dimension, [key])
        name = NAMELESS[dimension] if key == NONE else f"{dimension.value.capitalize()}: {names.get(key, 'unknown')}"
        # What has no agent, say, cannot have asked: only a group that has a name is one of every page.
        picked = None if key == NONE else dimension
        left = [one for one in request.GET.getlist("none") if one != dimension.value]
        yield Chip(name, with_query(request, **{"none": left, dimension.value: ""}), picked)


def clear_url(request: MemberRequest) -> str:
    """Return the page without filters."""
    return with_query(request, none="", unauthorized="", **{one.value: "" for one in Dimension})


def only(request: MemberRequest, dimension: Dimension, key: str) -> dict[str, str | Sequence[str]]:
    """Return the fields of an address that let one group through, beside whatever else the address asks for."""
    without = [one for one in request.GET.getlist("none") if one != dimension.value]
    if key == NONE:
        return {"none": [*without, dimension.value], dimension.value: ""}
    return {"none": without, dimension.value: public_key(dimension, key)}
