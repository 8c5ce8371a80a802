"""A filter that makes no sense: its field says so and what it takes, and what was typed stays."""

from typing import Any

import pytest
from django import forms
from django.http import QueryDict
from django.template import Context, Template

from core.errors import Invalid
from core.filters import Filter

CHOICES = [("", "Any status"), ("open", "Open")]


class Sample(Filter):
    """One field of each kind."""

    status = forms.ChoiceField(required=False, choices=CHOICES)
    since = forms.DateField(required=False, label="From", widget=forms.DateInput(attrs={"type": "date"}))
    at_least = forms.DecimalField(required=False)
    owner = forms.ChoiceField(
        required=False, choices=[("", "Anybody")], error_messages={"invalid_choice": "Nobody is called so."}
    )


def drawn(query: str, name: str) -> str:
    """A field as a page draws it."""
    return Template("{% load conto %}{% field one %}").render(Context({"one": Sample(QueryDict(query))[name]}))


@pytest.mark.parametrize(
    ("query", "name", "said", "kept"),
    [
        ("status=odd", "status", "There is no “odd” here. Choose one of the list.", '<option value="odd" selected>'),
        (
            "since=soon",
            "since",
            "This is no date. Write one such as",
            '<input type="text" name="since" value="soon',
        ),
        ("at_least=much", "at_least", "This is no number. Write one such as 12.50", 'value="much"'),
        ("owner=zed", "owner", "Nobody is called so.", '<option value="zed" selected>'),
    ],
)
def test_the_field_says_what_it_takes_and_keeps_what_was_typed(query: str, name: str, said: str, kept: str) -> None:
    html = drawn(query, name)
    assert said in html
    assert kept in html
    assert 'aria-invalid="true"' in html


def test_what_was_typed_is_escaped_and_bounded() -> None:
    html = drawn(f"status={'<b>' * 100}", "status")
    assert "<b>" not in html
    assert "(unknown)" in html


def test_a_filter_that_makes_sense_stays_as_it_is() -> None:
    form = Sample(QueryDict("status=open&since=2026-11-22"))
    assert form.is_valid()
    assert form.faults() == []
    form.must_make_sense()
    assert 'type="date"' in drawn("since=2026-11-22", "since")
    assert "odd" not in drawn("status=open", "status")


def test_every_fault_is_named_and_a_file_is_refused() -> None:
    form = Sample(QueryDict("status=odd&since=soon"))
    assert [one.partition(":")[0] for one in form.faults()] == ["Status", "From"]
    with pytest.raises(Invalid) as refused:
        form.must_make_sense()
    found: Any = refused.value
    assert (found.code, found.field) == ("filter_invalid", "status")
