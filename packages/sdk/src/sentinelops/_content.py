"""Message bodies on their way out: left out, redacted, truncated; images and audio replaced by hash and size."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from json.encoder import encode_basestring
from typing import Any

from . import privacy, semconv

# The attributes that hold what people and models wrote. Their values are Python structures until `prepare`.
CONTENT_ATTRIBUTES = frozenset(
    {
        semconv.INPUT_MESSAGES, semconv.OUTPUT_MESSAGES, semconv.SYSTEM_INSTRUCTIONS, semconv.TOOL_DEFINITIONS,
        semconv.TOOL_CALL_ARGUMENTS, semconv.TOOL_CALL_RESULT, semconv.RETRIEVAL_DOCUMENTS, semconv.INPUT,
        semconv.OUTPUT,
    }
)  # fmt: skip
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]+={0,2}\Z")
_BLOB_KEYS = ("data", "b64_json", "content", "file_data", "image_base64", "bytes")
_MIME_KEYS = ("mime_type", "media_type", "mimeType", "mediaType", "format", "input_format")
_MIME_NAMES = frozenset(_MIME_KEYS)
_JSON_STARTS = ("{", "[", '"')
_PLAIN = frozenset({"role", "type", "id", "finish_reason"})  # words of the format, not of the people
_MARGIN = 512  # characters looked at beyond the limit, so that a secret on the border is seen whole
_DEPTH = 32
_ITEMS = 2_000
_LONG = 1_024
_SEEN_CHARS = 1_000_000


def blob(data: str | bytes, mime_type: str | None = None, modality: str | None = None) -> dict[str, Any]:
    """What is kept of an image, a sound or a file: `{type: blob, mime_type, modality, sha256, bytes}`.

    data: raw bytes, base64 text, or a `data:` URL (which knows its own type).
    """
    if isinstance(data, str):
        if data.startswith("data:"):
            head, _, data = data.partition(",")
            mime_type = head[5:].partition(";")[0] or mime_type
        raw = _decoded(data)
    else:
        raw = bytes(data)
    mime = mime_type or "application/octet-stream"
    family = mime.partition("/")[0]
    return {
        "type": "blob",
        "mime_type": mime,
        "modality": modality or (family if family in ("image", "audio", "video", "text") else "file"),
        "sha256": hashlib.sha256(raw).hexdigest(),
        "bytes": len(raw),
    }


def _decoded(text: str) -> bytes:
    """The bytes behind base64 of either alphabet; what is not base64 is taken as it stands."""
    try:
        padded = text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4)
        return base64.b64decode(padded, validate=True)
    except (binascii.Error, ValueError):
        return text.encode("utf-8", "replace")


class ContentPolicy:
    """What happens to content: mode "on" | "off" | "redact", and how many characters of one message are kept."""

    __slots__ = ("_seen", "_seen_chars", "max_chars", "mode", "rules")

    def __init__(self, mode: str = "redact", max_chars: int = 16_384, rules: privacy.Rules = privacy.MASK_ALL) -> None:
        self.rules = rules
        self.mode = mode
        self.max_chars = max_chars
        self._seen: dict[str, tuple[str, dict[str, int]]] = {}
        self._seen_chars = 0

    def redact(self, text: str, lead: str = "") -> tuple[str, dict[str, int]]:
        """The text redacted, and counts by detector; turns of a conversation come again: they are known a while.

        lead: the name of the value that the text is, as `privacy.lead_of` writes it.
        """
        said = lead + text
        known = self._seen.get(said)
        if known is None:
            counts: dict[str, int] = {}
            found = privacy.find(text, names=self.rules.names, lead=lead)
            known = (privacy.replace(text, found, self.rules, counts) if found else text, counts)
            self._seen_chars += len(said)
            if self._seen_chars > _SEEN_CHARS:
                self._seen = {}
                self._seen_chars = len(said)
            self._seen[said] = known
        return known

    def prepare(self, attributes: dict[str, Any]) -> dict[str, Any]:
        """The same attributes ready to be sent: content serialised as JSON or left out, None left out, counts added."""
        ready: dict[str, Any] = {}
        cleaner = _Cleaner(self)
        for key, value in attributes.items():
            if value is None:
                continue
            if key not in CONTENT_ATTRIBUTES:
                ready[key] = value
            elif self.mode != "off":
                ready[key] = cleaner.json(value)
                if cleaner.redactions:
                    _count(key, cleaner.redactions, ready)
                    cleaner.redactions = {}
        if cleaner.truncated:
            ready[semconv.CONTENT_TRUNCATED] = cleaner.truncated
        return ready

    def text(self, text: str, limit: int = 1_024) -> str:
        """A diagnostic text (an error message): always free of known secrets, unless everything is allowed."""
        if self.mode == "on":
            return text[:limit]
        seen = text[: limit + _MARGIN]
        return _cut(privacy.redact(seen, rules=self.rules)[0], limit, len(seen) - limit)


def _cut(redacted: str, limit: int, beyond: int) -> str:
    """The redacted text up to the limit. Marks are short: what was cut at the margin's end may have moved within it."""
    unsure = _MARGIN // 2 if beyond >= _MARGIN else 0
    return redacted[: max(0, min(limit, len(redacted) - unsure))]


