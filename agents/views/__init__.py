"""Pages about agents: one agent, its runtime keys and its sealed credentials."""

from agents.views.credentials import new_credential, replace_credential, revoke_credential
from agents.views.detail import detail, edit, freeze, new, retire, thaw
from agents.views.keys import new_key, revoke_key, rotate_key
from agents.views.list import export
from agents.views.secrets import credentials, export_credentials, export_keys, keys

__all__ = [
    "credentials",
    "detail",
    "edit",
    "export",
    "export_credentials",
    "export_keys",
    "freeze",
    "keys",
    "new",
    "new_credential",
    "new_key",
    "replace_credential",
    "retire",
    "revoke_credential",
    "revoke_key",
    "rotate_key",
    "thaw",
]
