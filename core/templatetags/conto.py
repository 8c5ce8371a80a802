"""What every page shows the same way: money, moments, statuses, ids, icons, meters and the places of the console."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any, Final

from django import template
from django.forms import (
    BoundField,
    CheckboxInput,
    CheckboxSelectMultiple,
    FileInput,
    RadioSelect,
    Select,
    Widget,
)
from django.http import HttpRequest
from django.template.context import Context, RequestContext
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.html import conditional_escape, format_html, json_script
from django.utils.safestring import SafeString, mark_safe

from core.clock import now as clock_now
from core.ids import shortened
from core.money import Money, amount_text
from core.templatetags.moments import relative_text, span_text
from core.templatetags.shapes import (
    SPARK_HEIGHT,
    SPARK_WIDTH,
    differences,
    segments,
    spark_points,
    spark_words,
)
from core.templatetags.statuses import Status, status_of

register = template.Library()

THEME_COOKIE: Final = "theme"
THEMES: Final = ("auto", "light", "dark")
MINUS: Final = "\u2212"
DRAWN: Final = 500
"""Icons and badges that a process remembers; by the type of their words too, for some are escaped already."""


# --- Money ------------------------------------------------------------------------------------------------------------


@register.filter(name="money")
def money_filter(value: Money | None) -> SafeString:
    """`Money` with its currency beside it; a dash where there is none."""
    return money_tag(value.amount, value.currency) if value is not None else mark_safe('<span class="nothing">–</span>')


@register.simple_tag(name="money")
def money_tag(amount: Decimal | int | str | None, currency: str = "") -> SafeString:
    """An amount with its currency: grouped by thousands, at least two decimals, a real minus sign."""
    if amount is None or amount == "":
        return money_filter(None)
    # Not by `format_html`, nor what follows: pages that renew themselves have a hundred of these, and it takes longest.
    code = f' <span class="money-currency">{conditional_escape(currency)}</span>' if currency else ""
    return mark_safe(f'<span class="money">{grouped(Decimal(amount))}{code}</span>')  # noqa: S308 - escaped


@register.filter
def grouped(amount: Decimal) -> str:
    """`1234567.5` as `1,234,567.50`, for text and attributes."""
    whole, _, fraction = amount_text(abs(amount)).partition(".")
    return f"{MINUS if amount < 0 else ''}{int(whole):,}.{fraction}"


# --- Moments ----------------------------------------------------------------------------------------------------------


MOMENTS: Final = {"exact": "%-d %b %Y, %H:%M", "day": "%-d %b %Y", "clock": "%H:%M:%S"}


@register.simple_tag
def moment(when: datetime | None, style: str = "relative", empty: str = "–") -> SafeString:
    """A `<time>` in the viewer's zone: `relative` (exact on hover), `exact`, `day`, `clock`; `empty` without `when`."""
    if when is None:
        return format_html('<span class="nothing">{}</span>', empty)
    local = timezone.localtime(when)
    exact = f"{local:%-d %b %Y, %H:%M:%S} {zone_words(local)}"
    stamp, pattern = when.isoformat(timespec="seconds"), MOMENTS.get(style)
    mark, text = ("", local.strftime(pattern)) if pattern else (" data-relative", ago(when))
    title, text = conditional_escape(exact), conditional_escape(text)
    return mark_safe(f'<time datetime="{stamp}" title="{title}"{mark}>{text}</time>')  # noqa: S308 - escaped


@register.filter
def is_past(when: datetime | None) -> bool:
    """Say whether a moment is over."""
    return when is not None and when <= clock_now()


def zone_words(local: datetime) -> str:
    """The viewer's zone as clocks and as maps name it: `CET, Europe/Berlin`."""
    names = (local.tzname() or "", str(local.tzinfo))
    return ", ".join(dict.fromkeys(names))


@register.filter
def ago(when: datetime | None) -> str:
    """How far `when` is from the moment the page is rendered: `3 min ago`, `in 2 h`, `5 Mar 2026`."""
    return relative_text(when, now=clock_now()) if when is not None else "never"


@register.filter
def span(value: timedelta | float | None) -> str:
    """A length of time given as timedelta or seconds: `320 ms`, `12 s`, `3 min 5 s`, `2 h 10 min`, `4 d 3 h`."""
    if value is None:
        return "–"
    return span_text(value.total_seconds() if isinstance(value, timedelta) else float(value))


# --- Statuses, ids, icons ---------------------------------------------------------------------------------------------


@register.simple_tag
def status_badge(value: str | None, kind: str = "") -> SafeString:
    """A status with its one colour, icon and word; `kind` (`flag`, `key`) tells apart what two catalogues share."""
    return _badge(value, kind) if value else mark_safe('<span class="nothing">–</span>')


