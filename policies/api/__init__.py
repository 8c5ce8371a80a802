"""The API of policies, for back ends with an organization key: read, publish, sync by reference, assign, retire."""

from policies.api.calls import Assignments, OnePolicy, Policies, PolicyByReference, Retirement, Versions

__all__ = ["Assignments", "OnePolicy", "Policies", "PolicyByReference", "Retirement", "Versions"]
