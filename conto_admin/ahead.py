"""All code that is served, read once: for the web server's processes, and the worker, which go on from here by forking.

Each of them reading it for itself cost two seconds of a processor. Nothing is opened here, no connection and no
thread: all that fork would share it. `python -m conto_admin.ahead granian …` reads, then becomes granian.
"""

import gc

# What is imported stays; looking for garbage among it in between takes a fifth of the time.
gc.disable()

import os
import runpy
import sys
from typing import Final

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "conto_admin.settings")
django.setup()

from conto_admin import celery, middleware, urls
from spend.looks import look_of

look_of("the table of letters")
gc.freeze()
gc.enable()
ALLOCATED: Final = 20_000
"""Objects that are made before the youngest are looked through for garbage: what one ask makes goes by itself, and the
700 of Python's own have it looked through several times in each, a tenth of the time of a backtest."""
gc.set_threshold(ALLOCATED, *gc.get_threshold()[1:])

READ: Final = (celery, middleware, urls)
"""With all that these import in turn."""


def become(name: str, *arguments: str) -> None:
    """Go on as the program `name`, as `python -m` would run it; ends with `SystemExit` where that does."""
    sys.argv = [name, *arguments]
    runpy.run_module(name, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    become(*sys.argv[1:])