@lru_cache(maxsize=DRAWN, typed=True)
def _badge(value: str, kind: str) -> SafeString:
    status = status_of(value, kind)
    return format_html(
        '<span class="badge tone-{}" data-status="{}">{}{}</span>',
        status.tone,
        value,
        icon(status.icon),
        status.word,
    )


@register.filter
def status(value: str, kind: str = "") -> Status:
    """The catalogue's entry for a status: `.word`, `.tone`, `.icon`."""
    return status_of(value, kind)


@register.filter
def short_id(public_id: str | None) -> str:
    """`atz_…8f2k9q`: the prefix and the random end of a public id (it begins with the time, alike among neighbours)."""
    return shortened(public_id or "")


@register.inclusion_tag("components/id.html")
def public_id(value: str, url: str = "") -> dict[str, str]:
    """A short id that can be copied whole, and opened where `url` is given."""
    return {"value": value, "url": url}


@register.simple_tag
@lru_cache(maxsize=DRAWN, typed=True)
def icon(name: str, label: str = "", size: str = "") -> SafeString:
    """An icon of the sprite; decoration unless it has a `label`. `size`: empty, `lg` or `xl`."""
    return format_html(
        '<svg class="icon{}" {}><use href="{}#{}"/></svg>',
        f" icon-{size}" if size else "",
        format_html('role="img" aria-label="{}"', label) if label else mark_safe('aria-hidden="true"'),
        static("img/icons.svg"),
        name,
    )


# --- Meters -----------------------------------------------------------------------------------------------------------


@register.inclusion_tag("components/meter.html")
def meter(
    limit: Decimal | int | str | None,
    used: Decimal | int | str | None = 0,
    held: Decimal | int | str | None = 0,
    requested: Decimal | int | str | None = 0,
    currency: str = "",
    label: str = "",
    *,
    legend: bool = True,
) -> dict[str, Any]:
    """A limit as a bar: what is used, held and asked for against the cap. Without `currency` the figures are counts."""
    cap = Decimal(limit or 0)
    amounts = {
        "used": Decimal(used or 0),
        "held": Decimal(held or 0),
        "requested": Decimal(requested or 0),
    }
    remaining = cap - sum(amounts.values())
    scale = max(cap, sum(amounts.values())) or Decimal(1)
    share = min(100, int(100 * sum(amounts.values()) / cap)) if cap > 0 else 100
    return {
        "limit": cap,
        "segments": list(segments(amounts, scale)),
        "cap_at": f"{100 * cap / scale:.2f}" if remaining < 0 else "",
        "remaining": remaining,
        "over": -remaining,
        "currency": currency,
        "label": label or "Limit",
        "legend": legend,
        "share": share,
        "tone": "negative" if remaining < 0 else "caution" if share >= 80 else "accent",
    }


@register.filter
def figure(amount: Decimal | int | None, currency: str = "") -> SafeString:
    """Money where a currency is given, else a plain count."""
    if amount is None or currency:
        return money_tag(amount, currency)
    return mark_safe(f'<span class="money">{f"{int(amount):,}".replace("-", MINUS)}</span>')  # noqa: S308 - digits


@register.inclusion_tag("components/sparkline.html")
def sparkline(
    values: Sequence[Decimal | int | float], label: str = "", step: str = "day", currency: str = ""
) -> dict[str, Any]:
    """A small line without axes, for a table cell or a tile; who cannot see it is told its highest and last value."""
    points = spark_points(values)
    return {
        "points": " ".join(points),
        "area": " ".join([*points, f"{SPARK_WIDTH},{SPARK_HEIGHT}", f"0,{SPARK_HEIGHT}"]),
        "label": f"{label}: {spark_words(values, step, partial(_spoken, currency=currency))}",
    }


def _spoken(value: Decimal | float, currency: str) -> str:
    return f"{grouped(Decimal(value))} {currency}" if currency else f"{value:,}"


@register.inclusion_tag("components/chart.html")
def chart(chart_id: str, title: str, data: Mapping[str, Any], height: str = "md") -> dict[str, Any]:
    """A chart and its table. `data`: kind, labels, series (name, values, optional tone), unit, axis (of the labels)."""
    rows = [(label, [one["values"][index] for one in data["series"]]) for index, label in enumerate(data["labels"])]
    script = json_script(dict(data), f"{chart_id}-data")
    return {
        "id": chart_id,
        "title": title,
        "data": data,
        "rows": rows,
        "script": script,
        "height": height,
    }


# --- Forms ------------------------------------------------------------------------------------------------------------


@register.inclusion_tag("components/field.html")
def field(bound: BoundField, addon: str = "", *, wide: bool = False) -> dict[str, Any]:
    """One form field with label, help and errors; `addon` stands behind the input (a currency, a unit)."""
    widget = bound.field.widget
    return {
        "field": bound,
        "control": bound.as_widget(attrs={"class": widget_class(widget, has_error=bool(bound.errors))}),
        "shape": widget_shape(widget),
        "addon": addon,
        "wide": wide,
    }


