"""Policies as code: all of them in one file, compared with what is stored, and brought to it in one transaction."""

from policies.services.code.applying import apply_file
from policies.services.code.drafted import Drafted, drafted_by
from policies.services.code.exporting import exported_file
from policies.services.code.planning import Plan, Planned, Step, plan_file

__all__ = ["Drafted", "Plan", "Planned", "Step", "apply_file", "drafted_by", "exported_file", "plan_file"]
