"""`manage.py rebuild_rollups`: add the ledger of every organization up anew, by day."""

from typing import Any

from django.core.management.base import BaseCommand

from core.clock import now as clock_now
from insight.services import rebuild
from people.models import Organization


class Command(BaseCommand):
    """Throw the rollups away and add them up again; pages answer from the ledger meanwhile, exactly and slower."""

    help = __doc__

    def handle(self, *_: Any, **__: Any) -> None:
        """Rebuild one organization after the other."""
        for organization in Organization.objects.order_by("pk"):
            stretches = rebuild(organization.pk, now=clock_now())
            self.stdout.write(f"{organization.name}: {stretches} stretches added up.")
