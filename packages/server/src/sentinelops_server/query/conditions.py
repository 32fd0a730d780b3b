"""Query: the fields that can be asked about, and the SQL of one comparison; values are always parameters."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from ..errors import Malformed
from .scope import parse_time

__all__ = ["OPERATORS", "REQUEST_FIELDS", "TRACE_FIELDS", "Field", "Sql", "comparison", "find_field"]

Sql = tuple[str, list[Any]]

OPERATORS = ("eq", "ne", "in", "nin", "lt", "lte", "gt", "gte", "between", "prefix", "contains", "exists", "match")
MAX_LIST = 1000
MAX_TEXT = 1000
MAX_NUMBER = 1e18
_ORDER = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
_JSON_KEY = re.compile(r"[^\x00]{1,200}")


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its kind (text number boolean time hex list json score fulltext) and its SQL expression.

    `wrap` is the EXISTS around a condition on a request when the question is about traces; `key` the key of a json
    field, or the name of a score, whose expression is the EXISTS around a condition on it (alias x).
    """

    kind: str
    expression: str
    wrap: str | None = None
    key: str | None = None


def _requests() -> dict[str, Field]:
    text = (
        "request_id provider model application environment operation status error error_type response_model response_id"
        " finish_reason price_version service_tier server_address session_id user_id prompt_preview completion_preview"
        " storage_object_id duplicate_of"
    )
    number = (
        "inference_time estimated_cost memory_used weight prompt_tokens completion_tokens total_tokens"
        " cache_read_tokens cache_write_tokens reasoning_tokens"
    )
    fields = {name: Field("text", f"r.{name}") for name in text.split()}
    fields |= {name: Field("number", f"r.{name}") for name in number.split()}
    fields |= {name: Field("json", f"r.{name}") for name in _JSON_FIELDS}
    return fields | {
        "duration_seconds": Field("number", "r.duration"),
        "time_to_first_token_seconds": Field("number", "r.time_to_first_token"),
        "timestamp": Field("time", "r.timestamp"),
        "trace_id": Field("hex", "r.trace_id"),
        "span_id": Field("hex", "r.span_id"),
        "success": Field("boolean", "(r.status <> 'error')"),
        "streaming": Field("boolean", "r.streaming"),
        "tags": Field("list", "r.tags"),
        "score": Field("score", _SCORE_OF_REQUEST),
        "text": Field("fulltext", ""),
    }


# a score of a request is one of its own span, or of its whole trace
_SCORE = "EXISTS (SELECT 1 FROM scores x WHERE x.trace_id = {} AND "
_SCORE_OF_REQUEST = _SCORE.format("r.trace_id") + "(x.span_id = r.span_id OR x.of_trace) AND {})"
_SCORE_OF_TRACE = _SCORE.format("t.trace_id") + "{})"
_JSON_FIELDS = ("metadata", "parameters", "usage_details", "cost_details", "redactions")
REQUEST_FIELDS: dict[str, Field] = _requests()

_OF_TRACE = (
    "EXISTS (SELECT 1 FROM request_metrics r WHERE r.trace_id = t.trace_id AND r.timestamp >= t.started_at"
    " AND r.timestamp < t.started_at + interval '1 day' AND {})"
)


def _traces() -> dict[str, Field]:
    own = {
        "trace_id": Field("hex", "t.trace_id"),
        "timestamp": Field("time", "t.started_at"),
        "name": Field("text", "t.root_name"),
        "status": Field("text", "CASE t.root_status WHEN 2 THEN 'error' WHEN 1 THEN 'ok' ELSE 'unset' END"),
        "duration_seconds": Field("number", "((t.end_ns - t.start_ns) / 1e9::float8)"),
        "unpriced_requests": Field("number", "t.unpriced_count"),
        "score": Field("score", _SCORE_OF_TRACE),
    }
    own |= {name: Field("text", f"t.{name}") for name in ("application", "environment", "session_id", "user_id")}
    counts = ("span_count", "error_count", "request_count", "total_tokens", "estimated_cost")
    own |= {name: Field("number", f"t.{name}") for name in counts}
    of_requests = {
        name: Field(field.kind, field.expression, _OF_TRACE)
        for name, field in REQUEST_FIELDS.items()
        if name not in own and field.kind != "fulltext"
    }
    return own | of_requests


TRACE_FIELDS: dict[str, Field] = _traces()


def find_field(name: Any, fields: Mapping[str, Field]) -> Field:
    """Return the field of that name; `metadata.KEY` (and parameters, usage_details ...) names a key.

    Raises Malformed.
    """
    if isinstance(name, str):
        if (field := fields.get(name)) is not None:
            return field
        column, dot, key = name.partition(".")
        if dot and column in _JSON_FIELDS and column in fields and _JSON_KEY.fullmatch(key):
            return Field("json", fields[column].expression, fields[column].wrap, clean_text(key, "the key"))
        if dot and column == "score" and column in fields and _JSON_KEY.fullmatch(key):
            return Field("score", fields[column].expression, None, clean_text(key, "the name of the score"))
    known = ", ".join(sorted(fields))
    raise Malformed(f"unknown field {_short(name)}: use metadata.KEY, score.NAME or one of {known}")


