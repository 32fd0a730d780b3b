"""haystack-ai 3.4.1 by opentelemetry-haystack 2.0.0: every concept from recorded spans."""

from __future__ import annotations

import pytest
from recorded_spans import ANSWER, CALL, CONCEPTS, QUESTION, Row, check, recorded, see
from sentinelops_server.pipeline.dialects.haystack import Haystack

DIALECT = Haystack()
ERROR = (
    "PipelineRuntimeError: The following component failed to run:\nComponent name: 'llm'\n"
    "Component type: 'OpenAIChatGenerator'\nError: Error code: 429 - Rate limit reached"
)
ROWS: dict[str, Row | str] = {
    "span kind": Row("rag", 0, "chain"),
    "provider": Row("rag", 3, "openai"),  # by the component's class
    "request model": "what a generator was made with is on no span",
    "response model": Row("rag", 3, "gpt-4o-mini-2024-07-18"),
    "input tokens": Row("rag", 3, 120),
    "output tokens": Row("rag", 3, 30),
    "cache read": Row("rag", 3, 64),
    "cache write": "OpenAI's usage has none, and its own Anthropic generator is tested below",
    "reasoning": Row("rag", 3, 12),
    "audio": Row("rag", 3, {"audio_input": 10, "audio_output": 5}),
    "input messages": Row("tool_call", 1, QUESTION),
    "output messages": Row("stream", 1, ANSWER),
    "tool calls": Row("agent", 2, CALL),
    "tool span": Row("agent", 3, ({"city": "Paris"}, "sunny in Paris")),
    "tool definitions": Row(
        "agent",
        2,
        [
            {
                "type": "function",
                "name": "get_weather",
                "description": "Weather of a city.",
                "parameters": {"properties": {"city": {"type": "string"}}, "required": ["city"], "type": "object"},
            }
        ],
    ),
    "finish reason": Row("agent", 2, "tool_calls"),
    "parameters": "those a generator was made with are on no span; those of a run are tested below",
    "stream": Row("stream", 1, True),
    "time to first token": Row("stream", 1, pytest.approx(0.0064, abs=0.005)),
    "session": "it knows no sessions: set one in the resource or by the SDK",
    "user": "it knows no users: set one in the resource or by the SDK",
    "tags": "it knows no tags, only the metadata of a pipeline",
    "metadata": Row("rag", 0, {"team": "weather"}),
    "cost": "it counts no money: the usage is the provider's own",
    "error": Row("error", 1, ("error", "PipelineRuntimeError", ERROR)),
    "prompt template": "a PromptBuilder's template is on no span, only its variables and its result",
    "documents": Row(
        "rag",
        1,
        [
            {
                "id": "d1",
                "content": "Paris is sunny",
                "blob": None,
                "score": 0.8664339756999316,
                "embedding": None,
                "sparse_embedding": None,
            }
        ],
    ),
    "evaluation": "an evaluator's scores are its output, in lists over many examples",
}


@pytest.mark.parametrize("concept", CONCEPTS)
def test_a_concept_is_read(concept: str) -> None:
    check(DIALECT, "haystack", ROWS, concept)


@pytest.mark.parametrize(
    ("situation", "types"),
    [
        ("rag", ["chain", "retrieval", "chain", "llm"]),
        ("agent", ["agent", "chain", "llm", "tool", "chain", "llm"]),
        ("embeddings", ["chain", "embedding"]),
    ],
)
def test_types(situation: str, types: list[str]) -> None:
    assert [see(DIALECT, span).span.type for span in recorded("haystack", situation)] == types


def test_only_generators_are_calls_and_they_are_a_layer() -> None:
    seen = [see(DIALECT, span) for span in recorded("haystack", "rag")]
    assert [(one.request is not None, one.reading.layer) for one in seen] == [(False, False)] * 3 + [(True, True)]


def test_a_tool_call_and_its_answer_in_one_conversation() -> None:
    messages = see(DIALECT, recorded("haystack", "agent")[5]).content("input_messages")
    assert [message["role"] for message in messages] == ["user", "assistant", "tool"]
    assert messages[1]["parts"] == CALL
    assert messages[2]["parts"] == [{"type": "tool_call_response", "id": "call_1", "response": "sunny in Paris"}]


