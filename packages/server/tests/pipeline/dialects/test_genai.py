"""The conventions: every row of the table of concepts, from spans of OpenTelemetry's own instrumentations, and their log events."""

from __future__ import annotations

from typing import Any

import pytest
from dialect_rows import CALL, CALLING, CONCEPTS, MILD, PIXEL, SCHEMA, TOLD, files, kinds, read_all, row, rows
from recorded_spans import logged, recorded
from sentinelops_server.analysis.messages import content_from_log_records
from sentinelops_server.pipeline import dialects
from sentinelops_server.pipeline.logged import without_logged_blobs

CHAT, CLAUDE, GEMINI = "chat gpt-4o", "chat claude-sonnet-4-5", "generate_content gemini-2.5-flash"
BEDROCK = "chat us.anthropic.claude-sonnet-4-5-20250929-v1:0"
OSS = "chat openai.gpt-oss-120b-1:0"
TITAN = "text_completion amazon.titan-embed-text-v2:0"
EMBED = "embeddings text-embedding-3-small"
LIMIT = "Error code: 429 - slow down"


def said(*messages: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    return [{**message, "name": None, **more} for message in messages]


def text(role: str, content: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"content": content, "type": "text"}]}


ASKED = text("user", "How is Oslo in May?")
ROWS: list[tuple[str, str, str, Any]] = [
    ("kind", "chat", CHAT, ("llm", "chat")),
    ("kind", "embeddings", EMBED, ("embedding", "embeddings")),
    ("kind", "gemini", GEMINI, ("llm", "generate_content")),
    ("kind", "botocore_titan_embedding", TITAN, ("embedding", "embeddings")),
    ("kind", "langchain", "execute_tool weather", ("tool", None)),
    ("kind", "langchain", "invoke_agent traveller", ("agent", None)),
    ("kind", "langchain_chain", "invoke_workflow RunnableSequence", ("chain", None)),
    ("kind", "langchain_chain", "retrieval", ("retrieval", None)),
    ("provider", "chat", CHAT, "openai"),
    ("provider", "anthropic", CLAUDE, "anthropic"),
    ("provider", "gemini", GEMINI, "gcp.gemini"),
    ("provider", "converse", BEDROCK, "aws.bedrock"),
    ("provider", "botocore_converse", BEDROCK, "aws.bedrock"),
    ("request model", "chat", CHAT, "gpt-4o"),
    ("request model", "v2_chat", CHAT, "gpt-4o"),
    ("response model", "chat", CHAT, "gpt-4o-2024-08-06"),
    ("response model", "gemini", GEMINI, "gemini-2.5-flash-001"),
    ("input tokens", "chat", CHAT, 40),
    ("input tokens", "anthropic", CLAUDE, 40),
    ("input tokens", "v2_chat", CHAT, 40),
    ("input tokens", "embeddings", EMBED, 8),
    ("input tokens", "converse", BEDROCK, 130),  # said: 100 beside 30 of the cache
    ("input tokens", "botocore_converse", BEDROCK, 130),
    ("input tokens", "converse_stream_openai", OSS, 100),  # here they are inside
    ("input tokens", "botocore_converse_stream_openai", OSS, 100),
    ("input tokens", "early", CHAT, None),
    ("output tokens", "chat", CHAT, 20),
    ("output tokens", "stream", CHAT, 20),
    ("output tokens", "gemini", GEMINI, 20),
    ("output tokens", "error", "chat broken", None),
    ("cache read", "chat", CHAT, 16),
    ("cache read", "botocore_converse", BEDROCK, 16),
    ("cache write", "anthropic", CLAUDE, 14),
    ("reasoning", "chat", CHAT, 8),
    ("reasoning", "gemini", GEMINI, 8),
    ("audio", "chat", CHAT, (3, 2)),
    ("input messages", "chat", CHAT, said(text("system", "Answer briefly."), {**ASKED, "parts": [*ASKED["parts"], PIXEL]})),
    ("output messages", "chat", CHAT, said(text("assistant", "It is mild."), finish_reason="stop")),
    ("output messages", "tool", CHAT, said(CALLING, finish_reason="tool_call")),
    ("tools", "tool", CHAT, [{"name": "weather", "description": "Of a city", "parameters": SCHEMA, "type": "function"}]),
    ("finish reason", "chat", CHAT, "stop"),
    ("finish reason", "v2_tool", CHAT, "tool_calls"),
    ("parameters", "chat", CHAT, {"temperature": 0.2, "max_tokens": 64, "stop_sequences": ["END"]}),
    ("parameters", "embeddings", EMBED, {"dimensions": 2}),
    ("stream", "stream", CHAT, True),
    ("ttft", "stream", CHAT, True),
    ("ttft", "converse_stream_openai", OSS, True),
    ("session", "langchain", CHAT, "s-1"),
    ("error", "error", "chat broken", ("error", "openai.RateLimitError", LIMIT)),
    ("error", "early", CHAT, ("cancelled", None, None)),
    ("prompt template", "langchain_chain", CHAT, {"variables": {"city": "Oslo"}}),
    ("documents", "langchain_chain", "retrieval", [{"id": "d1", "score": None}]),
]  # fmt: skip
# the conventions have no user, tags, metadata and cost; evaluations are events of their own (test_scores.py)
NONE = ("user", "tags", "metadata", "cost", "evaluation")


