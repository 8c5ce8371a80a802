"""The field of exemptions: an agent, a counterparty that is searched for and ticked, and an amount of their own."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError

from policies.forms.fields import RowsWidget, with_unknown
from policies.forms.picks import LONGEST_WORDS, Directory, Pairs
from policies.forms.week import Row

UNCLEAR: Final = "payee_unclear"
UNKNOWN: Final = "payee_unknown"


class ExemptionRows(RowsWidget):
    """Agents and counterparties with an amount of their own; whom a row is for stands in it as a chip."""

    template_name = "policies/widgets/exemption_rows.html"
    parts = ("agent", "counterparty", "find", "amount", "currency")
    currency = "USD"
    agents: Sequence[tuple[str, str]] = ()
    names: Mapping[str, str] = MappingProxyType({})
    found: Mapping[int, Pairs] = MappingProxyType({})
    """What the words of a row have found, by its number."""

    def value_from_datadict(self, data: Mapping[str, Any], files: object, name: str) -> list[Row]:
        """Return the rows, each in its place: a search is for one of them. Empty ones at the end are left out."""
        rows = super().value_from_datadict(data, files, name)
        while rows and not is_filled(rows[-1]):
            rows.pop()
        return rows

    def part_in(self, data: Mapping[str, Any], name: str) -> Any:
        """Return one input; of the counterparties those that are ticked."""
        if name.endswith("-counterparty"):
            ticked = data.getlist(name) if hasattr(data, "getlist") else [data.get(name, "")]
            return tuple(dict.fromkeys(str(one).strip() for one in ticked if str(one).strip()))
        text = str(super().part_in(data, name))
        return text[:LONGEST_WORDS].replace("\0", "") if name.endswith("-find") else text

    def is_empty(self, _row: Row) -> bool:
        """Keep every row where it is."""
        return False

    def blank(self) -> Row:
        """Return an empty row in the organization's currency."""
        return {**super().blank(), "counterparty": (), "currency": self.currency}

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Return what the template shows: agents to choose from, chips by name, and whom a search has found."""
        context = super().get_context(name, value, attrs)
        agents = [row["agent"] for row in context["rows"] if row["agent"]]
        rows = [{**row, **self.payees(row)} for row in context["rows"]]
        return {**context, "rows": rows, "agents": with_unknown(self.agents, agents, "Another agent")}

    def payees(self, row: Row) -> dict[str, Any]:
        """Return the ticked counterparties of a row by name, and those found beside them; None before a search."""
        ticked, found = row["counterparty"], self.found.get(row["number"])
        return {
            "chosen": [(one, self.names.get(one, one)) for one in ticked],
            "found": None if found is None else [pair for pair in found if pair[0] not in ticked],
        }


class ExemptionsField(forms.Field):
    """Exemptions; each currency of one has a row."""

    widget = ExemptionRows

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.directory: Directory | None = None
        self.found: dict[int, Pairs] = {}
        """What the words of a row have found, by its number; the widget of the form shows it."""

    def prepare_value(self, value: Any) -> list[Row]:
        """Return the rows of exemptions, or rows as they were typed."""
        rows: list[Row] = []
        for one in value or []:
            if "above" not in one:
                rows.append(one)
                continue
            pair = {"agent": one["agent"], "counterparty": (one["counterparty"],), "find": ""}
            rows += [{**pair, "amount": amount, "currency": currency} for currency, amount in one["above"].items()]
        return rows

    def clean(self, value: list[Row]) -> list[Row]:
        """Return one exemption for each agent and counterparty; raises where it is not clear whom a row is for."""
        found: dict[tuple[str, str], dict[str, str]] = {}
        for number, row in enumerate(value):
            if not is_filled(row):
                continue
            above, currency = found.setdefault((row["agent"], self.payee(number, row)), {}), row["currency"].upper()
            if currency in above:
                raise ValidationError(f"{currency} stands twice for one payee.", code="currency_repeated")
            above[currency] = row["amount"]
        return [{"agent": agent, "counterparty": payee, "above": above} for (agent, payee), above in found.items()]

    def look_in(self, rows: list[Row], number: str) -> None:
        """Find whom the words of the row of this number may mean, if there is such a row."""
        for one, row in enumerate(rows):
            if str(one) == number:
                self.look(one, row)

    def look(self, number: int, row: Row) -> Pairs:
        """Find whom the words of a row may mean, and offer them there."""
        words = row["find"].strip()
        found = self.directory.find(words) if words and self.directory else ()
        self.found[number] = found
        return found

    def payee(self, number: int, row: Row) -> str:
        """Return the one counterparty of a row: ticked, or typed as it is called, known or referred to."""
        ticked: tuple[str, ...] = row["counterparty"]
        words = str(row["find"]).strip()
        if len(ticked) > 1:
            raise unclear(number, "an exemption is for one. Leave one ticked.", UNCLEAR)
        if not words or self.directory is None:
            return ticked[0] if ticked else words
        called = self.directory.called(words)
        found = dict([*called, *self.look(number, row)])
        if ticked:
            if ticked[0] in found:
                return ticked[0]
            raise unclear(number, f"“{words}” is somebody else. Leave one of the two.", UNCLEAR)
        if len(called) == 1:
            return called[0][0]
        self.found[number] = called or tuple(found.items())
        if not found:
            raise unclear(number, f"nobody is known by “{words}”, as a name, an identifier or an id.", UNKNOWN)
        several = "several are called" if called else "nobody is called exactly"
        raise unclear(number, f"{several} “{words}”. Tick who is meant.", UNCLEAR)


def is_filled(row: Row) -> bool:
    """Say whether anything of a row was filled in besides the currency that stands there."""
    return bool(row["agent"] or row["counterparty"] or row["find"].strip() or row["amount"])


def unclear(number: int, detail: str, code: str) -> ValidationError:
    """Return why it is not clear whom a row is for."""
    return ValidationError(f"Row {number + 1}, counterparty: {detail}", code=code)
