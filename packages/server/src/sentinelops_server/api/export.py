"""API: requests as lines of CSV (RFC 4180) that a spreadsheet cannot take for formulas."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from typing import Any

import orjson

from ..query.shapes import RequestRow

__all__ = ["COLUMNS", "csv_head", "csv_line"]

COLUMNS = tuple(RequestRow.__annotations__)
_RISKY = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    text = value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
    return "'" + text if text.startswith(_RISKY) else text


def _line(cells: list[str]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue().encode()


def csv_head() -> bytes:
    """Return the line of column names."""
    return _line(list(COLUMNS))


def csv_line(row: RequestRow) -> bytes:
    """Return one request as a line; unknown is empty, lists and objects are JSON."""
    values: dict[str, Any] = {**row}
    return _line([_cell(values[name]) for name in COLUMNS])
