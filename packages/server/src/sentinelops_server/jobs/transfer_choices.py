"""Part of export and import: what people chose here, own prices and saved views. No keys, no secrets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from sentinelops_server.pipeline.price_tables import overrides_of
from sentinelops_server.query.prices import add_price, list_prices
from sentinelops_server.query.views import list_views, save_view
from sentinelops_server.storage.postgres.database import Database

__all__ = ["CHOICES", "Choices", "export_choices"]

CHOICES = ("price", "view")


def export_choices(database: Database) -> Iterator[dict[str, Any]]:
    """Own prices, oldest first, then saved views, as the objects of lines."""
    for price in reversed(list_prices(database)):
        row = {name: price[name] for name in ("provider", "model", "prices", "valid_from")}
        yield {"kind": "price", "price": row}
    for view in list_views(database):
        yield {"kind": "view", "view": {name: view[name] for name in ("page", "name", "query")}}


class Choices:
    """Takes prices and views in; what is there already under the same name stays as it is."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._there: set[tuple[Any, ...]] | None = None
        self.counts = {"prices": 0, "new_prices": 0, "views": 0, "new_views": 0}

    def take(self, kind: str, row: Mapping[str, Any]) -> None:
        """Store one unless it is there. Raises KeyError, TypeError, ValueError, or Malformed for what cannot be one."""
        start = row.get("valid_from")
        moment = datetime.fromisoformat(start) if start else None
        key = (
            ("price", row["provider"], row["model"], moment) if kind == "price" else ("view", row["page"], row["name"])
        )
        self.counts[f"{kind}s"] += 1
        there = self._known()
        if key in there:
            return
        if kind == "price":
            overrides_of([{**row, "id": "imported", "valid_from": moment}])
            add_price(self._database, row["provider"], row["model"], row["prices"], moment)
        else:
            save_view(self._database, row["page"], row["name"], row["query"])
        there.add(key)
        self.counts[f"new_{kind}s"] += 1

    def _known(self) -> set[tuple[Any, ...]]:
        if self._there is None:
            prices = {("price", p["provider"], p["model"], p["valid_from"]) for p in list_prices(self._database)}
            self._there = prices | {("view", v["page"], v["name"]) for v in list_views(self._database)}
        return self._there
