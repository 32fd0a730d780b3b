"""record(): a model call made by hand, told step by step; for libraries that have no instrument of their own."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any

from . import semconv
from ._call import Call, CallRecord, start_call
from ._guard import guard
from ._span import _is_cancellation

_USAGE = {
    "prompt_tokens": semconv.USAGE_INPUT_TOKENS,
    "completion_tokens": semconv.USAGE_OUTPUT_TOKENS,
    "cache_read_tokens": semconv.USAGE_CACHE_READ_TOKENS,
    "cache_write_tokens": semconv.USAGE_CACHE_WRITE_TOKENS,
    "reasoning_tokens": semconv.USAGE_REASONING_TOKENS,
    "audio_prompt_tokens": semconv.USAGE_AUDIO_INPUT_TOKENS,
    "audio_completion_tokens": semconv.USAGE_AUDIO_OUTPUT_TOKENS,
}


def record(
    *,
    provider: str,
    model: str,
    operation: str = "chat",
    streaming: bool = False,
    server_address: str | None = None,
    server_port: int | None = None,
) -> Recorder:
    """`with record(provider="acme", model="large") as call: ...` (or `async with`): a model call told by hand.

    Say what is known with call.prompt, first_token, completion, usage, finish_reason, parameters; the times are taken
    by themselves. The exception that leaves the block is recorded and goes on. operation: chat, text_completion,
    embeddings ...
    """
    return Recorder(operation, provider, model, (streaming, server_address, server_port))


class Recorder:
    """A model call under way. Methods never raise, may be called when the SDK is off, and replace what was said."""

    def __init__(
        self, operation: str, provider: str, model: str, rest: tuple[bool, str | None, int | None] = (False, None, None)
    ) -> None:
        self._begin = (operation, provider, model)
        self._rest = rest
        self._call: Call | None = None
        self._prompt: Any = None
        self._completion: Any = None
        self._finish_reasons: list[str] | None = None
        self._facts: dict[str, Any] = {}

    def prompt(self, messages: Any) -> None:
        """What goes to the model: a text, or a list of {"role", "content"} messages (content: text or parts)."""
        self._prompt = list(messages) if isinstance(messages, list | tuple) else messages

    def completion(self, messages: Any) -> None:
        """What the model wrote: a text, one message, or a list of messages."""
        self._completion = list(messages) if isinstance(messages, list | tuple) else messages

    def first_token(self) -> None:
        """The first piece of the answer has come; later calls change nothing."""
        if self._call is not None:
            self._call.first_token()

    def usage(self, **tokens: int | None) -> None:
        """Tokens as the provider counts them; None is unknown.

        prompt_tokens (cached ones included), completion_tokens (reasoning included), cache_read_tokens,
        cache_write_tokens, reasoning_tokens, audio_prompt_tokens, audio_completion_tokens. Other names are kept as
        sentinelops.metadata.
        """
        with guard("record.usage"):
            for name, count in tokens.items():
                self._facts[_USAGE.get(name, semconv.METADATA_PREFIX + name)] = None if count is None else int(count)

    def finish_reason(self, *reasons: str) -> None:
        """Why the model stopped, one per choice: stop, length, tool_calls ..."""
        self._finish_reasons = [str(reason) for reason in reasons]

    def response(self, *, id: str | None = None, model: str | None = None, request_id: str | None = None) -> None:  # noqa: A002
        """The answer's own id, the model that really answered, the provider's id of the HTTP exchange."""
        self._facts |= {
            semconv.RESPONSE_ID: id,
            semconv.RESPONSE_MODEL: model,
            semconv.PROVIDER_REQUEST_ID: request_id,
        }

    def parameters(self, **values: Any) -> None:
        """temperature, max_tokens, top_p, top_k, seed ...: as sent to the model."""
        with guard("record.parameters"):
            for name, value in values.items():
                self._facts[f"gen_ai.request.{name}"] = value if isinstance(value, str | int | float) else str(value)

    def inference_seconds(self, seconds: float | None) -> None:
        """How long the provider says the model worked."""
        with guard("record.inference_seconds"):
            self._facts[semconv.INFERENCE_DURATION_SECONDS] = None if seconds is None else float(seconds)

    def _describe(self, call: CallRecord) -> Mapping[str, Any]:
        attributes = dict(self._facts)
        if self._finish_reasons:
            attributes[semconv.RESPONSE_FINISH_REASONS] = self._finish_reasons
        if self._prompt is not None:
            attributes[semconv.INPUT_MESSAGES] = _messages(self._prompt, "user")
        if self._completion is not None:
            attributes[semconv.OUTPUT_MESSAGES] = _messages(self._completion, "assistant")
        return attributes

    def __enter__(self) -> Recorder:
        streaming, address, port = self._rest
        self._call = start_call(
            *self._begin,
            request={},
            describe=self._describe,
            server_address=address,
            server_port=port,
            streaming=streaming,
        )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._call is not None:
            cancelled = _is_cancellation(error)
            self._call.end(error=None if cancelled else error, cancelled=cancelled)

    async def __aenter__(self) -> Recorder:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, tb)


def _messages(given: Any, role: str) -> list[dict[str, Any]]:
    """Any of the accepted shapes as the conventions' messages."""
    if not isinstance(given, list):
        given = [given]
    return [_message(item, role) for item in given]


def _message(item: Any, role: str) -> dict[str, Any]:
    if not isinstance(item, Mapping):
        return {"role": role, "parts": [{"type": "text", "content": item}]}
    if "parts" in item:
        return dict(item)
    message: dict[str, Any] = {"role": item.get("role", role)}
    content = item.get("content")
    if isinstance(content, list):
        message["parts"] = [_part(part) for part in content]
    else:
        message["parts"] = [] if content is None else [{"type": "text", "content": content}]
    message |= {key: value for key, value in item.items() if key not in ("role", "content")}
    return message


def _part(part: Any) -> Any:
    """OpenAI-like text parts hold `text`; the conventions call it `content`."""
    if isinstance(part, str):
        return {"type": "text", "content": part}
    if isinstance(part, Mapping) and part.get("type") == "text" and "text" in part:
        return {"type": "text", "content": part["text"]}
    return part
