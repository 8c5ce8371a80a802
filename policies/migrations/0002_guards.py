"""Make published versions immutable."""

from typing import ClassVar

from django.db import migrations

CREATE = """
create trigger policies_policyversion_is_immutable before update or delete on policies_policyversion
    for each row execute function conto_refuse_change();
create trigger policies_policyversion_is_not_truncated before truncate on policies_policyversion
    for each statement execute function conto_refuse_truncate();
"""

DROP = """
drop trigger policies_policyversion_is_immutable on policies_policyversion;
drop trigger policies_policyversion_is_not_truncated on policies_policyversion;
"""


class Migration(migrations.Migration):
    """Triggers of the versions."""

    dependencies: ClassVar = [("policies", "0001_initial"), ("audit", "0002_guards")]

    operations: ClassVar = [migrations.RunSQL(CREATE, DROP)]
