"""How a cost is broken down by class of token: written short beside the request's columns, shown in full."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

__all__ = ["COUNTED_BY", "expand_cost", "plain"]

PER_MILLION = Decimal(1_000_000)
# the class whose tokens a column of the request holds
COUNTED_BY = {
    "input": "prompt_tokens",
    "output": "completion_tokens",
    "cache_read": "cache_read_tokens",
    "cache_write": "cache_write_tokens",
    "reasoning": "reasoning_tokens",
}


def plain(value: Decimal) -> str:
    """Return a decimal as it is shown: no exponent, no zeros at the end."""
    return format(value.normalize(), "f") if value else "0"


def expand_cost(details: Mapping[str, Any] | None, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return {class: {tokens, usd_per_million, usd}} of what is stored; `request` has the columns of COUNTED_BY.

    Stored is {class: price} where the column says how many tokens, else {class: [tokens, price]}; a price is dollars
    per million as decimal text. What is of another shape ({"unknown": reason}, prices per page) stays as it is.
    """
    return {name: _expand(name, stored, request) for name, stored in (details or {}).items()}


def _expand(name: str, stored: Any, request: Mapping[str, Any]) -> Any:
    if isinstance(stored, str) and name in COUNTED_BY:
        tokens, price = request.get(COUNTED_BY[name]), stored
    elif isinstance(stored, list) and len(stored) == 2:
        tokens, price = stored
    else:
        return stored
    try:
        usd = None if tokens is None else plain(Decimal(price) * Decimal(str(tokens)) / PER_MILLION)
    except (InvalidOperation, TypeError, ValueError):
        return stored
    return {"tokens": tokens, "usd_per_million": price, "usd": usd}
