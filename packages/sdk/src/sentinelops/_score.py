"""score(): what somebody or something says of a span, a trace or a session, sent as the evaluation event of GenAI."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from time import time_ns
from typing import TYPE_CHECKING, Any

from . import _ambient, _runtime, semconv
from ._guard import swallow, warn_once
from ._stats import STATS

if TYPE_CHECKING:
    from ._content import ContentPolicy
    from ._record import Recorder
    from ._span import ActiveSpan

_Target = tuple[int | None, int | None]
_NAME_CHARS = 200


class _Unfit(Exception):
    """What cannot be a score; `kind` is the reason it is counted under."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class GivenScore:
    """One score on its way: facts by reference until the export thread takes them."""

    __slots__ = ("attributes", "comment", "label", "span_id", "time_ns", "trace_id")

    def __init__(self, target: _Target, attributes: dict[str, Any], label: str | None, comment: str | None) -> None:
        self.trace_id, self.span_id = target
        self.attributes = attributes
        self.label = label
        self.comment = comment
        self.time_ns = time_ns()

    def resolve(self, policy: ContentPolicy) -> dict[str, Any]:
        """The attributes of the event; label and comment as the content policy says."""
        attributes = dict(self.attributes)
        if self.label is not None:
            attributes[semconv.EVALUATION_SCORE_LABEL] = policy.text(self.label, policy.max_chars)
        if self.comment is not None and policy.mode != "off":
            attributes[semconv.EVALUATION_EXPLANATION] = policy.text(self.comment, policy.max_chars)
        return attributes


def score(  # noqa: PLR0913 - all but two by name
    name: str,
    value: float | None = None,
    *,
    label: str | None = None,
    comment: str | None = None,
    trace_id: str | None = None,
    span_id: str | None = None,
    span: ActiveSpan | Recorder | str | None = None,
    session: str | None = None,
    user: str | None = None,
    source: str = "app",
    id: str | None = None,  # noqa: A002
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Say how good something was: `score("helpful", True)`, `score("grounded", 0.8, comment="two of three")`.

    value: a number, or True and False for a thumb; label: a category. About the current span, or what is named: `span`
    (an ActiveSpan, a Recorder, or the request's id), `trace_id` (32 hexadecimal digits, with `span_id` one span of it),
    or `session`. user and session default to those of context(). source: app, user, human, evaluator ... Given again
    for the same target, name, source and user, or with the same `id`, it replaces the one before. Never raises and
    never waits; what cannot be a score is logged once and counted in stats().
    """
    runtime = _runtime.current
    if runtime is None or runtime.collector.exporter is None:
        return
    try:
        ambient = _ambient.attributes() or {}
        target = _target(trace_id, span_id, span, session is not None or semconv.SESSION_ID in ambient, session is None)
        attributes = {
            **_said(name, value, label, comment),
            semconv.SCORE_SOURCE: str(source),
            semconv.SCORE_ID: None if id is None else str(id),
            semconv.SESSION_ID: ambient.get(semconv.SESSION_ID) if session is None else str(session),
            semconv.USER_ID: ambient.get(semconv.USER_ID) if user is None else str(user),
        }
        for key, item in (metadata or {}).items():
            attributes[semconv.METADATA_PREFIX + str(key)] = item if isinstance(item, str | int | float) else str(item)
        given = GivenScore(
            target, attributes, None if label is None else str(label), None if comment is None else str(comment)
        )
        runtime.collector.exporter.offer_score(given)
    except _Unfit as unfit:
        STATS.scores.created()
        STATS.scores.dropped(unfit.kind)
        warn_once(f"score {unfit.kind}", "sentinelops: a score was left out: %s", unfit)
    except Exception as failure:
        swallow("score", failure)


def _said(name: Any, value: Any, label: Any, comment: Any) -> dict[str, Any]:
    if not isinstance(name, str) or not 1 <= len(name.strip()) <= _NAME_CHARS:
        raise _Unfit("invalid", f"a score has a name of 1 to {_NAME_CHARS} characters")
    if value is None:
        if label is None and comment is None:
            raise _Unfit("invalid", f"{name!r} says nothing: give a value, a label or a comment")
        return {semconv.EVALUATION_NAME: name}
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise _Unfit("invalid", f"the value of {name!r} is no finite number, True or False: a category is a label")
    thumb = isinstance(value, bool)
    return {
        semconv.EVALUATION_NAME: name,
        semconv.EVALUATION_SCORE_VALUE: float(value),
        semconv.SCORE_TYPE: "boolean" if thumb else None,
    }


def _target(trace_id: str | None, span_id: str | None, span: Any, in_session: bool, current: bool) -> _Target:
    """Trace and span, or neither for a session. Raises _Unfit when there is nothing it could be about."""
    if isinstance(span, str):
        trace_id, _, span_id = span.partition("-")
    elif span is not None:
        return _ids(span)
    if trace_id is not None:
        return _number(trace_id, 32, "trace_id"), None if span_id is None else _number(span_id, 16, "span_id")
    if span_id is not None:
        raise _Unfit("invalid", "span_id is given without its trace_id")
    if current:
        from opentelemetry.trace import get_current_span

        context = get_current_span().get_span_context()
        if context.is_valid:
            if not context.trace_flags.sampled:
                raise _Unfit("not_recorded", "the current span is sampled out: there is nothing it could be about")
            return context.trace_id, context.span_id
    if in_session:
        return None, None
    raise _Unfit("invalid", "there is no current span: give span, trace_id or session")


def _ids(span: Any) -> _Target:
    recorded = getattr(span, "_span", None)  # of an ActiveSpan
    if recorded is None:
        recorded = getattr(getattr(span, "_call", None), "span", None)  # of a Recorder
    context = getattr(recorded, "context", None)
    if context is None and hasattr(span, "get_span_context"):  # any OpenTelemetry span
        context = span.get_span_context()
    if context is None or not context.is_valid:
        raise _Unfit("not_recorded", "the span that was given is not recorded: there is nothing it could be about")
    return context.trace_id, context.span_id


def _number(text: Any, digits: int, name: str) -> int:
    try:
        number = int(text, 16) if len(text) == digits else 0
    except (TypeError, ValueError):
        number = 0
    if number <= 0:
        raise _Unfit("invalid", f"{name} is {digits} hexadecimal digits that are not all 0")
    return number


def encode_scores(container: bytes, scores: Sequence[tuple[GivenScore, dict[str, Any]]], scope: str) -> bytes:
    """An ExportLogsServiceRequest. container: an encoded message that holds the resource only, as SpanEncoder makes."""
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
    from opentelemetry.proto.logs.v1.logs_pb2 import ResourceLogs, SeverityNumber

    from ._encode import set_attributes

    # ResourceSpans and ResourceLogs have the same fields under the same numbers
    logs = ResourceLogs.FromString(container)
    scope_logs = logs.scope_logs.add()
    scope_logs.scope.name = scope
    for score, attributes in scores:
        record = scope_logs.log_records.add(
            time_unix_nano=score.time_ns,
            observed_time_unix_nano=score.time_ns,
            severity_number=SeverityNumber.SEVERITY_NUMBER_INFO,
            event_name=semconv.EVALUATION_EVENT,
        )
        if score.trace_id is not None:
            record.trace_id = score.trace_id.to_bytes(16, "big")
        if score.span_id is not None:
            record.span_id = score.span_id.to_bytes(8, "big")
        set_attributes(record.attributes, attributes)
    return ExportLogsServiceRequest(resource_logs=[logs]).SerializeToString()
