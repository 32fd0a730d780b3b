"""Part of normalising: a model call seen by several instrumentations counts once; the others point to that one."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..model import LLMRequest, Span

__all__ = ["DuplicateMarker"]

Key = tuple[bytes, bytes]
Models = tuple[str | None, str | None]
Answer = tuple[str, str]  # application and response id
# how far up from a call a framework's view of it is looked for
MAX_STEPS = 32


class _Call(NamedTuple):
    """What is remembered of a stored call; direct: it is the child of the span that it is remembered under."""

    key: Key
    models: Models
    layer: bool
    direct: bool


class _Answered(NamedTuple):
    """What is remembered of a stored call under the id of its answer."""

    key: Key
    scope: str
    start_ns: int
    end_ns: int


class DuplicateMarker:
    """Marks duplicates within the spans at hand, and relatives among those stored shortly before.

    Two spans of one trace are one call when they have the same response id; when one is the other's parent and both are
    calls of the same model; or when one is a framework's view of a call (`layer`) and the other stands anywhere below
    it. What is stored already with the same response id, the store finds.

    In two traces the same response id is one call when two instrumentations saw it at the same time: each began a trace
    of its own. Ids that a server gives again (Ollama draws three digits) and answers that are fetched again come from
    one instrumentation, or at another time: they stay calls.
    """

    def __init__(self, memory: int = 50_000, answers: int = 10_000) -> None:
        self._memory = memory
        self._most_answers = answers
        self._answers: OrderedDict[Answer, _Answered] = OrderedDict()
        self._lock = threading.Lock()
        self._calls: OrderedDict[Key, _Call] = OrderedDict()
        self._below: OrderedDict[Key, _Call] = OrderedDict()  # a span, call or not -> the last call below it

    def mark(self, calls: Sequence[tuple[Span, LLMRequest]], spans: Iterable[Span] = ()) -> None:
        """Set `duplicate_of` on the poorer of each pair. Of two copies of one span the first one is looked at.

        spans: those of the batch that are no calls: they may stand between a framework's view and the call.
        """
        by_key: dict[Key, LLMRequest] = {}
        by_response: dict[tuple[bytes, str], LLMRequest] = {}
        for span, request in calls:
            if by_key.setdefault(span.key, request) is request and request.response_id:
                answer = (span.trace_id, request.response_id)
                other = by_response.setdefault(answer, request)
                if other is not request:
                    by_response[answer] = _pair(other, request)
        # what a tool or an agent calls is never the call that it stands below
        between = [span for span in spans if span.parent_span_id is not None and span.type not in ("tool", "agent")]
        parents = _parents(calls, between)
        for span, request in calls:
            outer, direct = _next_call(span.key, parents, by_key)
            if outer is not None and _same_call(outer, request, direct):
                _join(outer, request, parents, by_key)
        _join_traces(calls)
        _point_to_kept(by_key)
        with self._lock:
            for span in between:
                self._pass_on(span.key, parents, by_key)
            for span, request in calls:
                if request.duplicate_of is None and span.key not in self._calls:  # else it is only sent again
                    self._mark_by_memory(span, request, parents)

    def _mark_by_memory(self, span: Span, request: LLMRequest, parents: Mapping[Key, Key]) -> None:
        """Compare with what is stored: that cannot be changed any more, so the later one is the duplicate."""
        answered = self._answers.get((span.application, request.response_id)) if request.response_id else None
        if answered is not None and _one_answer(answered, _answered(span)):
            request.duplicate_of = _request_id(answered.key)
            return
        below = self._below.get(span.key)
        if below is not None and (request.layer or (below.direct and _share(below.models, _models(request)))):
            request.duplicate_of = _request_id(below.key)
            return
        for steps, ancestor in enumerate(_upwards(span.key, parents)):
            above = self._calls.get(ancestor)
            if above is not None:
                if above.layer or (steps == 0 and _share(above.models, _models(request))):
                    request.duplicate_of = _request_id(above.key)
                return

    def remember(self, calls: Iterable[tuple[Span, LLMRequest]]) -> None:
        """Note calls that were stored."""
        calls = list(calls)
        parents = _parents(calls, ())
        stops = {span.key for span, _ in calls}
        with self._lock:
            for span, request in calls:
                if request.duplicate_of is not None:
                    self._pass_on(span.key, parents, stops, same=True)
                    continue
                call = _Call(span.key, _models(request), request.layer, True)
                self._calls[span.key] = call
                self._note_above(call, parents, stops)
                if request.response_id:
                    self._answers[span.application, request.response_id] = _answered(span)
            _shorten(self._calls, self._memory)
            _shorten(self._below, self._memory)
            _shorten(self._answers, self._most_answers)

    def _pass_on(self, key: Key, parents: Mapping[Key, Key], stops: Container[Key], *, same: bool = False) -> None:
        """What is below a span that is no call of its own is below its parent too; same: as its child."""
        below = self._below.get(key)
        if below is not None:
            self._note_above(below if same else below._replace(direct=False), parents, stops, key)

    def _note_above(
        self, call: _Call, parents: Mapping[Key, Key], stops: Container[Key], start: Key | None = None
    ) -> None:
        """Up to and including the next call above."""
        for ancestor in _upwards(start or call.key, parents):
            self._below[ancestor] = call
            if ancestor in stops or ancestor in self._calls:
                return
            call = call._replace(direct=False)


def _shorten(table: OrderedDict[Any, Any], most: int) -> None:
    while len(table) > most:
        table.popitem(last=False)


def _answered(span: Span) -> _Answered:
    return _Answered(span.key, span.scope_name, span.start_ns, span.end_ns)


def _one_answer(one: _Answered, other: _Answered) -> bool:
    """Whether two instrumentations saw one answer, each in a trace of its own: at the same time."""
    at_once = one.start_ns <= other.end_ns and other.start_ns <= one.end_ns
    return at_once and one.key[0] != other.key[0] and one.scope != other.scope


def _join_traces(calls: Sequence[tuple[Span, LLMRequest]]) -> None:
    """Mark the poorer of two in different traces that saw one answer."""
    found: dict[Answer, tuple[Span, LLMRequest]] = {}
    for span, request in calls:
        if not request.response_id or request.duplicate_of is not None:
            continue
        answer = (span.application, request.response_id)
        seen = found.setdefault(answer, (span, request))
        if seen[1] is not request and _one_answer(_answered(seen[0]), _answered(span)):
            found[answer] = seen if _pair(seen[1], request) is seen[1] else (span, request)


def _parents(calls: Iterable[tuple[Span, LLMRequest]], spans: Iterable[Span]) -> dict[Key, Key]:
    parents = {span.key: (span.trace_id, span.parent_span_id) for span, _ in calls if span.parent_span_id is not None}
    for span in spans:
        if span.parent_span_id is not None:
            parents[span.key] = (span.trace_id, span.parent_span_id)
    return parents


def _upwards(key: Key, parents: Mapping[Key, Key]) -> Iterator[Key]:
    """The ancestors that are known, nearest first; a circle of a broken sender ends too."""
    for _ in range(MAX_STEPS):
        above = parents.get(key)
        if above is None:
            return
        yield above
        key = above


def _next_call(
    key: Key, parents: Mapping[Key, Key], by_key: Mapping[Key, LLMRequest]
) -> tuple[LLMRequest | None, bool]:
    """The nearest call above, and whether it is the parent."""
    for steps, ancestor in enumerate(_upwards(key, parents)):
        if ancestor in by_key and ancestor != key:
            return by_key[ancestor], steps == 0
    return None, False


def _request_id(key: Key) -> str:
    return f"{key[0].hex()}-{key[1].hex()}"


def _models(request: LLMRequest) -> Models:
    return (request.model, request.response_model)


def _share(one: Models, other: Models) -> bool:
    return any(name is not None and name != "unknown" and name in other for name in one)


def _same_call(outer: LLMRequest, inner: LLMRequest, direct: bool) -> bool:
    """Whether both saw one call: two answers with ids of their own are two calls."""
    if outer.layer:
        return True
    if not direct or (outer.response_id and inner.response_id and outer.response_id != inner.response_id):
        return False
    return _share(_models(outer), _models(inner))


def _join(outer: LLMRequest, inner: LLMRequest, parents: Mapping[Key, Key], by_key: Mapping[Key, LLMRequest]) -> None:
    """Make one of the two and of those that they are the same as: of three in a chain, too, one is kept."""
    above, below = _kept(outer, by_key), _kept(inner, by_key)
    if above is below:
        return
    if above is not outer and any(by_key.get(key) is outer for key in _upwards(_key(above), parents)):
        return  # it gave way to another call below it
    _pair(above, below)


def _kept(request: LLMRequest, by_key: Mapping[Key, LLMRequest]) -> LLMRequest:
    """The one that it is a duplicate of, of those at hand; itself when it is none."""
    while request.duplicate_of is not None:
        trace_id, _, span_id = request.duplicate_of.partition("-")
        other = by_key.get((bytes.fromhex(trace_id), bytes.fromhex(span_id)))
        if other is None:
            break
        request = other
    return request


def _point_to_kept(by_key: Mapping[Key, LLMRequest]) -> None:
    """A duplicate of a duplicate is one of what that is a duplicate of."""
    for request in by_key.values():
        if request.duplicate_of is not None:
            request.duplicate_of = _kept(request, by_key).request_id


def _key(request: LLMRequest) -> Key:
    return request.trace_id, request.span_id


def _pair(outer: LLMRequest, inner: LLMRequest) -> LLMRequest:
    """Mark the poorer of two, return the richer; where they are equal, the inner one is closer to the provider."""
    if outer.duplicate_of is not None or inner.duplicate_of is not None:
        return inner if outer.duplicate_of is not None else outer
    keep, drop = (outer, inner) if _richer(outer, inner) else (inner, outer)
    drop.duplicate_of = keep.request_id
    return keep


def _richer(outer: LLMRequest, inner: LLMRequest) -> bool:
    """A framework's view is kept only where the call below it knows nothing of tokens."""
    if outer.layer and not inner.layer:
        return _counts(outer) > 0 and _counts(inner) == 0
    return _wealth(outer) > _wealth(inner)


def _counts(request: LLMRequest) -> int:
    counts = (
        request.prompt_tokens,
        request.completion_tokens,
        request.cache_read_tokens,
        request.cache_write_tokens,
        request.reasoning_tokens,
    )
    return sum(count is not None for count in counts)


def _wealth(request: LLMRequest) -> int:
    """How much a request knows; usage weighs most, since it is what is counted."""
    others = (request.time_to_first_token, request.finish_reason, request.response_id, request.prompt_preview)
    known = 4 * _counts(request) + sum(other is not None for other in others)
    return known + (1 if request.provider != "unknown" else 0)
