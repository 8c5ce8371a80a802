"""The database that the demo fills: whether it may, and whether an earlier start was broken off in the middle."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from django.db import connection

from conto_admin.seeding.company import NAME
from core.db import rows

MARK: Final = "seeding"
"""The file beside `demo.json` that names the database while it is being filled, which takes many transactions."""

NAMED: Final = 3
"""How many organizations a refusal names."""

IS_THERE: Final = "select to_regclass('people_organization') is not null"
OTHERS: Final = "select name from people_organization where name <> %(own)s order by name limit %(limit)s"
OWN: Final = "select exists (select from people_organization where name = %(own)s)"


def address() -> str:
    """Name the database without its password."""
    found = connection.settings_dict
    port = f":{found['PORT']}" if found["PORT"] else ""
    return f"{found['HOST'] or 'localhost'}{port}/{found['NAME']}"


@contextlib.contextmanager
def marked(mark: Path) -> Iterator[None]:
    """Leave the mark behind unless the block comes to its end, however the process ends."""
    mark.write_text(address())
    yield
    mark.unlink()


def is_marked(mark: Path) -> bool:
    """Whether filling this very database was begun and not ended."""
    return mark.exists() and mark.read_text() == address()


def other_organizations() -> list[str]:
    """Return the names of the first organizations that are not the demo's; also before the database is migrated."""
    if not rows(IS_THERE)[0][0]:
        return []
    return [str(name) for (name,) in rows(OTHERS, {"own": NAME, "limit": NAMED})]


def holds_the_company() -> bool:
    """Whether the demo's own organization is there, whole or not."""
    return bool(rows(IS_THERE)[0][0] and rows(OWN, {"own": NAME})[0][0])
