"""What loosens, said once: at the rule whose change it is about, or by itself where no rule on the page says it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from policies.engine.changes import Effect, RuleChange
from policies.views.shown import told
from policies.views.versions import Difference, in_differences


@dataclass(frozen=True, slots=True)
class Marked:
    """Changes of rules with a mark on what of them loosens, and the sentences that no rule on the page says."""

    differences: tuple[Difference, ...]
    others: tuple[str, ...]
    is_marked: bool
    """Whether any of what loosens is said at a rule."""


def marked(rules: Sequence[RuleChange], sentences: Sequence[str], names: Mapping[str, str]) -> Marked:
    """Sort the sentences on what loosens by the rule whose change they are about. Nothing is left out."""
    of_rules: defaultdict[int, list[str]] = defaultdict(list)
    others = []
    for sentence in sentences:
        about = [place for place, rule in enumerate(rules) if sentence.startswith(f"The rule {rule.key} ")]
        if about:
            of_rules[about[-1]].append(sentence)
        elif not any(_is_said_by(sentence, rule) for rule in rules):
            others.append(sentence)
    differences = tuple(
        _marked(one, rules[place], of_rules[place], names) for place, one in enumerate(in_differences(rules, names))
    )
    return Marked(differences, tuple(told(one, names) for one in others), len(others) < len(sentences))


def _is_said_by(sentence: str, rule: RuleChange) -> bool:
    """Say whether the parameters of a changed rule say the same, with a mark on what of it is looser."""
    parts = [one for one in rule.parameters if one.sentence in sentence]
    is_looser = any(one.effect is Effect.LOOSER for one in parts)
    return is_looser and sentence == " ".join(one.sentence for one in parts)


def _marked(shown: Difference, rule: RuleChange, sentences: Sequence[str], names: Mapping[str, str]) -> Difference:
    """Return a difference with what is said of how it loosens, as far as it does not say so itself."""
    taken_away = f"The rule {rule.key} is taken away: {rule.before}"
    further = tuple(told(one, names) for one in sentences if one != taken_away)
    return replace(shown, is_looser=bool(sentences), loosens=further)
