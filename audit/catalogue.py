"""The closed set of what can happen, with one sentence for each in the words of people."""

from enum import StrEnum
from typing import Final

from core.money import AMOUNT_PATTERN


class Action(StrEnum):
    """What happened; the value is stable and part of the API."""

    AUTHORIZATION_APPROVED = "authorization.approved"
    AUTHORIZATION_PENDING = "authorization.pending"
    AUTHORIZATION_DECLINED = "authorization.declined"
    AUTHORIZATION_REVIEWED = "authorization.reviewed"
    AUTHORIZATION_REVIEW_COUNTED = "authorization.review_counted"
    AUTHORIZATION_REVIEW_WITHDRAWN = "authorization.review_withdrawn"
    AUTHORIZATION_REVIEW_SET_ASIDE = "authorization.review_set_aside"
    AUTHORIZATION_REDECIDED = "authorization.redecided"
    AUTHORIZATION_EXPIRED = "authorization.expired"
    AUTHORIZATION_VOIDED = "authorization.voided"
    AUTHORIZATION_IN_DOUBT = "authorization.in_doubt"
    AUTHORIZATION_RECORDED = "authorization.recorded"
    AUTHORIZATION_CREDENTIAL_RELEASED = "authorization.credential_released"

    RECORD_STORED = "record.stored"
    RECORD_FLAGGED = "record.flagged"

    COUNTERPARTY_CREATED = "counterparty.created"
    COUNTERPARTY_CHANGED = "counterparty.changed"
    COUNTERPARTY_STANDING_CHANGED = "counterparty.standing_changed"
    COUNTERPARTY_MERGED = "counterparty.merged"
    PEG_CHANGED = "peg.changed"

    AGENT_CREATED = "agent.created"
    AGENT_CHANGED = "agent.changed"
    AGENT_FROZEN = "agent.frozen"
    AGENT_THAWED = "agent.thawed"
    AGENT_RETIRED = "agent.retired"
    AGENT_STORAGE_STATED = "agent.storage_stated"
    AGENT_KEY_ISSUED = "agent.key_issued"
    AGENT_KEY_REVOKED = "agent.key_revoked"
    AGENT_KEY_ROTATED = "agent.key_rotated"

    SEALED_CREDENTIAL_CREATED = "sealed_credential.created"
    SEALED_CREDENTIAL_REPLACED = "sealed_credential.replaced"
    SEALED_CREDENTIAL_REVOKED = "sealed_credential.revoked"
    SEALED_CREDENTIAL_REWRAPPED = "sealed_credential.rewrapped"
    CREDENTIAL_RELEASED = "credential.released"

    POLICY_CREATED = "policy.created"
    POLICY_CHANGED = "policy.changed"
    POLICY_DRAFT_SAVED = "policy.draft_saved"
    POLICY_PUBLISHED = "policy.published"
    POLICY_ASSIGNED = "policy.assigned"
    POLICY_UNASSIGNED = "policy.unassigned"
    POLICY_RETIRED = "policy.retired"
    BACKTEST_STARTED = "backtest.started"
    BACKTEST_CANCELLED = "backtest.cancelled"

    CHANGE_PROPOSED = "change.proposed"
    CHANGE_AGREED = "change.agreed"
    CHANGE_AGREEMENT_WITHDRAWN = "change.agreement_withdrawn"
    CHANGE_APPROVED = "change.approved"
    CHANGE_REJECTED = "change.rejected"
    CHANGE_VOIDED = "change.voided"
    CHANGE_EXPIRED = "change.expired"

    ORGANIZATION_CREATED = "organization.created"
    ORGANIZATION_CHANGED = "organization.changed"
    ORGANIZATION_FROZEN = "organization.frozen"
    ORGANIZATION_THAWED = "organization.thawed"
    ORGANIZATION_KEY_ISSUED = "organization_key.issued"
    ORGANIZATION_KEY_REVOKED = "organization_key.revoked"

    MEMBER_ADDED = "member.added"
    MEMBER_INVITED = "member.invited"
    MEMBER_INVITATION_WITHDRAWN = "member.invitation_withdrawn"
    MEMBER_JOINED = "member.joined"
    MEMBER_ROLES_CHANGED = "member.roles_changed"
    MEMBER_REMOVED = "member.removed"

    PERSON_CREATED = "person.created"
    PERSON_CHANGED = "person.changed"
    PERSON_SIGNED_IN = "person.signed_in"
    PERSON_SIGNED_OUT = "person.signed_out"
    PERSON_PASSWORD_CHANGED = "person.password_changed"  # noqa: S105 - the name of an event
    PERSON_SECOND_FACTOR_ADDED = "person.second_factor_added"
    PERSON_SECOND_FACTOR_REMOVED = "person.second_factor_removed"
    PERSON_SECOND_FACTOR_REWRAPPED = "person.second_factor_rewrapped"


