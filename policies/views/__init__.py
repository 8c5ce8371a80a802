"""Pages of policies: the list, one policy, its drafts and rules, its versions."""

from policies.views.drafts import add_rule, change_rule, discard, draft, duplicate_rule, publish, remove_rule
from policies.views.list import as_code, export, policies
from policies.views.pages import (
    assignments,
    create,
    describe,
    detail,
    end_shadow,
    retire,
)
from policies.views.promoting import promote_shadow
from policies.views.versions import compare, export_versions, restore, version, versions

__all__ = [
    "add_rule",
    "as_code",
    "assignments",
    "change_rule",
    "compare",
    "create",
    "describe",
    "detail",
    "discard",
    "draft",
    "duplicate_rule",
    "end_shadow",
    "export",
    "export_versions",
    "policies",
    "promote_shadow",
    "publish",
    "remove_rule",
    "restore",
    "retire",
    "version",
    "versions",
]
