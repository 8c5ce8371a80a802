"""`python3 run.py bench`.

Measure the limit, the ask, the race, the growth, the cost of viewers, the pages and a backtest in one run, and write
docs/performance.md.
"""

import argparse
import os
import sys
from pathlib import Path

from conto_admin import embedded

FOLDER = embedded.ROOT / ".conto" / "bench"


def main() -> None:
    """Start servers of the benchmark's own, then measure."""
    parser = argparse.ArgumentParser(prog="run.py bench", description=__doc__)
    parser.add_argument("--seconds", type=int, default=10, help="of each load")
    parser.add_argument("--agents", type=int, default=1000)
    parser.add_argument(
        "--past", type=int, default=1_000_000, help="past authorizations of the growth test and of the pages"
    )
    parser.add_argument("--rounds", type=int, default=100, help="of the race, per number of processes")
    parser.add_argument("--viewers", type=int, default=200, help="who keep a page open")
    parser.add_argument("--followed", type=int, default=100_000, help="authorizations that a backtest follows")
    parts = ["ask", "race", "growth", "viewers", "pages", "backtests"]
    parser.add_argument("--only", choices=parts, help="one part alone; writes nothing")
    options = parser.parse_args()
    embedded.throw_away(FOLDER)
    with embedded.use(FOLDER) as found:
        os.environ |= {
            "CONTO_DEMO": "1",
            "CONTO_RATE_PER_MINUTE": "1000000000",  # counted as ever, and never reached
            "DATABASE_URL": found.database_url,
            "BROKER_URL": found.broker_url,
            "DJANGO_SETTINGS_MODULE": "conto_admin.settings",
        }
        from bench.measure import measure  # noqa: PLC0415 - Django reads its settings at the import

        sys.exit(measure(options, Path(embedded.ROOT) / "docs" / "performance.md"))


if __name__ == "__main__":
    main()
