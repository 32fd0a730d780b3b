"""Part of decoding: the walk over ExportLogsServiceRequest."""

from __future__ import annotations

import hashlib
from typing import Any

from ..analysis.messages import MESSAGE_EVENTS
from ..model import LogRecord
from .decoded import Decoded, Limits
from .otlp_values import application_of, attributes_of, clean, environment_of, value_of

__all__ = ["walk"]

MAX_NS = 2**63 - 1


def walk(message: Any, decoded: Decoded, limits: Limits) -> None:
    """Put every valid log record into `decoded.log_records`, and refuse the others by name."""
    conversations = _Conversations()
    for resource_logs in message.resource_logs:
        resource = attributes_of(resource_logs.resource.attributes)
        application, environment = application_of(resource), environment_of(resource)
        resource_bytes = resource_logs.resource.SerializeToString(deterministic=True)
        for scope_logs in resource_logs.scope_logs:
            scope = clean(scope_logs.scope.name)
            for record in scope_logs.log_records:
                decoded.received += 1
                # a record may have no time of its own: then the time it was seen, then the time it came
                timestamp = record.time_unix_nano or record.observed_time_unix_nano or limits.received_ns
                if not 0 < timestamp <= MAX_NS:
                    decoded.refuse(application, "invalid_time", f"the time {timestamp} is not after 1970")
                elif why := limits.bounds(timestamp):
                    decoded.refuse(application, "time_out_of_range", why)
                elif why := limits.oversize(record):
                    decoded.refuse(application, "too_large", why)
                else:
                    log = _record(record, timestamp)
                    log.record_id = _digest(record, resource_bytes)
                    log.application, log.environment, log.scope_name = application, environment, scope
                    conversations.order(log)
                    decoded.log_records.append(log)


class _Conversations:
    """Messages of one call that their writer gave one and the same time, as JavaScript's does: told apart, in order."""

    def __init__(self) -> None:
        self._last: dict[bytes, tuple[int, int]] = {}  # span -> the time that was written last, and the one that it got
        self._seen: set[bytes] = set()

    def order(self, log: LogRecord) -> None:
        """Move a message behind the one before it by a microsecond; one that repeats another gets an id of its own."""
        if log.span_id is None or log.event_name not in MESSAGE_EVENTS:
            return
        written, got = self._last.get(log.span_id, (0, 0))
        if log.timestamp_ns == written:
            log.timestamp_ns = got + 1000
            if log.record_id in self._seen:
                log.record_id = hashlib.blake2b(
                    log.record_id, digest_size=16, salt=(got - written).to_bytes(8, "big")
                ).digest()
        else:
            written = log.timestamp_ns
        self._last[log.span_id] = (written, log.timestamp_ns)
        self._seen.add(log.record_id)


def _digest(record: Any, resource: bytes) -> bytes:
    """Return the same id for the same record, whichever request it comes in."""
    content = record.SerializeToString(deterministic=True)
    return hashlib.blake2b(content, digest_size=16, key=hashlib.blake2b(resource, digest_size=32).digest()).digest()


def _record(record: Any, timestamp: int) -> LogRecord:
    attributes = attributes_of(record.attributes)
    event = record.event_name or attributes.get("event.name")
    return LogRecord(
        record_id=b"",
        timestamp_ns=timestamp,
        trace_id=record.trace_id if len(record.trace_id) == 16 and any(record.trace_id) else None,
        span_id=record.span_id if len(record.span_id) == 8 and any(record.span_id) else None,
        severity=min(max(record.severity_number, 0), 24),
        event_name=clean(event) if isinstance(event, str) and event else None,
        application="",
        environment="",
        body=value_of(record.body),
        attributes=attributes,
    )
