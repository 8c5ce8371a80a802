"""Tables that leave the console as CSV: streamed line by line, and without formulas."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from django.http import StreamingHttpResponse

AMOUNT: Final = re.compile(r"-[0-9]+(\.[0-9]+)?")
"""Less than nothing: a number, which sums must not skip as a text."""
FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would run instead of showing."""


class _Passing:
    """What the CSV writer writes to: hands each line on."""

    def write(self, line: str) -> str:
        return line


def csv_answer(name: str, columns: Sequence[str], lines: Iterable[Sequence[str]]) -> StreamingHttpResponse:
    """Return a file of this name with these columns; `lines` are fetched while it is sent, and never all kept."""
    answer = StreamingHttpResponse(_written(columns, lines), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _written(columns: Sequence[str], lines: Iterable[Sequence[str]]) -> Iterator[str]:
    writer = csv.writer(_Passing())
    yield writer.writerow(columns)
    for line in lines:
        yield writer.writerow([_cell(text) for text in line])


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA_STARTS) and not AMOUNT.fullmatch(text) else text
