"""The API of policies, for back ends with an organization key: read, publish, sync by reference, as code, retire."""

from policies.api.calls import Assignments, OnePolicy, Policies, PolicyByReference, Retirement, Versions
from policies.api.code import ApplyFile, Export

__all__ = [
    "ApplyFile",
    "Assignments",
    "Export",
    "OnePolicy",
    "Policies",
    "PolicyByReference",
    "Retirement",
    "Versions",
]
