"""Pages of counterparties and pegs."""

from spend.views.counterparties import (
    add_identifier,
    counterparty,
    edit,
    new,
    remove_identifier,
    set_standing,
)
from spend.views.list import counterparties, export
from spend.views.pegs import export_pegs, pegs, remove_peg, set_peg

__all__ = [
    "add_identifier",
    "counterparties",
    "counterparty",
    "edit",
    "export",
    "export_pegs",
    "new",
    "pegs",
    "remove_identifier",
    "remove_peg",
    "set_peg",
    "set_standing",
]
