"""Part of normalising: a model call seen by two instrumentations counts once; the poorer points to the richer."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import TypeVar

from ..model import LLMRequest, Span

__all__ = ["DuplicateMarker"]

Key = tuple[bytes, bytes]
_V = TypeVar("_V")


class DuplicateMarker:
    """Marks duplicates within the spans at hand, and against those stored shortly before (`memory` of them).

    Two spans are one call when they are of one trace and have the same response id, or when one is the other's parent
    and both are calls of the same model.
    """

    def __init__(self, memory: int = 50_000) -> None:
        self._memory = memory
        self._lock = threading.Lock()
        self._responses: OrderedDict[tuple[bytes, str], Key] = OrderedDict()
        self._children: OrderedDict[Key, tuple[Key, frozenset[str]]] = OrderedDict()
        self._calls: OrderedDict[Key, frozenset[str]] = OrderedDict()

    def mark(self, requests: list[LLMRequest], spans: Mapping[Key, Span]) -> None:
        """Set `duplicate_of` on the poorer of each pair; `spans` holds the requests' own spans by key."""
        by_key = {(request.trace_id, request.span_id): request for request in requests}
        by_response: dict[tuple[bytes, str], LLMRequest] = {}
        for request in by_key.values():
            if request.response_id:
                key = (request.trace_id, request.response_id)
                other = by_response.get(key)
                by_response[key] = request if other is None else _pair(other, request)
        for request in by_key.values():
            parent_id = spans[(request.trace_id, request.span_id)].parent_span_id
            parent = by_key.get((request.trace_id, parent_id)) if parent_id else None
            if parent is not None and _models(parent) & _models(request) and not _different(parent, request):
                _pair(parent, request)
        with self._lock:
            for request in by_key.values():
                if request.duplicate_of is None:
                    self._mark_by_memory(request, spans[(request.trace_id, request.span_id)])

    def _mark_by_memory(self, request: LLMRequest, span: Span) -> None:
        """Compare with what is stored: that cannot be changed any more, so the later one is the duplicate."""
        own = (request.trace_id, request.span_id)
        if own in self._calls:
            return  # the same span again
        found = self._responses.get((request.trace_id, request.response_id)) if request.response_id else None
        if found is None and span.parent_span_id:
            parent = (request.trace_id, span.parent_span_id)
            if self._calls.get(parent, frozenset()) & _models(request):
                found = parent
        if found is None:
            child, models = self._children.get(own, (own, frozenset()))
            if models & _models(request):
                found = child
        if found is not None and found != own:
            request.duplicate_of = f"{found[0].hex()}-{found[1].hex()}"

    def remember(self, requests: Iterable[LLMRequest], spans: Mapping[Key, Span]) -> None:
        """Note requests that were stored."""
        with self._lock:
            for request in requests:
                if request.duplicate_of is not None:
                    continue
                own = (request.trace_id, request.span_id)
                if request.response_id:
                    _put(self._responses, (request.trace_id, request.response_id), own, self._memory)
                models = _models(request)
                _put(self._calls, own, models, self._memory)
                parent_id = spans[own].parent_span_id
                if parent_id:
                    _put(self._children, (request.trace_id, parent_id), (own, models), self._memory)


_K = TypeVar("_K")


def _put(table: OrderedDict[_K, _V], key: _K, value: _V, limit: int) -> None:
    table[key] = value
    if len(table) > limit:
        table.popitem(last=False)


def _models(request: LLMRequest) -> frozenset[str]:
    names = {request.model, request.response_model} - {None, "unknown"}
    return frozenset(name for name in names if name)


def _different(one: LLMRequest, other: LLMRequest) -> bool:
    """Two answers with ids of their own are two calls, whatever their spans' relation."""
    return bool(one.response_id and other.response_id and one.response_id != other.response_id)


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
