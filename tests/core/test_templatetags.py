"""What the console's tags and filters print."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django import forms
from django.template import engines
from django.test import RequestFactory
from django.utils import timezone

from core.money import Money
from core.templatetags import conto
from core.templatetags.moments import relative_text, span_text
from core.templatetags.shapes import differences, segments, spark_points
from core.templatetags.statuses import CATALOGUE, status_of

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 3, 5, 12, 0, tzinfo=UTC)
SPRITE = set(re.findall(r'<symbol id="([^"]+)"', (ROOT / "static/img/icons.svg").read_text(encoding="utf-8")))
TONES = {"positive", "caution", "negative", "info", "doubt", "neutral"}
AUTHORIZATION = "atz_01k8zq3v5ye1wr9m4t7b2c6d0f"


def render(source: str, **values: Any) -> str:
    """Render a piece of template with the console's tags loaded."""
    return str(engines["django"].from_string("{% load conto %}" + source).render(values))


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (Decimal("1234567.5"), "1,234,567.50"),
        (Decimal("0.000125"), "0.000125"),
        (Decimal(-1250), "−1,250.00"),
        (Decimal(0), "0.00"),
        (Decimal("99999999999999.999999"), "99,999,999,999,999.999999"),
        (Decimal("500.000000"), "500.00"),
    ],
)
def test_money_is_grouped_and_keeps_every_digit_that_counts(amount: Decimal, text: str) -> None:
    shown = render("{{ value|money }}", value=Money(amount, "USD"))
    assert shown == f'<span class="money">{text} <span class="money-currency">USD</span></span>'


def test_money_that_is_not_there_is_a_dash() -> None:
    assert "–" in render("{{ value|money }}", value=None)
    assert "–" in render('{% money value "USD" %}', value=None)


def test_money_escapes_what_it_is_given() -> None:
    assert "<b>" not in render("{% money value currency %}", value=Decimal(1), currency="<b>")


def test_zero_is_an_amount() -> None:
    assert "0.00" in render('{% money value "USD" %}', value=Decimal(0))


@pytest.mark.parametrize(
    ("distance", "text"),
    [
        (timedelta(0), "just now"),
        (timedelta(seconds=-44), "just now"),
        (timedelta(seconds=30), "in a moment"),
        (timedelta(seconds=-45), "1 min ago"),
        (timedelta(minutes=-59), "59 min ago"),
        (timedelta(hours=-3), "3 h ago"),
        (timedelta(hours=2), "in 2 h"),
        (timedelta(days=-1), "1 day ago"),
        (timedelta(days=-29), "29 days ago"),
        (timedelta(days=-30), "3 Feb 2026"),
        (timedelta(days=30), "4 Apr 2026"),
    ],
)
def test_moments_are_told_by_their_distance(distance: timedelta, text: str) -> None:
    assert relative_text(NOW + distance, now=NOW) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.32, "320 ms"), (1.5, "1.5 s"), (12, "12 s"), (185, "3 min 5 s"), (7800, "2 h 10 min"), (356_400, "4 d 3 h")],
)
def test_lengths_of_time_have_two_units(seconds: float, text: str) -> None:
    assert span_text(seconds) == text
    assert render("{{ value|span }}", value=timedelta(seconds=seconds)) == text


@pytest.fixture
def in_lisbon() -> Iterator[None]:
    with timezone.override(ZoneInfo("Europe/Lisbon")):
        yield


@pytest.mark.usefixtures("in_lisbon")
def test_a_moment_shows_the_viewers_zone_and_says_the_exact_instant() -> None:
    shown = render('{% moment when "exact" %}', when=datetime(2026, 7, 1, 23, 30, 5, tzinfo=UTC))
    assert 'datetime="2026-07-01T23:30:05+00:00"' in shown
    assert 'title="2 Jul 2026, 00:30:05 WEST, Europe/Lisbon"' in shown
    assert ">2 Jul 2026, 00:30<" in shown


def test_a_moment_that_never_came_says_so() -> None:
    assert "never" in render('{% moment when empty="never" %}', when=None)


def test_every_status_has_a_tone_and_an_icon_of_the_sprite() -> None:
    for name, status in CATALOGUE.items():
        assert status.tone in TONES, name
        assert status.icon in SPRITE, name


def test_a_status_reads_the_same_everywhere() -> None:
    badge = render('{% status_badge "pending_review" %}')
    assert "tone-caution" in badge
    assert "Needs review" in badge
    assert status_of("voided").word == "Voided"
    assert status_of("voided", "flag").word == "After void"


