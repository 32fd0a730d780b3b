"""Query: metrics by any dimension."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..storage.postgres.database import Database
from .filters import Filter
from .scope import Scope

__all__ = ["aggregate"]


def aggregate(
    database: Database,
    scope: Scope,
    group_by: Sequence[str],
    metrics: Sequence[str],
    filter: Filter | None = None,
    order_by: str | None = None,
    limit: int = 100,
) -> list[dict[str, Any]]:
    """One dict per group: its dimensions and its metrics, by name. Raises Malformed for unknown names.

    group_by: provider model application environment status success operation error_type finish_reason response_model
    service_tier server_address session_id user_id streaming price_version tags metadata.KEY; () gives one row.
    metrics: count error_count cancelled_count error_rate request_rate unpriced_requests unknown_usage_requests, then
    sum_ avg_ min_ max_ before prompt_tokens completion_tokens total_tokens cache_read_tokens cache_write_tokens
    reasoning_tokens estimated_cost duration_seconds time_to_first_token_seconds, then p50_ p75_ p90_ p95_ p99_ p99.9_ before
    duration_seconds time_to_first_token_seconds. estimated_cost is short for sum_estimated_cost, and so the token names.
    order_by: a metric or dimension, "-" before it for descending; default "-" and the first metric.
    """
    raise NotImplementedError
