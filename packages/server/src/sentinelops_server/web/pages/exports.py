"""What leaves the pages as a file: the requests of the explorer as CSV, exact values, page by page."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from ...errors import Malformed
from ...query.requests import find_requests
from ..render import Pages
from ..state import iso
from .common import Asked, ask

__all__ = ["COLUMNS", "routes"]

COLUMNS = (
    "request_id",
    "timestamp",
    "status",
    "provider",
    "model",
    "application",
    "environment",
    "operation",
    "duration_seconds",
    "time_to_first_token_seconds",
    "inference_time",
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "cache_read_tokens",
    "reasoning_tokens",
    "estimated_cost",
    "price_version",
    "finish_reason",
    "error_type",
    "error",
    "session_id",
    "user_id",
    "tags",
    "prompt_preview",
    "completion_preview",
    "trace_id",
    "span_id",
    "weight",
)
_LIMIT = 100_000
_PAGE = 1000


def routes(pages: Pages) -> APIRouter:
    """Give the file at /requests.csv."""
    router = APIRouter()

    @router.get("/requests.csv")
    def requests_csv(request: Request) -> Response:
        asked = ask(pages, request)
        if asked.error:
            raise Malformed(asked.error)
        name = f"requests-{asked.view.now:%Y%m%d-%H%M%S}.csv"
        headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
        return StreamingResponse(_lines(pages, asked), media_type="text/csv; charset=utf-8", headers=headers)

    return router


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return iso(value, 6)
    if isinstance(value, list):
        value = " ".join(str(item) for item in value)
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + value  # a spreadsheet would take it for a formula
    return "" if value is None else value


def _lines(pages: Pages, asked: Asked) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    cursor, written = None, 0
    while True:
        page = find_requests(
            pages.deps.database, pages.deps.payloads, asked.view.scope, asked.filter, cursor=cursor, limit=_PAGE
        )
        for row in page.requests:
            values: dict[str, Any] = {**row}
            writer.writerow([_cell(values.get(name)) for name in COLUMNS])
        written += len(page.requests)
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
        cursor = page.next_cursor
        if cursor is None or written >= _LIMIT:
            return
