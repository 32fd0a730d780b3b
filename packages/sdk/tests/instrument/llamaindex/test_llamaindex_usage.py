"""Usage as integrations of other providers hand it on: in `raw`, in the provider's own form."""

from __future__ import annotations

from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage, ChatResponse
from llama_index.core.llms import CustomLLM, LLMMetadata
from llama_index.core.llms.callbacks import llm_chat_callback
from pydantic import BaseModel
from sentinelops.testing import Captured


class Usage(BaseModel):
    """Of Anthropic's client, as `dict(answer)` leaves it: a model of pydantic."""

    input_tokens: int = 10
    output_tokens: int = 20
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None


class Quoting(CustomLLM):
    """A model whose integration hands on the provider's answer."""

    raw: Any = None

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(model_name="quoting-1")

    @llm_chat_callback()
    def chat(self, messages: Any, **kwargs: Any) -> ChatResponse:
        return ChatResponse(message=ChatMessage(role="assistant", content="Yes"), raw=self.raw)

    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> Any:
        raise NotImplementedError

    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> Any:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("raw", "usage", "reasons"),
    [
        pytest.param(
            {"id": "msg_1", "stop_reason": "end_turn", "usage": Usage()},
            {"input_tokens": 10, "output_tokens": 20},
            ["end_turn"],
            id="anthropic",
        ),
        pytest.param(
            {
                "id": "msg_1",
                "stop_reason": "tool_use",
                "usage": Usage(cache_creation_input_tokens=300, cache_read_input_tokens=4_000),
            },
            {
                "input_tokens": 4_310,
                "output_tokens": 20,
                "cache_read.input_tokens": 4_000,
                "cache_write.input_tokens": 300,
            },
            ["tool_use"],
            id="anthropic-cached",
        ),
        pytest.param(
            {"stopReason": "end_turn", "usage": {"inputTokens": 10, "outputTokens": 20, "totalTokens": 30}},
            {"input_tokens": 10, "output_tokens": 20},
            ["end_turn"],
            id="bedrock",
        ),
        pytest.param(
            {
                "stopReason": "max_tokens",
                "usage": {
                    "inputTokens": 10,
                    "outputTokens": 20,
                    "totalTokens": 4_330,
                    "cacheReadInputTokens": 4_000,
                    "cacheWriteInputTokens": 300,
                },
            },
            {
                "input_tokens": 4_310,
                "output_tokens": 20,
                "cache_read.input_tokens": 4_000,
                "cache_write.input_tokens": 300,
            },
            ["max_tokens"],
            id="bedrock-cached",
        ),
        pytest.param({"id": "msg_1", "stopReason": "end_turn"}, {}, ["end_turn"], id="unsaid"),
    ],
)
def test_usage(captured: Captured, raw: Any, usage: dict[str, int], reasons: list[str]) -> None:
    Quoting(raw=raw).chat([ChatMessage(role="user", content="Is it?")])
    (span,) = captured.spans
    said = span["attributes"]
    prefix = "gen_ai.usage."
    assert {name.removeprefix(prefix): value for name, value in said.items() if name.startswith(prefix)} == usage
    assert said["gen_ai.response.finish_reasons"] == reasons
