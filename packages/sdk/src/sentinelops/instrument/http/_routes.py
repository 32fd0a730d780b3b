"""Which request is a model call: by the path, and by what its body holds. The table of all formats that are known."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

from .._wire.answer import Protocol

Body = Mapping[str, Any]


class Route(NamedTuple):
    """A recognised request. model: what is asked for; streaming: as a stream; provider: where the format says it."""

    operation: str
    protocol: Protocol
    model: str | None
    streaming: bool
    provider: str | None = None


class _Known(NamedTuple):
    """One format: path is matched at its end; any of `needs` must be in the body, and none of `lacks`.

    speaks: module and name of the protocol in `_wire`, imported when the first such request is seen.
    """

    path: re.Pattern[str]
    needs: tuple[str, ...]
    operation: str
    speaks: str
    lacks: tuple[str, ...] = ()


def _ends(pattern: str) -> re.Pattern[str]:
    return re.compile(f"(?:{pattern})/?$")


_GOOGLE = r"models/(?P<model>[^/:]+(?::[^/:]+)?)"
# In order: the first that fits counts, so the narrower ones stand first.
_KNOWN: list[_Known] = [
    _Known(_ends("/messages"), ("messages",), "chat", "anthropic.MESSAGES"),
    _Known(_ends("/publishers/anthropic/" + _GOOGLE + ":(?:rawPredict|streamRawPredict)"), ("messages",), "chat",
           "anthropic.MESSAGES"),
    _Known(_ends("/api/chat"), ("messages",), "chat", "ollama.CHAT"),
    _Known(_ends("/api/generate"), ("prompt", "model"), "text_completion", "ollama.GENERATE"),
    _Known(_ends("/api/embed|/api/embeddings"), ("input", "prompt"), "embeddings", "ollama.EMBED", ("instances",)),
    _Known(_ends("/fim/completions"), ("prompt",), "text_completion", "mistral.FIM"),
    _Known(_ends("/conversations(?:/[^/]+)?(?:#stream)?"), ("inputs",), "chat", "mistral.CONVERSATIONS"),
    _Known(_ends("/v1/ocr"), ("document",), "chat", "mistral.OCR"),
    _Known(_ends("/chat/completions|/agents/completions"), ("messages",), "chat", "openai.CHAT"),
    _Known(_ends("/v[12]/chat"), ("messages", "message"), "chat", "cohere.CHAT"),
    _Known(_ends("/v[12]/embed"), ("texts", "images", "inputs"), "embeddings", "cohere.EMBED"),
    _Known(_ends("/v[12]/rerank|/rerank"), ("documents",), "rerank", "cohere.RERANK"),
    _Known(_ends("/responses|/responses/compact"), ("input", "prompt", "previous_response_id"), "chat",
           "openai.RESPONSES"),
    _Known(_ends("/embeddings"), ("input",), "embeddings", "openai.EMBEDDINGS"),
    _Known(_ends("(?<!/v1)/completions?|/infill"), ("prompt", "input_prefix"), "text_completion",
           "llama_cpp.COMPLETION", ("model",)),
    _Known(_ends("/completion|/infill"), ("prompt", "input_prefix"), "text_completion", "llama_cpp.COMPLETION"),
    _Known(_ends("/completions"), ("prompt",), "text_completion", "openai.COMPLETIONS"),
    _Known(_ends(_GOOGLE + ":(?:generateContent|streamGenerateContent)"), ("contents",), "generate_content",
           "gemini.GENERATE"),
    _Known(_ends("/interactions"), ("input",), "chat", "gemini_interactions.INTERACTIONS"),
    _Known(_ends(_GOOGLE + ":(?:embedContent|batchEmbedContents)"), ("content", "requests"), "embeddings",
           "gemini.EMBED"),
    _Known(_ends(_GOOGLE + ":predict"), ("instances",), "embeddings", "gemini.EMBED"),
    _Known(_ends("/publishers/(?!anthropic)[^/]+/" + _GOOGLE + ":(?:rawPredict|streamRawPredict)"), ("messages",),
           "chat", "openai.CHAT"),
    _Known(_ends("/generate|/generate_stream|^"), ("inputs",), "text_completion", "tgi.GENERATE"),
]  # fmt: skip
_PATHS_MOST = 256


@functools.lru_cache(_PATHS_MOST)
def _known_at(path: str) -> tuple[tuple[_Known, re.Match[str]], ...]:
    """The formats that may be spoken at this path, in order; a program asks few paths."""
    return tuple((known, found) for known in _KNOWN if (found := known.path.search(path)))


_STREAM_PATHS = re.compile(r"/generate_stream$|:stream(?:GenerateContent|RawPredict)$|#stream$")


def may_be(path: str, described: tuple[Any, ...]) -> bool:
    """Whether a request to this path is worth reading."""
    return bool(_known_at(path)) or any(one.matches(path) for one in described)


def route_of(path: str, body: Body, described: tuple[Any, ...]) -> Route | None:
    """Operation, protocol, model and whether it streams; None for what is no model call."""
    for one in described:
        if one.matches(path):
            return Route(one.operation, one.protocol, one.model_of(body), one.streaming(body), one.provider)
    for known, found in _known_at(path):
        if any(name in body for name in known.needs) and not any(name in body for name in known.lacks):
            model = body.get("model") or body.get("agent_id") or found.groupdict().get("model")
            streaming = bool(body.get("stream")) or bool(_STREAM_PATHS.search(path))
            if known.speaks in _LINES and body.get("stream") is None:
                streaming = True  # Ollama streams unless told not to
            protocol = _protocol(known.speaks)
            return Route(known.operation, protocol, model if isinstance(model, str) else None, streaming)
    return None


_LINES = ("ollama.CHAT", "ollama.GENERATE")


@functools.cache
def _protocol(speaks: str) -> Protocol:
    module, _, name = speaks.partition(".")
    protocol: Protocol = getattr(import_module(f".._wire.{module}", __package__), name)
    return protocol