class Withheld:
    """Stands for the policy while a span is resolved: keeps the content aside until its turn comes, if it does."""

    __slots__ = ("_policy", "content")

    def __init__(self, policy: ContentPolicy) -> None:
        self._policy = policy
        self.content: dict[str, Any] = {}

    def prepare(self, attributes: dict[str, Any]) -> dict[str, Any]:
        """The attributes without content."""
        ready = {}
        for key, value in attributes.items():
            if key in CONTENT_ATTRIBUTES:
                self.content[key] = value
            elif value is not None:
                ready[key] = value
        return ready

    def text(self, text: str, limit: int = 1_024) -> str:
        """As the policy."""
        return self._policy.text(text, limit)


def _count(key: str, found: Mapping[str, int], ready: dict[str, Any]) -> None:
    """Add `...redactions.input_messages.email`: field and detector, and the sum of its type, `...redactions.email`."""
    field = key.removeprefix("gen_ai.").removeprefix("sentinelops.").replace(".", "_")
    for detector, count in found.items():
        total = semconv.REDACTIONS_PREFIX + privacy.TYPE_OF[detector]
        ready[total] = ready.get(total, 0) + count
        ready[f"{semconv.REDACTIONS_PREFIX}{field}.{detector}"] = count


def dumps(value: Any) -> str:
    """JSON, characters as they are; what JSON does not know is named by its type."""
    return _encode(value)


def _unknown(value: Any) -> str:
    return f"<{type(value).__module__}.{type(value).__qualname__}>"


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_unknown).encode
_TEXT_KEYS = frozenset({"type", "content"})


