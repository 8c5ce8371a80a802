"""What the fields of counterparties and pegs may hold; each function returns the value as it is stored."""

import re
from collections.abc import Collection
from typing import Final

import pycountry

from core.errors import Invalid
from core.ids import Prefix, to_public
from spend.models import NAME_LENGTH, NOTE_LENGTH, REFERENCE_LENGTH, STANDINGS, Counterparty
from spend.payee import normal_identifier

MOST_IDENTIFIERS: Final = 50
"""Identifiers per counterparty: every one is written and shown with each change."""
# What PostgreSQL cannot store (NUL, halves of surrogate pairs) and what no reader can see.
UNREADABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def name_of(text: str) -> str:
    """Return a name without the spaces around it; raises `Invalid` (`name_invalid`)."""
    return _text(text, field="name", longest=NAME_LENGTH, code="name_invalid")


def note_of(text: str) -> str:
    """Return a note, which may be empty; raises `Invalid` (`note_invalid`)."""
    return _text(text, field="note", longest=NOTE_LENGTH, code="note_invalid", shortest=0)


def reference_of(text: str) -> str:
    """Return the app's own id of a counterparty; raises `Invalid` (`reference_invalid`)."""
    return _text(text, field="external_ref", longest=REFERENCE_LENGTH, code="reference_invalid")


def country_of(code: str) -> str:
    """Return an ISO 3166-1 alpha-2 code, empty where none is known; raises `Invalid` (`country_invalid`)."""
    cleaned = code.strip().upper()
    # pycountry ignores case and reads digits too; an exact key is wanted.
    if cleaned and (len(cleaned) != 2 or pycountry.countries.get(alpha_2=cleaned) is None):
        raise Invalid("country_invalid", "Send a country as its two letters, such as DE.", field="country")
    return cleaned


def standing_of(standing: str) -> str:
    """Return a known standing; raises `Invalid` (`standing_invalid`)."""
    if standing not in STANDINGS:
        raise Invalid("standing_invalid", f"The standing is one of {', '.join(STANDINGS)}.", field="standing")
    return standing


def identifiers_of(texts: Collection[str]) -> tuple[str, ...]:
    """Return identifiers such as `domain:api.openai.com` in their one form, sorted, each once.

    Raises `Invalid` (`identifier_invalid`, `too_many_identifiers`).
    """
    found = {_identifier(text, f"identifiers[{index}]") for index, text in enumerate(texts)}
    if len(found) > MOST_IDENTIFIERS:
        detail = f"A counterparty has at most {MOST_IDENTIFIERS} identifiers."
        raise Invalid("too_many_identifiers", detail, field="identifiers")
    return tuple(sorted(found))


def counterparty_facts(counterparty: Counterparty, identifiers: Collection[str]) -> dict[str, object]:
    """Return a counterparty as the history shows it."""
    return {
        "name": counterparty.name,
        "country": counterparty.country,
        "note": counterparty.note,
        "external_ref": counterparty.external_ref,
        "standing": counterparty.standing,
        "identifiers": sorted(identifiers),
    }


def public_id_of(counterparty: Counterparty) -> str:
    """Return `cpt_…`."""
    return to_public(Prefix.COUNTERPARTY, counterparty.pk)


def _identifier(text: str, field: str) -> str:
    kind, colon, value = text.partition(":")
    if not colon:
        detail = "Send an identifier with its kind, such as domain:api.openai.com."
        raise Invalid("identifier_invalid", detail, field=field)
    return normal_identifier(kind.strip().lower(), value, field=field)


def _text(text: str, *, field: str, longest: int, code: str, shortest: int = 1) -> str:
    cleaned = text.strip()
    if not shortest <= len(cleaned) <= longest:
        raise Invalid(code, f"This has {shortest} to {longest} characters.", field=field)
    if UNREADABLE.search(cleaned):
        raise Invalid(code, "This holds characters that cannot be stored or shown.", field=field)
    return cleaned
