"""Third stage of the pipeline: private text is replaced by its mark before it is kept; a failure withholds the text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson
import re2
from sentinelops import privacy

from ..model import LLMRequest, LogRecord, Payload, Span, SpanEvent, SpanLink
from .entities import Entities, check_entities
from .redact_texts import (
    LARGE,
    PLAIN_KEYS,
    SHORTEST,
    collect,
    collect_dict,
    collect_list,
    is_json_text,
    passages,
    read_json,
)

__all__ = ["RedactConfig", "Redactor", "RedactorFailed"]

WITHHELD = "[withheld: redaction failed]"
Fields = dict[str, dict[str, int]]
"""By field, how often which detector found something."""
NOTHING: frozenset[int] = frozenset()
# every text ends in this, and the last pattern of the set finds it: an answer without it means that the set gave up
CANARY = "\x1e\x1fend"

# attributes that name things and hold no one's words; they are looked up and grouped by, so they stay as they came
IDENTIFIERS = frozenset(
    (
        "gen_ai.agent.id", "gen_ai.conversation.id", "gen_ai.operation.name", "gen_ai.provider.name",
        "gen_ai.request.model", "gen_ai.response.finish_reasons", "gen_ai.response.id", "gen_ai.response.model",
        "gen_ai.system", "gen_ai.tool.call.id", "server.address", "session.id", "user.id", "enduser.id",
        "sentinelops.provider.request_id",
    )
)  # fmt: skip


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
        self._set = _pattern_set([one.sieve or one.pattern for one in self._detectors] + [CANARY, privacy.ODD])
        self._canary = len(self._detectors)
        self._odd = self._canary + 1
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
            record.body, record.attributes, record.event_name = self.redact_value(
                [record.body, record.attributes, record.event_name], {}
            )
        except Exception:  # as above
            record.body, record.attributes, record.event_name = WITHHELD, {}, None
            return False
        return True

    def redact_labels(self, labels: dict[str, Any]) -> bool:
        """Take secrets out of the attributes of a resource or a metric in place (command lines and URLs hold them).

        Addresses and names stay. False means that all but the names of the service were withheld.
        """
        if self.config.mode == "off":
            return True
        good = True
        try:
            clean = self.redact_value(labels, {}, self._secrets)
        except Exception:  # as above
            clean = {key: value for key, value in labels.items() if key.startswith(("service.", "deployment."))}
            good = False
        if clean is not labels:
            labels.clear()
            labels.update(clean)
        return good

    def redact_value(self, value: Any, counts: dict[str, int], only: frozenset[int] | None = None) -> Any:
        """Return the JSON value with every string in it redacted, or `value` itself when nothing was found."""
        texts: list[str] = []
        collect(value, texts)
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
        hits = self._matched(text)
        if len(hits) == 1:
            return NOTHING
        if self._odd not in hits:
            return self._announced(only.intersection(hits), text)
        found: frozenset[int] = NOTHING
        for reading, _ in privacy.readings(text):
            found |= self._announced(only.intersection(self._matched(reading)), reading)
        return found

    def _matched(self, text: str) -> Any:
        hits = self._set.Match(text)
        if self._canary not in hits:
            raise RedactorFailed("the pattern set gave no answer")
        return hits

    def _announced(self, hits: frozenset[int], text: str) -> frozenset[int]:
        """Leave out the detectors that want a word beside the number when no such word is in the text."""
        if not any(self._detectors[hit].near for hit in hits):
            return hits
        words = self._words.Match(text)
        if len(self._weak) not in words:
            raise RedactorFailed("the set of words gave no answer")
        announced = {self._weak[word] for word in words if word < len(self._weak)}
        return frozenset(hit for hit in hits if hit in announced or not self._detectors[hit].near)

    def _replace(self, value: Any, only: frozenset[int], counts: dict[str, int], lead: str = "") -> Any:
        """Return a copy of a JSON value with the findings of the detectors `only` replaced."""
        kind = type(value)
        if kind is str:
            return self._replace_text(value, only, counts, lead)
        if kind is dict:
            return {
                self._replace_text(key, only, counts): self._replace(item, only, counts, privacy.lead_of(key))
                for key, item in value.items()
            }
        if kind is list:
            return self._replace_list(value, only, counts, lead)
        if (kind is int and not -LARGE <= value <= LARGE) or (kind is float and lead):
            text = str(value)
            redacted = self._replace_text(text, only, counts, lead)
            return value if redacted == text else redacted or None
        return value

    def _replace_list(self, value: list[Any], only: frozenset[int], counts: dict[str, int], lead: str) -> list[Any]:
        """As _replace; text parts that follow one another are read as one, for a secret may be cut in two."""
        redacted: list[Any] = []
        for texts, items in passages(value):
            if len(texts) < 2 or self._own:
                redacted += [self._replace(item, only, counts, lead) for item in items]
                continue
            names = frozenset(self._detectors[hit].name for hit in self._look(["".join(texts), *texts], only))
            cleaned = privacy.redact_parts(texts, counts, self._rules, names) if names else texts
            redacted += [item | {"content": text} for item, text in zip(items, cleaned, strict=True)]
        return redacted

    def _replace_text(self, text: str, only: frozenset[int], counts: dict[str, int], lead: str = "") -> str:
        if len(text) < SHORTEST or text in PLAIN_KEYS:
            return text
        if is_json_text(text) and (inner := read_json(text)) is not None:
            redacted = self._replace(inner, only, counts)
            return text if redacted == inner else orjson.dumps(redacted).decode()
        # most strings of a record with a finding have none: a second look is ten times cheaper than the detectors
        hits = self._look([lead + text], only)
        if not hits:
            return text
        if self._own:
            found = privacy.find(text, [self._detectors[hit] for hit in sorted(hits)], lead=lead)
        else:
            found = privacy.find(text, names=frozenset(self._detectors[hit].name for hit in hits), lead=lead)
        return privacy.replace(text, found, self._rules, counts) if found else text

    def _redact_span(self, span: Span, request: LLMRequest | None, payload: Payload | None, fields: Fields) -> None:
        loose = {
            key: value
            for key, value in span.attributes.items()
            if key not in IDENTIFIERS and (type(value) not in _NUMBERS or _telling(key, value))
        }
        texts = [span.name, *(event.name for event in span.events)]
        collect_dict(loose, texts)
        if span.status_message:
            collect(span.status_message, texts)
        parts: list[SpanEvent | SpanLink] = [*span.events, *span.links]
        for part in parts:
            collect_dict(part.attributes, texts)
        if payload is not None:
            collect_dict(payload.content, texts)
        if request is not None:
            collect_dict(request.metadata, texts)
            collect_dict(request.parameters, texts)
            collect_list((request.error, request.error_type, *request.tags), texts)
        hits = self._look(texts, self._all)
        if not hits:
            return
        # the span repeats what the request has: only one of them is counted
        self._replace_span(span, loose, hits, fields if request is None else {})
        if payload is not None:
            payload.content = {
                key: self._replace(item, hits, fields.setdefault(key, {})) for key, item in payload.content.items()
            }
        if request is not None:
            for name in ("error", "metadata", "parameters", "tags"):
                setattr(request, name, self._replace(getattr(request, name), hits, fields.setdefault(name, {})))
            request.error_type = self._replace(request.error_type, hits, {})

    def _replace_span(self, span: Span, loose: dict[str, Any], hits: frozenset[int], fields: Fields) -> None:
        replace = self._replace
        redacted = replace(loose, hits, fields.setdefault("attributes", {}))
        for key in loose.keys() - redacted.keys():
            del span.attributes[key]
        span.attributes.update(redacted)
        span.name = replace(span.name, hits, {})
        span.status_message = replace(span.status_message, hits, fields.setdefault("error", {}))
        parts: list[SpanEvent | SpanLink] = [*span.events, *span.links]
        for part in parts:
            part.attributes = replace(part.attributes, hits, fields.setdefault("events", {}))
        for event in span.events:
            event.name = replace(event.name, hits, fields.setdefault("events", {}))


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


def _telling(key: str, value: float) -> bool:
    """Whether a number may be private: a large one, or one whose name says so."""
    return not -LARGE <= value <= LARGE or (type(value) is float and privacy.lead_of(key) != "")


def _withhold(span: Span, request: LLMRequest | None) -> None:
    span.attributes = {
        key: value
        for key, value in span.attributes.items()
        if key in IDENTIFIERS or (type(value) in _NUMBERS and not _telling(key, value))
    }
    span.events, span.links, span.name = [], [], WITHHELD
    span.status_message = WITHHELD if span.status_message else None
    if request is not None:
        request.error = WITHHELD if request.error else None
        if request.error_type and not request.error_type.replace(".", "_").isidentifier():
            request.error_type = WITHHELD
        request.prompt_preview = request.completion_preview = None
        request.metadata, request.parameters, request.tags = {}, {}, []
