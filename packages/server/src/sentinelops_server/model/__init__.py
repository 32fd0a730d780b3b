"""The things that travel the line: plain dataclasses that know nothing of doors or stores."""

from .batch import OtlpBatch, Outcome, Refusal, Signal
from .record import LogRecord, MetricPoint, SdkReport
from .request import LLMRequest, Payload
from .span import Span, SpanEvent, SpanLink
from .write import LedgerEntry, WriteBatch, WriteResult

__all__ = [
    "LLMRequest",
    "LedgerEntry",
    "LogRecord",
    "MetricPoint",
    "OtlpBatch",
    "Outcome",
    "Payload",
    "Refusal",
    "SdkReport",
    "Signal",
    "Span",
    "SpanEvent",
    "SpanLink",
    "WriteBatch",
    "WriteResult",
]