def test_a_status_the_catalogue_lacks_is_shown_in_words() -> None:
    badge = render("{% status_badge value %}", value="half_<b>done")
    assert "Half &lt;b&gt;done" in badge
    assert "tone-neutral" in badge


def test_a_short_id_keeps_the_prefix_and_the_random_end() -> None:
    assert render("{{ value|short_id }}", value=AUTHORIZATION) == "atz_…2c6d0f"
    assert render("{{ value|short_id }}", value="atz_short") == "atz_short"
    assert render("{{ value|short_id }}", value="settings") == "settings"
    assert render("{{ value|short_id }}", value=None) == ""


def test_a_public_id_can_be_copied_whole() -> None:
    shown = render('{% public_id value "/authorizations/1/" %}', value=AUTHORIZATION)
    assert f'data-copy="{AUTHORIZATION}"' in shown
    assert 'href="/authorizations/1/"' in shown


def test_an_icon_is_decoration_unless_it_is_labelled() -> None:
    assert 'aria-hidden="true"' in render('{% icon "check" %}')
    assert 'role="img" aria-label="Done"' in render('{% icon "check" label="Done" %}')


def test_every_icon_named_in_a_template_is_in_the_sprite() -> None:
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "templates").rglob("*.html")]
    named = {name for text in texts for name in re.findall(r'{% icon "([^"]+)"', text)}
    given = {name for text in texts for name in re.findall(r'\bicon="([a-z0-9-]+)"', text)}
    assert (named | given) - SPRITE == set()


def test_a_meter_shows_what_is_left_of_a_limit() -> None:
    shown = render('{% meter limit=500 used="112.40" held=60 requested="12.5" currency="USD" label="Daily limit" %}')
    assert "315.10" in shown
    assert 'aria-label="Daily limit: 36 % of the limit taken"' in shown
    assert 'class="meter-used" x="0.00%" width="22.48%"' in shown
    assert "style=" not in shown


def test_a_meter_past_its_limit_says_by_how_much() -> None:
    shown = render('{% meter limit=100 used=80 held=20 requested=45 currency="EUR" %}')
    assert "45.00" in shown
    assert "over" in shown
    assert 'class="meter-cap" x="68.97%"' in shown
    assert "tone-negative" in shown


def test_a_limit_of_nothing_is_taken_whole() -> None:
    assert "100 % of the limit taken" in render("{% meter limit=0 %}")


def test_segments_leave_out_what_is_empty() -> None:
    parts = list(segments({"used": Decimal(50), "held": Decimal(0), "requested": Decimal(25)}, Decimal(100)))
    assert [(part.kind, part.start, part.width) for part in parts] == [
        ("used", "0.00", "50.00"),
        ("requested", "50.00", "25.00"),
    ]


def test_a_sparkline_needs_two_values() -> None:
    assert spark_points([1]) == []
    assert spark_points([3, 3]) == ["0.0,22.0", "96.0,22.0"]
    assert spark_points([0, 10]) == ["0.0,22.0", "96.0,2.0"]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([], "Spend: nothing yet"),
        ([0, 0], "Spend: 0.00 USD throughout"),
        ([5, 1200, 2, 0], "Spend: highest 1,200.00 USD 2 hours ago, now 0.00 USD"),
        ([5, 1200, 1200, 3], "Spend: highest 1,200.00 USD 1 hour ago, now 3.00 USD"),
        ([5, 7], "Spend: highest now, 7.00 USD"),
        ([0, 12, 1] * 500, "Spend: highest 12.00 USD 1 hour ago, now 1.00 USD"),
    ],
)
def test_a_sparkline_tells_its_highest_and_its_last_value(values: list[int], said: str) -> None:
    assert f'aria-label="{said}"' in render('{% sparkline values "Spend" "hour" "USD" %}', values=values)


def test_a_sparkline_of_counts_tells_plain_numbers() -> None:
    html = render('{% sparkline values "Decisions" "minute" %}', values=(1200, 4))
    assert 'aria-label="Decisions: highest 1,200 1 minute ago, now 4"' in html


def test_differences_go_field_by_field() -> None:
    before = {"limits": {"daily": "500.00", "monthly": "4000.00"}, "reviewers": ["Rui"], "is_on": True}
    after = {"limits": {"daily": "750.00", "monthly": "4000.00"}, "is_on": False, "note": ""}
    assert [(row.path, row.kind, row.before, row.after) for row in differences(before, after)] == [
        ("limits.daily", "changed", "500.00", "750.00"),
        ("reviewers", "removed", "Rui", ""),
        ("is_on", "changed", "yes", "no"),
        ("note", "added", "", "none"),
    ]


