"""Pages about people: settings of the organization, its members and keys; one's own account; invitations."""

from people.views.account import account, switch
from people.views.factors import behind_second_factor, changing_second_factors
from people.views.filters import forget_filter, keep_filter
from people.views.invitations import invitation
from people.views.keys import export_keys, issue_key, keys, revoke_key
from people.views.members import change_roles, export_members, invite, members, remove_member, withdraw_invitation
from people.views.organization import freeze, settings, thaw

__all__ = [
    "account",
    "behind_second_factor",
    "change_roles",
    "changing_second_factors",
    "export_keys",
    "export_members",
    "forget_filter",
    "freeze",
    "invitation",
    "invite",
    "issue_key",
    "keep_filter",
    "keys",
    "members",
    "remove_member",
    "revoke_key",
    "settings",
    "switch",
    "thaw",
    "withdraw_invitation",
]
