"""What differs between two sets of rules: in words, by path, and whether the change loosens."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from policies.engine.explain import rule_sentence
from policies.engine.rule_shapes import SHAPES
from policies.engine.rules import BlackoutPeriod, Rule
from policies.engine.shapes import Parameter, Shape
from policies.engine.strictness import is_as_strict, judges_at_least, judges_everything, loosened
from policies.engine.telling import parameter_change


class Effect(StrEnum):
    """What a change does to what may be spent; whatever is not known to be tighter is looser."""

    TIGHTER = "tighter"
    LOOSER = "looser"
    NEUTRAL = "neutral"


class ChangeKind(StrEnum):
    """What became of a rule."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class ParameterChange:
    """One parameter of a rule, as it was and as it is now.

    `path` begins with the key of the rule, such as `daily_cap.review.approvals`; `before` and `after` are what stands
    in the documents, None where nothing does.
    """

    path: str
    before: object
    after: object
    sentence: str
    effect: Effect


@dataclass(frozen=True, slots=True)
class RuleChange:
    """One rule that was added, removed or changed; `before` and `after` are its sentences, empty where it is absent."""

    kind: ChangeKind
    key: str
    type: str
    before: str
    after: str
    parameters: tuple[ParameterChange, ...] = ()


@dataclass(frozen=True, slots=True)
class Loosening:
    """One thing by which a change may let more money pass, with the path of the rule or of its parameter."""

    code: str
    path: str
    detail: str


RULE_REMOVED: Final = "rule_removed"
TYPE_CHANGED: Final = "type_changed"
PARAMETER_LOOSER: Final = "parameter_looser"
MORE_IS_JUDGED: Final = "more_is_judged"
"""Rules judge payments that none judged before: those were denied, and a rule may allow them."""
HOLIDAYS_RENEWED: Final = "The public holidays of further years become known; beyond the known ones it denied."
HOLIDAYS_FEWER: Final = "Days that were public holidays are none any more."


def is_tightening(old: Sequence[Rule], new: Sequence[Rule]) -> bool:
    """Say whether no payment whatever is answered looser by `new` than by `old`, taken for themselves.

    Both are the enforced rules of one policy; what is in shadow, retired or not published has none.
    """
    return not loosenings(old, new)


def loosenings(old: Sequence[Rule], new: Sequence[Rule]) -> tuple[Loosening, ...]:
    """Return everything by which `new` may let pass what `old` did not; nothing where the change only tightens."""
    successors = {rule.key: rule for rule in new}
    found = [one for rule in old for one in _loosenings(rule, successors.get(rule.key))]
    if not any(map(judges_everything, old)):
        found += [_more_is_judged(rule) for rule in new if not any(judges_at_least(one, rule) for one in old)]
    return tuple(found)


def _loosenings(old: Rule, new: Rule | None) -> Iterator[Loosening]:
    if new is None:
        detail = f"The rule {old.key} is taken away: {rule_sentence(old)}"
        yield Loosening(RULE_REMOVED, old.key, detail)
    elif new.type is not old.type:
        detail = f"The rule {old.key} becomes one of another type, {new.type.value} for {old.type.value}."
        yield Loosening(TYPE_CHANGED, old.key, detail)
    else:
        for attribute in loosened(old, new):
            parameter = next(one for one in SHAPES[old.type].parameters if one.attribute == attribute)
            detail = _of_holidays(old, new) if attribute == "holidays" else ""
            detail = detail or " ".join(one.sentence for one in _parameter_changes(old, new, parameter))
            yield Loosening(PARAMETER_LOOSER, f"{old.key}.{parameter.name}", detail)