def widget_class(widget: Widget, *, has_error: bool) -> str:
    """The style classes of a control, with those the form gave it."""
    base = {
        "check": "form-check-input",
        "group": "form-check-input",
        "select": "form-select",
    }
    own = str(widget.attrs.get("class", ""))
    return " ".join(
        filter(
            None,
            [
                base.get(widget_shape(widget), "form-control"),
                own,
                "is-invalid" if has_error else "",
            ],
        )
    )


def widget_shape(widget: Widget) -> str:
    """How a control is laid out: `check`, `group` (radio buttons, many checkboxes), `select`, `file` or `text`."""
    if isinstance(widget, CheckboxInput):
        return "check"
    if isinstance(widget, (RadioSelect, CheckboxSelectMultiple)):
        return "group"
    if isinstance(widget, Select):
        return "select"
    return "file" if isinstance(widget, FileInput) else "text"


# --- Before and after -------------------------------------------------------------------------------------------------


@register.inclusion_tag("components/diff.html")
def diff(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> dict[str, Any]:
    """What changed between two records, field by field; nested ones by dotted path."""
    return {"rows": differences(before or {}, after or {})}


# --- Composition ------------------------------------------------------------------------------------------------------


@register.simple_block_tag(takes_context=True, end_name="endcomponent")
def component(context: Context, content: SafeString, name: str, **values: Any) -> SafeString:
    """A component around content: `{% component "card" title="Limits" %}…{% endcomponent %}` (its `slot`)."""
    assert context.template is not None, "a component is part of a template"
    with context.push(slot=content, **values):
        return context.template.engine.get_template(f"components/{name}.html").render(context)


@register.simple_block_tag(end_name="endcapture")
def capture(content: SafeString) -> SafeString:
    """A piece of a page kept for later, without the space around it: `{% capture as actions %}…{% endcapture %}`."""
    return mark_safe(content.strip())  # noqa: S308 - rendered, and therefore escaped, already


@register.simple_tag(takes_context=True)
def theme(context: Context) -> str:
    """The viewer's theme: `light`, `dark`, or `auto` (what the device prefers)."""
    request = context.get("request")
    if not isinstance(request, HttpRequest):
        return "auto"
    chosen = request.COOKIES.get(THEME_COOKIE) or getattr(getattr(request, "user", None), "theme", "")
    return chosen if chosen in THEMES else "auto"


@dataclass(frozen=True, slots=True)
class Place:
    """One entry of the navigation."""

    label: str
    icon: str
    url: str
    is_current: bool
    count_url: str = ""


PLACES: Final = (
    ("Overview", "layout-dashboard", "insight:overview", ""),
    ("Approvals", "inbox", "approvals:inbox", "approvals:waiting_count"),
    ("Authorizations", "receipt", "approvals:authorizations", ""),
    ("Agents", "robot", "insight:fleet", ""),
    ("Policies", "shield-check", "policies:list", ""),
    ("Budgets", "wallet", "insight:budgets", ""),
    ("Counterparties", "building-store", "spend:counterparties", ""),
    ("Analytics", "chart-histogram", "insight:analytics", ""),
    ("Audit log", "fingerprint", "audit:log", ""),
    ("Settings", "settings", "people:settings", ""),
)


@register.simple_tag(takes_context=True)
def nav_items(context: RequestContext) -> list[Place]:
    """The places of the console that exist; the one whose address is the longest start of this page's is current."""
    request = context.get("request")
    path = request.path if isinstance(request, HttpRequest) else ""
    found = [(label, image, url_of(name), url_of(count)) for label, image, name, count in PLACES]
    starts = [url for _, _, url, _ in found if url and (path == url or (url != "/" and path.startswith(url)))]
    current = max(starts, key=len, default="")
    return [Place(label, image, url, url == current, count) for label, image, url, count in found if url]


def url_of(name: str, *args: object) -> str:
    """The address of a page, or nothing where the page does not exist."""
    try:
        return reverse(name, args=args) if name else ""
    except NoReverseMatch:
        return ""


@register.simple_tag
def slot_url(name: str, *args: object) -> str:
    """The address of a section that a higher app may fill in: `{% slot_url "insight:agent_runtime" id as url %}`."""
    return url_of(name, *args)


@register.filter
def counted(number: int, plural: str) -> str:
    """`1 agent`, `12 counterparties`."""
    single = f"{plural[:-3]}y" if plural.endswith("ies") else plural.removesuffix("s")
    return f"{number:,} {single if number == 1 else plural}"


@register.filter
def day(value: date | datetime | None) -> str:
    """`5 Mar 2026`."""
    return f"{value:%-d %b %Y}" if value is not None else "–"