def comparison(name: str, op: str, value: Any, fields: Mapping[str, Field]) -> Sql:
    """Return the SQL of one comparison.

    ne and nin hold for unknown values too; every other one does not. Raises Malformed.
    """
    field = find_field(name, fields)
    if op not in OPERATORS:
        raise Malformed(f"unknown op {_short(op)}: use one of {', '.join(OPERATORS)}")
    negative = {"ne": "eq", "nin": "in"}.get(op)
    condition, params = _KINDS[field.kind](name, field, negative or op, value)
    if field.wrap:
        condition = field.wrap.format(condition)
    return (f"({condition}) IS NOT TRUE" if negative else condition), params


def _text(name: str, field: Field, op: str, value: Any) -> Sql:
    column = field.expression
    if op == "eq":
        return f"{column} = %s", [clean_text(value, name)]
    if op == "in":
        return f"{column} = ANY(%s::text[])", [_list(value, name, clean_text)]
    if op == "prefix":
        return f"{column} LIKE %s", [_like(clean_text(value, name)) + "%"]
    if op == "contains":
        return f"{column} ILIKE %s", [f"%{_like(clean_text(value, name))}%"]
    return _shared(name, field, op, value, clean_text)


def _number(name: str, field: Field, op: str, value: Any) -> Sql:
    if op == "eq":
        return f"{field.expression} = %s::float8", [_float(value, name)]
    if op == "in":
        return f"{field.expression} = ANY(%s::float8[])", [_list(value, name, _float)]
    return _shared(name, field, op, value, _float, "::float8")


def _time(name: str, field: Field, op: str, value: Any) -> Sql:
    if op == "eq":
        return f"{field.expression} = %s", [_naive(value, name)]
    if op == "in":
        return f"{field.expression} = ANY(%s::timestamp[])", [_list(value, name, _naive)]
    return _shared(name, field, op, value, _naive)


def _shared(name: str, field: Field, op: str, value: Any, convert: Callable[[Any, str], Any], cast: str = "") -> Sql:
    """exists, between and the four orders, which every ordered kind has."""
    if op == "exists":
        return _exists(field.expression, name, value)
    if op in _ORDER:
        return f"{field.expression} {_ORDER[op]} %s{cast}", [convert(value, name)]
    if op == "between":
        bounds = _list(value, name, convert)
        if len(bounds) != 2:
            raise Malformed(f"{name}: between takes [from, to], both inclusive")
        return f"{field.expression} BETWEEN %s{cast} AND %s{cast}", bounds
    raise _unfit(name, op, field)


def _exists(expression: str, name: str, value: Any) -> Sql:
    if not isinstance(value, bool) and value is not None:
        raise Malformed(f"{name}: exists takes true or false")
    return f"{expression} IS {'NULL' if value is False else 'NOT NULL'}", []


def _boolean(name: str, field: Field, op: str, value: Any) -> Sql:
    if op == "exists":
        return _exists(field.expression, name, value)
    if op == "eq":
        if not isinstance(value, bool):
            raise Malformed(f"{name}: the value is true or false")
        return f"{field.expression} = %s", [value]
    raise _unfit(name, op, field)


def _hex(name: str, field: Field, op: str, value: Any) -> Sql:
    if op == "eq":
        return f"{field.expression} = %s", [_bytes(value, name)]
    if op == "in":
        return f"{field.expression} = ANY(%s::bytea[])", [_list(value, name, _bytes)]
    if op == "prefix":
        return f"encode({field.expression}, 'hex') LIKE %s", [_like(clean_text(value, name).lower()) + "%"]
    if op == "exists":
        return _exists(field.expression, name, value)
    raise _unfit(name, op, field)


def _tags(name: str, field: Field, op: str, value: Any) -> Sql:
    column = field.expression
    some = f"{column} <> '{{}}'"  # named so that the partial index serves
    if op in ("eq", "contains"):
        return f"({some} AND {column} @> ARRAY[%s]::text[])", [clean_text(value, name)]
    if op == "in":
        return f"({some} AND {column} && %s::text[])", [_list(value, name, clean_text)]
    if op == "prefix":
        inner = f"EXISTS (SELECT 1 FROM unnest({column}) AS u(tag) WHERE u.tag LIKE %s)"
        return f"({some} AND {inner})", [_like(clean_text(value, name)) + "%"]
    if op == "exists":
        _exists(column, name, value)
        return some if value is not False else f"({some}) IS NOT TRUE", []
    raise _unfit(name, op, field)


