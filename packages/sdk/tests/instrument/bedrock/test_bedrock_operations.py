"""Every operation of the two services stands in the table of docs/instrument-bedrock.md, with what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import botocore
import botocore.session
import pytest
from sentinelops.instrument.bedrock._operations import OPERATIONS

DOCS = Path(__file__).resolve().parents[5] / "docs" / "instrument-bedrock.md"
OLDEST = botocore.__version__.startswith("1.34.")


def documented(service: str) -> dict[str, str]:
    """Operation -> what the table says."""
    table = DOCS.read_text().partition(f"| {service} | captured |")[2].partition("\n\n")[0]
    rows = [line.split("|")[1:3] for line in table.splitlines() if line.startswith("| `")]
    return {name: said.strip() for names, said in rows for name in re.findall(r"`([^`]+)`", names)}


def present(service: str) -> set[str]:
    return set(botocore.session.get_session().get_service_model(service).operation_names)


@pytest.mark.parametrize("service", sorted(OPERATIONS))
def test_no_operation_is_unlisted(service: str) -> None:
    assert sorted(present(service) - set(documented(service))) == []


@pytest.mark.parametrize("service", sorted(OPERATIONS))
def test_nothing_listed_is_gone(service: str) -> None:
    gone = set(documented(service)) - present(service)
    assert OLDEST or sorted(gone) == []


@pytest.mark.parametrize("service", sorted(OPERATIONS))
def test_the_table_says_what_the_code_does(service: str) -> None:
    captured = {name for name, said in documented(service).items() if said.startswith(("yes", "without usage"))}
    assert captured == set(OPERATIONS[service])
