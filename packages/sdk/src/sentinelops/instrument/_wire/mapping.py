"""A wire format that the user describes: where in request, answer and stream events the things stand."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from ... import semconv as s
from .answer import Answer, Protocol
from .attributes import fail, message, output, request_attributes, texts, tokens
from .hosts import parse_hosts
from .openai_chat import content as chat_content
from .streams import Text

if TYPE_CHECKING:
    from ..._call import CallRecord

OPERATIONS = ("chat", "text_completion", "generate_content", "embeddings", "rerank")
FRAMINGS = ("sse", "ndjson", "json")
_REQUEST = {
    "temperature": s.REQUEST_TEMPERATURE,
    "top_p": s.REQUEST_TOP_P,
    "top_k": s.REQUEST_TOP_K,
    "max_tokens": s.REQUEST_MAX_TOKENS,
    "seed": s.REQUEST_SEED,
    "stop": s.REQUEST_STOP_SEQUENCES,
    "user": s.USER_ID,
}
_REQUEST_NAMES = ("model", "prompt", "messages", "system", "stream", *_REQUEST)
_COUNTS = {
    "input_tokens": s.USAGE_INPUT_TOKENS,
    "output_tokens": s.USAGE_OUTPUT_TOKENS,
    "cached_tokens": s.USAGE_CACHE_READ_TOKENS,
    "cache_write_tokens": s.USAGE_CACHE_WRITE_TOKENS,
    "reasoning_tokens": s.USAGE_REASONING_TOKENS,
}
_RESPONSE_NAMES = ("text", "reasoning", "model", "finish_reason", "id", "error", *_COUNTS)
_GROWING = ("text", "reasoning")  # in a stream these come in pieces; of all others the last word counts
_KEYS = ("host", "path", "operation", "provider", "model", "request", "response", "stream")
_STEP = re.compile(r"\.?([A-Za-z_][\w-]*)|\[(-?\d+|\*)\]|\.(\d+)")

Find = Callable[[Any], Any]


def path_of(text: str) -> Find:
    """`$.a.b[0].c`; `[*]` takes all, and texts are then strung together. The leading `$.` may be left out."""
    rest = text.removeprefix("$")
    rest = rest if not rest or rest[0] in ".[" else "." + rest
    steps: list[str | int] = []
    position = 0
    while position < len(rest):
        step = _STEP.match(rest, position)
        if step is None:
            raise ValueError(f"{text!r} is no path: write it as $.choices[0].text")
        name, index, number = step.groups()
        steps.append(name if name is not None else "*" if index == "*" else int(index or number))
        position = step.end()
    return lambda value: _walk(value, steps)


def _walk(value: Any, steps: list[str | int]) -> Any:
    for place, step in enumerate(steps):
        if step == "*":
            if not isinstance(value, list):
                return None
            found = [item for one in value if (item := _walk(one, steps[place + 1 :])) is not None]
            return "".join(found) if found and all(isinstance(item, str) for item in found) else found or None
        if isinstance(step, int):
            if not isinstance(value, list) or not -len(value) <= step < len(value):
                return None
            value = value[step]
        else:
            if not isinstance(value, Mapping):
                return None
            value = value.get(step)
    return value


@dataclass(frozen=True, slots=True)
class Format:
    """One described format, ready for use. source: as it was given, by which two are compared."""

    source: str
    hosts: tuple[str, ...]
    path: str
    operation: str
    provider: str | None
    model: str | None
    request: Mapping[str, Find]
    protocol: Protocol
    streams: bool

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Format) and self.source == other.source

    def __hash__(self) -> int:
        return hash(self.source)

    def matches(self, path: str) -> bool:
        """Whether a request to this path is one of these."""
        return fnmatchcase(path, self.path)

    def model_of(self, body: Mapping[str, Any]) -> str | None:
        """What model is asked for."""
        find = self.request.get("model")
        found = find(body) if find else None
        return found if isinstance(found, str) else self.model

    def streaming(self, body: Mapping[str, Any]) -> bool:
        """Whether the answer was asked for as a stream, as far as the request says."""
        find = self.request.get("stream")
        return self.streams and (find is None or bool(find(body)))


def parse_formats(given: Any) -> tuple[Format, ...]:
    """Read a list of mappings, its JSON, or a path to a JSON or TOML file; ValueError says which and why."""
    if isinstance(given, str):
        given = _from_text(given)
    if isinstance(given, Mapping):
        given = given.get("formats", [given])
    return tuple(item if isinstance(item, Format) else _format(number, item) for number, item in enumerate(given, 1))


def _from_text(text: str) -> Any:
    import json
    from pathlib import Path

    try:
        if text.lstrip().startswith(("[", "{")):
            return json.loads(text)
        read = Path(text).read_text(encoding="utf-8")
        if text.endswith(".toml"):
            import tomllib

            return tomllib.loads(read)
        return json.loads(read)
    except (OSError, ValueError) as error:
        raise ValueError(f"{text[:60]!r} cannot be read: {error}") from None


def _format(number: int, item: Any) -> Format:
    where = f"format {number}"
    if not isinstance(item, Mapping):
        raise ValueError(f"{where} is a {type(item).__name__}: give a table with host, path, request and response")
    _only(where, item, _KEYS)
    for name in ("host", "path", "response"):
        if not item.get(name):
            raise ValueError(f"{where} has no {name}")
    if not str(item["path"]).startswith(("/", "*")):
        raise ValueError(f"{where}: path is {item['path']!r}: begin it with / or *")
    operation = item.get("operation", "chat")
    if operation not in OPERATIONS:
        raise ValueError(f"{where}: operation is {operation!r}: choose {', '.join(OPERATIONS)}")
    stream = item.get("stream")
    if stream is not None and not isinstance(stream, Mapping):
        raise ValueError(f"{where}: stream is a {type(stream).__name__}: give a table with framing and paths")
    framing = (stream or {}).get("framing", "sse")
    if framing not in FRAMINGS:
        raise ValueError(f"{where}: framing is {framing!r}: choose {', '.join(FRAMINGS)}")
    request = _paths(f"{where}: request", item.get("request") or {}, _REQUEST_NAMES)
    response = _paths(f"{where}: response", item["response"], _RESPONSE_NAMES)
    given = {name: path for name, path in (stream or {}).items() if name != "framing"}
    events = {**response, **_paths(f"{where}: stream", given, _RESPONSE_NAMES)}
    hosts = item["host"]
    return Format(
        source=repr(item),
        hosts=parse_hosts([hosts] if isinstance(hosts, str) else hosts),
        path=str(item["path"]),
        operation=operation,
        provider=item.get("provider"),
        model=item.get("model"),
        request=request,
        protocol=_protocol(f"described_{number}", operation, request, response, events if stream else None, framing),
        streams=stream is not None,
    )


def _only(where: str, item: Iterable[str], known: Iterable[str]) -> None:
    unknown = sorted(set(item) - set(known))
    if unknown:
        raise ValueError(f"{where} has {', '.join(unknown)}: it may have {', '.join(known)}")


def _paths(where: str, given: Any, known: tuple[str, ...]) -> dict[str, Find]:
    if not isinstance(given, Mapping):
        raise ValueError(f"{where} is a {type(given).__name__}: give a table of paths")
    _only(where, given, known)
    found = {}
    for name, text in given.items():
        if not isinstance(text, str):
            raise ValueError(f"{where}.{name} is a {type(text).__name__}: give a path such as $.choices[0].text")
        try:
            found[name] = path_of(text)
        except ValueError as error:
            raise ValueError(f"{where}.{name}: {error}") from None
    return found


class MappedFolder:
    """Events of a described stream: texts grow, of all else the last word counts."""

    def __init__(self, paths: Mapping[str, Find]) -> None:
        self.error: dict[str, Any] | None = None
        self.finished = False
        self._paths = paths
        self._texts = {name: Text() for name in _GROWING}
        self._top: dict[str, Any] = {}

    def event(self, data: dict[str, Any]) -> None:
        """One event."""
        if "sentinelops_done" in data:
            self.finished = True
            return
        for name, find in self._paths.items():
            value = find(data)
            if name in self._texts:
                self._texts[name].add(value)
            elif name == "error" and value:
                self.error = {"message": str(value)}
            elif value is not None:
                self._top[name] = value
        self.finished = self.finished or bool(self._top.get("finish_reason"))

    @property
    def body(self) -> dict[str, Any]:
        """What was found, by our names."""
        return {"sentinelops_found": {**self._top, **{name: str(text) for name, text in self._texts.items()}}}


class MappedValuesFolder(MappedFolder):
    """The same of a stream of JSON values, whatever its content type says."""

    arrays = True


def _protocol(  # noqa: PLR0913 - what a format is made of
    name: str,
    operation: str,
    request: Mapping[str, Find],
    response: Mapping[str, Find],
    events: Mapping[str, Find] | None,
    framing: str,
) -> Protocol:
    def describe(record: CallRecord, answer: Answer, body: Mapping[str, Any]) -> dict[str, Any]:
        found = body.get("sentinelops_found") or {key: find(body) for key, find in response.items()}
        out = request_attributes({key: find(record.request) for key, find in request.items()}, _REQUEST)
        out.update({attribute: tokens(found.get(key)) for key, attribute in _COUNTS.items()})
        for key, attribute in (("model", s.RESPONSE_MODEL), ("id", s.RESPONSE_ID)):
            out[attribute] = str(found[key]) if found.get(key) is not None else None
        error = body.get("error", {}).get("message") if "sentinelops_found" in body else found.get("error")
        if error:
            fail(record, out, error)
        out.update(_asked({key: find(record.request) for key, find in request.items()}))
        if operation != "embeddings":
            parts = [
                {"type": kind, "content": found[key]}
                for key, kind in (("reasoning", "reasoning"), ("text", "text"))
                if found.get(key)
            ]
            out.update(output(parts, found.get("finish_reason")))
        return out

    kind = MappedFolder if framing == "sse" else MappedValuesFolder
    return Protocol(name, describe, (lambda: kind(events)) if events is not None else None, _first(events))


def _first(events: Mapping[str, Find] | None) -> Callable[[bytes], object] | None:
    """Find the first event; what the model wrote is only known in the export thread."""
    return None if events is None else re.compile(rb"[{]").search


def _asked(said: Mapping[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    messages = said.get("messages")
    if isinstance(messages, list):
        out[s.INPUT_MESSAGES] = chat_content("chat_completions", {"messages": messages}, {})[s.INPUT_MESSAGES]
    elif said.get("prompt") is not None:
        out[s.INPUT_MESSAGES] = texts(said["prompt"])
    if said.get("system"):
        out[s.SYSTEM_INSTRUCTIONS] = message("system", [{"type": "text", "content": str(said["system"])}])["parts"]
    return out
