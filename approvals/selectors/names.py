"""What authorizations are called: by what was to be paid to whom."""

from collections.abc import Iterable
from uuid import UUID

from approvals.models import Authorization
from audit.catalogue import payment_name
from core.ids import Prefix, ids_in, to_public
from core.money import amount_text


def authorization_names(organization_id: UUID, public_ids: Iterable[str]) -> dict[str, str]:
    """Return the amounts and payees of authorizations, in words; foreign ones and what is no id are missing."""
    found = Authorization.objects.filter(
        organization_id=organization_id, pk__in=ids_in(Prefix.AUTHORIZATION, public_ids)
    )
    return {
        to_public(Prefix.AUTHORIZATION, key): payment_name(amount_text(amount), currency, payee.get("name") or "")
        for key, amount, currency, payee in found.values_list("pk", "amount", "currency", "payee")
    }
