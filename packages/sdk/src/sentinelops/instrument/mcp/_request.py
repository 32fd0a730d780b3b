"""One request of MCP as a span: what its method makes of it, and what is said of the answer in the export thread."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import SpanKind

from ... import semconv as s
from ..._content import blob
from ..._span import ActiveSpan, StepRecord

if TYPE_CHECKING:
    from opentelemetry.context import Context

    from ..._content import ContentPolicy
    from ..._runtime import Resolved

TOOL_CALL = "tools/call"
# method -> the field of its parameters that names what is asked for
NAMED = {TOOL_CALL: "name", "prompts/get": "name"}
# the requests that are spans; every other passes
WATCHED = frozenset((
    TOOL_CALL, "prompts/get", "resources/read", "completion/complete", "initialize", "tools/list", "prompts/list",
    "resources/list", "resources/templates/list", "sampling/createMessage", "elicitation/create",
))  # fmt: skip


class Failure(Exception):
    """What the other side says went wrong."""


class RequestRecord(StepRecord):
    """What is known of one request."""

    __slots__ = ("method", "params", "protocol", "request_id", "result")

    def __init__(self, method: str, params: Any) -> None:
        super().__init__("tool" if method == TOOL_CALL else "chain")
        self.method = method
        self.params = params
        self.protocol: str | None = None
        self.request_id: Any = None
        self.result: Any = None

    def resolve(self, policy: ContentPolicy) -> Resolved:
        """The attributes and the status of the span."""
        self.attributes = {key: value for key, value in self._described().items() if value is not None}
        kind = self._error_type()
        resolved = super().resolve(policy)
        if kind is not None:
            resolved.attributes[s.ERROR_TYPE] = kind
        return resolved

    def _described(self) -> dict[str, Any]:
        out: dict[str, Any] = {
            s.MCP_METHOD: self.method,
            s.MCP_PROTOCOL_VERSION: self.protocol,
            s.JSONRPC_REQUEST_ID: None if self.request_id is None else str(self.request_id),
        }
        given = _written(self.params)
        made = _written(self.result)
        if self.method == TOOL_CALL:
            return {
                **out,
                s.OPERATION: "execute_tool",
                s.TOOL_NAME: given.get("name"),
                s.TOOL_CALL_ARGUMENTS: given.get("arguments"),
                s.TOOL_CALL_RESULT: _tool_result(made),
            }
        if self.method == "prompts/get":
            out[s.PROMPT_NAME] = given.get("name")
        if self.method == "resources/read":
            out[s.MCP_RESOURCE_URI] = given.get("uri")
        return {**out, s.INPUT: given or None, s.OUTPUT: made or None}

    def _error_type(self) -> str | None:
        """Find what failed: by the answer's code, or by the tool's own word."""
        code = getattr(getattr(self.error, "error", None), "code", None)
        if isinstance(code, int):
            self.attributes[s.RPC_STATUS_CODE] = str(code)
            return str(code)
        made = self.result
        if self.error is None and True in (_field(made, "isError"), _field(made, "is_error")):
            content = _written(made).get("content") or ()
            texts = [part["content"] for part in content if part.get("type") == "text"]
            self.error = Failure("\n".join(texts) or "the tool failed")
            return "tool_error"
        return None


def begin(method: str, params: Any, kind: SpanKind, context: Context) -> tuple[ActiveSpan, RequestRecord]:
    """Start the span of a request under `context`; not current yet."""
    name = getattr(params, NAMED.get(method, ""), None) if method in NAMED else None
    record = RequestRecord(method, params)
    step = ActiveSpan(f"{method} {name}" if name else method, record.type)
    step.record = record
    step.start(context, kind)
    return step, record


def _field(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)


def _tool_result(made: Mapping[str, Any]) -> Any:
    structured = made.get("structuredContent", made.get("structured_content"))
    if structured is not None:
        return structured
    content = made.get("content")
    if isinstance(content, list) and len(content) == 1 and content[0].get("type") == "text":
        return content[0]["content"]
    return content or None


def _written(value: Any) -> dict[str, Any]:
    """Parameters or a result as plain structures, `_meta` left out, bytes by their hash."""
    written = _plain(value)
    return written if isinstance(written, dict) else {}


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, Mapping):
        if value.get("type") == "text" and "text" in value:
            return {"type": "text", "content": value["text"]}
        return {str(key): _plain(item) for key, item in value.items() if key not in ("_meta", "meta")}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return _object(value)


def _object(value: Any) -> Any:
    kind = getattr(value, "type", None)
    mime_type = getattr(value, "mimeType", None) or getattr(value, "mime_type", None)
    if kind == "text":
        return {"type": "text", "content": value.text}
    if kind in ("image", "audio"):
        return blob(value.data, mime_type, kind)
    binary = getattr(value, "blob", None)
    if isinstance(binary, str):
        return {"uri": str(value.uri), **blob(base64.b64decode(binary), mime_type, "file")}
    fields = getattr(type(value), "model_fields", None)
    if fields is None:
        return str(value)
    found = {name: _plain(getattr(value, name)) for name in fields if name not in ("meta", "task")}
    return {name: item for name, item in found.items() if item is not None}
