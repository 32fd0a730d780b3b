"""Part of normalising: a model call seen by two instrumentations counts once; the poorer points to the richer."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence

from ..model import LLMRequest, Span

__all__ = ["DuplicateMarker"]

Key = tuple[bytes, bytes]
Models = tuple[str | None, str | None]


class DuplicateMarker:
    """Marks duplicates within the calls at hand, and parents and children among those stored shortly before.

    Two spans are one call when they are of one trace and have the same response id, or when one is the other's parent
    and both are calls of the same model. What is stored already with the same response id, the store finds.
    """

    def __init__(self, memory: int = 50_000) -> None:
        self._memory = memory
        self._lock = threading.Lock()
        self._calls: OrderedDict[Key, Models] = OrderedDict()
        self._children: OrderedDict[Key, tuple[Key, Models]] = OrderedDict()

    def mark(self, calls: Sequence[tuple[Span, LLMRequest]]) -> None:
        """Set `duplicate_of` on the poorer of each pair. Of two copies of one span the first one is looked at."""
        by_key: dict[Key, LLMRequest] = {}
        by_response: dict[tuple[bytes, str], LLMRequest] = {}
        for span, request in calls:
            if by_key.setdefault((span.trace_id, span.span_id), request) is request and request.response_id:
                answer = (span.trace_id, request.response_id)
                other = by_response.setdefault(answer, request)
                if other is not request:
                    by_response[answer] = _pair(other, request)
        for span, request in calls:
            if span.parent_span_id is not None:
                parent = by_key.get((span.trace_id, span.parent_span_id))
                if parent is not None and _same_call(parent, request):
                    _pair(parent, request)
        with self._lock:
            for span, request in calls:
                if request.duplicate_of is None:
                    self._mark_by_memory(span, request)

    def _mark_by_memory(self, span: Span, request: LLMRequest) -> None:
        """Compare with what is stored: that cannot be changed any more, so the later one is the duplicate."""
        own = (span.trace_id, span.span_id)
        found = None
        if span.parent_span_id is not None:
            parent = (span.trace_id, span.parent_span_id)
            models = self._calls.get(parent)
            if models is not None and _share(models, _models(request)):
                found = parent
        if found is None:
            child = self._children.get(own)
            if child is not None and _share(child[1], _models(request)):
                found = child[0]
        if found is not None and own not in self._calls:  # a span that was stored before is only sent again
            request.duplicate_of = f"{found[0].hex()}-{found[1].hex()}"

    def remember(self, calls: Iterable[tuple[Span, LLMRequest]]) -> None:
        """Note calls that were stored."""
        with self._lock:
            for span, request in calls:
                if request.duplicate_of is not None:
                    continue
                own, models = (span.trace_id, span.span_id), _models(request)
                self._calls[own] = models
                if span.parent_span_id is not None:
                    self._children[(span.trace_id, span.parent_span_id)] = (own, models)
            for table in (self._calls, self._children):
                while len(table) > self._memory:
                    table.popitem(last=False)


def _models(request: LLMRequest) -> Models:
    return (request.model, request.response_model)


def _share(one: Models, other: Models) -> bool:
    return any(name is not None and name != "unknown" and name in other for name in one)


def _same_call(parent: LLMRequest, child: LLMRequest) -> bool:
    """Whether parent and child saw one call: two answers with ids of their own are two calls."""
    if parent.response_id and child.response_id and parent.response_id != child.response_id:
        return False
    return _share(_models(parent), _models(child))


def _pair(outer: LLMRequest, inner: LLMRequest) -> LLMRequest:
    """Mark the poorer of two, return the richer; where they are equal, the inner one is closer to the provider."""
    if outer.duplicate_of is not None or inner.duplicate_of is not None:
        return inner if outer.duplicate_of is not None else outer
    keep, drop = (outer, inner) if _wealth(outer) > _wealth(inner) else (inner, outer)
    drop.duplicate_of = keep.request_id
    return keep


def _wealth(request: LLMRequest) -> int:
    """How much a request knows; usage weighs most, since it is what is counted."""
    counts = (
        request.prompt_tokens,
        request.completion_tokens,
        request.cache_read_tokens,
        request.cache_write_tokens,
        request.reasoning_tokens,
    )
    others = (request.time_to_first_token, request.finish_reason, request.response_id, request.prompt_preview)
    known = 4 * sum(count is not None for count in counts) + sum(other is not None for other in others)
    return known + (1 if request.provider != "unknown" else 0)
