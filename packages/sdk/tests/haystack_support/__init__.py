"""What Haystack's tests share: which major this is, and the spans as a tree."""

from __future__ import annotations

from importlib.metadata import version

from sentinelops.testing import Captured

HAYSTACK_2 = version("haystack-ai").startswith("2.")


def tree(captured: Captured) -> list[tuple[str, str | None]]:
    """(name, name of the parent) in order of the ends; one trace."""
    names = {span["span_id"]: span["name"] for span in captured.spans}
    assert len({span["trace_id"] for span in captured.spans}) == 1
    return [(span["name"], names[span["parent_id"]] if span["parent_id"] else None) for span in captured.spans]
