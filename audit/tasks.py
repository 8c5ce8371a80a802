"""The worker's part: seal what has committed every second, check the whole log once a night."""

import logging
from typing import Final

from celery import shared_task

from audit.selectors.verification import logs, verify
from audit.services.sealing import accepted_keys, note_verification, organizations_waiting, seal
from core.clock import now
from core.ids import Prefix, to_public

VERIFICATION_SECONDS: Final = 3_600
"""A full check reads the whole history: about a minute per million events."""

logger = logging.getLogger(__name__)


@shared_task(name="audit.seal")  # type: ignore[untyped-decorator]
def seal_audit() -> int:
    """Seal every organization that waits; the fault of one keeps no other waiting."""
    sealed = 0
    for organization_id in organizations_waiting():
        try:
            sealed += seal(organization_id, now=now())
        except Exception:
            logger.exception(
                "audit_seal_failed", extra={"organization": to_public(Prefix.ORGANIZATION, organization_id)}
            )
    return sealed


@shared_task(name="audit.verify", time_limit=VERIFICATION_SECONDS)  # type: ignore[untyped-decorator]
def verify_audit() -> int:
    """Check every organization's log from the first event on; returns the number of faults, which are logged."""
    faults = 0
    for organization_id in logs():
        outcome = verify(organization_id, keys=accepted_keys())
        note_verification(organization_id, size=outcome.size, faults=len(outcome.faults), now=now())
        for fault in outcome.faults:
            logger.error("audit_fault", extra={"log": outcome.origin, "place": fault.place, "problem": fault.problem})
        faults += len(outcome.faults)
    return faults
