"""API: what requests look like; strict, and nothing unknown passes."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ..errors import Malformed
from ..query.conditions import Field as QueryField
from ..query.conditions import clean_text
from ..query.filters import REQUEST_FIELDS, Filter, parse_filter, parse_search
from ..query.scope import Scope, TimeRange, parse_range, parse_time

__all__ = [
    "AggregatedBody",
    "KeyBody",
    "ListBody",
    "MetricsBody",
    "PriceBody",
    "RotateBody",
    "TimeseriesBody",
    "Where",
    "filter_of",
    "scope_of",
]

Text = Annotated[str, Field(max_length=1000)]


class Where(BaseModel):
    """When and where: `range` (15m, 24h, 7d ...) until now, or `start` and `end` in RFC 3339; default 24h."""

    model_config = ConfigDict(extra="forbid")

    range: Text | None = Field(None, examples=["24h"])
    start: Text | None = Field(None, examples=["2026-01-31T00:00:00Z"])
    end: Text | None = Field(None, examples=["2026-02-01T00:00:00Z"])
    application: Text | None = None
    environment: Text | None = None


class _Filtered(Where):
    model_config = ConfigDict(extra="forbid", strict=True)

    filter: dict[str, Any] | None = Field(None, examples=[{"field": "status", "op": "eq", "value": "error"}])
    search: Annotated[str, Field(max_length=4000)] | None = Field(None, examples=["model:gpt-4o cost>0.01"])


class ListBody(_Filtered):
    """A page of a list."""

    order: Text = Field("-timestamp", examples=["-estimated_cost"])
    cursor: Annotated[str, Field(max_length=4000)] | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 50


class MetricsBody(_Filtered):
    """Metrics of a scope, by any dimension."""

    metrics: Annotated[
        list[Text], Field(min_length=1, max_length=30, examples=[["count", "error_rate", "p95_duration_seconds"]])
    ]
    group_by: Annotated[list[Text], Field(max_length=5)] = Field([], examples=[["model"]])
    order_by: Text | None = None
    limit: Annotated[int, Field(ge=1, le=10_000)] = 100


class AggregatedBody(MetricsBody):
    """Metrics by one to five dimensions."""

    group_by: Annotated[list[Text], Field(min_length=1, max_length=5, examples=[["application", "model"]])]


class TimeseriesBody(_Filtered):
    """Metrics over time; `interval_seconds` is chosen for at most 120 points when it is left out."""

    metrics: Annotated[list[Text], Field(min_length=1, max_length=30, examples=[["count", "p95_duration_seconds"]])]
    group_by: Annotated[list[Text], Field(max_length=5)] = []
    interval_seconds: Annotated[int, Field(ge=1, le=31_536_000)] | None = None


class KeyBody(BaseModel):
    """A new key."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=200, examples=["ci"])]
    scopes: Annotated[list[Literal["ingest", "read", "admin"]], Field(min_length=1, examples=[["read"]])]
    expires_at: datetime | None = None


class RotateBody(BaseModel):
    """How long the old key still works."""

    model_config = ConfigDict(extra="forbid", strict=True)

    grace_seconds: Annotated[int, Field(ge=0, le=7_776_000)] = 86_400


class PriceBody(BaseModel):
    """An own price: dollars per million tokens by class."""

    model_config = ConfigDict(extra="forbid")

    provider: Annotated[str, Field(min_length=1, max_length=255, examples=["openai"])] = "*"
    model: Annotated[str, Field(min_length=1, max_length=255, examples=["gpt-4o*"])]
    prices: Annotated[
        dict[str, float | str], Field(min_length=1, max_length=50, examples=[{"input": "2.5", "output": "10"}])
    ]
    valid_from: datetime | None = None


def scope_of(where: Where, now: datetime, default_range: str) -> Scope:
    """Return the scope that was asked for. Raises Malformed."""
    for name in ("application", "environment"):
        if (value := getattr(where, name)) is not None:
            clean_text(value, name)
    return Scope(_range(where, now, default_range), where.application, where.environment)


def _range(where: Where, now: datetime, default_range: str) -> TimeRange:
    if where.start is None and where.end is None:
        return parse_range(where.range or default_range, now)
    if where.range is not None:
        raise Malformed("give either range, or start and end")
    end = parse_time(where.end, "end") if where.end is not None else now
    if where.start is None:
        raise Malformed("end is given without start")
    return TimeRange(parse_time(where.start, "start"), end)


def filter_of(
    filter: dict[str, Any] | None, search: str | None, fields: dict[str, QueryField] | None = None
) -> Filter | None:
    """Return what both filter and search ask for. Raises Malformed."""
    known = REQUEST_FIELDS if fields is None else fields
    parsed = parse_filter(filter, known)
    searched = parse_search(search, known) if search else None
    return parsed & searched if parsed is not None else searched
