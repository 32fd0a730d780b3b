"""Query: what there is: models, applications, environments, and the values of any field."""

from __future__ import annotations

from typing import TypedDict

from ..storage.postgres.database import Database
from .scope import Scope

__all__ = ["Application", "Facet", "Model", "applications", "environments", "facets", "models"]


class Model(TypedDict):
    """One monitored model within a scope."""

    provider: str
    model: str
    count: float
    error_count: float
    error_rate: float | None
    total_tokens: float
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
    total_tokens: float
    estimated_cost: float | None
    unpriced_requests: float


class Facet(TypedDict):
    """A value of a field and how many requests have it."""

    value: str
    count: float


def models(database: Database, scope: Scope) -> list[Model]:
    """Monitored models, busiest first (at most 1,000)."""
    raise NotImplementedError


def applications(database: Database, scope: Scope) -> list[Application]:
    """Monitored applications, busiest first (at most 1,000)."""
    raise NotImplementedError


def environments(database: Database, scope: Scope) -> list[str]:
    """Environments seen in the scope, by name."""
    raise NotImplementedError


def facets(database: Database, field: str, scope: Scope, prefix: str = "", limit: int = 20) -> list[Facet]:
    """The commonest values of a dimension (see aggregate) that begin with `prefix`, for completion. Raises Malformed."""
    raise NotImplementedError
