"""One WebSocket session: which events begin, feed and end the responses that are made in it.

The session itself is no span: it may be open for hours, and its responses are told when they end.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ..._call import Call, start_call
from .._wire import openai_realtime as wire
from .._wire import watch
from .._wire.parts import plain
from .._wire.provider import UNKNOWN, provider_of
from . import _azure

_TYPE = re.compile(rb'"type"\s*:\s*"((?:response|session|conversation|error)[a-z_.]*)"')
_RESPONSE_ID = re.compile(rb'"response_id"\s*:\s*"([^"]*)"')
_ENDS = frozenset((b"response.done", b"response.completed", b"response.failed", b"response.incomplete",
                   b"response.cancelled"))  # fmt: skip
_HEARD = b"conversation.item.input_audio_transcription.completed"
_HEAD_BYTES, _KEPT = 1_024, 64


class Turn:
    """A response under way; what the registry of open answers knows of it."""

    __slots__ = ("arrived", "call", "ended", "event_id")

    def __init__(self, call: Call, arrived: wire.Arrived, event_id: str | None) -> None:
        self.call = call
        self.arrived = arrived
        self.event_id = event_id
        self.ended = False

    def finish(self, error: BaseException | None) -> None:
        """End it without an answer: the session is over."""
        self.end(error, cancelled=error is None)

    def end(self, error: BaseException | None = None, *, cancelled: bool = False) -> None:
        """End it, once."""
        if watch.leave(self) and not self.ended:
            self.ended = True
            self.call.end(self.arrived, error=error, cancelled=cancelled)

    def disown(self) -> None:
        """In a forked child: the parent reports this one."""
        self.ended = True


class Session:
    """What is known of one connection. realtime: of the Realtime API, else of the Responses API."""

    def __init__(self, connection: Any, *, realtime: bool) -> None:
        self._realtime = realtime
        request = getattr(connection, "request", None)
        url = urlsplit("//" + str(request.headers["Host"]) + str(request.path)) if request is not None else urlsplit("")
        query = parse_qs(url.query)
        self._host, self._port = url.hostname, url.port or 443
        provider = provider_of(self._host, url.port)
        self._provider = "openai" if provider == UNKNOWN else provider
        named = _one(query, "deployment") or _one(query, "model")
        self._model: str | None = named
        self._extra: Mapping[str, Any] | None = None
        if self._provider in _azure.PROVIDERS:
            self._model, self._extra = _azure.facts(named, _one(query, "api-version"))
        self._facts: Mapping[str, Any] = {}
        self._said: list[Any] = []
        self._heard: list[bytes | str] = []
        self._asked: deque[Turn] = deque()
        self._turns: dict[str, Turn] = {}

    def sent(self, event: Any) -> None:
        """Take an event of the client's; a reference only."""
        kind = event.get("type") if isinstance(event, Mapping) else getattr(event, "type", None)
        if kind == "response.create":
            self._begin(plain(event), asked=True)
        elif kind == "conversation.item.create" and len(self._said) < _KEPT:
            item = event.get("item") if isinstance(event, Mapping) else getattr(event, "item", None)
            self._said.append(item)

    def _begin(self, event: Mapping[str, Any], *, asked: bool) -> Turn | None:
        if self._realtime:
            inner = plain(event.get("response"))
            request: Mapping[str, Any] = inner if isinstance(inner, Mapping) else {}
        else:
            request = {name: value for name, value in event.items() if name not in ("type", "event_id")}
        model = request.get("model") or self._model or self._facts.get("model")
        call = start_call(
            "chat", self._provider, model if isinstance(model, str) else None, request=request, streaming=True,
            describe=wire.describe_realtime if self._realtime else wire.describe_response,
            server_address=self._host, server_port=self._port,
        )  # fmt: skip
        if call is None:
            return None
        arrived = wire.Arrived()
        arrived.said, self._said = self._said, []
        arrived.heard, self._heard = self._heard, []
        arrived.extra = self._extra
        turn = Turn(call, arrived, event.get("event_id"))
        watch.enter(turn)
        if asked:
            self._asked.append(turn)
        return turn

    def received(self, message: bytes | str) -> None:
        """Take an event of the server's; only the few that begin or end something are looked into."""
        head = message[:_HEAD_BYTES]
        raw = head.encode() if isinstance(head, str) else head
        found = _TYPE.search(raw)
        if found is None:
            return
        kind = found[1]
        if kind.endswith(b".delta"):
            named = _RESPONSE_ID.search(raw)
            turn = self._turns.get(named[1].decode()) if named else next(iter(self._turns.values()), None)
            if turn is not None:
                turn.call.first_token()
        elif kind == b"response.created":
            self._created(message)
        elif kind in _ENDS:
            self._ended(message)
        elif kind in (b"session.created", b"session.updated"):
            facts = wire.event_of(message).get("session")
            self._facts = facts if isinstance(facts, dict) else self._facts
        elif kind == _HEARD:
            self._transcribed(message)
        elif kind == b"error":
            self._refused(message)

    def _created(self, message: bytes | str) -> None:
        response = wire.event_of(message).get("response") or {}
        turn = self._asked.popleft() if self._asked else self._begin({}, asked=False)
        if turn is not None and isinstance(response.get("id"), str):
            self._turns[response["id"]] = turn

    def _ended(self, message: bytes | str) -> None:
        response = wire.event_of(message).get("response") or {}
        turn = self._turns.pop(str(response.get("id")), None)
        if turn is not None:
            turn.arrived.last = message
            turn.arrived.session = self._facts
            turn.end()

    def _refused(self, message: bytes | str) -> None:
        """The provider refuses what was asked last, or breaks off the only response under way."""
        event = wire.event_of(message)
        error = event.get("error")
        about = error.get("event_id") if isinstance(error, dict) else None
        turn = None
        if self._asked:
            if about is None or about == self._asked[0].event_id:
                turn = self._asked.popleft()
        elif not self._realtime and len(self._turns) == 1:
            turn = self._turns.popitem()[1]
        if turn is not None:
            turn.arrived.error = message
            turn.arrived.session = self._facts
            turn.end()

    def _transcribed(self, message: bytes | str) -> None:
        if len(self._heard) < _KEPT:
            self._heard.append(message)
        if '"usage"' not in (message if isinstance(message, str) else message.decode("utf-8", "replace")):
            return
        call = start_call(
            "transcription", self._provider, _transcriber(self._facts), request={},
            describe=wire.describe_transcription, server_address=self._host, server_port=self._port,
        )  # fmt: skip
        if call is not None:
            call.end(message)

    def over(self, error: BaseException | None) -> None:
        """End what is still open: the connection is closed."""
        open_now = [*self._asked, *self._turns.values()]
        self._asked.clear()
        self._turns.clear()
        for turn in open_now:
            turn.arrived.session = self._facts
            turn.finish(error)

    def __del__(self) -> None:
        # runs wherever the garbage collector does, perhaps inside somebody's lock: hand over, do nothing here
        for turn in (*self._asked, *self._turns.values()):
            watch.forget(turn)


def _one(query: Mapping[str, list[str]], name: str) -> str | None:
    found = query.get(name)
    return found[0] if found else None


def _transcriber(facts: Mapping[str, Any]) -> str | None:
    """Find the model that writes down what is spoken, in either form of the session."""
    audio = facts.get("audio")
    given = audio.get("input") if isinstance(audio, Mapping) else None
    settings = given.get("transcription") if isinstance(given, Mapping) else facts.get("input_audio_transcription")
    model = settings.get("model") if isinstance(settings, Mapping) else None
    return model if isinstance(model, str) else None
