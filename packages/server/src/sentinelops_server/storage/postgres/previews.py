"""Of messages that came as log events after their span: the two previews of the row that is stored already."""

from __future__ import annotations

from collections.abc import Sequence

from ...model import LoggedPreview
from .copy import timestamp
from .database import Transaction

__all__ = ["add_previews"]

# how far a span may begin before the log event about it, which is written at its end; and the skew of clocks
BEFORE_NS, AFTER_NS = 3_600_000_000_000, 60_000_000_000


def add_previews(transaction: Transaction, previews: Sequence[LoggedPreview]) -> None:
    """Fill what is empty in the rows of these calls, where they are stored; nothing that is there changes."""
    joined: dict[tuple[bytes, bytes], LoggedPreview] = {}
    for one in previews:
        key = (one.trace_id, one.span_id)
        joined[key] = one.over(joined[key]) if key in joined else one
    ordered = [joined[key] for key in sorted(joined)]
    times = [one.timestamp_ns for one in ordered]
    transaction.execute(
        "UPDATE request_metrics r SET prompt_preview = coalesce(r.prompt_preview, p.prompt),"
        " completion_preview = coalesce(r.completion_preview, p.completion)"
        " FROM unnest(%b::bytea[], %b::bytea[], %s::text[], %s::text[]) AS p (trace_id, span_id, prompt, completion)"
        " WHERE r.trace_id = p.trace_id AND r.span_id = p.span_id AND r.timestamp BETWEEN %s AND %s"
        " AND (r.prompt_preview IS NULL AND p.prompt IS NOT NULL"
        " OR r.completion_preview IS NULL AND p.completion IS NOT NULL)",
        (
            [one.trace_id for one in ordered], [one.span_id for one in ordered],
            [one.prompt for one in ordered], [one.completion for one in ordered],
            timestamp(min(times) - BEFORE_NS), timestamp(max(times) + AFTER_NS),
        ),
    )  # fmt: skip
