"""The filter of the log page; it lives in the address."""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from django import forms
from django.utils import timezone

from audit.catalogue import Action
from audit.models import ID_LENGTH, NAME_LENGTH
from audit.selectors import Filters
from core.actor import SYSTEM, ActorKind
from core.filters import Filter
from core.ids import ID_LIKE
from core.lists import Order, aware
from core.paging import LONGEST_FILTER

DATE: Final = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


KINDS: Final = {
    "": "Anybody",
    ActorKind.PERSON.value: "People",
    ActorKind.AGENT.value: "Agents",
    ActorKind.ORGANIZATION_KEY.value: "Back ends",
    ActorKind.SYSTEM.value: "Conto itself",
}
ACTOR_ID: Final = re.compile(r"[a-z]+_[0-9a-z]+")
ORDERS: Final = {
    "newest": Order("Newest first", "at", is_falling=True, read=aware),
    "oldest": Order("Oldest first", "at", read=aware),
}


def action_choices() -> list[Any]:
    """Return every action under its family; the family itself can be chosen too."""
    families: dict[str, list[tuple[str, str]]] = {}
    for action in Action:
        family, _, what = action.value.partition(".")
        every = [(family, f"{_words(family)}: everything")]
        families.setdefault(family, every).append((action.value, f"{_words(family)}: {_words(what).lower()}"))
    return [("", "Everything"), *((_words(family), choices) for family, choices in families.items())]


class FilterForm(Filter):
    """Who, what, to what, when; while a field cannot be read nothing is listed, for everything would pass for it."""

    q = forms.CharField(label="Text", max_length=LONGEST_FILTER, required=False)
    action = forms.ChoiceField(label="What", choices=action_choices, required=False)
    kind = forms.ChoiceField(label="By", choices=list(KINDS.items()), required=False)
    actor = forms.CharField(label="Who", max_length=max(ID_LENGTH, NAME_LENGTH), required=False)
    subject = forms.CharField(label="To what", max_length=ID_LENGTH, required=False)
    since = forms.DateField(label="From", required=False, widget=DATE)
    until = forms.DateField(label="To", required=False, widget=DATE)
    sort = forms.ChoiceField(
        label="Order", required=False, choices=[(name, order.words) for name, order in ORDERS.items()]
    )

    def __init__(self, data: Any, *, actors: list[tuple[str, str]]) -> None:
        super().__init__(data)
        self.names_of_actors = dict(actors)
        self.fields["actor"].widget.attrs |= {"list": "actors", "placeholder": "Who", "autocomplete": "off"}
        self.fields["subject"].widget.attrs |= {"placeholder": "Id of what", "autocomplete": "off"}

    def suggested(self) -> list[str]:
        """Return what the filter offers for who acted: names, and ids where several share one."""
        how_often = Counter(self.names_of_actors.values())
        return [
            name if how_often[name] == 1 and not self._is_id(name) else actor
            for actor, name in self.names_of_actors.items()
        ]

    def clean_actor(self) -> str:
        """Return the id of who is meant: what was typed, where it surely is one, else that of who is called so.

        An id comes first: people choose their names, and one of them might be called like the id of another.
        """
        typed = str(self.cleaned_data["actor"])
        if not typed or self._is_id(typed):
            return typed
        called_so = [actor for actor, name in self.names_of_actors.items() if name == typed]
        if len(called_so) > 1:
            raise forms.ValidationError("Several are called so. Choose one of their ids from the list.")
        if not called_so and ACTOR_ID.fullmatch(typed):
            return typed
        if not called_so:
            raise forms.ValidationError("Nobody who acted of late is called so. Choose from the list, or write an id.")
        return called_so[0]

    def _is_id(self, text: str) -> bool:
        return text in self.names_of_actors or text == SYSTEM.id or ID_LIKE.fullmatch(text) is not None

    def narrowing(self) -> Iterator[forms.BoundField]:
        """Yield the fields beside the search box."""
        return (self[name] for name in self.fields if name != "q")

    def filters(self) -> Filters:
        """Return what was asked for; days begin and end in the viewer's zone. Raises `Invalid` (`filter_invalid`)."""
        self.must_make_sense()
        asked = self.cleaned_data
        until = asked.get("until")
        return Filters(
            action=asked.get("action", ""),
            kind=asked.get("kind", ""),
            actor=asked.get("actor", ""),
            subject=asked.get("subject", ""),
            text=asked.get("q", ""),
            since=_midnight(asked.get("since")),
            until=_midnight(until + timedelta(days=1) if until and until < date.max else None),
        )

    def order(self) -> Order:
        """Return by what the events go."""
        return ORDERS[self.cleaned_data.get("sort") or "newest"]

    def in_force(self) -> list[tuple[str, str]]:
        """Return the fields that filter, each with its name and words for what it lets through."""
        asked = {name: value for name, value in self.cleaned_data.items() if value and name != "sort"}
        shown = {name: str(value) for name, value in asked.items()}
        if "action" in asked:
            shown["action"] = _words(asked["action"])
        if "actor" in asked:
            shown["actor"] = self.names_of_actors.get(asked["actor"], asked["actor"])
        if "kind" in asked:
            shown["kind"] = KINDS[asked["kind"]]
        return [(name, f"{self.fields[name].label}: {text}") for name, text in shown.items()]


def _midnight(day: date | None) -> datetime | None:
    return timezone.make_aware(datetime.combine(day, time.min)) if day else None


def _words(text: str) -> str:
    return text.replace("_", " ").replace(".", ": ").capitalize()
