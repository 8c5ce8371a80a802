"""The API of counterparties and pegs: kept in step by a back end with an organization key."""

from spend.api.counterparties import (
    CounterpartyByReferenceView,
    CounterpartyDetailView,
    CounterpartyListView,
    IdentifierListView,
    IdentifierRemoveView,
    StandingView,
)
from spend.api.pegs import PegsView

__all__ = [
    "CounterpartyByReferenceView",
    "CounterpartyDetailView",
    "CounterpartyListView",
    "IdentifierListView",
    "IdentifierRemoveView",
    "PegsView",
    "StandingView",
]
