"""One call of the Inference client, from its first request to the end of what the host reads; ended once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from ... import _ambient, _runtime, semconv
from ..._call import CallRecord, start_call
from ..._guard import swallow
from .._wire import answer as wire
from .._wire import watch
from .._wire.answer import Answer
from .._wire.exchange import Exchange
from .._wire.provider import UNKNOWN, provider_of, routed
from .._wire.streams import Passage
from . import _tasks

# Words that the client or its servers put where a model should stand.
_NO_MODEL = frozenset(("dummy", "tgi"))


class HubExchange(Exchange):
    """whole() and raised() never raise; what calls the others is guarded."""

    __slots__ = ()

    def again(self) -> None:
        """Another request of the same call is about to be sent."""
        self._answer.retries += 1

    def responded(self, response: Any) -> None:
        """Take the head of an answer, of httpx, requests or aiohttp."""
        answer = self._answer
        answer.status = getattr(response, "status_code", None) or getattr(response, "status", None)
        answer.headers = response.headers

    def follow(self) -> Passage:
        """Give the place for the lines of a stream; its reader ends the exchange."""
        protocol = self._answer.protocol
        folder = protocol.folder() if protocol.folder is not None else None
        passage = self._answer.passage = Passage(folder, protocol.first_token, self._call.first_token)
        self._watched = True
        watch.enter(self)
        return passage

    def whole(self, body: Any) -> None:
        """End with an answer that the client read, unless the host still reads it."""
        if self._watched:
            return
        try:
            if isinstance(body, bytes):
                self._answer.keep(body)
            self._end(None)
        except Exception as error:
            swallow("huggingface.whole", error)

    def raised(self, error: BaseException) -> None:
        """End with what the method raises to the host."""
        try:
            if self._answer.status is None:
                self._answer.status = getattr(error, "status", None)
            self._end(error)
        except Exception as failure:
            swallow("huggingface.raised", failure)


def begin(asked: Any, parameters: Any, *, streaming: bool) -> HubExchange | None:
    """Start the call of the request that these RequestParameters are; None when it is not to be recorded.

    asked: the model that the host named, an id or the URL of a deployed endpoint.
    """
    task = _tasks.of(parameters)
    request = _tasks.request_of(parameters)
    url = urlsplit(parameters.url)
    host = (url.hostname or "").lower() or None
    port = url.port or (443 if url.scheme == "https" else 80)
    call = start_call(
        task.operation,
        _provider(host, port, url.path, task),
        _model(asked, parameters, request),
        request=request,
        describe=describe,
        server_address=host,
        server_port=port,
        streaming=streaming,
    )
    if call is None:
        return None
    answer = Answer(task.protocol)
    answer.user_known = semconv.USER_ID in (_ambient.attributes() or ())
    return HubExchange(call, answer)


def _provider(host: str | None, port: int, path: str, task: _tasks.Task) -> str:
    """Who serves: behind Hugging Face's router its path says it; elsewhere only one kind of server has this format."""
    provider = provider_of(host, port)
    if provider == "huggingface":
        return routed(host, path)
    return task.server if provider == UNKNOWN and task.server else provider


def _model(asked: Any, parameters: Any, request: Mapping[str, Any]) -> str | None:
    """What the host named; of a deployed endpoint what `models` says of its address, else nothing."""
    for name in (asked, request.get("model"), parameters.model):
        if isinstance(name, str) and name and name not in _NO_MODEL and not _is_url(name):
            return name
    runtime = _runtime.current
    known = runtime.config.models if runtime is not None else None
    if not known:
        return None
    url = urlsplit(parameters.url)
    names = (asked, parameters.url, url.netloc, url.hostname)
    return next((known[name] for name in names if isinstance(name, str) and name in known), None)


def _is_url(name: str) -> bool:
    return name.startswith(("http://", "https://"))


def describe(record: CallRecord) -> dict[str, Any]:
    """Attributes by semconv name."""
    error = record.error
    own = error is not None and not _has_request(error)
    if own:
        record.error = None
    out = wire.describe(record)
    answer = record.response
    status = answer.status if isinstance(answer, Answer) else None
    if own and error is not None:
        record.error = error
        out.update({semconv.ERROR_TYPE: type(error).__qualname__, semconv.HTTP_STATUS: status})
    if out.get(semconv.RESPONSE_MODEL) in _NO_MODEL:
        out[semconv.RESPONSE_MODEL] = None
    return out


def _has_request(error: BaseException) -> bool:
    """The client's own errors are errors of httpx without the request that those have, which they do not bear."""
    try:
        return getattr(error, "request", None) is not None
    except RuntimeError:
        return False
