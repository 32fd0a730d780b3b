"""From what was seen of a model call to the attributes of its span; runs in the export thread unless others look on."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

from . import semconv
from ._guard import swallow
from ._runtime import Resolved

if TYPE_CHECKING:
    from ._call import CallRecord
    from ._content import ContentPolicy, Withheld
    from ._runtime import Pending

CANCELLED = "cancelled"
_FRAMES, _STACK_CHARS = 30, 8_192
_UNSURE = 256  # characters at a cut, in which half a secret may stand


def resolve(pending: Pending | None, withheld: Withheld) -> Resolved | None:
    """What a span still has to say, its content aside; None: nothing, or it failed."""
    if pending is None:
        return None
    try:
        return pending.resolve(withheld)  # type: ignore[arg-type]
    except Exception as failure:
        swallow("resolve", failure)
        return None


def resolve_call(record: CallRecord, policy: ContentPolicy) -> Resolved:
    """Attributes and status of a model call. A `describe` or a content that fails costs its own attributes only."""
    attributes: dict[str, Any] = {
        semconv.OPERATION: record.operation,
        semconv.PROVIDER: record.provider,
        semconv.REQUEST_MODEL: record.model,
        semconv.REQUEST_STREAM: True if record.streaming else None,
        semconv.SERVER_ADDRESS: record.server_address,
        semconv.SERVER_PORT: record.server_port,
        semconv.RESPONSE_TIME_TO_FIRST_CHUNK: record.time_to_first_token_seconds,
        semconv.MEMORY_USED_BYTES: record.memory_used_bytes,
        semconv.OUTCOME: CANCELLED if record.cancelled else None,
    }
    error = record.error
    if error is not None:
        attributes[semconv.ERROR_TYPE] = type(error).__qualname__
    try:
        described = record.describe(record)
    except Exception as failure:
        swallow("describe", failure)
    else:
        for key, value in described.items():
            if value is not None:
                attributes[key] = value
    error = record.error  # describe may have found one in an answer that looked good, or taken a secret out of it
    ready = prepared(attributes, policy)
    return Resolved(ready) if error is None else failed(ready, error, policy)


def failed(attributes: dict[str, Any], error: BaseException, policy: ContentPolicy) -> Resolved:
    """The span of something that raised: status, and where it came from as the standard exception event."""
    message = error_message(error, policy)
    event: dict[str, Any] = {
        "exception.type": f"{type(error).__module__}.{type(error).__qualname__}",
        "exception.message": message,
    }
    try:
        lines = traceback.format_exception(type(error), error, error.__traceback__, limit=-_FRAMES, chain=False)
        event["exception.stacktrace"] = _last("".join(lines), policy)
    except Exception as failure:
        swallow("stack trace", failure)
    return Resolved(attributes, message, event)


def _last(trace: str, policy: ContentPolicy) -> str:
    """The end of a stack trace; what is cut at its beginning was looked at whole, or is left out."""
    seen = trace[-(_STACK_CHARS + 2 * _UNSURE) :]
    clean = policy.text(seen, len(seen))
    return clean[max(len(clean) - _STACK_CHARS, _UNSURE if len(seen) < len(trace) else 0) :]


def prepared(attributes: dict[str, Any], policy: ContentPolicy) -> dict[str, Any]:
    """Apply the content policy; if that fails no content is sent at all, and the rest is."""
    try:
        return policy.prepare(attributes)
    except Exception as failure:
        swallow("content", failure)
        from ._content import CONTENT_ATTRIBUTES

        return {key: value for key, value in attributes.items() if value is not None and key not in CONTENT_ATTRIBUTES}


def error_message(error: BaseException, policy: ContentPolicy) -> str:
    """What an exception says, free of known secrets; its type when it cannot even be printed."""
    try:
        return policy.text(str(error)) or type(error).__qualname__
    except Exception as failure:
        swallow("error message", failure)
        return type(error).__qualname__
