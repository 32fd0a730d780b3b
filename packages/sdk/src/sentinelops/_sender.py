"""Sends batches and says what became of them: sent, refused, to be tried later, spooled; one warning per kind."""

from __future__ import annotations

import time
import urllib.parse
from typing import TYPE_CHECKING

from ._batch import Batch
from ._guard import swallow, warn_once
from ._http import Answer, Connection, backoff_seconds, jitter
from ._spool import Spool
from ._stats import STATS, Counts

if TYPE_CHECKING:
    from ._config import Config

_ADVICE = {
    400: ("rejected", "it could not read the request (400): is the endpoint an OTLP receiver? %s"),
    401: ("unauthorised", "the key was refused (401): check api_key or SENTINELOPS_API_KEY. %s"),
    403: ("unauthorised", "the key may not send telemetry (403): it needs the ingest scope. %s"),
    404: ("rejected", "nothing listens there (404): the endpoint is the address before /v1/traces. %s"),
    413: ("too_large", "the batch is too large for it (413): lower max_batch_spans or max_content_chars. %s"),
}


class Sender:
    """One connection, one backoff, one spool. Used by the export thread only, but for abort() and forget_backoff().

    not_before: monotonic seconds of the next attempt. answering: whether the last exchange got any answer.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._traces = urllib.parse.urlsplit(config.traces_url)
        self._metrics = urllib.parse.urlsplit(config.metrics_url)
        self._logs = urllib.parse.urlsplit(config.logs_url)
        self._spool: Spool | None = None
        self._spool_tries = 0
        self._begin()

    def _begin(self) -> None:
        config = self._config
        self._connection = Connection(config.traces_url, config.timeout_seconds, config.certificate)
        same = (self._traces.scheme, self._traces.netloc) == (self._metrics.scheme, self._metrics.netloc)
        self._metrics_connection = (
            self._connection if same else Connection(config.metrics_url, config.timeout_seconds, config.certificate)
        )
        self.not_before = 0.0
        self.answering = True
        self._asked_to_wait = False
        self._failures = 0
        self._last = False
        self._open_spool()

    def _open_spool(self) -> None:
        self._spool = None
        if self._config.spool_dir is not None:
            try:
                self._spool = Spool(self._config.spool_dir, self._config.spool_max_bytes)
            except OSError as error:
                warn_once("spool", "sentinelops: the spool %s cannot be used (%s); spans wait in memory only.", self._config.spool_dir, error.strerror)  # fmt: skip  # noqa: E501

    @property
    def has_spool(self) -> bool:
        """Whether batches can wait on disk."""
        return self._spool is not None

    @property
    def spooled_batches(self) -> int:
        """How many batches wait on disk."""
        return 0 if self._spool is None else len(self._spool)

    def adopt(self) -> None:
        """Take over the spool of dead processes, counted."""
        spans, scores = (0, 0) if self._spool is None else self._spool.adopt()
        STATS.adopted(spans)
        STATS.scores.adopted(scores)

    def spool(self, batch: Batch) -> bool:
        """Put a batch on disk; False when there is no spool. A spool that is full drops it, counted."""
        if self._spool is None:
            return False
        counts = _counts(batch.scores)
        if self._spool.put(batch.body, batch.spans, gzip=self._config.compression == "gzip", scores=batch.scores):
            counts.spooled(batch.spans)
        else:
            counts.dropped("spool_full", batch.spans)
            warn_once("spool_full", "sentinelops: the spool %s is full or cannot be written; spans are dropped and counted.", self._config.spool_dir)  # fmt: skip  # noqa: E501
        return True

    def send_spooled(self) -> bool:
        """Send the oldest batch on disk; False when it has to wait."""
        assert self._spool is not None  # noqa: S101 - the caller saw it
        spooled = self._spool.oldest()
        if spooled is None:
            spans, scores = self._spool.forget()
            _counts(scores).spooled(-spans)
            _counts(scores).dropped("spool_corrupt", spans)
            warn_once("spool_corrupt", "sentinelops: a file in the spool %s was corrupt or gone; it is counted as dropped.", self._config.spool_dir)  # fmt: skip  # noqa: E501
            return True
        if self._spool_tries:
            _counts(spooled.scores).retried(spooled.spans)
        self._spool_tries += 1
        answer = self._post(spooled.body, gzip=spooled.gzip, scores=spooled.scores)
        if self._must_wait(answer):
            return False
        self._spool_tries = 0
        _counts(spooled.scores).spooled(-self._spool.forget()[0])
        self._account(answer, spooled.spans, spooled.scores)
        return True

    def send(self, batch: Batch) -> bool:
        """Send a batch; False when it has to wait. One that has waited too long is dropped, counted."""
        if batch.attempts:
            _counts(batch.scores).retried(batch.spans)
        batch.attempts += 1
        answer = self._post(batch.body, gzip=self._config.compression == "gzip", scores=batch.scores)
        if self._must_wait(answer):
            if not self.has_spool and time.monotonic() - batch.born > self._config.retry_max_seconds:
                _counts(batch.scores).dropped("timeout", batch.spans)
                return True
            return False
        self._account(answer, batch.spans, batch.scores)
        return True

    def _post(self, body: bytes, *, gzip: bool, scores: bool) -> Answer:
        headers = {"Content-Type": "application/x-protobuf", **self._config.request_headers()}
        if gzip:
            headers["Content-Encoding"] = "gzip"
        answer = self._connection.post(_path(self._logs if scores else self._traces), body, headers)
        self.answering = answer.status != 0
        return answer

    def _must_wait(self, answer: Answer) -> bool:
        """Whether to try again later; sets when."""
        if not answer.retryable:
            self._failures = 0
            self.not_before = 0.0
            return False
        self._failures += 1
        asked = answer.retry_after_seconds(time.time())
        self._asked_to_wait = asked is not None
        wait = backoff_seconds(self._failures, jitter()) if asked is None else asked
        self.not_before = time.monotonic() + wait
        if self._last:
            self.answering = False  # no time for another attempt
        elif self._failures == 1:
            reason = f"it answered {answer.status}" if answer.status else answer.problem
            warn_once("unreachable", "sentinelops: %s does not take spans (%s); they wait and are sent again.", self._config.traces_url, reason)  # fmt: skip  # noqa: E501
        return True

    def _account(self, answer: Answer, spans: int, scores: bool) -> None:
        counts = _counts(scores)
        if not answer.ok:
            reason, advice = _ADVICE.get(answer.status, ("rejected", f"it answered {answer.status}. %s"))
            counts.dropped(reason, spans)
            told = advice % "They are dropped and counted, see stats()."
            warn_once(f"answer {answer.status}", "sentinelops: %s refuses spans: %s", self._config.traces_url, told)
            return
        rejected = self._rejected(answer, spans)
        counts.sent(spans - rejected)
        counts.dropped("rejected", rejected)

    def _rejected(self, answer: Answer, spans: int) -> int:
        """How many spans of an accepted request the server refused (partial success)."""
        if not answer.body:
            return 0
        # the answer about log records, which scores are, has the same fields under the same numbers
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

        try:
            partial = ExportTraceServiceResponse.FromString(answer.body).partial_success
        except Exception as failure:  # an answer that is no protobuf: it was a 2xx all the same
            if "protobuf" in answer.headers.get("content-type", ""):
                swallow("answer", failure)
            return 0
        rejected = min(max(partial.rejected_spans, 0), spans)
        if rejected:
            warn_once("partial", "sentinelops: %s refused %d of %d spans: %s", self._config.traces_url, rejected, spans, partial.error_message[:300])  # fmt: skip  # noqa: E501
        return rejected

    def send_metrics(self, body: bytes) -> None:
        """One attempt; the next report holds the same sums."""
        headers = {"Content-Type": "application/x-protobuf", **self._config.request_headers()}
        if self._config.compression == "gzip":
            headers["Content-Encoding"] = "gzip"
        answer = self._metrics_connection.post(_path(self._metrics), body, headers)
        if not answer.ok and not answer.retryable:
            warn_once("metrics", "sentinelops: %s refuses metrics (%d); set metrics=False to send none.", self._config.metrics_url, answer.status)  # fmt: skip  # noqa: E501

    def forget_backoff(self) -> None:
        """Someone wants everything sent now: try at once, unless the server itself asked for patience."""
        if not self._asked_to_wait:
            self.not_before = 0.0

    def last_chance(self) -> None:
        """The process ends: one attempt each, no waiting; none at all when an exchange that hung was ended."""
        self.answering = not self._last
        self._last = True
        self.not_before = 0.0

    def abort(self) -> None:
        """Called from another thread: end an exchange that hangs, and begin no other."""
        self._last = True
        self._connection.abort()
        self._metrics_connection.abort()

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()
        self._metrics_connection.close()

    def forked(self) -> None:
        """In a forked child: the parent's connections and spool files are the parent's."""
        self._connection.abandon()
        self._metrics_connection.abandon()
        self._begin()


def _counts(scores: bool) -> Counts:
    return STATS.scores if scores else STATS


def _path(parts: urllib.parse.SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