def _json(name: str, field: Field, op: str, value: Any) -> Sql:
    if field.key is None:
        if op == "exists":
            return _exists(field.expression, name, value)
        raise Malformed(f"{name} holds many values: name one key, as {name}.KEY")
    key, member = field.key, f"({field.expression} -> %s)"
    content = f"({field.expression} ->> %s)"
    if op in ("eq", "in"):
        values = _list(value, name, _scalar) if op == "in" else [_scalar(value, name)]
        found = [document for item in values for document in _documents(key, item)]
        return "(" + " OR ".join([f"{field.expression} @> %s::jsonb"] * len(found)) + ")", found
    if op in ("prefix", "contains"):
        pattern = _like(clean_text(value, name)) + "%"
        return f"{content} {'LIKE' if op == 'prefix' else 'ILIKE'} %s", [
            key,
            pattern if op == "prefix" else "%" + pattern,
        ]
    if op == "exists":
        return _exists(content, name, value)[0], [key]
    number = f"(CASE WHEN jsonb_typeof({member}) = 'number' THEN {content}::numeric END)"
    condition, bounds = _shared(name, Field("json", number), op, value, _float, "::float8")
    return condition, [key, key, *bounds]


def _documents(key: str, value: Any) -> list[str]:
    """Return what to look for: text that reads as a number or boolean may stand for either (URLs have only text)."""
    documents = [orjson.dumps({key: value}).decode()]
    if isinstance(value, str) and len(value) < 40:
        try:
            other = orjson.loads(value)
        except orjson.JSONDecodeError:
            return documents
        if isinstance(other, (bool, int, float)):
            documents.append(orjson.dumps({key: other}).decode())
    return documents


def _score(name: str, field: Field, op: str, value: Any) -> Sql:
    named, key = ("x.name = %s", [field.key]) if field.key is not None else ("TRUE", [])
    if op == "exists":
        _exists("", name, value)
        return ("NOT " if value is False else "") + field.expression.format(named), key
    if field.key is None:
        raise Malformed(f"{name}: {op} takes one score, as {name}.NAME")
    if op in ("eq", "in"):
        values = _list(value, name, _scalar) if op == "in" else [_scalar(value, name)]
        labels = [item for item in values if isinstance(item, str)]
        numbers = [float(item) for item in values if isinstance(item, (bool, float))]
        condition, params = "(x.label = ANY(%s::text[]) OR x.value = ANY(%s::float8[]))", [labels, numbers]
    elif op in ("prefix", "contains"):
        condition, params = _text(name, Field("text", "x.label"), op, value)
    else:
        condition, params = _shared(name, Field("number", "x.value"), op, value, _float, "::float8")
    return field.expression.format(f"{named} AND {condition}"), [*key, *params]


def _fulltext(name: str, field: Field, op: str, value: Any) -> Sql:
    raise _unfit(name, op, field)


_KINDS: dict[str, Callable[[str, Field, str, Any], Sql]] = {
    "text": _text,
    "number": _number,
    "time": _time,
    "boolean": _boolean,
    "hex": _hex,
    "list": _tags,
    "json": _json,
    "score": _score,
    "fulltext": _fulltext,
}


def _unfit(name: str, op: str, field: Field) -> Malformed:
    return Malformed(f"{name}: {op} does not fit a {field.kind} field")


def _short(value: Any) -> str:
    return repr(value)[:80]


def clean_text(value: Any, name: str) -> str:
    """Text that PostgreSQL can hold: at most 1,000 characters, no NUL, no lone surrogates. Raises Malformed."""
    if not isinstance(value, str):
        raise Malformed(f"{name}: the value is text")
    if len(value) > MAX_TEXT:
        raise Malformed(f"{name}: the value is longer than {MAX_TEXT} characters")
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise Malformed(f"{name}: the value holds NUL or a lone surrogate, which is no text")
    return value


def _float(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Malformed(f"{name}: the value is a number")
    if not math.isfinite(value) or abs(value) > MAX_NUMBER:
        raise Malformed(f"{name}: the value is beyond 1e18")
    return float(value)


def _naive(value: Any, name: str) -> datetime:
    return parse_time(clean_text(value, name), name).replace(tzinfo=None)


def _bytes(value: Any, name: str) -> bytes:
    text = clean_text(value, name)
    if not re.fullmatch(r"([0-9a-fA-F]{2}){1,16}", text):
        raise Malformed(f"{name}: the value is an id in hex")
    return bytes.fromhex(text)


def _scalar(value: Any, name: str) -> Any:
    if isinstance(value, bool) or value is None:
        return value
    return clean_text(value, name) if isinstance(value, str) else _float(value, name)


def _list(value: Any, name: str, convert: Callable[[Any, str], Any]) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise Malformed(f"{name}: the value is a list that is not empty")
    if len(value) > MAX_LIST:
        raise Malformed(f"{name}: the list is longer than {MAX_LIST}")
    return [convert(item, name) for item in value]


def _like(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
