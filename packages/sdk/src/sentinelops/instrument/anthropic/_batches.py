"""The results of a message batch: each line is one call to the model, at the price of a batch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ... import semconv as s
from .._wire import anthropic as wire
from .._wire.batches import Results, first_time, tell_call
from .._wire.provider import Endpoint

_PATH = re.compile(r"/v1/messages/batches/([^/?]+)/results(?:\?|$)")
_KIND = ("chat", wire.MESSAGES)


def results_of(options: Any, endpoint: Any, client: Any) -> Results | None:
    """For the request of a batch's results; None for every other."""
    found = _PATH.search(str(options.url)) if options.method in ("get", "GET") else None
    if found is None:
        return None
    batch, where = found[1], endpoint(client)
    return Results(lambda line: _tell(line, batch, where))


def _tell(line: Mapping[str, Any], batch: str, endpoint: Endpoint) -> None:
    result = line.get("result")
    if not isinstance(result, Mapping) or not first_time(batch, str(line["custom_id"])):
        return
    kind = str(result.get("type"))
    extra = {
        s.ANTHROPIC_RESPONSE_SERVICE_TIER: "batch",
        s.BATCH_ID: batch,
        s.BATCH_CUSTOM_ID: str(line["custom_id"]),
    }
    tell_call(_KIND, endpoint, _body(kind, result), extra, cancelled=kind == "canceled")


def _body(kind: str, result: Mapping[str, Any]) -> dict[str, Any]:
    message = result.get("message")
    if kind == "succeeded" and isinstance(message, Mapping):
        return dict(message)
    if kind == "canceled":
        return {}
    error = result.get("error")
    if isinstance(error, Mapping) and isinstance(error.get("error"), Mapping):
        error = error["error"]  # as the API sends it: {"type": "error", "error": {...}}
    return {"error": error if isinstance(error, Mapping) else {"type": kind, "message": f"the request is {kind}"}}
