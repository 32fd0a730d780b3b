"""API routes: numbers at a glance, by any dimension, and over time."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from ...query.aggregate import aggregate
from ...query.summary import summary
from ...query.timeseries import timeseries
from ..answers import answer
from ..bodies import AggregatedBody, MetricsBody, TimeseriesBody, Where, filter_of, scope_of
from ..deps import ApiDeps
from ..guards import Guard

__all__ = ["metrics_routes"]


class SummaryQuery(Where):
    """The scope of a summary; `compare` adds the interval just before."""

    search: str | None = None
    compare: bool = False


def metrics_routes(deps: ApiDeps, guard: Guard) -> APIRouter:
    """Return the routes under /metrics."""
    router = APIRouter(prefix="/metrics", tags=["metrics"], dependencies=[Depends(guard.read)])

    @router.get("/summary", summary="Summary metrics")
    def get_summary(query: Annotated[SummaryQuery, Query()]) -> Response:
        """Return requests, errors, tokens, cost and latency of a scope."""
        scope = scope_of(query, deps.clock(), deps.config.default_range)
        return answer(summary(deps.database, scope, filter_of(None, query.search), query.compare))

    @router.post("/query", summary="Metrics with filters")
    def query_metrics(body: MetricsBody) -> Response:
        """Any metrics of the requests that pass a filter, grouped or not."""
        return answer(_aggregated(deps, body))

    @router.post("/aggregated", summary="Metrics by dimensions")
    def aggregated_metrics(body: AggregatedBody) -> Response:
        """Any metrics by one to five dimensions, ordered and limited."""
        return answer(_aggregated(deps, body))

    @router.post("/timeseries", summary="Metrics over time")
    def timeseries_metrics(body: TimeseriesBody) -> Response:
        """Any metrics per interval, grouped or not (at most 20 series)."""
        scope = scope_of(body, deps.clock(), deps.config.default_range)
        filter = filter_of(body.filter, body.search)
        return answer(timeseries(deps.database, scope, body.metrics, body.group_by, body.interval_seconds, filter))

    return router


def _aggregated(deps: ApiDeps, body: MetricsBody) -> dict[str, Any]:
    scope = scope_of(body, deps.clock(), deps.config.default_range)
    filter = filter_of(body.filter, body.search)
    rows = aggregate(deps.database, scope, body.group_by, body.metrics, filter, body.order_by, body.limit)
    return {"start": scope.range.start, "end": scope.range.end, "results": rows}
