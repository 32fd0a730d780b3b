"""The things that travel the line: plain dataclasses that know nothing of doors or stores."""

from .batch import OtlpBatch, Outcome, Refusal, Signal
from .record import LoggedPreview, LogRecord, MetricPoint, SdkReport
from .request import LLMRequest, Payload
from .score import SCORE_TYPES, Score, check_score
from .span import Span, SpanEvent, SpanLink
from .write import LedgerEntry, WriteBatch, WriteResult

__all__ = [
    "SCORE_TYPES",
    "LLMRequest",
    "LedgerEntry",
    "LogRecord",
    "LoggedPreview",
    "MetricPoint",
    "OtlpBatch",
    "Outcome",
    "Payload",
    "Refusal",
    "Score",
    "SdkReport",
    "Signal",
    "Span",
    "SpanEvent",
    "SpanLink",
    "WriteBatch",
    "WriteResult",
    "check_score",
]
