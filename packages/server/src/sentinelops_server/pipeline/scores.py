"""Evaluations on the line: the event gen_ai.evaluation.result, as log record or on a span, and what dialects read."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from sentinelops import semconv

from ..model import LogRecord, Score, Span, check_score
from .dialects.base import ReportedScore
from .redact import WITHHELD, Redactor

__all__ = ["EVALUATION", "redact_scores", "score_of_event", "scores_of_span"]

EVALUATION = semconv.EVALUATION_EVENT
_EVALUATOR = "evaluator"
_UNNAMED = {"application": "unknown", "environment": "default"}  # what decoding says where the resource says nothing


def score_of_event(record: LogRecord) -> Score | None:
    """Return the score that an evaluation event is; None when it says nothing or is about nothing."""
    attributes = record.attributes
    response_id = _text(attributes.get(semconv.RESPONSE_ID))
    # the trace of an event outside any span is that of who evaluated: the call that it names is what it is about
    trace_id = None if record.span_id is None and response_id else record.trace_id
    application, environment = (
        None if getattr(record, name) == unnamed else getattr(record, name) for name, unnamed in _UNNAMED.items()
    )
    try:
        score = Score(
            **_said(attributes),
            timestamp_ns=record.timestamp_ns,
            trace_id=trace_id,
            span_id=record.span_id if trace_id is not None else None,
            session_id=_text(attributes.get(semconv.SESSION_ID)) or _text(attributes.get(semconv.CONVERSATION_ID)),
            response_id=response_id,
            application=application,
            environment=environment,
            user_id=_text(attributes.get(semconv.USER_ID)),
            id=_text(attributes.get(semconv.SCORE_ID)),
        )
        return check_score(score)
    except ValueError:
        return None


def scores_of_span(span: Span, reported: Iterable[ReportedScore]) -> list[Score]:
    """Return the evaluations that a span carries, as events of the conventions or as its dialect reported them."""
    found: list[tuple[dict[str, Any], int]] = [
        (_said(event.attributes), event.time_ns) for event in span.events if event.name == EVALUATION
    ]
    for one in reported:
        said: dict[str, Any] = {"name": one.name, "value": one.value, "label": one.label, "comment": one.comment}
        found.append(({**said, "source": _EVALUATOR}, span.end_ns))
    scores = []
    for words, time_ns in found:
        try:
            score = Score(
                **words, timestamp_ns=time_ns or span.end_ns, trace_id=span.trace_id, span_id=span.span_id,
                session_id=span.session_id, application=span.application, environment=span.environment,
            )  # fmt: skip
            scores.append(check_score(score))
        except ValueError:
            continue
    return scores


def _said(attributes: dict[str, Any]) -> dict[str, Any]:
    """What an event says: name, value, label, comment, kind, source and metadata."""
    kind = attributes.get(semconv.SCORE_TYPE)
    value = attributes.get(semconv.EVALUATION_SCORE_VALUE)
    prefix = semconv.METADATA_PREFIX
    return {
        "name": _text(attributes.get(semconv.EVALUATION_NAME)) or "",
        "value": _number(value),
        "label": _text(attributes.get(semconv.EVALUATION_SCORE_LABEL)),
        "comment": _text(attributes.get(semconv.EVALUATION_EXPLANATION)),
        "type": "boolean" if kind == "boolean" or isinstance(value, bool) else "",
        "source": _text(attributes.get(semconv.SCORE_SOURCE)) or _EVALUATOR,
        "metadata": {key[len(prefix) :]: item for key, item in attributes.items() if key.startswith(prefix)},
    }


def _number(value: Any) -> float | None:
    """A number, a boolean, or the text of a number; anything else is unknown."""
    if value is None or not isinstance(value, (bool, int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, (int, float)) else None


def redact_scores(redactor: Redactor, scores: Iterable[Score]) -> bool:
    """Redact label, comment and metadata in place; False when that failed: then they are withheld."""
    if redactor.config.mode == "off":
        return True
    good = True
    for score in scores:
        try:
            score.label, score.comment, score.metadata = redactor.redact_value(
                [score.label, score.comment, score.metadata], {}
            )
        except Exception:  # whatever broke, unredacted text must not be kept
            score.label, score.metadata = None, {}
            score.comment = WITHHELD if score.comment or score.value is None else None
            good = False
    return good