@pytest.mark.parametrize(("concept", "situation", "name", "expected"), ROWS)
def test_a_row(concept: str, situation: str, name: str, expected: Any) -> None:
    assert row("genai", situation, name, concept) == expected


@pytest.mark.parametrize("concept", NONE)
def test_the_writer_has_none(concept: str) -> None:
    for situation in files("genai"):
        for read in read_all("genai", situation):
            assert rows(*read).get(concept) is None


def test_every_concept_has_a_row() -> None:
    assert {concept for concept, *_ in ROWS} | set(NONE) == set(CONCEPTS)


def test_no_other_dialect_takes_them() -> None:
    spans = [span for situation in files("genai") for span in recorded("genai", situation)]
    ours = [span for span in spans if not span.scope_name.startswith("com.anthropic")]
    found = {
        type(next(one for one in dialects.DIALECTS if one.detect(span.scope_name, span.attributes))) for span in ours
    }
    assert found == {dialects.GenAi}


def test_what_watches_a_framework_gives_way_to_what_watches_its_client() -> None:
    layers = {s.scope_name.rpartition(".")[2]: r.layer for f in files("genai") for s, r, _ in read_all("genai", f) if r}
    assert layers == {
        "python": False, "anthropic": False, "openai": False, "bedrock": False, "google_genai": False,
        "bedrock-runtime": False, "openai_v2": False, "langchain": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("situation", "asked", "told"),
    [
        ("event_chat", said(text("system", "Answer briefly."), {**ASKED, "parts": [*ASKED["parts"], PIXEL]}),
         said(text("assistant", "It is mild."), finish_reason="stop")),
        ("v2_chat", [text("system", "Answer briefly."),
                     {**ASKED, "parts": [*ASKED["parts"], {"type": "uri", "modality": "image", "uri": PIXEL}]}],
         [{**MILD, "finish_reason": "stop"}]),
        ("botocore_converse", [text("system", "Answer briefly."), ASKED], [{**MILD, "finish_reason": "end_turn"}]),
    ],
)  # fmt: skip
def test_messages_in_log_events(situation: str, asked: list[Any], told: list[Any]) -> None:
    (span,) = recorded("genai", situation)
    records = logged("genai", situation)
    for record in records:
        without_logged_blobs(record)
    assert {(record.trace_id, record.span_id) for record in records} == {span.key}
    assert content_from_log_records(records) == {"input_messages": asked, "output_messages": told}


def test_tool_calls_in_log_events() -> None:
    second = recorded("genai", "v2_tool")[-1]
    content = content_from_log_records(one for one in logged("genai", "v2_tool") if one.span_id == second.span_id)
    assert content["input_messages"] == [ASKED, {"role": "assistant", "parts": [CALL]}, TOLD]


def test_a_stacked_call_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert kinds("genai", "anthropic") == [("anthropic.messages.create", "llm", True), (CLAUDE, "llm", True)]
