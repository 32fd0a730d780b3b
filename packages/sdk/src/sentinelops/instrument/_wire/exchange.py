"""One request of the client, seen at its lowest common place: begins the call, keeps what arrives, ends it once.

Nothing here raises: every entry is guarded, so that a failure of ours costs the span and not the answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ... import _ambient, semconv
from ..._call import Call, gone, start_call
from ..._guard import swallow
from . import watch
from .answer import Answer, Protocol, describe
from .provider import Endpoint
from .streams import Passage


class Exchange:
    """From the client's request() to the end of its answer."""

    __slots__ = ("_answer", "_call", "_watched", "ended", "note")

    def __init__(self, call: Call, answer: Answer) -> None:
        self._call = call
        self._answer = answer
        self._watched = False
        self.ended = False
        self.note: Any = None  # what the hook that began it wants to remember

    @property
    def span_context(self) -> Any:
        """Of our span, for what has to name it."""
        return self._call.span.get_span_context()

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
            protocol = answer.protocol
            folder = protocol.folder() if stream and protocol.folder is not None else None
            answer.passage = Passage(folder, protocol.first_token if stream else None, self._call.first_token)
            watch.watch(self, answer.passage, response, is_async=is_async)
            self._watched = True
        except Exception as error:
            swallow("wire.arrived", error)

    def returned(self, result: Any) -> None:
        """End the call, unless the host still has to read: the client gives this to the host."""
        if self._watched:
            return
        try:
            if self._answer.body is None and self._answer.headers is None:
                self._answer.parsed = result  # a client whose response handling we do not know
            self._end(None)
        except Exception as error:
            swallow("wire.returned", error)

    def failed(self, error: BaseException) -> None:
        """End the call: the client raises this to the host."""
        try:
            self._end(error)
        except Exception as failure:
            swallow("wire.failed", failure)

    def finish(self, error: BaseException | None) -> None:
        """End the call: the host read the answer, broke off, closed, failed or forgot."""
        try:
            self._end(error)
        except Exception as failure:
            swallow("wire.finish", failure)

    def disown(self) -> None:
        """In a forked child: the parent reports this one."""
        self.ended = True

    def _end(self, error: BaseException | None) -> None:
        # of all who want to end a watched one, from any thread, the registry lets one through; no lock, see Watch
        if self.ended or (self._watched and not watch.leave(self)):
            return
        self.ended = True
        left = gone(error)
        self._call.end(self._answer, error=None if left else error, cancelled=left, headers=self._answer.headers)


def begin(
    operation: str,
    protocol: Protocol,
    endpoint: Endpoint,
    request: Mapping[str, Any],
    *,
    streaming: bool,
    named: tuple[str | None, Mapping[str, Any]] | None = None,
) -> Exchange | None:
    """Start the call of a request that is about to be sent; None when it is not to be recorded.

    named: the model and more attributes, where the body does not say them.
    """
    model, extra = named or (request.get("model"), None)
    call = start_call(
        operation,
        endpoint.provider,
        model if isinstance(model, str) else None,
        request=request,
        describe=describe,
        server_address=endpoint.host,
        server_port=endpoint.port,
        streaming=streaming,
    )
    if call is None:
        return None
    answer = Answer(protocol)
    answer.extra = extra
    answer.user_known = semconv.USER_ID in (_ambient.attributes() or ())
    return Exchange(call, answer)
