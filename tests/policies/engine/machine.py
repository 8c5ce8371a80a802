"""The machine as somebody else may have set it up."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def machine_in(time_zone: str) -> Iterator[None]:
    """Set this machine's own time zone, which nothing may depend on."""
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TZ", time_zone)
            time.tzset()
            yield
    finally:
        time.tzset()
