"""Every file that a page asks for can be collected and fingerprinted."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from conto_admin.embedded import ROOT
from tests.conto_admin.test_checks import DEMO_ONLY, SAFE

COLLECT = """
import sys
import django
from django.conf import settings
django.setup()
settings.STATIC_ROOT = sys.argv[1]
# The same without whitenoise's compression, which takes most of the time.
settings.STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
from django.core.management import call_command
call_command("collectstatic", interactive=False, verbosity=0)
"""


@pytest.mark.process
def test_static_files_collect_under_names_that_never_change_meaning(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in DEMO_ONLY} | SAFE

    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", COLLECT, str(tmp_path)],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "staticfiles.json").exists()