def _of_holidays(old: Rule, new: Rule) -> str:
    """Return what becomes looser where only the dates of the same public holidays do, else nothing."""
    assert isinstance(old, BlackoutPeriod), "no other rule knows holidays"
    assert isinstance(new, BlackoutPeriod), "both are of one type"
    before, after = old.holidays, new.holidays
    if before is None or after is None or (before.country, before.subdivision) != (after.country, after.subdivision):
        return ""
    is_longer = before.until is None or (after.until is not None and after.until > before.until)
    return HOLIDAYS_RENEWED if is_longer else HOLIDAYS_FEWER


def _more_is_judged(rule: Rule) -> Loosening:
    detail = f"The rule {rule.key} judges payments that no rule judged before; without a rule they are denied."
    return Loosening(MORE_IS_JUDGED, rule.key, detail)


# --- In words ---------------------------------------------------------------------------------------------------------


def rule_changes(old: Sequence[Rule], new: Sequence[Rule]) -> tuple[RuleChange, ...]:
    """Return what differs, rule by rule; the order of rules means nothing."""
    before, after = ({rule.key: rule for rule in rules} for rules in (old, new))
    keys = [*after, *(key for key in before if key not in after)]
    return tuple(change for key in keys for change in _changes(before.get(key), after.get(key)))


def _changes(old: Rule | None, new: Rule | None) -> Iterator[RuleChange]:
    if old is not None and new is not None and old.type is new.type:
        parameters = tuple(one for each in SHAPES[old.type].parameters for one in _parameter_changes(old, new, each))
        if parameters:
            sentences = rule_sentence(old), rule_sentence(new)
            yield RuleChange(ChangeKind.CHANGED, old.key, old.type.value, *sentences, parameters)
        return
    if old is not None:
        yield RuleChange(ChangeKind.REMOVED, old.key, old.type.value, rule_sentence(old), "")
    if new is not None:
        yield RuleChange(ChangeKind.ADDED, new.key, new.type.value, "", rule_sentence(new))


def _parameter_changes(old: Rule, new: Rule, parameter: Parameter) -> tuple[ParameterChange, ...]:
    """Return the change of a parameter; of one that has parameters of its own each of those that changed."""
    attribute = parameter.attribute
    before, after = getattr(old, attribute), getattr(new, attribute)
    if before == after:
        return ()
    is_looser = attribute in loosened(old, new)
    if not isinstance(parameter.kind, Shape) or before is None or after is None:
        return (
            _told(old, parameter, before, after, Effect.LOOSER if is_looser else _effect(old, new, attribute, after)),
        )
    parts = []
    for inner in parameter.kind.parameters:
        values = getattr(before, inner.attribute), getattr(after, inner.attribute)
        if values[0] != values[1]:
            alone = replace(before, **{inner.attribute: values[1]})
            without = replace(after, **{inner.attribute: values[0]})
            # Stricter for itself, a change may be the one that leaves nobody out: with the last role that was named.
            is_last = is_looser and not is_as_strict(replace(new, **{attribute: without}), new)
            effect = Effect.LOOSER if is_last else _effect(old, new, attribute, alone)
            parts.append(_told(old, inner, *values, effect, parameter.name))
    return tuple(parts)


def _told(
    old: Rule, parameter: Parameter, before: Any, after: Any, effect: Effect, within: str = ""
) -> ParameterChange:
    path = ".".join(part for part in (old.key, within, parameter.name) if part)
    sentence = parameter_change(parameter, before, after, within)
    return ParameterChange(path, _written(parameter, before), _written(parameter, after), sentence, effect)


def _written(parameter: Parameter, value: Any) -> object:
    return None if value in (None, ()) else parameter.kind.write(value)


def _effect(old: Rule, new: Rule, attribute: str, value: Any) -> Effect:
    """Return what it does to give `old` this value alone; in `new` it may be no looser for what else changed there."""
    changed = replace(old, **{attribute: value})
    if attribute in loosened(old, new) and not is_as_strict(old, changed):
        return Effect.LOOSER
    return Effect.NEUTRAL if is_as_strict(changed, old) else Effect.TIGHTER
