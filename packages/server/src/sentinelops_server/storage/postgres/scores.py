"""Scores to PostgreSQL: the last word on a thing wins, a replay changes nothing, and either may come first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ...model import LLMRequest, Score, Span
from .copy import encode_json, timestamp
from .database import Transaction

__all__ = ["adopt_scores", "delete_score", "settle_scores", "write_scores"]

_COLUMNS = (
    ("score_id", "text"), ("timestamp", "timestamp"), ("value", "float8"), ("of_trace", "bool"), ("pending", "bool"),
    ("name", "text"), ("type", "text"), ("label", "text"), ("comment", "text"), ("source", "text"), ("scope", "text"),
    ("trace_id", "bytea"), ("span_id", "bytea"), ("session_id", "text"), ("response_id", "text"),
    ("application", "text"), ("environment", "text"), ("user_id", "text"), ("metadata", "jsonb"),
)  # fmt: skip
_NAMES = [name for name, _ in _COLUMNS]
_PLACE = ("score_id", "pending", "of_trace", "trace_id", "span_id", "application", "environment")
_SAID = [name for name in _NAMES if name not in _PLACE]
# what was found out about a score's place stays when the same score comes again
_MOVED = (
    "(excluded.trace_id, excluded.span_id) IS DISTINCT FROM (s.trace_id, s.span_id) AND excluded.trace_id IS NOT NULL"
)
_KEPT = (
    "trace_id = coalesce(excluded.trace_id, s.trace_id),"
    " span_id = CASE WHEN excluded.trace_id IS NULL THEN s.span_id ELSE excluded.span_id END,"
    " of_trace = excluded.of_trace OR (s.of_trace AND excluded.pending),"
    f" pending = excluded.pending AND (s.pending OR ({_MOVED})),"
    " application = coalesce(excluded.application, s.application),"
    " environment = coalesce(excluded.environment, s.environment)"
)
_WRITE = (
    f"INSERT INTO scores AS s (created_at, updated_at, {', '.join(_NAMES)})"
    f" SELECT %s, %s, * FROM unnest({', '.join(f'%s::{kind}[]' for _, kind in _COLUMNS)})"
    f" ON CONFLICT (score_id) DO UPDATE SET updated_at = excluded.updated_at, {_KEPT},"
    f" {', '.join(f'{name} = excluded.{name}' for name in _SAID)}"
    f" WHERE excluded.timestamp >= s.timestamp AND (({_MOVED}) OR"
    f" ({', '.join(f's.{name}' for name in _SAID)}) IS DISTINCT FROM ({', '.join(f'excluded.{n}' for n in _SAID)}))"
    " RETURNING s.score_id"
)
_DAY_NS = 86_400_000_000_000


def write_scores(transaction: Transaction, scores: Sequence[Score], received_ns: int) -> set[str]:
    """Store scores; the ids of those that were new or say something else than before.

    Of two with the same id the later one counts, and of two given at the same time the one that came last.
    """
    latest: dict[str, Score] = {}
    for score in scores:
        there = latest.get(score.score_id)
        if there is None or score.timestamp_ns >= there.timestamp_ns:
            latest[score.score_id] = score
    if not latest:
        return set()
    places = _Places(transaction, latest.values())
    rows = [_row(latest[key], key, places) for key in sorted(latest)]
    columns = [list(column) for column in zip(*rows, strict=True)]
    now = timestamp(received_ns)
    return {row["score_id"] for row in transaction.fetch(_WRITE, [now, now, *columns], prepare=False)}


class _Places:
    """What is known already of what some scores are about."""

    def __init__(self, transaction: Transaction, scores: Iterable[Score]) -> None:
        scores = list(scores)
        self.calls: dict[str, tuple[bytes, bytes]] = {}
        asked = sorted({score.response_id for score in scores if score.response_id and score.trace_id is None})
        if asked:
            self.calls = {
                row["response_id"]: (bytes(row["trace_id"]), bytes(row["span_id"]))
                for row in transaction.fetch(
                    "SELECT DISTINCT ON (response_id) response_id, trace_id, span_id FROM request_metrics"
                    " WHERE response_id = ANY(%s) ORDER BY response_id, duplicate_of IS NOT NULL, timestamp",
                    (asked,),
                    prepare=False,
                )
            }
        traces = {score.trace_id for score in scores if score.trace_id} | {trace for trace, _ in self.calls.values()}
        self.traces: dict[bytes, tuple[str, str]] = {}
        self.spans: dict[tuple[bytes, bytes], bool] = {}
        if traces:
            self._look(transaction, sorted(traces), scores)
        named = sorted({score.session_id for score in scores if score.scope == "session" and score.session_id})
        self.sessions: dict[str, tuple[str, str]] = {}
        if named:
            rows = transaction.fetch(
                "SELECT DISTINCT ON (session_id) session_id, application, environment FROM traces"
                " WHERE session_id = ANY(%s) ORDER BY session_id, started_at DESC",
                (named,),
                prepare=False,
            )
            self.sessions = {row["session_id"]: (row["application"], row["environment"]) for row in rows}

    def _look(self, transaction: Transaction, traces: list[bytes], scores: list[Score]) -> None:
        rows = transaction.fetch(
            "SELECT trace_id, application, environment, start_ns, end_ns FROM traces WHERE trace_id = ANY(%b)",
            (traces,),
            prepare=False,
        )
        if not rows:
            return
        self.traces = {bytes(row["trace_id"]): (row["application"], row["environment"]) for row in rows}
        keys = sorted(
            {(s.trace_id, s.span_id) for s in scores if s.trace_id in self.traces and s.span_id}
            | set(self.calls.values())
        )
        if not keys:
            return
        found = transaction.fetch(
            "SELECT s.trace_id, s.span_id, s.parent_span_id IS NULL AS root"
            " FROM unnest(%b::bytea[], %b::bytea[]) AS k (trace_id, span_id) JOIN spans s USING (trace_id, span_id)"
            " WHERE s.timestamp BETWEEN %s AND %s",
            (
                [trace for trace, _ in keys], [span for _, span in keys],
                timestamp(min(row["start_ns"] for row in rows)), timestamp(max(row["end_ns"] for row in rows)),
            ),
            prepare=False,
        )  # fmt: skip
        self.spans = {(bytes(row["trace_id"]), bytes(row["span_id"])): bool(row["root"]) for row in found}


def _row(score: Score, score_id: str, places: _Places) -> tuple[Any, ...]:
    trace_id, span_id = score.trace_id, score.span_id
    if trace_id is None and score.response_id is not None:
        trace_id, span_id = places.calls.get(score.response_id, (None, None))
    of_trace, known = score.scope == "trace", True
    place = places.sessions.get(score.session_id or "") if score.scope == "session" else None
    if trace_id is not None:
        place = places.traces.get(trace_id)
        if span_id is not None:
            of_trace, known = places.spans.get((trace_id, span_id), False), (trace_id, span_id) in places.spans
        else:
            known = place is not None or score.application is not None
    elif score.scope == "span":
        known = False
    application, environment = score.application, score.environment
    if application is None and place is not None:
        application = place[0]
    if environment is None and place is not None:
        environment = place[1]
    return (
        score_id, timestamp(score.timestamp_ns), score.value, of_trace, not known, score.name, score.type, score.label,
        score.comment, score.source, score.scope, trace_id, span_id, score.session_id, score.response_id, application,
        environment, score.user_id, (encode_json(score.metadata) or b"null").decode() if score.metadata else None,
    )  # fmt: skip


_ARRIVED = (
    "UPDATE scores AS s SET pending = false, of_trace = s.of_trace OR (s.span_id IS NOT NULL AND a.root),"
    " application = coalesce(s.application, a.application), environment = coalesce(s.environment, a.environment)"
    " FROM unnest(%b::bytea[], %b::bytea[], %s::bool[], %s::text[], %s::text[])"
    " AS a (trace_id, span_id, root, application, environment)"
    " WHERE s.pending AND s.trace_id = a.trace_id AND (s.span_id = a.span_id OR s.span_id IS NULL)"
)
_ANSWERED = (
    "UPDATE scores AS s SET trace_id = a.trace_id, span_id = a.span_id FROM"
    " unnest(%s::text[], %b::bytea[], %b::bytea[]) AS a (response_id, trace_id, span_id)"
    " WHERE s.pending AND s.trace_id IS NULL AND s.response_id = a.response_id"
)


def adopt_scores(transaction: Transaction, spans: Sequence[Span], requests: Sequence[LLMRequest]) -> None:
    """Tell scores that came before what they are about that it has arrived. Mostly there are none: one short look."""
    if not spans or transaction.fetch_one("SELECT 1 AS one FROM scores WHERE pending LIMIT 1") is None:
        return
    answered = [r for r in requests if r.response_id and r.duplicate_of is None]
    if answered:
        ids = [r.response_id for r in answered]
        transaction.execute(_ANSWERED, (ids, [r.trace_id for r in answered], [r.span_id for r in answered]))
    columns = [
        [span.trace_id for span in spans], [span.span_id for span in spans],
        [span.parent_span_id is None for span in spans], [span.application for span in spans],
        [span.environment for span in spans],
    ]  # fmt: skip
    transaction.execute(_ARRIVED, columns)


def settle_scores(transaction: Transaction, now_ns: int) -> int:
    """Look again for what pending scores of the last day are about; how many were found.

    Two writers that stored a score and its span at the same moment did not see each other's.
    """
    rows = transaction.fetch(
        "SELECT * FROM scores WHERE pending AND created_at >= %s ORDER BY score_id LIMIT 10000",
        (timestamp(now_ns - _DAY_NS),),
    )
    scores = [_score(row) for row in rows]
    places = _Places(transaction, scores)
    settled = 0
    for score in scores:
        values = dict(zip(_NAMES, _row(score, score.score_id, places), strict=True))
        if not values["pending"]:
            settled += transaction.execute(
                "UPDATE scores SET pending = false, of_trace = %s, trace_id = %s, span_id = %s, application = %s,"
                " environment = %s WHERE score_id = %s AND pending",
                [
                    values[name]
                    for name in ("of_trace", "trace_id", "span_id", "application", "environment", "score_id")
                ],
            )
    return settled


def _score(row: dict[str, Any]) -> Score:
    return Score(
        name=row["name"], timestamp_ns=0, source=row["source"], trace_id=row["trace_id"], span_id=row["span_id"],
        session_id=row["session_id"], response_id=row["response_id"], application=row["application"],
        environment=row["environment"], id=row["score_id"],
    )  # fmt: skip


def delete_score(transaction: Transaction, score_id: str) -> bool:
    """Delete one score; whether there was one."""
    return transaction.execute("DELETE FROM scores WHERE score_id = %s", (score_id,)) > 0
