"""From the fields of requests and answers to attributes, as the formats that are not OpenAI's need it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ... import semconv as s
from .answer import ProviderFailure
from .parts import MAPPINGS

if TYPE_CHECKING:
    from ..._call import CallRecord

# What a field of a request means; each format names its own fields.
DOUBLES = frozenset((s.REQUEST_TEMPERATURE, s.REQUEST_TOP_P, s.REQUEST_FREQUENCY_PENALTY, s.REQUEST_PRESENCE_PENALTY))
_NUMERIC = (int, float)


def get(value: Any, *path: str) -> Any:
    """Follow names inside mappings; None where one is missing."""
    for name in path:
        if not isinstance(value, MAPPINGS):
            return None
        value = value.get(name)
    return value


def pick(value: Any, *names: str) -> Any:
    """Take the first of these fields that is there."""
    if isinstance(value, MAPPINGS):
        for name in names:
            if value.get(name) is not None:
                return value[name]
    return None


def request_attributes(fields: Any, names: Mapping[str, str]) -> dict[str, Any]:
    """Numbers and words of a request by attribute; what has another type than it should is left out."""
    out: dict[str, Any] = {}
    if not isinstance(fields, MAPPINGS):
        return out
    for name, attribute in names.items():
        value = fields.get(name)
        if value is None or isinstance(value, bool) or attribute in out:
            continue
        if attribute == s.REQUEST_STOP_SEQUENCES:
            if value:
                out[attribute] = [value] if isinstance(value, str) else [str(item) for item in value]
        elif attribute in DOUBLES:
            if isinstance(value, _NUMERIC):
                out[attribute] = float(value)
        elif isinstance(value, (*_NUMERIC, str)):
            out[attribute] = value
    return out


def tokens(value: Any) -> int | None:
    """Read a count; None when there is none."""
    if isinstance(value, _NUMERIC) and not isinstance(value, bool) and value >= 0:
        return int(value)
    return None


def total(*counts: int | None) -> int | None:
    """Add what is known; None when nothing is."""
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def seconds(value: Any, per_second: float) -> float | None:
    """Read a time given in another unit; None when it is none or nothing."""
    return value / per_second if isinstance(value, _NUMERIC) and not isinstance(value, bool) and value > 0 else None


def message(role: str, parts: list[dict[str, Any]], finish_reason: Any = None) -> dict[str, Any]:
    """Write a message of the conventions."""
    out: dict[str, Any] = {"role": role, "parts": parts}
    if finish_reason is not None:
        out["finish_reason"] = finish_reason
    return out


def output(parts: list[dict[str, Any]], finish_reason: Any, role: str = "assistant") -> dict[str, Any]:
    """Give the attributes of the one message a model wrote; nothing when it wrote none."""
    reason = finish_reason if isinstance(finish_reason, str) and finish_reason else None
    return {
        s.RESPONSE_FINISH_REASONS: [reason] if reason else None,
        s.OUTPUT_MESSAGES: [message(role, parts, reason)] if parts or reason else None,
    }


def texts(values: Any) -> list[dict[str, Any]] | None:
    """Give a prompt, or several, as messages of the user."""
    if values is None:
        return None
    listed: Iterable[Any] = values if isinstance(values, list) else [values]
    return [message("user", [{"type": "text", "content": item if isinstance(item, str) else str(item)}])
            for item in listed]  # fmt: skip


def fail(record: CallRecord, out: dict[str, Any], text: Any, code: Any = None) -> None:
    """Say that the model failed, as the answer itself says."""
    if code:
        out[s.ERROR_CODE] = str(code)
    if record.error is None:
        out[s.ERROR_TYPE] = str(code or "error")
        record.error = ProviderFailure(str(text or code))