SENTENCES: Final[dict[Action, str]] = {
    Action.AUTHORIZATION_APPROVED: "Authorization {subject} was approved",
    Action.AUTHORIZATION_PENDING: "Authorization {subject} waits for a person",
    Action.AUTHORIZATION_DECLINED: "Authorization {subject} was declined",
    Action.AUTHORIZATION_REVIEWED: "{actor} reviewed authorization {subject}",
    Action.AUTHORIZATION_REVIEW_COUNTED: "{actor}'s review of authorization {subject} took effect",
    Action.AUTHORIZATION_REVIEW_WITHDRAWN: "{actor} took back a review of authorization {subject}",
    Action.AUTHORIZATION_REVIEW_SET_ASIDE: "A review of authorization {subject} was set aside",
    Action.AUTHORIZATION_REDECIDED: "Authorization {subject} was decided again after its reviews",
    Action.AUTHORIZATION_EXPIRED: "The time of authorization {subject} ran out",
    Action.AUTHORIZATION_VOIDED: "{actor} gave up authorization {subject}",
    Action.AUTHORIZATION_IN_DOUBT: "{actor} does not know whether authorization {subject} went through",
    Action.AUTHORIZATION_RECORDED: "{actor} recorded what authorization {subject} cost",
    Action.AUTHORIZATION_CREDENTIAL_RELEASED: "{actor} was given a secret to pay authorization {subject}",
    Action.RECORD_STORED: "{actor} reported spending {subject}",
    Action.RECORD_FLAGGED: "{actor} reported spending {subject}, and it was flagged",
    Action.COUNTERPARTY_CREATED: "{actor} added counterparty {subject}",
    Action.COUNTERPARTY_CHANGED: "{actor} changed counterparty {subject}",
    Action.COUNTERPARTY_STANDING_CHANGED: "{actor} changed the standing of counterparty {subject}",
    Action.COUNTERPARTY_MERGED: "{actor} merged counterparty {subject} into another",
    Action.PEG_CHANGED: "{actor} changed what {subject} is pegged to",
    Action.AGENT_CREATED: "{actor} created agent {subject}",
    Action.AGENT_CHANGED: "{actor} changed agent {subject}",
    Action.AGENT_FROZEN: "{actor} froze agent {subject}",
    Action.AGENT_THAWED: "{actor} thawed agent {subject}",
    Action.AGENT_RETIRED: "{actor} retired agent {subject}",
    Action.AGENT_STORAGE_STATED: "{actor} stated how the app stores the keys of agent {subject}",
    Action.AGENT_KEY_ISSUED: "{actor} issued a key for agent {subject}",
    Action.AGENT_KEY_REVOKED: "{actor} revoked a key of agent {subject}",
    Action.AGENT_KEY_ROTATED: "{actor} rotated a key of agent {subject}",
    Action.SEALED_CREDENTIAL_CREATED: "{actor} sealed credential {subject}",
    Action.SEALED_CREDENTIAL_REPLACED: "{actor} replaced the secret of sealed credential {subject}",
    Action.SEALED_CREDENTIAL_REVOKED: "{actor} revoked sealed credential {subject}",
    Action.SEALED_CREDENTIAL_REWRAPPED: "{actor} wrapped sealed credential {subject} with another key",
    Action.CREDENTIAL_RELEASED: "{actor} was given the secret of sealed credential {subject}",
    Action.POLICY_CREATED: "{actor} created policy {subject}",
    Action.POLICY_CHANGED: "{actor} changed policy {subject}",
    Action.POLICY_DRAFT_SAVED: "{actor} saved a draft of policy {subject}",
    Action.POLICY_PUBLISHED: "{actor} published policy {subject}",
    Action.POLICY_ASSIGNED: "{actor} assigned policy {subject}",
    Action.POLICY_UNASSIGNED: "{actor} took back an assignment of policy {subject}",
    Action.POLICY_RETIRED: "{actor} retired policy {subject}",
    Action.BACKTEST_STARTED: "{actor} asked history with a draft of policy {subject}",
    Action.BACKTEST_CANCELLED: "{actor} cancelled a backtest of policy {subject}",
    Action.CHANGE_PROPOSED: "{actor} proposed a change that needs a second person: {subject}",
    Action.CHANGE_AGREED: "{actor} agreed to a proposed change, and one more person must: {subject}",
    Action.CHANGE_AGREEMENT_WITHDRAWN: "An agreement to a proposed change no longer counts: {subject}",
    Action.CHANGE_APPROVED: "{actor} agreed to a proposed change: {subject}",
    Action.CHANGE_REJECTED: "{actor} rejected a proposed change: {subject}",
    Action.CHANGE_VOIDED: "{actor} voided a proposed change: {subject}",
    Action.CHANGE_EXPIRED: "The time of a proposed change ran out: {subject}",
    Action.ORGANIZATION_CREATED: "{actor} created organization {subject}",
    Action.ORGANIZATION_CHANGED: "{actor} changed the settings of {subject}",
    Action.ORGANIZATION_FROZEN: "{actor} froze the whole organization {subject}",
    Action.ORGANIZATION_THAWED: "{actor} thawed the organization {subject}",
    Action.ORGANIZATION_KEY_ISSUED: "{actor} issued organization key {subject}",
    Action.ORGANIZATION_KEY_REVOKED: "{actor} revoked organization key {subject}",
    Action.MEMBER_ADDED: "{actor} made {subject} a member",
    Action.MEMBER_INVITED: "{actor} invited {subject}",
    Action.MEMBER_INVITATION_WITHDRAWN: "{actor} withdrew the invitation of {subject}",
    Action.MEMBER_JOINED: "{actor} joined the organization",
    Action.MEMBER_ROLES_CHANGED: "{actor} changed the roles of {subject}",
    Action.MEMBER_REMOVED: "{actor} removed {subject} from the organization",
    Action.PERSON_CREATED: "{actor} created the account of {subject}",
    Action.PERSON_CHANGED: "{actor} changed the account of {subject}",
    Action.PERSON_SIGNED_IN: "{actor} signed in",
    Action.PERSON_SIGNED_OUT: "{actor} signed out",
    Action.PERSON_PASSWORD_CHANGED: "{actor} changed the password of {subject}",
    Action.PERSON_SECOND_FACTOR_ADDED: "{actor} added a second factor of {subject}",
    Action.PERSON_SECOND_FACTOR_REMOVED: "{actor} removed a second factor of {subject}",
    Action.PERSON_SECOND_FACTOR_REWRAPPED: "{actor} wrapped a second factor of {subject} with another key",
}


def payment_name(amount: str, currency: str, payee: str) -> str:
    """Return what a sentence calls an authorization by: an id tells nobody which payment it was."""
    whole, point, fraction = amount.partition(".")
    shown = f"{int(whole):,}{point}{fraction}" if AMOUNT_PATTERN.fullmatch(amount) else amount
    return f"of {shown} {currency}{f' to {payee}' if payee else ''}"


def sentence(action: str, *, actor: str, subject: str) -> str:
    """Return what happened in one sentence; an action this edition does not know is named as it is stored."""
    if action not in set(Action):
        return f"{actor}: {action} {subject}"
    return SENTENCES[Action(action)].format(actor=actor, subject=subject)
