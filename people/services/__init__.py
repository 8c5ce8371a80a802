"""What changes people's tables: each use case is one durable transaction with its audit event."""

from people.services.agreements import agree_to, those_who_agree
from people.services.epoch import raise_epoch
from people.services.factors import change_second_factors, rewrap_factors
from people.services.filters import MOST_SAVED, forget_filter, keep_filter
from people.services.four_eyes import (
    MOST_SENTENCES,
    RIGHTS,
    Awaiting,
    Proposal,
    at_once,
    close,
    may_still,
    needs_second_person,
    person_behind,
    propose,
    tell_change,
    void_change_of,
    void_changes_of,
)
from people.services.invitations import (
    IssuedInvitation,
    accept_invitation,
    accept_invitation_as_new_person,
    invite,
    withdraw_invitation,
)
from people.services.keys import IssuedKey, issue_organization_key, note_key_used, revoke_organization_key
from people.services.members import add_member, add_new_member, change_roles, remove_member
from people.services.organizations import (
    OrganizationSettings,
    change_settings,
    create_organization,
    freeze_organization,
    thaw_organization,
)
from people.services.persons import (
    AccountSettings,
    NewPerson,
    change_account,
    change_password,
    note_signed_in,
    note_signed_out,
)
from people.services.sessions import forget_ended_sessions

__all__ = [
    "MOST_SAVED",
    "MOST_SENTENCES",
    "RIGHTS",
    "AccountSettings",
    "Awaiting",
    "IssuedInvitation",
    "IssuedKey",
    "NewPerson",
    "OrganizationSettings",
    "Proposal",
    "accept_invitation",
    "accept_invitation_as_new_person",
    "add_member",
    "add_new_member",
    "agree_to",
    "at_once",
    "change_account",
    "change_password",
    "change_roles",
    "change_second_factors",
    "change_settings",
    "close",
    "create_organization",
    "forget_ended_sessions",
    "forget_filter",
    "freeze_organization",
    "invite",
    "issue_organization_key",
    "keep_filter",
    "may_still",
    "needs_second_person",
    "note_key_used",
    "note_signed_in",
    "note_signed_out",
    "person_behind",
    "propose",
    "raise_epoch",
    "remove_member",
    "revoke_organization_key",
    "rewrap_factors",
    "tell_change",
    "thaw_organization",
    "those_who_agree",
    "void_change_of",
    "void_changes_of",
    "withdraw_invitation",
]
