"""What changes policies: each use case is one durable transaction with its audit event."""

from policies.services.assignments import assign, set_assignments, unassign
from policies.services.drafts import add_rule, discard_draft, remove_rule, restore_version, save_draft, save_rule
from policies.services.findings import (
    ALL_TOLD,
    Acknowledged,
    finding_facts,
    findings_of,
    findings_of_labels,
    findings_of_targets,
    findings_with_history,
    seen,
)
from policies.services.in_force import Published, resolved_document
from policies.services.policies import create_policy, create_published_policy, describe_policy, end_shadow, retire
from policies.services.proposing import (
    Wanted,
    apply_to_policy,
    loosens_as_shown,
    policy_to_change,
    standing_facts,
    targets_from,
    wanted_from,
)
from policies.services.publishing import publish, publish_draft, publish_shadow
from policies.services.suggestions import Suggestion, Wish, put_suggestions, suggest
from policies.services.sync import Synced, upsert_policy_by_ref
from policies.services.targets import AssignTo, as_targets

__all__ = [
    "ALL_TOLD",
    "Acknowledged",
    "AssignTo",
    "Published",
    "Suggestion",
    "Synced",
    "Wanted",
    "Wish",
    "add_rule",
    "apply_to_policy",
    "as_targets",
    "assign",
    "create_policy",
    "create_published_policy",
    "describe_policy",
    "discard_draft",
    "end_shadow",
    "finding_facts",
    "findings_of",
    "findings_of_labels",
    "findings_of_targets",
    "findings_with_history",
    "loosens_as_shown",
    "policy_to_change",
    "publish",
    "publish_draft",
    "publish_shadow",
    "put_suggestions",
    "remove_rule",
    "resolved_document",
    "restore_version",
    "retire",
    "save_draft",
    "save_rule",
    "seen",
    "set_assignments",
    "standing_facts",
    "suggest",
    "targets_from",
    "unassign",
    "upsert_policy_by_ref",
    "wanted_from",
]
