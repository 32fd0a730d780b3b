"""OpenInference: every row of the table of concepts, from spans of its OpenAI, Anthropic, LangChain and LlamaIndex packages."""

from __future__ import annotations

from typing import Any

import pytest
from dialect_rows import (
    BASE64,
    CALL,
    CALLING,
    CONCEPTS,
    MILD,
    PIXEL,
    SCHEMA,
    SYSTEM,
    USER,
    anything,
    files,
    kinds,
    read_all,
    row,
)
from hypothesis import given, settings
from sentinelops_server.model import Span, SpanEvent
from sentinelops_server.pipeline.dialects import ReportedScore
from sentinelops_server.pipeline.dialects.openinference import OpenInference

CHAT = "ChatCompletion"
EMBED = "CreateEmbeddings"
CLAUDE = "messages.create"
CHAIN = "ChatOpenAI"
TOOL = {"type": "function", "function": {"name": "weather", "description": "Of a city", "parameters": SCHEMA}}
LIMIT = "Error code: 429 - {'type': 'error', 'error': {'type': 'rate_limit_error', 'message': 'slow down', 'code': 'rate_limit_exceeded'}}"
ROWS: list[tuple[str, str, str, Any]] = [
    ("kind", "chat", CHAT, ("llm", "chat")),
    ("kind", "embeddings", EMBED, ("embedding", "embeddings")),
    ("kind", "rerank", "rerank", ("rerank", "rerank")),
    ("provider", "chat", CHAT, "openai"),
    ("provider", "anthropic", CLAUDE, "anthropic"),
    ("request model", "chat", CHAT, "gpt-4o"),
    ("request model", "error", CHAT, "broken"),
    ("request model", "anthropic", CLAUDE, "claude-sonnet-4-5"),
    ("request model", "langchain_chain", CHAIN, "gpt-4o"),
    ("request model", "embeddings", EMBED, "text-embedding-3-small"),
    ("request model", "rerank", "rerank", "rerank-v3"),
    ("response model", "chat", CHAT, "gpt-4o-2024-08-06"),
    ("response model", "anthropic", CLAUDE, "claude-sonnet-4-5-20250929"),
    ("response model", "langchain_chain", CHAIN, "gpt-4o-2024-08-06"),
    ("input tokens", "chat", CHAT, 40),
    ("input tokens", "anthropic", CLAUDE, 40),
    ("input tokens", "anthropic_stream", CLAUDE, 40),
    ("input tokens", "embeddings", EMBED, 8),
    ("output tokens", "chat", CHAT, 20),
    ("output tokens", "stream", CHAT, 20),
    ("output tokens", "anthropic_stream", CLAUDE, 20),
    ("output tokens", "error", CHAT, None),
    ("cache read", "chat", CHAT, 16),
    ("cache read", "anthropic", CLAUDE, 16),
    ("cache write", "anthropic", CLAUDE, 14),
    ("reasoning", "chat", CHAT, 8),
    ("reasoning", "responses", "Response", 8),
    ("audio", "chat", CHAT, (3, 2)),
    ("input messages", "chat", CHAT,
     [SYSTEM, {**USER, "parts": [*USER["parts"], {"type": "uri", "modality": "image", "uri": PIXEL}]}]),
    ("input messages", "langchain_agent", CHAIN, [{"role": "user", "parts": [{"type": "text", "content": "How is Oslo?"}]}]),
    ("input messages", "embeddings", EMBED, [
        {"role": "user", "parts": [{"type": "text", "content": "one"}]},
        {"role": "user", "parts": [{"type": "text", "content": "two"}]},
    ]),
    ("output messages", "chat", CHAT, [MILD]),
    ("output messages", "tool", CHAT, [CALLING]),
    ("output messages", "responses", "Response",
     [{"role": "assistant", "parts": [{"type": "reasoning", "content": "Oslo in May."}]}, CALLING]),
    ("output messages", "anthropic", CLAUDE,
     [{"role": "assistant", "parts": [{"type": "reasoning", "content": "Oslo in May."}, *MILD["parts"]]}]),
    # said twice, among contents and among tool calls; read once
    ("output messages", "anthropic_tool", CLAUDE, [{"role": "assistant", "parts": [{**CALL, "id": "toolu_1"}]}]),
    ("tools", "tool", CHAT, [TOOL]),
    ("tools", "anthropic_tool", CLAUDE, [{"name": "weather", "description": "Of a city", "input_schema": SCHEMA}]),
    ("finish reason", "chat", CHAT, "stop"),
    ("finish reason", "tool", CHAT, "tool_calls"),
    ("finish reason", "anthropic", CLAUDE, "end_turn"),
    ("parameters", "chat", CHAT, {"max_tokens": 64, "stop": ["END"], "temperature": 0.2, "user": "u-1"}),
    ("parameters", "embeddings", EMBED, {"dimensions": 2, "encoding_format": "base64"}),
    ("parameters", "langchain_chain", CHAIN, {"stream": False, "temperature": 0.2}),
    ("stream", "stream", CHAT, True),
    ("stream", "anthropic_stream", CLAUDE, True),
    ("stream", "chat", CHAT, None),
    ("ttft", "stream", CHAT, True),
    ("session", "context", CHAT, "s-1"),
    ("session", "langchain_chain", CHAIN, "s-1"),
    ("user", "context", CHAT, "u-1"),
    ("user", "chat", CHAT, "u-1"),
    ("tags", "context", CHAT, ["travel", "beta"]),
    ("metadata", "context", CHAT, {"team": "blue", "level": 3}),
    ("metadata", "langchain_agent", CHAIN, None),
    ("cost", "scores", "answer", 0.003),
    ("error", "error", CHAT, ("error", "openai.RateLimitError", "RateLimitError: " + LIMIT)),
    ("prompt template", "context", CHAT, {"version": "v3", "template": "How is {city}?", "variables": {"city": "Oslo"}}),
    ("documents", "langchain_retrieval", "Shelf", [{"content": "Oslo is mild.", "metadata": {"page": 1}}]),
    ("documents", "llama_index", "VectorIndexRetriever.retrieve",
     [{"id": "a", "content": "Oslo is mild.", "score": 0.9999999999999998}]),
    ("documents", "rerank", "rerank", [{"id": "a", "content": "Oslo is mild.", "score": 0.9}]),
    ("evaluation", "scores", "answer", [
        ("correct", 0.75, "mostly", "no rain"), ("rude", None, "no", None), ("thumbs", 1.0, None, None),
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("concept", "situation", "name", "expected"), ROWS)
def test_a_row(concept: str, situation: str, name: str, expected: Any) -> None:
    assert row("openinference", situation, name, concept) == expected


def test_every_concept_has_a_row() -> None:
    assert {concept for concept, *_ in ROWS} == set(CONCEPTS)


@pytest.mark.parametrize(
    ("situation", "expected"),
    [
        ("langchain_chain", [("ChatPromptTemplate", "chain", False), (CHAIN, "llm", True), ("RunnableSequence", "chain", False)]),
        ("langchain_agent", [
            (CHAIN, "llm", True), ("model", "chain", False), ("weather", "tool", False), ("tools", "chain", False),
            (CHAIN, "llm", True), ("model", "chain", False), ("traveller", "chain", False),
        ]),
        ("langchain_tool", [(CHAIN, "llm", True), ("weather", "tool", False)]),
        ("langchain_retrieval", [("Shelf", "retrieval", False)]),
        ("llama_index", [
            ("OpenAIEmbedding.get_text_embedding_batch", "embedding", True),
            # of two spans around one call, the one that says nothing is none
            ("OpenAIEmbedding._get_query_embedding", "embedding", False),
            ("OpenAIEmbedding.get_query_embedding", "embedding", True),
            ("VectorIndexRetriever._retrieve", "retrieval", False), ("VectorIndexRetriever.retrieve", "retrieval", False),
            ("TokenTextSplitter.split_text", "chain", False), ("TokenTextSplitter.split_text", "chain", False),
            ("OpenAI.chat", "llm", True), ("OpenAI.predict", "llm", False), ("DefaultRefineProgram.__call__", "chain", False),
            ("CompactAndRefine.get_response", "chain", False), ("CompactAndRefine.get_response", "chain", False),
            ("CompactAndRefine.synthesize", "chain", False), ("RetrieverQueryEngine._query", "chain", False),
            ("RetrieverQueryEngine.query", "chain", False),
        ]),
    ],
)  # fmt: skip
def test_what_stands_around_calls_is_none(situation: str, expected: list[tuple[str, str, bool]]) -> None:
    assert sorted(kinds("openinference", situation)) == sorted(expected)


def test_the_raw_answer_says_id_and_tier() -> None:
    for situation, name, expected in (
        ("chat", CHAT, ("chatcmpl-1", "default")),
        ("anthropic", CLAUDE, ("msg_1", "standard")),
    ):
        request = next(request for span, request, _ in read_all("openinference", situation) if span.name == name)
        assert request is not None
        assert (request.response_id, request.service_tier) == expected


def test_the_raw_request_and_a_tools_own_bodies_are_kept() -> None:
    (_, _, payload), *_ = read_all("openinference", "tool")
    assert payload is not None
    assert payload.content["input"]["model"] == "gpt-4o"
    assert payload.content["output"]["id"] == "chatcmpl-1"
    tool = next(payload for span, _, payload in read_all("openinference", "langchain_tool") if span.type == "tool")
    assert tool is not None
    assert tool.content == {"tool_arguments": "Oslo", "tool_result": "mild"}
    rerank = read_all("openinference", "rerank")[0][2]
    assert rerank is not None
    assert rerank.content["input"]["query"] == "Oslo"
    assert [document["id"] for document in rerank.content["input"]["documents"]] == ["a", "b"]


def test_vectors_are_told_by_their_length_and_nothing_encoded_is_in_a_body() -> None:
    payload = read_all("openinference", "embeddings")[0][2]
    assert payload is not None
    assert payload.content["output"] == ["[2 numbers]", "[2 numbers]"]
    bodies = [str(payload) for file in files("openinference") for _, _, payload in read_all("openinference", file)]
    assert not [body for body in bodies if BASE64 in body]


def make(attributes: dict[str, Any], scope: str = "openinference.instrumentation.openai") -> Span:
    return Span(
        b"t" * 16, b"s" * 8, None, CHAT, 3, 1_000_000_000, 2_000_000_000, attributes=attributes, scope_name=scope
    )


def test_flattened_in_any_order_with_gaps_and_what_fits_nothing_stays() -> None:
    span = make(
        {
            "openinference.span.kind": "LLM",
            "llm.input_messages.10.message.role": "user",
            "llm.input_messages.10.message.content": "last",
            "llm.input_messages.2.message.role": "assistant",
            "llm.input_messages.2.message.tool_calls.10.tool_call.function.name": "tenth",
            "llm.input_messages.2.message.tool_calls.3.tool_call.function.name": "third",
            "llm.input_messages.2.message.contents.0.message_content.signature": "c2ln",
            "llm.input_messages.first.message.content": "no index",
            "llm.prompts.0.prompt.text": "not asked: there are messages",
            "llm.something": 1,
        }
    )
    reading = OpenInference().read(span)
    messages = reading.content["input_messages"]
    assert [message["role"] for message in messages] == ["assistant", "user"]
    assert [part["name"] for part in messages[0]["parts"] if part["type"] == "tool_call"] == ["third", "tenth"]
    left = {name for name in span.attributes if name not in reading.bodies}
    assert {
        "llm.input_messages.first.message.content",
        "llm.input_messages.2.message.contents.0.message_content.signature",
        "llm.something",
    } <= left


def test_gen_ai_on_the_same_span_wins_and_nothing_is_added_up() -> None:
    both = {
        "openinference.span.kind": "LLM",
        "llm.token_count.prompt": 40,
        "gen_ai.usage.input_tokens": "41",
        "gen_ai.request.model": "a",
        "llm.model_name": "b",
        "gen_ai.input.messages": '[{"role":"user","parts":[{"type":"text","content":"x"}]}]',
        "llm.input_messages.0.message.content": "y",
    }
    reading = OpenInference().read(make(both))
    assert (reading.usage, reading.model) == ({"input": 41}, "a")
    assert reading.content["input_messages"] == [{"role": "user", "parts": [{"type": "text", "content": "x"}]}]


def test_completions_and_scores_by_any_index() -> None:
    reading = OpenInference().read(
        make(
            {
                "openinference.span.kind": "LLM",
                "llm.prompts.0.prompt.text": "once",
                "llm.choices.0.completion.text": "upon",
                "evaluations.7.evaluation.name": "fit",
                "evaluations.7.evaluation.score": "0.5",
                "evaluations.8.evaluation.score": 1,
                "annotations.2.annotation.name": "empty",
            }
        )
    )
    assert reading.content["input_messages"] == [{"role": "user", "parts": [{"type": "text", "content": "once"}]}]
    assert reading.content["output_messages"] == [{"role": "assistant", "parts": [{"type": "text", "content": "upon"}]}]
    assert reading.scores == [ReportedScore("fit", 0.5, None, None)]


def test_detect_and_layers() -> None:
    dialect = OpenInference()
    assert dialect.detect("openinference.instrumentation.groq", {})
    assert dialect.detect("mine", {"openinference.span.kind": "LLM"})
    assert not dialect.detect("mine", {"llm.model_name": "x"})
    call = {"openinference.span.kind": "LLM", "llm.token_count.prompt": 1}
    scopes = ("openai", "langchain")
    assert [dialect.read(make(dict(call), "openinference.instrumentation." + name)).layer for name in scopes] == [
        False,
        True,
    ]
    assert not dialect.read(make(dict(call), "mine")).layer
    assert dialect.read(make({"openinference.span.kind": "LLM"})).operation is None


KEYS = [
    "openinference.span.kind", "llm.input_messages.0.message.role", "llm.input_messages.0.message.content",
    "llm.input_messages.0.message", "llm.input_messages.1.message.contents.0.message_content.type",
    "llm.input_messages.1.message.contents.0.message_content.image.image.url", "llm.input_messages.1.message.contents",
    "llm.input_messages.1.message.tool_calls.0.tool_call.function", "llm.output_messages.3.message.tool_calls.0.tool_call.id",
    "llm.output_messages.3.message.function_call_name", "llm.tools.0.tool.json_schema", "llm.tools.0.tool.name",
    "llm.prompts.0.prompt.text", "llm.choices.0.completion.text", "embedding.embeddings.0.embedding.vector",
    "embedding.embeddings.0.embedding.text", "retrieval.documents.0.document.metadata", "retrieval.documents.0.document.content.x",
    "reranker.output_documents.0.document.id", "reranker.query", "llm.invocation_parameters", "llm.token_count.prompt",
    "metadata", "tag.tags", "llm.prompt_template.variables", "llm.cost.total", "input.value", "output.value", "tool.parameters",
    "evaluations.0.evaluation.name", "evaluations.0.evaluation.score", "annotations.0.annotation.label", "llm.model_name",
]  # fmt: skip


@settings(deadline=None)
@given(attributes=anything(KEYS))
def test_no_value_makes_it_fail(attributes: dict[str, Any]) -> None:
    for kind in ("LLM", "EMBEDDING", "TOOL", "RERANKER", attributes.get("openinference.span.kind")):
        span = make({**attributes, "openinference.span.kind": kind})
        span.events = [SpanEvent("First Token Stream Event", 1_500_000_000)]
        OpenInference().read(span)
