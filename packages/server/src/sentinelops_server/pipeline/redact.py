"""Third stage of the pipeline: private text is replaced by its mark before it is kept; a failure withholds the text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

import orjson
import re2
from sentinelops import privacy

from ..model import LLMRequest, LogRecord, Payload, Span, SpanEvent, SpanLink
from .entities import Entities, check_entities

__all__ = ["RedactConfig", "Redactor", "RedactorFailed"]

WITHHELD = "[withheld: redaction failed]"
# no private text is shorter (a@b.co)
SHORTEST = 6
# the usual keys of payloads, which need no look
PLAIN_KEYS = frozenset(
    ("input_messages", "output_messages", "system_instructions", "tool_definitions", "content", "finish_reason")
)
# characters on each side of the border of two text parts in which a passage cut in two is looked for
BORDER = 300
Fields = dict[str, dict[str, int]]
"""By field, how often which detector found something."""
NOTHING: frozenset[int] = frozenset()
# every text ends in this, and the last pattern of the set finds it: an answer without it means that the set gave up
CANARY = "\x1e\x1fend"

# attributes that name things and hold no one's words; they are looked up and grouped by, so they stay as they came
STRUCTURAL = (
    "gen_ai.request.",
    "gen_ai.response.",
    "gen_ai.usage.",
    "gen_ai.operation.",
    "gen_ai.provider.",
    "gen_ai.system",
    "gen_ai.conversation.id",
    "gen_ai.agent.id",
    "gen_ai.tool.call.id",
    "gen_ai.tool.name",
    "server.",
    "openai.",
    "anthropic.",
    "http.response.status_code",
    "session.id",
    "user.id",
    "enduser.id",
    "sentinelops.redactions.",
    "sentinelops.provider.request_id",
    "sentinelops.span.type",
    "llm.usage.",
    "otel.",
)


class RedactorFailed(RuntimeError):
    """The first look did not answer: nothing may be taken for clean."""


@dataclass(frozen=True, slots=True)
class RedactConfig:
    """mode: `redact` (default) replaces what privacy.DETECTORS find; `off` keeps every text as it came.

    actions: `type=keep|mask|hash|drop`, all others are masked. key: of the hash. entities: `person`,
    `place`, `organisation`: also found, in payloads, by a language model. Raises ValueError with the cause.
    """

    mode: Literal["redact", "off"] = "redact"
    actions: tuple[str, ...] = ()
    key: str | None = field(default=None, repr=False)
    entities: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.mode not in ("redact", "off"):
            raise ValueError(f"redaction mode must be redact or off, not {self.mode!r}")
        check_entities(self.entities)
        self.rules()

    def rules(self) -> privacy.Rules:
        """What happens to each type of private text."""
        return privacy.Rules(privacy.parse_actions(",".join(self.actions)), self.key)


class Redactor:
    """Looks at all text of a record at once with one RE2 set, and only then, where it hit, at each string by itself."""

    def __init__(
        self, config: RedactConfig | None = None, detectors: Sequence[privacy.Detector] = privacy.DETECTORS
    ) -> None:
        self.config = config or RedactConfig()
        self._detectors = tuple(detectors)
        self._secrets = frozenset(number for number, one in enumerate(self._detectors) if one.type == "secret")
        self._rules = self.config.rules()
        self._types = {one.name: one.type for one in self._detectors}
        entities = self.config.entities if self.config.mode == "redact" else ()
        self._entities = Entities(entities, self._rules) if entities else None
        self._own = detectors is not privacy.DETECTORS
        self._all = frozenset(n for n, one in enumerate(self._detectors) if self._rules.action(one.type) != "keep")
        self._set = _pattern_set([one.sieve or one.pattern for one in self._detectors] + [CANARY])
        self._canary = len(self._detectors)
        # a number that wants a word beside it is looked for only in a text that has such a word
        self._weak = [number for number, one in enumerate(self._detectors) if one.near]
        self._words = _pattern_set(
            [f"(?:^|[^a-zA-Z])(?i:{self._detectors[n].words})(?:[^a-zA-Z]|$)" for n in self._weak] + [CANARY]
        )

    def redact(self, span: Span, request: LLMRequest | None = None, payload: Payload | None = None) -> bool:
        """Redact one span with its request and payload in place, counting into `request.redactions`.

        Returns False when the redactor failed: then all text is withheld, and the caller must not store `payload`.
        """
        if self.config.mode == "off":
            return True
        fields: Fields = {}
        try:
            self._redact_span(span, request, payload, fields)
            if self._entities is not None and payload is not None:
                payload.content = self._entities.redact(payload.content, fields)
        except Exception:  # whatever broke, unredacted text must not be kept
            _withhold(span, request)
            return False
        counts = self._flat(fields)
        for name, count in counts.items():
            if request is not None:
                request.redactions[name] = request.redactions.get(name, 0) + count
            else:
                attribute = f"sentinelops.redactions.{name}"
                span.attributes[attribute] = span.attributes.get(attribute, 0) + count
        return True

    def _flat(self, fields: Fields) -> dict[str, int]:
        """Return `{"email": 2, "input_messages.email": 2}`: a sum for each type, then field and detector."""
        sums: dict[str, int] = {}
        places: dict[str, int] = {}
        for name, found in fields.items():
            for detector, count in found.items():
                kind = self._types.get(detector, detector)
                sums[kind] = sums.get(kind, 0) + count
                places[f"{name}.{detector}"] = count
        return sums | places

    def redact_log(self, record: LogRecord) -> bool:
        """Redact body and attributes of a log record in place; False means that both are withheld."""
        if self.config.mode == "off":
            return True
        try:
            record.body, record.attributes = self.redact_value([record.body, record.attributes], {})
        except Exception:  # as above
            record.body, record.attributes = WITHHELD, {}
            return False
        return True

    def redact_resource(self, resource: dict[str, Any]) -> None:
        """Take secrets out of resource attributes in place (command lines hold them); addresses and names stay."""
        if self.config.mode == "off":
            return
        try:
            clean = self.redact_value(resource, {}, self._secrets)
        except Exception:  # as above
            clean = {key: value for key, value in resource.items() if key.startswith(("service.", "deployment."))}
        if clean is not resource:
            resource.clear()
            resource.update(clean)

    def redact_value(self, value: Any, counts: dict[str, int], only: frozenset[int] | None = None) -> Any:
        """Return the JSON value with every string in it redacted, or `value` itself when nothing was found."""
        texts: list[str] = []
        _collect(value, texts)
        hits = self._look(texts, self._all if only is None else only & self._all)
        if not hits:
            return value
        found: dict[str, int] = {}
        redacted = self._replace(value, hits, found)
        for detector, count in found.items():
            kind = self._types.get(detector, detector)
            counts[kind] = counts.get(kind, 0) + count
        return redacted

    def _look(self, texts: list[str], only: frozenset[int]) -> frozenset[int]:
        """Return those detectors of `only` that may find something in the texts."""
        texts.append(CANARY)
        text = "\n".join(texts)
        hits = self._set.Match(text)
        if self._canary not in hits:
            raise RedactorFailed("the pattern set gave no answer")
        if len(hits) == 1:
            return NOTHING
        found = only.intersection(hits)
        return self._announced(found, text) if any(self._detectors[hit].near for hit in found) else found

    def _announced(self, hits: frozenset[int], text: str) -> frozenset[int]:
        """Leave out the detectors that want a word beside the number when no such word is in the text."""
        if "\u0130" in text:  # its small letter is an i and a dot, which the patterns do not know
            return hits
        words = self._words.Match(text)
        if len(self._weak) not in words:
            raise RedactorFailed("the set of words gave no answer")
        announced = {self._weak[word] for word in words if word < len(self._weak)}
        return frozenset(hit for hit in hits if hit in announced or not self._detectors[hit].near)

    def _replace(self, value: Any, only: frozenset[int], counts: dict[str, int]) -> Any:
        """Return a copy of a JSON value with the findings of the detectors `only` replaced."""
        kind = type(value)
        if kind is str:
            return self._replace_text(value, only, counts)
        if kind is dict:
            return {
                self._replace_text(key, only, counts): self._replace(item, only, counts) for key, item in value.items()
            }
        if kind is list:
            return self._replace_list(value, only, counts)
        if kind is int and (value > 99_999_999 or value < -99_999_999):
            text = str(value)
            redacted = self._replace_text(text, only, counts)
            return value if redacted == text else redacted or None
        return value

    def _replace_list(self, value: list[Any], only: frozenset[int], counts: dict[str, int]) -> list[Any]:
        """As _replace; text parts that follow one another are read as one, for a secret may be cut in two."""
        redacted: list[Any] = []
        for texts, items in _passages(value):
            if len(texts) < 2 or self._own:
                redacted += [self._replace(item, only, counts) for item in items]
                continue
            names = frozenset(self._detectors[hit].name for hit in self._look(["".join(texts), *texts], only))
            cleaned = privacy.redact_parts(texts, counts, self._rules, names) if names else texts
            redacted += [item | {"content": text} for item, text in zip(items, cleaned, strict=True)]
        return redacted

    def _replace_text(self, text: str, only: frozenset[int], counts: dict[str, int]) -> str:
        if len(text) < SHORTEST or text in PLAIN_KEYS:
            return text
        if _is_json_text(text) and (inner := _inner(text)) is not None:
            redacted = self._replace(inner, only, counts)
            return text if redacted == inner else orjson.dumps(redacted).decode()
        # most strings of a record with a finding have none: a second look is ten times cheaper than the detectors
        hits = self._look([text], only)
        if not hits:
            return text
        if self._own:
            found = privacy.find(text, [self._detectors[hit] for hit in sorted(hits)])
        else:
            found = privacy.find(text, names=frozenset(self._detectors[hit].name for hit in hits))
        return privacy.replace(text, found, self._rules, counts) if found else text

    def _redact_span(self, span: Span, request: LLMRequest | None, payload: Payload | None, fields: Fields) -> None:
        attributes = span.attributes
        loose = {
            key: value for key, value in attributes.items() if type(value) not in _NUMBERS and not _is_structural(key)
        }
        texts = [span.name]
        _collect_dict(loose, texts)
        if span.status_message:
            _collect(span.status_message, texts)
        parts: list[SpanEvent | SpanLink] = [*span.events, *span.links]
        for part in parts:
            _collect_dict(part.attributes, texts)
        if payload is not None:
            _collect_dict(payload.content, texts)
        if request is not None:
            _collect_dict(request.metadata, texts)
            _collect_dict(request.parameters, texts)
            _collect_list((request.error, *request.tags), texts)
        hits = self._look(texts, self._all)
        if not hits:
            return
        replace = self._replace
        # the span repeats what the request has: only one of them is counted
        repeated: Fields = fields if request is None else {}
        redacted = replace(loose, hits, repeated.setdefault("attributes", {}))
        for key in loose.keys() - redacted.keys():
            del attributes[key]
        attributes.update(redacted)
        span.name = replace(span.name, hits, {})
        span.status_message = replace(span.status_message, hits, repeated.setdefault("error", {}))
        for part in parts:
            part.attributes = replace(part.attributes, hits, repeated.setdefault("events", {}))
        if payload is not None:
            payload.content = {
                key: replace(item, hits, fields.setdefault(key, {})) for key, item in payload.content.items()
            }
        if request is not None:
            request.error = replace(request.error, hits, fields.setdefault("error", {}))
            request.metadata = replace(request.metadata, hits, fields.setdefault("metadata", {}))
            request.parameters = replace(request.parameters, hits, fields.setdefault("parameters", {}))
            request.tags = replace(request.tags, hits, fields.setdefault("tags", {}))


def _pattern_set(patterns: Sequence[str]) -> Any:
    options = re2.Options()
    options.max_mem = 64 << 20
    options.log_errors = False
    made = re2.Set.SearchSet(options)
    for pattern in patterns:
        made.Add(pattern)
    made.Compile()
    return made


_NUMBERS = frozenset((int, float, bool))


@lru_cache(maxsize=4096)
def _is_structural(key: str) -> bool:
    return key.startswith(STRUCTURAL)


def _withhold(span: Span, request: LLMRequest | None) -> None:
    span.attributes = {key: value for key, value in span.attributes.items() if key.startswith(STRUCTURAL)}
    span.events, span.links, span.name = [], [], WITHHELD
    span.status_message = WITHHELD if span.status_message else None
    if request is not None:
        request.error = WITHHELD if request.error else None
        request.prompt_preview = request.completion_preview = None
        request.metadata, request.parameters, request.tags = {}, {}, []


def _is_json_text(text: str) -> bool:
    """Whether a string holds JSON with escapes, in which a pattern could miss what it looks for."""
    return "\\" in text and text[:1] in ("{", "[", '"')


def _inner(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _passages(items: list[Any]) -> Iterable[tuple[list[str], list[Any]]]:
    """Divide a list where its text parts end or begin: the texts of a row of them, and the items themselves."""
    texts: list[str] = []
    row: list[Any] = []
    for item in items:
        is_text = type(item) is dict and item.get("type") == "text" and type(item.get("content")) is str
        if is_text != bool(texts) and row:
            yield texts, row
            texts, row = [], []
        row.append(item)
        if is_text:
            texts.append(item["content"])
    yield texts, row


def _borders(values: Iterable[Any], texts: list[str]) -> None:
    """Add what stands around the borders of text parts that follow one another."""
    for row, _ in _passages(list(values)):
        if len(row) > 1:
            joined, end = "".join(row), 0
            for text in row[:-1]:
                end += len(text)
                texts.append(joined[max(0, end - BORDER) : end + BORDER])


def _collect(value: Any, texts: list[str]) -> None:
    """Add every string of a JSON value, keys too, to `texts`."""
    kind = type(value)
    if kind is dict:
        _collect_dict(value, texts)
    elif kind is list or kind is tuple:
        _collect_list(value, texts)
    else:
        _collect_list((value,), texts)


def _collect_dict(value: dict[str, Any], texts: list[str]) -> None:
    for key in value:
        if key not in PLAIN_KEYS and len(key) >= SHORTEST:
            texts.append(key)
    _collect_list(value.values(), texts)


def _collect_list(values: Iterable[Any], texts: list[str]) -> None:
    for value in values:
        kind = type(value)
        if kind is str:
            if len(value) >= SHORTEST:
                texts.append(value)
                if "\\" in value and _is_json_text(value):
                    _collect(_inner(value), texts)
        elif kind is dict:
            _collect_dict(value, texts)
        elif kind is list or kind is tuple:
            _collect_list(value, texts)
            if len(value) > 1 and type(value[0]) is dict:
                _borders(value, texts)
        elif kind is int and not -99_999_999 <= value <= 99_999_999:
            texts.append(str(value))  # a card number may come as a number
