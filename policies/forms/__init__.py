"""What people type about policies: one form for each rule type, and forms for the policy itself."""

from collections.abc import Mapping
from typing import Final

from policies.engine.rules import RuleType
from policies.forms.base import RuleForm, Surroundings
from policies.forms.money import ApprovalThresholdForm, BudgetForm, SpendLimitForm
from policies.forms.payees import CategoryForm, CounterpartyForm, GeographicForm, RailForm, WhitelistForm
from policies.forms.picks import Directory
from policies.forms.policy import AssignmentForm, NewPolicyForm, PolicyForm, PublishForm
from policies.forms.times import BlackoutForm, DuplicateForm, ExpirationForm, TimeWindowForm, VelocityForm

RULE_FORMS: Final[Mapping[RuleType, type[RuleForm]]] = {
    form.type: form
    for form in (
        SpendLimitForm,
        BudgetForm,
        ApprovalThresholdForm,
        WhitelistForm,
        CounterpartyForm,
        TimeWindowForm,
        BlackoutForm,
        CategoryForm,
        RailForm,
        VelocityForm,
        DuplicateForm,
        GeographicForm,
        ExpirationForm,
    )
}
"""In the order in which a person is offered them: what most policies need comes first."""

__all__ = [
    "RULE_FORMS",
    "AssignmentForm",
    "Directory",
    "NewPolicyForm",
    "PolicyForm",
    "PublishForm",
    "RuleForm",
    "Surroundings",
]
