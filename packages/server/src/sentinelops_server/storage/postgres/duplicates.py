"""One call seen by two instrumentations counts once: same trace and same response id."""

from __future__ import annotations

from collections.abc import Iterable

from ...model import LLMRequest

__all__ = ["mark_duplicates", "richness"]

_DATA = (
    "prompt_tokens", "completion_tokens", "cache_read_tokens", "reasoning_tokens", "estimated_cost", "inference_time",
    "time_to_first_token", "finish_reason", "response_model", "prompt_preview", "completion_preview", "session_id",
    "user_id", "service_tier",
)  # fmt: skip


def richness(request: LLMRequest) -> int:
    """Return how much a request tells: its known facts."""
    return sum(getattr(request, name) is not None for name in _DATA) + len(request.parameters) + len(request.metadata)


def mark_duplicates(requests: Iterable[LLMRequest], stored: dict[tuple[bytes, str], str]) -> None:
    """Set `duplicate_of` where another request of the same trace has the same response id.

    Within a batch the one that tells the most counts, and of equals the one with the smaller span id. One that is
    stored already has been counted and stays the one that counts, however much a later one tells: numbers that were
    shown do not change. `stored` is {(trace_id, response_id): request_id} of those.
    """
    groups: dict[tuple[bytes, str], list[LLMRequest]] = {}
    for request in requests:
        if request.response_id and request.duplicate_of is None:
            groups.setdefault((request.trace_id, request.response_id), []).append(request)
    for key, group in groups.items():
        counts = stored.get(key)
        if counts is None:
            if len(group) > 1:
                group.sort(key=lambda request: (-richness(request), request.span_id))
            counts = group[0].request_id
        for request in group:
            if request.request_id != counts:
                request.duplicate_of = counts
