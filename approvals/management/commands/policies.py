"""`manage.py policies export|plan|apply`: policies as code, for people and for CI."""

import json
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import reverse

from approvals.replay.files import ask_history
from core.actor import SYSTEM
from core.clock import now as clock_now
from core.errors import ContoError, Invalid, InvalidMany
from core.ids import Prefix, to_public
from core.money import amount_text
from people.models import Organization
from people.services import Awaiting
from policies.engine.lint import Finding
from policies.engine.texts import LARGEST_TEXT_BYTES, read_text, write_yaml
from policies.engine.written import PolicyFile, file_to_plain, parse_file
from policies.services.code import Plan, Step, apply_file, exported_file, plan_file

DIFFERS: Final = 2
"""The exit code of a plan with changes; 0 is none, 1 an error: as `terraform plan -detailed-exitcode` has it."""
USAGE: Final = 2
"""With what argparse ends on a command that it cannot read: here that code says something else already."""
WAITS: Final = 3
"""The exit code of an apply that waits for two persons; nothing of the file counts until then."""
UNWRITTEN: Final = "drift: in force, and not in the file; apply keeps it, --retire-others retires it"
UNNAMED: Final = "not in the file and not in force, stays as it is"
SIGNS: Final = {Step.CREATE: "+", Step.CHANGE: "~", Step.RETIRE: "-", Step.NOTHING: " "}
HELP: Final = """\
export writes the policies that are in force and their assignments. plan says what a file would change, and whether
what is stored has drifted from it: exit code 0 where it is the same, 2 where it differs, 1 on an error (a command
that cannot be read is one) and where lint finds one. apply brings the policies to the file, all of them or none; the
same file again changes nothing. Where it loosens and the organization wants four eyes it waits as a whole: exit code
3, and a message that says where. Files are only ever read. plan --backtest asks the last days of history what each
changed policy would have answered beside the others of now."""


class Command(BaseCommand):
    """`manage.py policies`."""

    help = HELP
    is_read = False
    """Whether the arguments could be read, so that an exit code is this command's own."""

    def run_from_argv(self, argv: list[str]) -> None:
        """Do it; arguments that cannot be read are an error like any other, and no plan that differs."""
        try:
            super().run_from_argv(argv)
        except SystemExit as ended:
            if ended.code == USAGE and not self.is_read:
                sys.exit(1)
            raise

    def add_arguments(self, parser: CommandParser) -> None:
        """Name what is to be done, and for which organization."""
        parser.add_argument("--organization", help="its name or id; not needed where there is only one")
        actions = parser.add_subparsers(dest="action", required=True)
        export = actions.add_parser("export", help="write the policies to standard output")
        export.add_argument("--format", choices=["yaml", "json"], default="yaml")
        plan = actions.add_parser("plan", help="say what a file would change")
        apply = actions.add_parser("apply", help="bring the policies to a file")
        for action in (plan, apply):
            action.add_argument("file", help="YAML or JSON; - is standard input")
            action.add_argument(
                "--retire-others", action="store_true", help="retire every policy that the file does not name"
            )
            action.add_argument("--json", action="store_true", help="print the plan as JSON")
        plan.add_argument("--backtest", type=int, metavar="DAYS", help="ask so many days of history what would change")
        apply.add_argument("--plan", metavar="DIGEST", help="apply only what was planned under this digest")
        apply.add_argument("--note", default="", help="why, for the history")

    def handle(self, *_: Any, action: str, organization: str | None, **options: Any) -> None:
        """Do it; a plan that differs ends with the exit code 2."""
        self.is_read = True
        try:
            self.act(action, organization_of(organization).pk, options)
        except ContoError as error:
            raise CommandError("\n".join(lines_of(error))) from None

    def act(self, action: str, organization_id: UUID, options: dict[str, Any]) -> None:
        """Export, plan or apply."""
        if action == "export":
            plain = file_to_plain(exported_file(organization_id))
            text = write_yaml(plain) if options["format"] == "yaml" else json.dumps(plain, indent=2) + "\n"
            self.stdout.write(text, ending="")
            return
        file, retires_others, now = read_file(options["file"]), options["retire_others"], clock_now()
        plan = plan_file(organization_id, file, retires_others=retires_others, now=now)
        tested = tested_by(organization_id, file, options.get("backtest"), now)
        facts = plan.facts() | ({"backtests": tested} if tested else {})
        self.stdout.write(json.dumps(facts, indent=2) if options["json"] else in_words(plan, tested))
        if action == "plan":
            if plan.errors:
                raise CommandError(f"{len(plan.errors)} of the findings are errors: this would not be applied.")
            sys.exit(DIFFERS if plan.has_drifted else 0)
        applied = apply_file(
            organization_id=organization_id,
            file=file,
            planned=options["plan"] or plan.digest,
            retires_others=retires_others,
            note=options["note"],
            actor=SYSTEM,
            now=now,
        )
        if isinstance(applied, Awaiting):
            self.stderr.write(waiting_in_words(applied))
            sys.exit(WAITS)
        if not options["json"]:
            self.stdout.write("Applied." if plan.has_changes else "Nothing to apply.")


