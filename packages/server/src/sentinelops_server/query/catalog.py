"""Query: what there is: models, applications, environments, and the values of any field."""

from __future__ import annotations

from typing import TypedDict, cast

from ..storage.postgres.database import Database
from .aggregate import aggregate
from .conditions import comparison
from .filters import REQUEST_FIELDS, Filter
from .measures import dimension
from .scope import Scope

__all__ = ["Application", "Facet", "Model", "applications", "environments", "facets", "models"]

_COMMON = ("count", "error_count", "error_rate", "total_tokens", "estimated_cost", "unpriced_requests")


class Model(TypedDict):
    """One monitored model within a scope."""

    provider: str
    model: str
    count: float
    error_count: float
    error_rate: float | None
    total_tokens: float | None
    estimated_cost: float | None
    unpriced_requests: float
    p50_duration_seconds: float | None
    p95_duration_seconds: float | None


class Application(TypedDict):
    """One monitored application within a scope."""

    application: str
    environments: list[str]
    count: float
    error_count: float
    error_rate: float | None
    total_tokens: float | None
    estimated_cost: float | None
    unpriced_requests: float


class Facet(TypedDict):
    """A value of a field and how many requests have it."""

    value: str
    count: float


def models(database: Database, scope: Scope) -> list[Model]:
    """Return monitored models, busiest first (at most 1,000)."""
    metrics = [*_COMMON, "p50_duration_seconds", "p95_duration_seconds"]
    return cast(list[Model], aggregate(database, scope, ["provider", "model"], metrics, limit=1000))


def applications(database: Database, scope: Scope) -> list[Application]:
    """Return monitored applications, busiest first (at most 1,000)."""
    rows = aggregate(database, scope, ["application"], _COMMON, limit=1000)
    places: dict[str, list[str]] = {}
    for row in aggregate(
        database, scope, ["application", "environment"], ["count"], order_by="environment", limit=10_000
    ):
        places.setdefault(row["application"], []).append(row["environment"])
    return cast(list[Application], [row | {"environments": places.get(row["application"], [])} for row in rows])


def environments(database: Database, scope: Scope) -> list[str]:
    """Return the environments seen in the scope, by name."""
    return [
        row["environment"] for row in aggregate(database, scope, ["environment"], ["count"], order_by="environment")
    ]


def facets(database: Database, field: str, scope: Scope, prefix: str = "", limit: int = 20) -> list[Facet]:
    """Return the commonest values of a dimension (see aggregate) that begin with `prefix`, for completion.

    Raises Malformed.
    """
    name = dimension(field).name
    filter = None
    if prefix and REQUEST_FIELDS.get(name, None) is not None and REQUEST_FIELDS[name].kind in ("text", "list"):
        condition, params = comparison(name, "prefix", prefix, REQUEST_FIELDS)
        filter = Filter(condition, tuple(params), frozenset({name}))
    rows = aggregate(database, scope, [name], ["count"], filter, limit=1000)
    values = [(str(row[name]).lower() if isinstance(row[name], bool) else row[name], row["count"]) for row in rows]
    begin = [
        Facet(value=value, count=count) for value, count in values if value is not None and value.startswith(prefix)
    ]
    return begin[:limit]
