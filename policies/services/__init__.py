"""What changes policies: each use case is one durable transaction with its audit event."""

from policies.services.assignments import AssignTo, assign, set_assignments, unassign
from policies.services.drafts import add_rule, discard_draft, remove_rule, restore_version, save_draft, save_rule
from policies.services.findings import ALL_TOLD, Acknowledged, finding_facts, findings_of, seen
from policies.services.policies import create_policy, create_published_policy, describe_policy, end_shadow, retire
from policies.services.publishing import Published, publish, publish_draft
from policies.services.suggestions import Suggestion, Wish, put_suggestions, suggest
from policies.services.sync import Synced, upsert_policy_by_ref

__all__ = [
    "ALL_TOLD",
    "Acknowledged",
    "AssignTo",
    "Published",
    "Suggestion",
    "Synced",
    "Wish",
    "add_rule",
    "assign",
    "create_policy",
    "create_published_policy",
    "describe_policy",
    "discard_draft",
    "end_shadow",
    "finding_facts",
    "findings_of",
    "publish",
    "publish_draft",
    "put_suggestions",
    "remove_rule",
    "restore_version",
    "retire",
    "save_draft",
    "save_rule",
    "seen",
    "set_assignments",
    "suggest",
    "unassign",
    "upsert_policy_by_ref",
]