class _Cleaner:
    """One span's content on its way out; counts what it took away."""

    __slots__ = ("_budget", "_items", "_policy", "_redact", "redactions", "truncated")

    def __init__(self, policy: ContentPolicy) -> None:
        self._policy = policy
        self._redact = policy.mode == "redact"
        self._budget = 0
        self._items = 0
        self.truncated = 0
        self.redactions: dict[str, int] = {}

    def json(self, value: Any) -> str:
        """A list of messages, each with its own budget of characters; anything else is one message. As JSON."""
        self._items = 0
        if not isinstance(value, list | tuple):
            return dumps(self._message(value))
        return "[" + ",".join([self._text_message(item) or dumps(self._message(item)) for item in value]) + "]"

    def _text_message(self, value: Any) -> str | None:
        """The message that nearly all are, a role and texts, by the shortest way; None: it is another."""
        if type(value) is not dict:
            return None
        parts = value.get("parts")
        if type(parts) is not list or self._items + len(parts) + 2 > _ITEMS:
            return None
        for part in parts:
            if (
                type(part) is not dict
                or part.keys() != _TEXT_KEYS
                or part["type"] != "text"
                or type(part["content"]) is not str
            ):
                return None
        for key, item in value.items():
            if key != "parts" and (key not in _PLAIN or not (item is None or (type(item) is str and len(item) <= 64))):
                return None
        self._items += len(parts) + 2
        self._budget = self._policy.max_chars
        return self._write_text_message(value, parts)

    def _write_text_message(self, value: dict[str, Any], parts: list[dict[str, Any]]) -> str:
        written: list[str] = []
        for part in parts:
            text = self._string(part["content"])
            quoted = encode_basestring(text) if type(text) is str else dumps(text)
            written.append(f'{{"type":"text","content":{quoted}}}')
        fields: list[str] = []
        for key, item in value.items():
            if key == "parts":
                fields.append(f'"parts":[{",".join(written)}]')
            else:
                fields.append(f'"{key}":{"null" if item is None else encode_basestring(item)}')
        return f"{{{','.join(fields)}}}"

    def _message(self, value: Any) -> Any:
        self._budget = self._policy.max_chars
        return self._clean(value, 0)

    def _clean(self, value: Any, depth: int, lead: str = "") -> Any:
        kind = type(value)
        if kind is str:
            return self._string(value, lead)
        if value is None or kind is bool:
            return value
        if kind is int:
            return value if -99_999_999 <= value <= 99_999_999 else self._number(value, lead)
        if kind is float:
            if value - value != 0:
                return str(value)  # NaN and infinities are not JSON
            return self._number(value, lead) if lead else value
        self._items += 1
        if depth > _DEPTH or self._items > _ITEMS:
            return "[left out: too deep or too many parts]"
        return self._structure(value, depth, lead)

    def _structure(self, value: Any, depth: int, lead: str) -> Any:
        if isinstance(value, Mapping):
            return self._mapping(value, depth)
        if isinstance(value, list | tuple | set | frozenset):
            if len(value) > _LONG and all(type(item) in (int, float) for item in value):
                return f"[{len(value)} numbers]"
            return [self._clean(item, depth + 1, lead) for item in value]
        if isinstance(value, bytes | bytearray | memoryview):
            return blob(bytes(value))
        if isinstance(value, str):
            return self._string(str(value))
        dump = getattr(value, "model_dump", None)
        if callable(dump) and not isinstance(value, type):
            return self._clean(dump(), depth + 1)
        fields = getattr(value, "__dataclass_fields__", None)
        if fields is not None and not isinstance(value, type):
            return {name: self._clean(getattr(value, name, None), depth + 1, privacy.lead_of(name)) for name in fields}
        return _unknown(value) if not isinstance(value, int | float) else float(value)

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> Any:
        mime = None
        if not _MIME_NAMES.isdisjoint(value):
            mime = next((value[key] for key in _MIME_KEYS if isinstance(value.get(key), str)), None)
        cleaned: dict[str, Any] = {}
        for key, given in value.items():
            name = key if type(key) is str else str(key)
            item = _parsed(given) if name == "arguments" and type(given) is str else given
            if mime is not None and name in _BLOB_KEYS and _is_encoded(item, 64, named=True):
                cleaned |= blob(item, mime if "/" in mime else f"audio/{mime}")
            elif name in _PLAIN and type(item) is str and len(item) <= 64:
                cleaned[name] = item
            else:
                cleaned[self._key(name)] = self._clean(item, depth + 1, privacy.lead_of(name))
        return cleaned

    def _key(self, name: str) -> str:
        """A key may be an address or a card number too."""
        return str(self._counted(name)) if self._redact and len(name) > 5 else name

    def _number(self, value: int | float, lead: str = "") -> Any:
        """A card number may come as a number, and a latitude does."""
        if not self._redact or (type(value) is int and value.bit_length() >= 256):
            return value
        text = str(value)
        redacted = self._counted(text, lead)
        return value if redacted == text else redacted or None

    def _counted(self, text: str, lead: str = "") -> str:
        if "\\" in text and text[0] in _JSON_STARTS and (inner := _parsed(text, _JSON_STARTS)) is not text:
            try:  # JSON with escapes, in which a pattern could miss what it looks for
                redacted = self._inner(inner)
                return text if redacted == inner else dumps(redacted)
            except RecursionError:
                pass
        text, counts = self._policy.redact(text, lead)
        for detector, count in counts.items():
            self.redactions[detector] = self.redactions.get(detector, 0) + count
        return text

    def _inner(self, value: Any, lead: str = "") -> Any:
        """A JSON value with its strings, keys and large numbers redacted."""
        kind = type(value)
        if kind is str:
            return self._counted(value, lead) if len(value) > 5 else value
        if kind is dict:
            return {self._inner(key): self._inner(item, privacy.lead_of(key)) for key, item in value.items()}
        if kind is list:
            return [self._inner(item, lead) for item in value]
        return self._number(value, lead) if kind is int or (kind is float and lead) else value

    def _string(self, text: str, lead: str = "") -> Any:
        length = len(text)
        if length > 64:
            if text.startswith("data:") and ";base64," in text[:128]:
                return blob(text)
            if length > _LONG and _is_encoded(text, _LONG):
                return blob(text)
        budget = self._budget
        if length > budget:
            text = text[: budget + _MARGIN]
        beyond = len(text) - budget
        if self._redact and length > 5:
            text = self._counted(text, lead)
        if length > budget:
            self.truncated += length - budget
            text = _cut(text, budget, beyond)
        self._budget = max(0, budget - length)
        return text


def _is_encoded(value: Any, least: int, *, named: bool = False) -> bool:
    """Whether this is a long base64 text: its beginning and its end are enough to tell, no prose looks like it.

    named: its type stands beside it, so it may be as monotonous as silence is ("AAAA...").
    """
    if isinstance(value, bytes | bytearray):
        return True
    if not isinstance(value, str) or len(value) < least:
        return False
    if value.startswith("data:"):
        return ";base64," in value[:128]
    head = value[:least]
    if _BASE64.match(head) is None or _BASE64.match(value[-64:]) is None:
        return False
    return named or len(set(head)) > 12


def _parsed(text: str, starts: tuple[str, ...] = ("{", "[")) -> Any:
    """A tool's arguments as the JSON they are, so that redaction sees values; not JSON: the text itself."""
    if not text.startswith(starts) or len(text) > 100_000:
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
