"""Every task stands in the table of docs/instrument-transformers.md, and every kind of pipeline passes our hooks."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import transformers
from transformers import pipelines
from transformers.generation.utils import GenerationMixin

DOCS = Path(__file__).resolve().parents[5] / "docs" / "instrument-transformers.md"


def documented() -> set[str]:
    rows = [line.split("|")[1] for line in DOCS.read_text().splitlines() if line.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def test_no_task_is_unlisted() -> None:
    assert set(pipelines.PIPELINE_REGISTRY.get_supported_tasks()) - {"ner", "sentiment-analysis", "vqa"} <= documented()


def test_nothing_listed_is_gone() -> None:
    if not transformers.__version__.startswith("4."):  # the table says what is of 4 only
        tasks = set(pipelines.PIPELINE_REGISTRY.get_supported_tasks())
        gone = {name for name in documented() - tasks if not name.startswith(("model.", "pipe"))}
        rows = [line for line in DOCS.read_text().splitlines() if "(4.x only)" in line]
        assert gone == {name for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[1])}


def test_no_way_to_generate_is_unlisted() -> None:
    names = {name for name in dir(GenerationMixin) if name.startswith("generate")}
    assert {f"model.{name}" for name in names} <= documented()


def _name(kind: Any) -> str:
    """The newest names its classes by where they are, and imports them when they are needed."""
    return kind if isinstance(kind, str) else f"{kind.__module__}.{kind.__name__}"


@pytest.mark.parametrize("name", sorted({_name(task["impl"]) for task in pipelines.SUPPORTED_TASKS.values()}))
def test_every_kind_of_pipeline_passes_the_hooks(name: str) -> None:
    module, _, attribute = name.rpartition(".")
    kind: Any = getattr(import_module(module), attribute)
    assert kind.forward is pipelines.Pipeline.forward
    own = kind.__dict__.get("__call__")
    assert own is None or "super().__call__" in inspect.getsource(own)
