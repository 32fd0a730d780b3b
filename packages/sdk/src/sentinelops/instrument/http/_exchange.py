"""One request over HTTP that a model answers: recognised before it is sent, described once its answer has passed."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from opentelemetry import trace

from ... import _ambient, _runtime, semconv
from ..._call import Call, CallRecord, inner, start_call
from ..._guard import swallow
from .._wire import answer as wire
from .._wire import watch
from .._wire.answer import Answer
from .._wire.attributes import fail
from .._wire.exchange import Exchange
from .._wire.hosts import Hosts
from .._wire.provider import UNKNOWN, Endpoint
from .._wire.streams import Passage, loads_or_none
from ._routes import Route, may_be, route_of

# Of a larger body we do not want to know whether it is a model call: reading it would take the host's time.
BODY_BYTES = 32 * 1024 * 1024
_MODEL_CALLS = frozenset(("chat", "text_completion", "generate_content", "embeddings", "rerank"))
_OPENINFERENCE = frozenset(("LLM", "EMBEDDING", "RERANKER"))
_SCOPE = "sentinelops"


class HttpExchange(Exchange):
    """From the request to the end of its answer, for clients that know nothing of models."""

    __slots__ = ("_streaming",)

    def __init__(self, call: Call, answer: Answer, *, streaming: bool) -> None:
        super().__init__(call, answer)
        self._streaming = streaming

    def answered(self, status: int, headers: Any, retries: int = 0) -> None:
        """Take the head of the answer."""
        answer = self._answer
        answer.status = status
        answer.headers = headers
        answer.retries = retries
        folder = answer.protocol.folder
        if not self._streaming or folder is None:
            return
        made = folder()
        kind = str(headers.get("content-type") or "")
        if "application/json" not in kind or getattr(made, "arrays", False):
            answer.passage = Passage(made, answer.protocol.first_token, self._call.first_token)

    def whole(self, body: bytes) -> None:
        """End with an answer that the client read for the host."""
        passage = self._answer.passage
        if passage is None:
            self._answer.keep(body)
        else:
            passage = self._answer.passage = Passage(passage.folder, None, None)
            passage.take(body)
            passage.complete = True
        self.finish(None)

    def follow(self) -> Passage:
        """Give the place for the bytes of an answer that the host reads; the reader ends the exchange."""
        passage = self._answer.passage
        if passage is None:
            passage = self._answer.passage = Passage(None, None, self._call.first_token)
        self._watched = True
        watch.enter(self)
        return passage


def describe(record: CallRecord) -> dict[str, Any]:
    """Attributes by semconv name: the client raises nothing over a status, so the status is the failure."""
    answer = record.response
    raised = record.error is not None
    out = wire.describe(record)
    if raised:
        out.pop(semconv.ERROR_TYPE, None)  # it is what the host saw raised
    if isinstance(answer, Answer) and answer.status is not None and answer.status >= 400:
        if record.error is None:
            fail(record, out, f"HTTP {answer.status}")
        out[semconv.ERROR_TYPE] = out.get(semconv.ERROR_CODE) or str(answer.status)
        if answer.status in (401, 403) and record.error is not None:
            record.error = wire.without_key(record.error)
    return out


class _Settings:
    """What the configuration in force says about an address; made anew when that changes."""

    def __init__(self, config: Any) -> None:
        self.config = config
        formats = config.http_formats
        self._hosts = Hosts([*config.hosts, *(host for one in formats for host in one.hosts)])
        self._formats = [(one, Hosts(one.hosts)) for one in formats]
        self.endpoint = self._hosts.endpoint

    def described(self, host: str, port: int | None) -> tuple[Any, ...]:
        """Formats that are described for this host."""
        if not self._formats:
            return ()
        return tuple(one for one, hosts in self._formats if hosts.names(host, port))


_settings: _Settings | None = None


def endpoint_of(host: str | None, port: int | None) -> Endpoint | None:
    """Who answers there, when it serves models and nobody further out describes the call. Costs a look into a dict."""
    global _settings  # noqa: PLW0603 - one per process
    runtime = _runtime.current
    if runtime is None or not host or inner.get() is not None:
        return None
    settings = _settings
    if settings is None or settings.config is not runtime.config:
        settings = _settings = _Settings(runtime.config)
    return settings.endpoint(host, port)


def begin(endpoint: Endpoint, path: str, read: Callable[[], Any]) -> HttpExchange | None:
    """Start the call when this is one. read: gives the body, bytes, text or the object itself."""
    settings = _settings
    if settings is None or endpoint.host is None:
        return None
    described = settings.described(endpoint.host, endpoint.port)
    if not may_be(path, described):
        return None
    body = _body(read())
    route = route_of(path, body, described) if body else None
    if body is None or route is None or _described_above():
        return None
    return _start(endpoint, route, body)


def _start(endpoint: Endpoint, route: Route, body: Mapping[str, Any]) -> HttpExchange | None:
    provider = _provider(endpoint.provider, route)
    call = start_call(
        route.operation,
        provider,
        route.model,
        request=body,
        describe=describe,
        server_address=endpoint.host,
        server_port=endpoint.port,
        streaming=route.streaming,
    )
    if call is None:
        return None
    answer = Answer(route.protocol)
    answer.user_known = semconv.USER_ID in (_ambient.attributes() or ())
    return HttpExchange(call, answer, streaming=route.streaming)


_BY_PROTOCOL = {"ollama": "ollama", "tgi": "tgi", "llama": "llama_cpp", "cohere": "cohere", "mistral": "mistral_ai",
                "gemini": "gcp.gemini", "messages": "anthropic"}  # fmt: skip


def _provider(known: str, route: Route) -> str:
    """Who is behind an address of the user's own: the format says it, where only one speaks it."""
    if route.provider or known != UNKNOWN:
        return route.provider or known
    return _BY_PROTOCOL.get(route.protocol.name.partition("_")[0], known)


def _body(given: Any) -> Mapping[str, Any] | None:
    if isinstance(given, str):
        given = given.encode()
    if isinstance(given, bytes | bytearray):
        if len(given) > BODY_BYTES or given.lstrip()[:1] != b"{":
            return None
        given = loads_or_none(bytes(given))
    return given if isinstance(given, Mapping) else None


def _described_above() -> bool:
    """Whether another instrumentation's span of this very call is current: it has the tokens, a second would add up."""
    span = trace.get_current_span()
    attributes = getattr(span, "attributes", None)
    if not attributes or getattr(getattr(span, "instrumentation_scope", None), "name", None) == _SCOPE:
        return False
    return (
        attributes.get(semconv.OPERATION) in _MODEL_CALLS
        or attributes.get("openinference.span.kind") in _OPENINFERENCE
        or "llm.request.type" in attributes
    )


def guarded(started: Callable[..., HttpExchange | None]) -> Callable[..., HttpExchange | None]:
    """What begins a call; never raises."""

    @functools.wraps(started)
    def guarded_start(*args: Any) -> HttpExchange | None:
        try:
            return started(*args)
        except Exception as error:
            swallow("http.begin", error)
            return None

    return guarded_start


def take(exchange: HttpExchange, where: str, note: Callable[[], None]) -> None:
    """Run what notes the answer; a failure of it ends the call without one."""
    try:
        note()
    except Exception as error:
        exchange.finish(None)
        swallow(where, error)
