"""Policies as code: all of them in one file, compared with what is stored, and brought to it in one transaction."""

from policies.services.code.agreeing import OUTDATED, compare_again, compare_ahead, does_as_proposed, propose_file
from policies.services.code.applying import apply_file, bring_file
from policies.services.code.drafted import Drafted, drafted_by
from policies.services.code.exporting import exported_file
from policies.services.code.past import plan_file
from policies.services.code.planning import Compared, Plan, Planned, Step, compare

__all__ = [
    "OUTDATED",
    "Compared",
    "Drafted",
    "Plan",
    "Planned",
    "Step",
    "apply_file",
    "bring_file",
    "compare",
    "compare_again",
    "compare_ahead",
    "does_as_proposed",
    "drafted_by",
    "exported_file",
    "plan_file",
    "propose_file",
]
