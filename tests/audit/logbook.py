"""Histories that tests begin with, ways to damage them, and the stand-alone verifier as a process of its own."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from html import unescape
from io import StringIO
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from audit.catalogue import Action
from audit.models import Checkpoint, Event, Leaf
from audit.seal import public_key_text
from audit.selectors.events import Filters
from audit.selectors.export import export_lines
from audit.selectors.state import seal_state
from audit.services import append
from audit.services.sealing import configured_key, seal
from core.actor import Actor, ActorKind
from core.db import rows, use_case
from core.ids import Prefix, new_id, to_public
from people.models import Member
from tests.factories import NOW

VERIFIER: Final = Path(__file__).resolve().parents[2] / "audit" / "verifier.py"
ADA: Final = Actor(ActorKind.PERSON, "per_01jdada", "Ada", None, request_id="req_1", address="192.0.2.7")
AGENT: Final = "agt_01jdagent"


@use_case
def tell(
    organization_id: UUID,
    action: Action = Action.AGENT_CHANGED,
    *,
    kind: str = "agent",
    subject: str = AGENT,
    actor: Actor = ADA,
    before: object = None,
    after: object = None,
    now: datetime = NOW,
) -> None:
    """Write one event in a transaction of its own."""
    append(
        organization_id=organization_id,
        actor=actor,
        action=action,
        subject_kind=kind,
        subject_id=subject,
        before=before,
        after=after,
        now=now,
    )


def sealed_log(*rounds: int) -> UUID:
    """A new organization's log with so many events per round, each round sealed; event n tells `{"step": n}`."""
    organization_id = new_id(NOW)
    step = 0
    for count in rounds:
        for _ in range(count):
            tell(organization_id, after={"step": step}, now=NOW + timedelta(seconds=step))
            step += 1
        seal(organization_id, now=NOW + timedelta(seconds=step))
    return organization_id


def steps(organization_id: UUID) -> list[int]:
    """What the sealed events tell, in the order of the log."""
    leaves = Leaf.objects.filter(organization_id=organization_id).order_by("index")
    return list(leaves.values_list("event__after__step", flat=True))


def event_at(organization_id: UUID, index: int) -> Event:
    return Event.objects.get(leaf__organization_id=organization_id, leaf__index=index)


def kept_checkpoint(organization_id: UUID, folder: Path) -> Path:
    """The present checkpoint, put away where the server cannot reach it."""
    path = folder / f"kept-{seal_state(organization_id).size}.txt"
    path.write_text(seal_state(organization_id).checkpoint, encoding="utf-8")
    return path


@contextmanager
def as_intruder() -> Iterator[None]:
    """A superuser who has switched off triggers and foreign keys."""
    with connection.cursor() as cursor:
        cursor.execute("set session_replication_role = replica")
        yield
        cursor.execute("set session_replication_role = origin")


def tamper(sql: str, *values: object) -> None:
    with as_intruder():
        rows(sql, list(values))


def checkpoints(organization_id: UUID) -> list[Checkpoint]:
    return list(Checkpoint.objects.filter(organization_id=organization_id).order_by("size"))


# --- The two checks ---------------------------------------------------------------------------------------------------


def verify_audit(organization_id: UUID, *since: Path) -> tuple[int, str]:
    """Run `manage.py verify_audit` for one organization: exit code and everything it said."""
    said = StringIO()
    options = [
        f"--organization={to_public(Prefix.ORGANIZATION, organization_id)}",
        *(f"--since={path}" for path in since),
    ]
    try:
        call_command("verify_audit", *options, stdout=said, stderr=said)
    except CommandError as error:
        return error.returncode, f"{said.getvalue()}{error}"
    return 0, said.getvalue()


def export(organization_id: UUID, folder: Path, *, filters: Filters | None = None, since: Sequence[int] = ()) -> Path:
    """Write an export into `folder`."""
    path = folder / f"export-{len(list(folder.iterdir()))}.jsonl"
    key = configured_key().public_key()
    path.write_bytes(
        b"".join(export_lines(organization_id, key=key, now=NOW, filters=filters or Filters(), since=since))
    )
    return path


def run_verifier(path: Path, *since: Path, key: str = "") -> tuple[int, str]:
    """Run a copy of the verifier, alone in its folder, isolated: exit code and everything it said."""
    alone = path.parent / "alone"
    alone.mkdir(exist_ok=True)
    shutil.copy(VERIFIER, alone / "verifier.py")
    key = key or public_key_text(configured_key().public_key())
    command = [sys.executable, "-I", "verifier.py", str(path), "--key", key, *(f"--since={one}" for one in since)]
    done = subprocess.run(command, cwd=alone, env={}, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write_lines(path: Path, lines: Sequence[dict[str, Any]]) -> None:
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")


# --- What members see -------------------------------------------------------------------------------------------------


def signed_in(member: Member) -> Client:
    client = Client()
    client.force_login(member.person)
    return client


def text_of(client: Client, address: str) -> str:
    """What a person reads on a page or a part of one, spaces run together."""
    response = client.get(address, headers={"HX-Request": "true"} if "/history/" in address else {})
    assert response.status_code == 200, response.content
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode())))


def freeze(organization_id: UUID, *, name: str = "Research", subject: str = AGENT) -> None:
    before, after = {"name": name, "frozen": False}, {"name": name, "frozen": True}
    tell(organization_id, Action.AGENT_FROZEN, subject=subject, before=before, after=after)
