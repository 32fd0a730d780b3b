"""The export thread: takes ended spans, works out what they say, encodes and sends them, and counts every one.

A daemon thread, started with the first span, that sleeps while there is nothing to do. The host's threads only append.
"""

from __future__ import annotations

import threading
import time
import uuid
import zlib
from collections import deque
from typing import TYPE_CHECKING, Any

from . import _metrics, semconv
from ._batch import Batch, Item, Queue, score_item, weight
from ._content import Withheld
from ._encode import SpanEncoder
from ._guard import swallow, warn_once
from ._resolve import CANCELLED, prepared, resolve
from ._sender import Sender
from ._stats import STATS, Counts
from ._turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan

    from ._config import Config
    from ._runtime import Pending, Resolved
    from ._score import GivenScore
    from ._sift import Sift

SCOPE_NAME = "sentinelops"
_TOGETHER = 64  # spans that go through the stages together
Ready = tuple["ReadableSpan", "Resolved | None"]


class Exporter:
    """Owns the queue, the thread and the sender.

    resource: gives the provider's resource, for metrics. `offer` is the hot path; everything else happens in the
    thread.
    """

    def __init__(self, config: Config, resource: Callable[[], Resource]) -> None:
        self._config = config
        self._policy = config.content_policy()
        self._provider_resource = resource
        self._overrides: dict[str, Any] = {}
        if config.application is not None:
            self._overrides[semconv.SERVICE_NAME] = config.application
        if config.environment is not None:
            self._overrides[semconv.DEPLOYMENT_ENVIRONMENT] = config.environment
        self._sender = Sender(config)
        self._begin()

    def _begin(self) -> None:
        """The state of a process that has exported nothing yet: at construction, and in a forked child."""
        self._condition = threading.Condition(threading.Lock())
        self._queue = Queue(self._config.max_queue_spans, self._config.max_queue_bytes)
        self._outbox: deque[Batch] = deque()
        self._outbox_bytes = 0
        self._thread: threading.Thread | None = None
        self._busy = False
        self._hurry = False
        self._stopping = False
        self._closed = False
        self._metrics_at: float | None = None
        self._sift = self._new_sift()
        self._client_metrics = _metrics.ClientMetrics()
        self._encoder = SpanEncoder({semconv.SERVICE_INSTANCE_ID: str(uuid.uuid4())}, self._overrides)

    def _new_sift(self) -> Sift | None:
        """None when everything is sent: then nothing of sampling is even loaded."""
        if not self._config.samples:
            return None
        from ._sift import Sift

        return Sift(self._config, self._policy)

    @property
    def closed(self) -> bool:
        """Whether shutdown() was called."""
        return self._closed

    # the host's threads

    def offer(self, span: ReadableSpan, pending: Pending | None) -> None:
        """Queue an ended span, or count it as dropped; never waits for the network."""
        self._offer(Item(span, pending, weight(pending)), STATS)

    def offer_score(self, score: GivenScore) -> None:
        """Queue a score, as a span is."""
        self._offer(score_item(score), STATS.scores)

    def _offer(self, item: Item, counts: Counts) -> None:
        counts.created()
        with self._condition:
            closed = self._closed
            kept = not closed and self._queue.add(item, time.monotonic(), self._outbox_bytes)
            if kept and (len(self._queue) == 1 or len(self._queue) == self._config.max_batch_spans):
                self._condition.notify_all()
            start = kept and self._thread is None
            if start:
                self._thread = threading.Thread(target=self._run, name="sentinelops-export", daemon=True)
        if start and self._thread is not None:
            self._thread.start()
        if not kept:
            counts.dropped("shutdown" if closed else "queue_full")
            if not closed:
                warn_once("queue_full", "sentinelops: spans arrive faster than %s takes them; the newest are dropped and counted (stats()).", self._config.traces_url)  # fmt: skip  # noqa: E501

    def flush(self, timeout_seconds: float = 10.0) -> bool:
        """Send what is queued, now; whether all of it was sent or dropped in time. Retry-After still holds."""
        deadline = time.monotonic() + timeout_seconds
        with self._condition:
            self._sender.forget_backoff()
            while not self._idle():
                if self._thread is None or not self._thread.is_alive():
                    return False
                self._hurry = True
                self._condition.notify_all()
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._condition.wait(left)
        return True

    def shutdown(self, timeout_seconds: float | None = None) -> None:
        """Send what can be sent within the exit budget, spool or drop (and count) the rest. Later spans are dropped."""
        budget = self._config.exit_timeout_seconds if timeout_seconds is None else timeout_seconds
        with self._condition:
            if self._closed:
                return None
            self._closed = self._stopping = True
            self._condition.notify_all()
            thread = self._thread
        if thread is None or not thread.is_alive():
            self._leave()
            return self._sender.close()
        thread.join(budget * 0.7)
        if thread.is_alive():  # a server that hangs: end the exchange, what was in it is kept or dropped like the rest
            self._sender.abort()
            thread.join(budget * 0.3)
        if thread.is_alive():
            self._leave()
        return None

    def forked(self) -> None:
        """In a forked child: the queue, the thread and the connection are the parent's; begin anew."""
        self._sender.forked()
        self._begin()

    def _idle(self) -> bool:
        return not (self._busy or len(self._queue) or self._outbox or self._sender.spooled_batches)

    # the export thread

    def _run(self) -> None:
        _suppress_instrumentation()
        try:
            self._sender.adopt()
            while self._wait():
                self._round()
            self._last_round()
        except Exception as failure:  # the thread is gone; the next span would wait for nobody
            swallow("export thread", failure)
            with self._condition:
                self._thread = None
        finally:
            with self._condition:
                self._busy = False
                self._condition.notify_all()

    def _wait(self) -> bool:
        """Sleep until there is something to do; False when it is to stop."""
        with self._condition:
            self._busy = False
            if self._idle():
                self._hurry = False
                self._condition.notify_all()  # flush() may be waiting for this
            while not self._stopping:
                seconds = self._due_in(time.monotonic())
                if seconds is not None and seconds <= 0:
                    self._busy = True
                    return True
                self._condition.wait(seconds)
            return False

    def _due_in(self, now: float) -> float | None:
        """Seconds until the next thing to do, None: when something arrives."""
        due: list[float] = []
        if len(self._queue):
            full = self._hurry or len(self._queue) >= self._config.max_batch_spans
            due.append(0.0 if full else self._queue.first_at + self._config.schedule_delay_seconds - now)
        if self._outbox or self._sender.spooled_batches:
            due.append(self._sender.not_before - now)
        if self._metrics_at is not None:
            due.append(self._metrics_at - now)
        expires = None if self._sift is None else self._sift.due()
        if expires is not None:
            due.append(expires - now)
        return min(due) if due else None

    def _round(self) -> None:
        """One turn; a failure of ours costs a second's pause, never the thread."""
        try:
            self._turn()
        except Exception as failure:
            self._sender.not_before = time.monotonic() + 1.0
            swallow("export", failure)

    def _turn(self) -> None:
        """Encode what is queued, send what is due."""
        items = self._take()
        if items:
            self._encode(items)
        if self._sift is not None:
            self._sift.expire(time.monotonic())
        if time.monotonic() >= self._sender.not_before:
            self._send()
        if self._metrics_at is not None and time.monotonic() >= self._metrics_at:
            self._metrics_at = None
            self.send_metrics()

    def _take(self) -> list[Item]:
        with self._condition:
            return self._queue.take(self._config.max_batch_spans, time.monotonic())

    def _encode(self, items: list[Item]) -> None:
        """Resolve and encode, giving way to the host's threads now and then."""
        turns = Turns()
        spans: list[Ready] = []
        scores = [item.score for item in items if item.score is not None]
        if scores:
            self._pack_scores(scores)
            items = [item for item in items if item.score is None]
        if self._sift is None:
            for first in range(0, len(items), _TOGETHER):
                spans += self._resolved(items[first : first + _TOGETHER], turns)
        else:
            for item in items:
                spans += self._sifted(item, self._sift)
                turns.give()
        most = self._config.max_batch_spans  # a trace that was waited for may bring many at once
        for first in range(0, len(spans), most):
            self._pack(spans[first : first + most])
        if self._metrics_at is None and self._config.metrics:
            self._metrics_at = time.monotonic() + self._config.metrics_interval_seconds

    def _resolved(self, items: list[Item], turns: Turns) -> list[Ready]:
        """What all of them say, then the content of all: the code of a stage stays in the processor's cache."""
        spans: list[Ready] = []
        contents: list[tuple[Resolved, dict[str, Any]]] = []
        for item in items:
            withheld = Withheld(self._policy)
            resolved = resolve(item.pending, withheld)
            self._measure(item.span, resolved)
            spans.append((item.span, resolved))
            if resolved is not None and withheld.content:
                contents.append((resolved, withheld.content))
            turns.give()
        for resolved, content in contents:
            resolved.attributes |= prepared(content, self._policy)
            turns.give()
        return spans

    def _sifted(self, item: Item, sift: Sift) -> list[Ready]:
        """The client metrics count every call; what is sent of it and of its trace is for sampling to say."""
        sight = sift.look(item)
        self._measure(sight.span, sight.resolved)
        try:
            return sift.sift(sight, time.monotonic())
        except Exception as failure:
            STATS.dropped("encode")
            swallow("sampling", failure)
            return []

    def _pack(self, spans: list[Ready]) -> None:
        try:
            body, encoded, failed = self._encoder.encode(spans)
            packed = self._compressed(body)
        except Exception as failure:
            encoded, failed, packed = 0, len(spans), b""
            swallow("encode", failure)
        STATS.dropped("encode", failed)
        if encoded:
            self._enqueue(Batch(packed, encoded, time.monotonic()))

    def _pack_scores(self, scores: list[GivenScore]) -> None:
        """A score that fails costs itself alone."""
        ready = []
        for score in scores:
            try:
                ready.append((score, score.resolve(self._policy)))
            except Exception as failure:
                STATS.scores.dropped("encode")
                swallow("score", failure)
        if not ready:
            return
        try:
            from ._score import encode_scores

            body = encode_scores(self._encoder.resource(self._provider_resource()), ready, SCOPE_NAME)
            self._enqueue(Batch(self._compressed(body), len(ready), time.monotonic(), scores=True))
        except Exception as failure:
            STATS.scores.dropped("encode", len(ready))
            swallow("score", failure)

    def _compressed(self, body: bytes) -> bytes:
        if self._config.compression != "gzip":
            return body
        packer = zlib.compressobj(1, zlib.DEFLATED, 31)
        return packer.compress(body) + packer.flush()

    def _measure(self, span: ReadableSpan, resolved: Resolved | None) -> None:
        """Our own model calls feed the client metrics; a foreign instrumentation's calls are counted by its own."""
        scope = span.instrumentation_scope
        if scope is None or scope.name != SCOPE_NAME or not self._config.metrics:
            return
        attributes = span.attributes if resolved is None else resolved.attributes
        if attributes and semconv.OPERATION in attributes and semconv.PROVIDER in attributes:
            if attributes.get(semconv.OUTCOME) == CANCELLED and semconv.RESPONSE_TIME_TO_FIRST_CHUNK not in attributes:
                return  # given up before anything came: no duration of an operation
            seconds = ((span.end_time or 0) - (span.start_time or 0)) / 1e9
            self._client_metrics.observe(attributes, seconds)

    def _enqueue(self, batch: Batch) -> None:
        if self._sender.spooled_batches and self._sender.spool(batch):
            return  # behind the older ones, in order
        with self._condition:
            self._outbox.append(batch)
            self._outbox_bytes += len(batch.body)

    def _send(self) -> None:
        """Send batches, oldest first, until one has to wait."""
        while self._sender.spooled_batches:
            if not self._sender.send_spooled():
                return
        while self._outbox:
            batch = self._outbox[0]
            if not self._sender.send(batch) and not self._sender.spool(batch):
                return
            self._unqueue()

    def _unqueue(self) -> None:
        with self._condition:
            if self._outbox:  # shutdown may have emptied it
                self._outbox_bytes -= len(self._outbox.popleft().body)

    def _last_round(self) -> None:
        """The last chance: each batch is tried once as long as the server answers; then the counts are sent."""
        self._sender.last_chance()
        while items := self._take():
            self._encode(items)
            if self._sender.answering:
                self._send()
        if self._sender.answering and (self._outbox or self._sender.spooled_batches):
            self._send()
        self._leave()
        if self._config.metrics and self._sender.answering and STATS.snapshot()["created"]:
            self.send_metrics()
        self._sender.close()

    def _leave(self) -> None:
        """What cannot be sent any more goes to the spool, or is dropped and counted; what waits is left out."""
        while items := self._take():
            if self._sender.has_spool:
                self._encode(items)
            else:
                for item in items:
                    (STATS if item.score is None else STATS.scores).dropped("shutdown")
        if self._sift is not None:
            self._sift.close()
        with self._condition:
            left, self._outbox = self._outbox, deque()
            self._outbox_bytes = 0
        for batch in left:
            if not self._sender.spool(batch) and not self._sender.has_spool:
                (STATS.scores if batch.scores else STATS).dropped("shutdown", batch.spans)

    def send_metrics(self) -> None:
        """Send the ledger and the client metrics; lost ones are made good by the next, they are cumulative."""
        resource = self._encoder.resource(self._provider_resource())
        body = _metrics.encode(resource, STATS.snapshot(), STATS.started_ns, self._client_metrics)
        self._sender.send_metrics(self._compressed(body))


def _suppress_instrumentation() -> None:
    """Our own exports are nobody's spans."""
    from opentelemetry import context

    attached = context.set_value(
        "suppress_http_instrumentation", True, context.set_value("suppress_instrumentation", True)
    )
    context.attach(attached)