def test_anthropic_counts_the_cache_apart() -> None:
    span = recorded("haystack", "rag")[3]
    span.attributes["haystack.component.type"] = "AnthropicChatGenerator"
    span.attributes["haystack.component.output"] = (
        '{"replies": [{"role": "assistant", "content": [{"text": "x"}], "meta": {"usage": {"prompt_tokens": 20,'
        ' "completion_tokens": 25, "cache_read_input_tokens": 10, "cache_creation_input_tokens": 4}}}]}'
    )
    seen = see(DIALECT, span)
    assert seen.reading.provider == "anthropic"
    assert (seen.of_request("prompt_tokens"), seen.of_request("cache_write_tokens")) == (34, 4)


def test_what_a_run_is_given_is_kept() -> None:
    span = recorded("haystack", "rag")[3]
    span.attributes["haystack.component.input"] = (
        '{"prompt": "Hello", "generation_kwargs": {"temperature": 0.5, "seed": null}, "tools_strict": true}'
    )
    seen = see(DIALECT, span)
    assert seen.reading.parameters == {"temperature": 0.5}
    assert CONCEPTS["input messages"](seen) == [("user", "Hello")]
    assert seen.content("input") == {"tools_strict": True}


@pytest.mark.parametrize("hours", [-7.5, 0.0, 5.75])
def test_a_local_time_without_zone_is_still_a_time_to_the_first_token(hours: float) -> None:
    span = recorded("haystack", "stream")[1]
    span.start_ns += int(hours * 3600e9)
    span.end_ns += int(hours * 3600e9)
    assert see(DIALECT, span).of_request("time_to_first_token") == pytest.approx(0.0064, abs=0.005)


def test_a_call_longer_than_a_zone_has_no_known_time_to_the_first_token() -> None:
    span = recorded("haystack", "stream")[1]
    span.end_ns += int(1000e9)
    assert see(DIALECT, span).of_request("time_to_first_token") is None


def test_a_failed_tool() -> None:
    span = recorded("haystack", "agent")[3]
    span.attributes["haystack.tool.error"] = True
    assert see(DIALECT, span).reading.error_type == "tool_error"


@pytest.mark.parametrize(
    ("component", "provider", "operation"),
    [
        ("CohereRanker", "cohere", "rerank"),
        ("MetaFieldRanker", None, None),
        ("LLMRanker", None, None),
        ("AzureOpenAIChatGenerator", "azure.ai.openai", "chat"),
        ("AmazonBedrockGenerator", "aws.bedrock", "chat"),
        ("SentenceTransformersTextEmbedder", "local", "embeddings"),
        ("HuggingFaceLocalChatGenerator", "local", "chat"),
        ("HuggingFaceAPIChatGenerator", "huggingface", "chat"),
        ("ToolInvoker", None, None),
        ("PromptBuilder", None, None),
    ],
)
def test_a_components_class_says_who_serves_and_whether_it_is_a_call(
    component: str, provider: str | None, operation: str | None
) -> None:
    span = recorded("haystack", "rag")[3]
    span.attributes["haystack.component.type"] = component
    reading = see(DIALECT, span).reading
    assert (reading.provider, reading.operation) == (provider, operation)


def test_an_agent_in_a_pipeline_is_an_agent() -> None:
    span = recorded("haystack", "rag")[3]
    span.attributes["haystack.component.type"] = "Agent"
    span.attributes["haystack.component.output"] = '{"messages": [{"_role": "assistant", "_content": [{"text": "x"}]}]}'
    seen = see(DIALECT, span)
    assert (seen.span.type, seen.request) == ("agent", None)
    assert CONCEPTS["output messages"](seen) == [("assistant", "x")]


def test_thoughts_are_parts_of_a_message() -> None:
    span = recorded("haystack", "agent")[2]
    span.attributes["haystack.agent.step.llm.output"] = (
        '{"replies": [{"role": "assistant", "name": "a", "content": [{"reasoning": {"reasoning_text": "hm"}},'
        ' {"file": {"filename": "f"}}, {"odd": 1}, {"text": "x"}]}]}'
    )
    assert see(DIALECT, span).content("output_messages") == [
        {
            "role": "assistant",
            "name": "a",
            "parts": [
                {"type": "reasoning", "content": "hm"},
                {"type": "file", "filename": "f"},
                {"type": "unknown", "odd": 1},
                {"type": "text", "content": "x"},
            ],
        }
    ]
