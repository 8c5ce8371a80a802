"""What the benchmark says, and whether every mark was reached."""

from dataclasses import dataclass, field


@dataclass
class Report:
    """Lines for people, and whether every mark was reached."""

    lines: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def say(self, line: str) -> None:
        """Keep a line, and print it."""
        self.lines.append(line)
        print(line, flush=True)

    def demand(self, holds: object, what: str) -> None:
        """Note a mark that was missed."""
        if not holds:
            self.failures.append(what)
