"""Every method of the client stands in the table of docs/instrument-huggingface.md, and nothing that is not there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from huggingface_hub import AsyncInferenceClient, InferenceClient
from huggingface_support.fake import NEW
from huggingface_support.surfaces import SURFACES
from sentinelops.instrument.huggingface import methods_of

DOCS = Path(__file__).resolve().parents[5] / "docs" / "instrument-huggingface.md"
EITHER = pytest.mark.parametrize("client", [InferenceClient, AsyncInferenceClient])


def documented(captured: str) -> set[str]:
    rows = [line.split("|") for line in DOCS.read_text().splitlines() if line.startswith("| `")]
    return {name for row in rows if row[2].strip().startswith(captured) for name in re.findall(r"`([^`]+)`", row[1])}


def public(client: type) -> set[str]:
    return {"chat.completions.create", *(name for name in dir(client) if not name.startswith("_"))} - {"chat"}


@EITHER
def test_no_method_is_unlisted(client: type) -> None:
    assert public(client) - documented("yes") - documented("no") == set()


def test_nothing_listed_is_gone() -> None:
    if NEW:  # the table is of the newest major, and says what is of 0.x only
        assert (documented("yes") | documented("no")) - public(InferenceClient) == {
            "get_model_status", "list_deployed_models",
        }  # fmt: skip


@EITHER
def test_what_is_listed_as_captured_is_watched_and_tested(client: type) -> None:
    names = documented("yes") & public(client)
    assert set(methods_of(client)) == names - {"chat.completions.create"}
    assert {surface.method for surface in SURFACES} == names
