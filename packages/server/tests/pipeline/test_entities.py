"""Names of people, places and organisations: with the model in an environment of its own, without it a clear answer."""

from __future__ import annotations

import os
import subprocess

import pytest
from client_venvs import ROOT, python_of
from sentinelops_server.pipeline.redact import RedactConfig, Redactor
from sentinelops_server.settings import SettingsError, load

CASES = "packages/server/tests/pipeline/presidio_cases.py"
FOLDERS = ("packages/sdk/src", "packages/server/src", "packages/server/tests")


def test_names_are_found_with_the_extra() -> None:
    path = os.pathsep.join(str(ROOT / folder) for folder in FOLDERS)
    command = [python_of("presidio"), "-m", "pytest", "--noconftest", "-W", "default", CASES]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": path}
    )
    assert done.returncode == 0, done.stdout[-6_000:] + done.stderr[-2_000:]


@pytest.mark.parametrize(
    ("chosen", "said"),
    [("person", r"pip install 'sentinelops-server\[presidio\]'"), ("person,colour", "person, place, organisation")],
)
def test_without_the_extra_or_with_unknown_kinds_the_start_says_what_to_do(chosen: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        load({"SENTINELOPS_REDACTION_ENTITIES": chosen})


def test_off_by_default() -> None:
    assert RedactConfig().entities == ()
    assert Redactor()._entities is None
