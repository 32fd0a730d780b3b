"""One request of the client, seen at its lowest common place: begins the call, keeps what arrives, ends it once.

Nothing here raises: every entry is guarded, so that a failure of ours costs the span and not the answer.
"""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Mapping
from typing import Any

from ... import _ambient, semconv
from ..._call import Call, start_call
from ..._guard import swallow
from . import _watch
from ._describe import Answer, describe
from ._folders import folder_for
from ._provider import endpoint_of
from ._streams import FIRST_TOKEN, Passage

# path of the request -> (operation, protocol). Everything else passes untouched and unseen.
ROUTES: dict[str, tuple[str, str]] = {
    "/chat/completions": ("chat", "chat_completions"),
    "/responses": ("chat", "responses"),
    "/responses/compact": ("chat", "responses"),
    "/embeddings": ("embeddings", "embeddings"),
    "/completions": ("text_completion", "completions"),
}
_GONE = (GeneratorExit, CancelledError, KeyboardInterrupt, SystemExit)


def route_of(options: Any) -> tuple[str, str] | None:
    """Operation and protocol of a request that we describe; None for all others."""
    path = str(options.url)
    if "?" in path:
        path = path.partition("?")[0]
    method = options.method
    if method in ("post", "POST"):
        return ROUTES.get(path)
    if method in ("get", "GET") and path.startswith("/responses/") and "/" not in path[11:]:
        return ("fetch_response", "responses")
    return None


class Exchange:
    """From the client's request() to the end of its answer."""

    __slots__ = ("_answer", "_call", "_watched", "ended")

    def __init__(self, call: Call, answer: Answer) -> None:
        self._call = call
        self._answer = answer
        self._watched = False
        self.ended = False

    def arrived(self, response: Any, *, stream: bool, retries: int, is_async: bool) -> None:
        """Take the HTTP answer, which is good; its body may still be on its way."""
        try:
            answer = self._answer
            answer.headers = response.headers
            answer.status = response.status_code
            answer.retries = retries
            if response.is_closed and not stream:
                answer.keep(response.content)
                return
            folder = folder_for(answer.api) if stream else None
            first = FIRST_TOKEN.get(answer.api) if stream else None
            answer.passage = Passage(folder, first, self._call.first_token)
            _watch.watch(self, answer.passage, response, is_async=is_async)
            self._watched = True
        except Exception as error:
            swallow("openai.arrived", error)

    def returned(self, result: Any) -> None:
        """End the call, unless the host still has to read: the client gives this to the host."""
        if self._watched:
            return
        try:
            if self._answer.body is None and self._answer.headers is None:
                self._answer.parsed = result  # a client whose response handling we do not know
            self._end(None)
        except Exception as error:
            swallow("openai.returned", error)

    def failed(self, error: BaseException) -> None:
        """End the call: the client raises this to the host."""
        try:
            self._end(error)
        except Exception as failure:
            swallow("openai.failed", failure)

    def finish(self, error: BaseException | None) -> None:
        """End the call: the host read the answer, broke off, closed, failed or forgot."""
        try:
            self._end(error)
        except Exception as failure:
            swallow("openai.finish", failure)

    def disown(self) -> None:
        """In a forked child: the parent reports this one."""
        self.ended = True

    def _end(self, error: BaseException | None) -> None:
        # of all who want to end a watched one, from any thread, the registry lets one through; no lock, see Watch
        if self.ended or (self._watched and not _watch.leave(self)):
            return
        self.ended = True
        gone = isinstance(error, _GONE)
        self._call.end(self._answer, error=None if gone else error, cancelled=gone, headers=self._answer.headers)


def begin(client: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Exchange | None:
    """For the arguments of the client's request(); None when this one is not ours to describe."""
    try:
        options = kwargs["options"] if "options" in kwargs else args[1]
        route = route_of(options)
        if route is None:
            return None
        operation, api = route
        request = _request_of(options)
        model = request.get("model")
        endpoint = endpoint_of(client)
        call = start_call(
            operation,
            endpoint.provider,
            model if isinstance(model, str) else None,
            request=request,
            describe=describe,
            server_address=endpoint.host,
            server_port=endpoint.port,
            streaming=bool(kwargs.get("stream")),
        )
        if call is None:
            return None
        answer = Answer(api)
        answer.user_known = semconv.USER_ID in (_ambient.attributes() or ())
        return Exchange(call, answer)
    except Exception as error:
        swallow("openai.begin", error)
        return None


def _request_of(options: Any) -> Mapping[str, Any]:
    body = options.json_data
    extra = options.extra_json
    if not isinstance(body, Mapping):
        body = {}
    return {**body, **extra} if extra else body
