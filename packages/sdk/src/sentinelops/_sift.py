"""Sampling in the export thread: what of an ended span is sent, what waits for its trace's end, what is left out.

Model calls are decided when they come. Other spans of a trace that chance did not choose wait, bounded in number, bytes
and time, until their trace's local root ends: a failed or slow call among them makes all of them go out.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import _facts, semconv
from ._content import Withheld
from ._guard import swallow
from ._resolve import prepared, resolve
from ._sampling import chance, parse_rules, stamped, threshold, weight_of
from ._stats import STATS

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import SpanContext

    from ._batch import Item
    from ._config import Config
    from ._content import ContentPolicy
    from ._runtime import Resolved

WAIT_SECONDS = 60.0
_MARKED_MOST = 4_096
Ready = tuple["ReadableSpan", "Resolved | None"]


@dataclass(slots=True)
class Sight:
    """A span under decision: resolved without its content, which stands beside it."""

    span: ReadableSpan
    context: SpanContext
    resolved: Resolved | None
    content: dict[str, Any]
    attributes: Mapping[str, Any]
    size: int
    calls_at: int = 0  # thresholds: below the first it is left out, below the second its detail is
    detail_at: int = 0
    randomness: int = 0
    before: int = 0

    @property
    def is_root(self) -> bool:
        """Whether it is where the trace entered this process."""
        return self.span.parent is None or self.span.parent.is_remote


@dataclass(slots=True)
class _Waiting:
    since: float
    spans: list[Sight] = field(default_factory=list)


class Sift:
    """Decides; used by one thread. What it leaves out is counted in `stats()["sampled_out"]`."""

    def __init__(self, config: Config, policy: ContentPolicy) -> None:
        self._config = config
        self._policy = policy
        self._most_bytes = config.max_queue_bytes // 4
        self._waiting: OrderedDict[int, _Waiting] = OrderedDict()
        self._spans = self._bytes = 0
        self._marked: OrderedDict[int, None] = OrderedDict()  # traces that go out whole from now on

    def look(self, item: Item) -> Sight:
        """Resolve a span, its content aside."""
        withheld = Withheld(self._policy)
        resolved = resolve(item.pending, withheld)
        attributes = dict(item.span.attributes or {})
        if resolved is not None:
            attributes |= resolved.attributes
        return Sight(item.span, item.span.context, resolved, withheld.content, attributes, item.size)

    def sift(self, sight: Sight, now: float) -> list[Ready]:
        """What goes out now: nothing, this span, or it and those that waited for it."""
        self.expire(now)
        self._rate(sight)
        wrong = _facts.failed(sight.span, sight.attributes, _said_failed(sight.resolved))
        if _facts.is_call(sight.attributes):
            return self._call(sight, wrong or _facts.seconds(sight.span) >= self._config.sample_slow_seconds)
        return self._step(sight, wrong, now)

    def _rate(self, sight: Sight) -> None:
        """Work out the thresholds of the span: the callback's word first, then the first rule that fits, then all's."""
        config = self._config
        rates = {"calls": config.sample_calls, "detail": config.sample_detail}
        if config.sampling or config.sampler is not None:
            facts = _facts.facts_of(sight.span, sight.attributes, (config.application, config.environment))
            for rule in reversed([rule for rule in config.sampling if rule.fits(facts)]):
                rates |= rule.rates()
            rates |= self._asked(facts)
        sight.randomness, sight.before = chance(sight.context)
        sight.calls_at = max(sight.before, threshold(rates["calls"]))
        sight.detail_at = max(sight.calls_at, threshold(rates["detail"]))

    def _asked(self, facts: dict[str, Any]) -> dict[str, float]:
        """Ask the callback; one that fails or gives what is no rate has said nothing."""
        sampler = self._config.sampler
        if sampler is None:
            return {}
        try:
            said = sampler(facts)
            if said is None:
                return {}
            (rule,) = parse_rules([dict(said) if isinstance(said, Mapping) else {"calls": said}])
            return rule.rates()
        except Exception as failure:
            swallow("sampler", failure)
            return {}

    def _call(self, sight: Sight, always: bool) -> list[Ready]:
        if always:  # not by chance, so it stands for itself, or for those that a sampler before us left out
            return [*self._mark(sight), self._whole(sight, sight.before)]
        if sight.randomness < sight.calls_at:
            STATS.sampled_out("calls")
            return []
        if sight.randomness >= sight.detail_at:
            return [*self._mark(sight), self._whole(sight, sight.calls_at)]
        if sight.context.trace_id in self._marked:
            return [self._whole(sight, sight.calls_at)]
        return [self._thin(sight)]

    def _step(self, sight: Sight, wrong: bool, now: float) -> list[Ready]:
        trace_id = sight.context.trace_id
        if wrong:
            return [*self._mark(sight), self._whole(sight, sight.before)]
        if trace_id in self._marked:
            return [self._whole(sight, sight.before)]
        if sight.randomness >= sight.detail_at:
            return [self._whole(sight, sight.calls_at)]
        if sight.is_root:
            STATS.sampled_out("detail", 1 + self._forget(trace_id))
            return []
        self._wait(trace_id, sight, now)
        return []

    # the spans that wait

    def _wait(self, trace_id: int, sight: Sight, now: float) -> None:
        self._waiting.setdefault(trace_id, _Waiting(now)).spans.append(sight)
        self._spans += 1
        self._bytes += sight.size
        while self._spans > self._config.max_queue_spans or self._bytes > self._most_bytes:
            STATS.sampled_out("buffer_full", self._forget(next(iter(self._waiting))))

    def _take(self, trace_id: int) -> list[Sight]:
        waiting = self._waiting.pop(trace_id, None)
        spans = [] if waiting is None else waiting.spans
        self._spans -= len(spans)
        self._bytes -= sum(sight.size for sight in spans)
        return spans

    def _forget(self, trace_id: int) -> int:
        return len(self._take(trace_id))

    def _mark(self, sight: Sight) -> list[Ready]:
        """Let the trace go out from now on, and what waits of it."""
        trace_id = sight.context.trace_id
        self._marked[trace_id] = None
        self._marked.move_to_end(trace_id)
        if len(self._marked) > _MARKED_MOST:
            self._marked.popitem(last=False)
        return [self._whole(waited, waited.before) for waited in self._take(trace_id)]

    def expire(self, now: float) -> None:
        """Leave out what has waited too long for its trace's end."""
        while self._waiting:
            trace_id, oldest = next(iter(self._waiting.items()))
            if now - oldest.since < WAIT_SECONDS:
                return
            STATS.sampled_out("timeout", self._forget(trace_id))

    def due(self) -> float | None:
        """Monotonic seconds at which `expire` has something to do."""
        oldest = next(iter(self._waiting.values()), None)
        return None if oldest is None else oldest.since + WAIT_SECONDS

    def close(self) -> None:
        """No end will come any more: what waits is left out."""
        for trace_id in list(self._waiting):
            STATS.sampled_out("detail", self._forget(trace_id))

    # as it is sent

    def _whole(self, sight: Sight, kept_at: int) -> Ready:
        if sight.resolved is not None and sight.content:
            sight.resolved.attributes |= prepared(sight.content, self._policy)
        return self._weighed(sight, _facts.View(sight.span, sight.context), kept_at)

    def _thin(self, sight: Sight) -> Ready:
        view = _facts.View(sight.span, sight.context)
        view.thin()
        if sight.resolved is not None:
            sight.resolved.attributes = _facts.light(sight.resolved.attributes)
        view.attributes = {**view.attributes, semconv.SAMPLING_DETAIL: False}
        return self._weighed(sight, view, sight.calls_at)

    def _weighed(self, sight: Sight, view: _facts.View, kept_at: int) -> Ready:
        """Say on a span what it stands for; on one that nobody chose by chance nothing is said."""
        if kept_at:
            view.attributes = {**view.attributes, semconv.SAMPLING_WEIGHT: weight_of(kept_at)}
            if kept_at > sight.before:
                view.context = stamped(view.context, kept_at)
        return view.as_span(), sight.resolved


def _said_failed(resolved: Resolved | None) -> bool:
    return resolved is not None and resolved.error_message is not None
