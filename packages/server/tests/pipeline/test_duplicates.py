"""A call seen by two instrumentations counts once: within a batch and across batches."""

from __future__ import annotations

from typing import Any

import pytest
from otlp_bytes import batch, call, span
from sentinelops_server.pipeline.duplicates import DuplicateMarker
from sentinelops_server.pipeline.normalise import normalise
from sentinelops_server.pipeline.otlp import decode


def marked(*spans: dict[str, Any], marker: DuplicateMarker | None = None) -> dict[int, str | None]:
    decoded = decode(batch(spans))
    calls = [(one, request) for one in decoded.spans if (request := normalise(one)[0]) is not None]
    marker = marker or DuplicateMarker()
    marker.mark(calls)
    marker.remember(calls)
    return {
        int.from_bytes(request.span_id, "big"): request.duplicate_of and request.duplicate_of[-1]
        for _, request in calls
    }


POOR = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([call(1), call(2)], {1: None, 2: None}),
        ([call(1), call(2, parent=1)], {1: "2", 2: None}),
        ([call(1), span(2, parent=1, attributes=POOR)], {1: None, 2: "1"}),
        ([call(1), call(2, parent=1, attributes={"gen_ai.request.model": "other"})], {1: None, 2: None}),
        (
            [
                call(1, attributes={"gen_ai.response.id": "a"}),
                call(2, parent=1, attributes={"gen_ai.response.id": "b"}),
            ],
            {1: None, 2: None},
        ),
        (
            [call(1, attributes={"gen_ai.response.id": "a"}), call(2, attributes={"gen_ai.response.id": "a"})],
            {1: "2", 2: None},
        ),
        (
            [call(1, attributes={"gen_ai.response.id": "a"}), call(2, trace=2, attributes={"gen_ai.response.id": "a"})],
            {1: None, 2: None},
        ),
        ([call(1), span(3, parent=1), call(2, parent=3)], {1: None, 2: None}),
    ],
)
def test_a_call_seen_twice_counts_once(spans: list[dict[str, Any]], expected: dict[int, str | None]) -> None:
    assert marked(*spans) == expected


def test_a_parent_that_comes_later_is_the_duplicate_of_its_stored_child() -> None:
    marker = DuplicateMarker()
    assert marked(call(2, parent=1), marker=marker) == {2: None}
    assert marked(call(1), marker=marker) == {1: "2"}
    assert marked(call(2, parent=1), marker=marker) == {2: None}  # a replay is itself
