"""What to do about each thing that lint finds: the closed set of its codes."""

from collections.abc import Mapping
from typing import Final

REMEDIES: Final[Mapping[str, str]] = {
    "rules_empty": "Add a rule.",
    "money_unguarded": "Add a SPEND_LIMIT, a BUDGET_ALLOCATION or an APPROVAL_THRESHOLD.",
    "caller_field_guards": "Add a limit that counts per agent and judges every payment.",
    "currency_not_everywhere": "Give the rule an amount in this currency, or let it judge its own currencies only.",
    "whitelist_empty": "Name those who may be paid, or say that nobody may.",
    "hours_empty": "Let the hours end after they begin.",
    "always_closed": "Leave some hours open, or freeze what must not spend at all.",
    "already_over": "Set a later end, or take the rule out.",
    "judged_without_amount": "Give the rule an amount in this currency, or let it judge its own currencies only.",
    "time_zone_missing": "Name a time zone, such as Europe/Berlin.",
    "list_unmatched": "Take the list out of the rule, or let the rule judge other payments.",
    "cap_without_effect": "Lower this cap, or take it out.",
    "quorum_unreachable": "Name more people or a role, or ask for fewer approvals.",
    "never_allowed": "Change or remove one of the two, or let one of them ask people.",
    "rule_shadowed": "Remove the rule, or make it stricter than the other.",
    "threshold_out_of_reach": "Lower the threshold below the limit, or raise the limit.",
    "contradicts_policy": "Change one of the two policies, or assign them to different agents.",
    "currency_uncovered": "Name an amount in the organization's currency.",
    "agent_without_policy": "Assign another policy: an agent without one can spend nothing.",
    "reviewer_unknown": "Name a present member who may review, or a role.",
    "reviewers_too_few": "Give more people a role that may review, or ask for fewer approvals.",
    "reviewers_too_few_for_owner": "Name one more reviewer: nobody reviews for an agent that they own.",
    "version_is_enforced": "Take the shadow away, or let it differ from what is enforced.",
    "contradictions_unsought": "Compare fewer policies at once, or assign them to different agents.",
    "history_unsought": "Plan fewer policies at once, or look at each on its page of publishing.",
    "rule_unmet": "Check the condition of the rule; leave it where it is meant for payments to come.",
}
