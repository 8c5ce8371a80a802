"""The filters of the list of policies, and of the versions of one."""

from typing import ClassVar, Final

from django import forms

from core.lists import NEWEST, OLDEST, ListFilter, Order

LATEST: Final = Order("Newest first", "number", is_falling=True, read=int)
CURRENT: Final = "current"
SHOWS: Final = ((CURRENT, "Current"), ("retired", "Retired"), ("all", "All"))


class PolicyFilterForm(ListFilter):
    """Which policies the list shows."""

    ORDERS: ClassVar = {"name": Order("By name", "name"), "newest": NEWEST, "oldest": OLDEST}

    show = forms.ChoiceField(required=False, choices=SHOWS)

    def which(self) -> str:
        """Return which are shown."""
        return self.chosen("show") or CURRENT

    def in_force(self) -> list[tuple[str, str]]:
        """Return what filters; that retired ones are left out goes without saying."""
        return [one for one in super().in_force() if one[0] != "show" or self.which() != CURRENT]


class VersionFilterForm(ListFilter):
    """Which versions of a policy the list shows."""

    ORDERS: ClassVar = {"newest": LATEST, "oldest": Order("Oldest first", "number", read=int)}