def test_a_difference_escapes_its_values() -> None:
    assert "<script>" not in render("{% diff before after %}", before={"a": "<script>"}, after={"a": "x"})


def test_the_words_of_an_agent_are_escaped_even_where_they_are_marked_safe() -> None:
    source = '{% include "components/words.html" with text="<script>alert(1)</script>" agent="<b>" %}'
    assert "<script>" not in render(source)
    assert "<b>" not in render(source)


class Limits(forms.Form):
    """One field of each shape."""

    amount = forms.CharField(label="Amount", help_text="Per day.")
    mode = forms.ChoiceField(choices=[("a", "A")], required=False)
    rails = forms.MultipleChoiceField(choices=[("card", "Card")], widget=forms.CheckboxSelectMultiple, required=False)
    agreed = forms.BooleanField(required=False)
    secret = forms.CharField(widget=forms.HiddenInput, required=False)


def test_a_field_has_its_label_help_and_error() -> None:
    shown = render('{% field form.amount addon="USD" %}', form=Limits({"amount": ""}))
    assert '<label class="form-label" for="id_amount">Amount' in shown
    assert 'class="form-control is-invalid"' in shown
    assert 'aria-invalid="true"' in shown
    described = re.search(r'aria-describedby="([^"]+)"', shown)
    assert described is not None
    assert all(f'id="{name}"' in shown for name in described[1].split())
    assert ">USD<" in shown


def test_each_shape_of_field_gets_its_class() -> None:
    form = Limits()
    assert 'class="form-select"' in render("{% field form.mode %}", form=form)
    assert 'class="form-check-input"' in render("{% field form.agreed %}", form=form)
    assert "<fieldset" in render("{% field form.rails %}", form=form)


def test_form_fields_shows_the_forms_own_errors_first() -> None:
    form = Limits({"amount": "1"})
    form.add_error(None, "Changed meanwhile.")
    shown = render('{% include "components/form_fields.html" %}', form=form)
    assert shown.index("Changed meanwhile.") < shown.index("Amount")
    assert 'type="hidden"' in shown


def test_a_component_wraps_what_the_page_gives_it() -> None:
    tools = "{% capture as tools %}<i>{{ x }}</i>{% endcapture %}"
    source = tools + '{% component "card" title="T" actions=tools %}<p>{{ x }}</p>{% endcomponent %}'
    shown = render(source, x="<&>")
    assert "<p>&lt;&amp;&gt;</p>" in shown
    assert "<i>&lt;&amp;&gt;</i>" in shown
    assert "slot" not in render(source + "{{ slot }}", x="").rpartition("</section>")[2]


def test_a_chart_has_the_same_figures_as_a_table() -> None:
    data = {
        "kind": "line",
        "labels": ["Mon", "Tue"],
        "series": [{"name": "Spend", "values": ["12.5", "3"]}],
        "unit": "USD",
    }
    shown = render('{% chart "spend" "Spend" data %}', data=data)
    assert 'id="spend-data" type="application/json"' in shown
    assert '<th scope="row">Tue</th>' in shown
    assert "12.50" in shown


@pytest.mark.parametrize(
    ("cookie", "shown"), [("dark", "dark"), ("light", "light"), ('"><script>', "auto"), ("", "auto")]
)
def test_the_theme_is_one_of_three(cookie: str, shown: str) -> None:
    request = RequestFactory().get("/")
    request.COOKIES["theme"] = cookie
    assert render("{% theme %}", request=request) == shown
    assert render("{% theme %}") == "auto"


def test_the_navigation_leaves_out_places_that_do_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    places = (
        ("Theme", "sun", "core:theme", ""),
        ("Nowhere", "x", "nowhere:at_all", ""),
        ("Guide", "eye", "core:styleguide", "no:count"),
    )
    monkeypatch.setattr(conto, "PLACES", places)
    request = RequestFactory().get("/styleguide/part/")
    shown = render(
        "{% nav_items as items %}{% for i in items %}{{ i.label }}:{{ i.is_current }}:{{ i.count_url }} {% endfor %}",
        request=request,
    )
    assert shown == "Theme:False: Guide:True: "


@pytest.mark.parametrize(
    ("number", "plural", "text"),
    [
        (1, "agents", "1 agent"),
        (1, "counterparties", "1 counterparty"),
        (0, "rows", "0 rows"),
        (2048, "rows", "2,048 rows"),
    ],
)
def test_rows_are_counted_in_words(number: int, plural: str, text: str) -> None:
    assert render("{{ number|counted:plural }}", number=number, plural=plural) == text
