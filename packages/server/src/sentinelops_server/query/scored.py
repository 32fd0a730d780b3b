"""Query: the scores of requests beside their numbers: its own span's, else those of its whole trace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["score_alias", "score_columns", "score_joins"]

# several of one name on one thing (of several people, say) count as their mean, and as the latest label
_SAID = (
    "avg(x.value) AS value, (array_agg(x.label ORDER BY x.timestamp DESC) FILTER (WHERE x.label IS NOT NULL))[1]"
    " AS label, bool_and(x.type = 'boolean') AS thumbs"
)
# tenths below 1, whole numbers above: as a range of the search box writes them
_GROUP = (
    "CASE WHEN {label} IS NOT NULL THEN {label}"
    " WHEN {value} IS NULL THEN CASE WHEN {thumbs} IS NOT NULL THEN 'comment' END"
    " WHEN {thumbs} THEN CASE WHEN {value} >= 0.5 THEN 'true' ELSE 'false' END"
    " WHEN {value} = trunc({value}) THEN trunc({value}::numeric)::text"
    " WHEN abs({value}) < 1 THEN (floor({value}::numeric * 10) / 10)::numeric(30, 1)::text || '..' ||"
    " ((floor({value}::numeric * 10) + 1) / 10)::numeric(30, 1)::text"
    " ELSE floor({value}::numeric)::text || '..' || (floor({value}::numeric) + 1)::text END"
)


def score_alias(names: Sequence[str], name: str | None) -> str:
    """Return what `{score}` stands for in the expression of a dimension or metric."""
    return f"q{names.index(name)}" if name is not None else ""


def score_joins(names: Sequence[str]) -> tuple[str, list[Any]]:
    """Return the joins to requests (alias r) that the scores need, and parameters; a request stays one row."""
    joins, params = "", []
    for index, name in enumerate(names):
        own, whole = f"q{index}_own", f"q{index}_whole"
        joins += (
            f" LEFT JOIN (SELECT x.trace_id, x.span_id, {_SAID} FROM scores x WHERE x.name = %s"
            f" AND x.span_id IS NOT NULL GROUP BY 1, 2) {own}"
            f" ON {own}.trace_id = r.trace_id AND {own}.span_id = r.span_id"
            f" LEFT JOIN (SELECT x.trace_id, {_SAID} FROM scores x WHERE x.name = %s AND x.of_trace GROUP BY 1) {whole}"
            f" ON {whole}.trace_id = r.trace_id"
            f" CROSS JOIN LATERAL (SELECT coalesce({own}.value, {whole}.value) AS q{index}_value,"
            f" {_group(own, whole)} AS q{index}_group) q{index}"
        )
        params += [name, name]
    return joins, params


def _group(own: str, whole: str) -> str:
    parts = {part: f"coalesce({own}.{part}, {whole}.{part})" for part in ("value", "label", "thumbs")}
    return _GROUP.format(**parts)


def score_columns(names: Sequence[str]) -> str:
    """Return the columns of the scores in a source of rows."""
    return "".join(f", q{index}.q{index}_value, q{index}.q{index}_group" for index in range(len(names)))