def tested_by(organization_id: UUID, file: PolicyFile, days: int | None, now: datetime) -> list[dict[str, Any]]:
    """Return what history says of each policy that would change; nothing where that is not asked for."""
    return [] if days is None else ask_history(organization_id, file, days=days, now=now)


def waiting_in_words(awaiting: Awaiting) -> str:
    """Return where a file waits for those who must agree."""
    place = f"{settings.PUBLIC_URL}{reverse('approvals:change', args=[awaiting.public_id])}"
    return f"It loosens, so nothing is applied yet: it waits for two persons as {awaiting.public_id}, at {place}"


def organization_of(asked: str | None) -> Organization:
    """Return the organization of this name or id, or the only one."""
    every = list(Organization.objects.order_by("name"))
    found = [one for one in every if asked in (None, one.name, to_public(Prefix.ORGANIZATION, one.pk))]
    if len(found) == 1:
        return found[0]
    names = ", ".join(f"{one.name} ({to_public(Prefix.ORGANIZATION, one.pk)})" for one in every)
    raise CommandError(f"Name one organization with --organization: {names or 'there is none'}")


def read_file(name: str) -> PolicyFile:
    """Return the policies in a file; one that is too large is not read to its end."""
    try:
        with sys.stdin.buffer if name == "-" else Path(name).open("rb") as stream:
            text = stream.read(LARGEST_TEXT_BYTES + 1)
    except OSError as error:
        raise CommandError(f"{name}: {error.strerror}") from None
    return parse_file(read_text(text))


def lines_of(error: ContoError) -> list[str]:
    """Return every fault as `path: what is wrong`."""
    if isinstance(error, InvalidMany):
        return [f"{path}: {detail} ({code})" for path, code, detail in error.errors]
    where = f"{error.field}: " if isinstance(error, Invalid) and error.field else ""
    return [f"{where}{error.detail} ({error.code})"]


def in_words(plan: Plan, tested: Sequence[dict[str, Any]] = ()) -> str:
    """Return a plan as people read it."""
    lines = []
    for one in plan.policies:
        lines.append(f"{SIGNS[one.step]} {one.label}{'' if one.label == one.name else f' ({one.name})'}")
        lines += [f"      {words}" for words in one.changes]
        lines += [f"    ! loosens: {words}" for words in one.loosens if words not in one.changes]
        lines += [f"    {told(finding)}" for finding in one.findings]
    lines += [f"? {label}: {UNWRITTEN if label in plan.unwritten else UNNAMED}" for label in plan.others]
    lines += [f"  {told(finding)}" for finding in plan.findings]
    lines += [words for one in tested for words in tested_in_words(one)]
    counts = {step: sum(one.step is step for one in plan.policies) for step in SIGNS}
    steps = f"{counts[Step.CREATE]} to create, {counts[Step.CHANGE]} to change, {counts[Step.RETIRE]} to retire"
    if plan.waits:
        lines.append("  It loosens: applied, it waits as a whole until two persons agree.")
    return "\n".join([*lines, f"{steps}, {counts[Step.NOTHING]} as they are. Plan {plan.digest}"])


def told(finding: Finding) -> str:
    """Return a finding as people read it."""
    return f"{finding.level.value} {finding.path}: {finding.detail} {finding.remedy} ({finding.code})"


def tested_in_words(one: dict[str, Any]) -> Iterator[str]:
    """Yield what history says of one policy."""
    yield f"  {one['policy']}: {one['changed']} of {one['asks']} asks of {one['days']} days answered differently"
    for cell in one["cells"]:
        if cell["before"] != cell["after"]:
            sums = ", ".join(f"{amount_text(Decimal(amount))} {currency}" for currency, amount in cell["sums"].items())
            yield f"      {cell['before']} → {cell['after']}: {cell['number']} ({sums})"
