"""Query: own prices, which are asked before the bundled ones."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, TypedDict, cast

import orjson

from ..errors import Malformed
from ..storage.postgres.database import Database
from .conditions import clean_text

__all__ = ["PriceOverride", "add_price", "delete_price", "list_prices"]

_COLUMNS = (
    "id, provider, model, prices, CASE WHEN isfinite(valid_from) THEN valid_from AT TIME ZONE 'UTC' END AS valid_from,"
    " created_at AT TIME ZONE 'UTC' AS created_at"
)


class PriceOverride(TypedDict):
    """Dollars per million tokens by class; `valid_from` None means always."""

    id: int
    provider: str  # '*' for any
    model: str  # exact, or a prefix that ends in '*'
    prices: dict[str, str]
    valid_from: datetime | None
    created_at: datetime


def list_prices(database: Database) -> list[PriceOverride]:
    """Return all overrides, newest first (at most 10,000)."""
    rows = database.fetch(f"SELECT {_COLUMNS} FROM price_overrides ORDER BY id DESC LIMIT 10000")
    return cast(list[PriceOverride], rows)


def add_price(
    database: Database, provider: str, model: str, prices: Mapping[str, Any], valid_from: datetime | None = None
) -> PriceOverride:
    """Add an override, replacing one of the same provider, model and time. Raises Malformed.

    Which classes have a price is the pipeline's to say: check with pipeline.price_tables.overrides_of first.
    """
    if not clean_text(provider, "provider").strip() or not clean_text(model, "model").strip():
        raise Malformed("provider and model are not empty; * stands for any provider")
    clean = {clean_text(name, "prices"): _amount(name, value) for name, value in prices.items()}
    if not clean:
        raise Malformed("prices is empty: give dollars per million tokens, for example input and output")
    start = valid_from.astimezone(UTC).replace(tzinfo=None) if valid_from else None
    with database.transaction() as transaction:
        row = transaction.fetch_one(
            "INSERT INTO price_overrides (provider, model, prices, valid_from)"
            " VALUES (%s, %s, %s::jsonb, coalesce(%s::timestamp, '-infinity'))"
            " ON CONFLICT (provider, model, valid_from) DO UPDATE SET prices = excluded.prices"
            f" RETURNING {_COLUMNS}",
            [provider.strip(), model.strip(), orjson.dumps(clean).decode(), start],
        )
    return cast(PriceOverride, row)


def _amount(name: str, value: Any) -> str:
    try:
        amount = Decimal(str(value))
    except InvalidOperation as error:
        raise Malformed(f"the price {name} is no number") from error
    if isinstance(value, bool) or not amount.is_finite() or not 0 <= amount <= 1_000_000:
        raise Malformed(f"the price {name} is outside 0 to 1,000,000 dollars per million tokens")
    return format(amount, "f")


def delete_price(database: Database, price_id: int) -> bool:
    """Delete one; whether there was one."""
    return database.execute("DELETE FROM price_overrides WHERE id = %s", [price_id]) > 0
