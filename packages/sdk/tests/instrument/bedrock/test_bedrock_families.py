"""InvokeModel, plain and streaming, of every model family: usage, finish reason and text as the family says them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from bedrock_support.clients import Bedrock
from bedrock_support.fake import FakeBedrock, Reply, chunk

from .conftest import Spans

METRICS = "amazon-bedrock-invocationMetrics"
HEADERS = {"X-Amzn-Bedrock-Input-Token-Count": "901", "X-Amzn-Bedrock-Output-Token-Count": "902"}


@dataclass
class Case:
    """want: input and output tokens, finish reason and text; `stream` the same for the chunks; more: other attributes."""

    model: str
    request: dict[str, Any]
    answer: dict[str, Any]
    want: tuple[int | None, int | None, str | None, str | None]
    chunks: list[dict[str, Any]] = field(default_factory=list)
    streamed: tuple[int | None, int | None, str | None, str | None] | None = None
    operation: str = "chat"
    headers: dict[str, str] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)


def metrics(given: int, written: int) -> dict[str, Any]:
    return {
        METRICS: {
            "inputTokenCount": given,
            "outputTokenCount": written,
            "invocationLatency": 700,
            "firstByteLatency": 90,
        }
    }


CHAT = {"messages": [{"role": "user", "content": "How deep?"}], "max_tokens": 60, "temperature": 0.5}
CHAT_ANSWER = {
    "id": "c1",
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Very."}, "finish_reason": "stop"}],
}
CHAT_CHUNKS: list[dict[str, Any]] = [
    {"id": "c1", "model": "m", "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]},
    {"id": "c1", "model": "m", "choices": [{"index": 0, "delta": {"content": "Ve"}}]},
    {"id": "c1", "model": "m", "choices": [{"index": 0, "delta": {"content": "ry."}, "finish_reason": "stop"}]},
]
CASES = {
    "anthropic messages": Case(
        "anthropic.claude-3-haiku-20240307-v1:0",
        {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 60, "messages": [{"role": "user", "content": "How deep?"}]},
        {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-3-haiku-20240307",
         "content": [{"type": "text", "text": "Very."}], "stop_reason": "end_turn", "usage": {"input_tokens": 11, "output_tokens": 4}},
        (11, 4, "end_turn", "Very."),
        [
            {"type": "message_start", "message": {"id": "msg_1", "type": "message", "role": "assistant",
             "model": "claude-3-haiku-20240307", "content": [], "usage": {"input_tokens": 11, "output_tokens": 1}}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Ve"}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "ry."}},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 5}},
            {"type": "message_stop", **metrics(11, 5)},
        ],
        (11, 5, "end_turn", "Very."),
        headers=HEADERS,
        more={"gen_ai.response.model": "claude-3-haiku-20240307", "gen_ai.response.id": "msg_1", "gen_ai.request.max_tokens": 60},
    ),
    "anthropic cached": Case(
        "us.anthropic.claude-sonnet-4-20250514-v1:0",
        {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 60, "messages": [{"role": "user", "content": "How deep?"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "Very."}], "stop_reason": "max_tokens",
         "usage": {"input_tokens": 3, "output_tokens": 4, "cache_read_input_tokens": 1000, "cache_creation_input_tokens": 200,
                   "cache_creation": {"ephemeral_5m_input_tokens": 50, "ephemeral_1h_input_tokens": 150}}},
        (1203, 4, "max_tokens", "Very."),
        [
            {"type": "message_start", "message": {"role": "assistant", "usage": {"input_tokens": 3, "output_tokens": 2,
             "cache_read_input_tokens": 1000, "cache_creation_input_tokens": 200,
             "cache_creation": {"ephemeral_5m_input_tokens": 50, "ephemeral_1h_input_tokens": 150}}}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Very."}},
            {"type": "message_delta", "delta": {"stop_reason": "max_tokens"}, "usage": {"output_tokens": 4}},
            {"type": "message_stop", METRICS: {"inputTokenCount": 3, "outputTokenCount": 4, "cacheReadInputTokenCount": 1000}},
        ],
        (1203, 4, "max_tokens", "Very."),
        more={
            "gen_ai.usage.cache_read.input_tokens": 1000, "gen_ai.usage.cache_write.input_tokens": 200,
            "anthropic.usage.cache_creation.ephemeral_5m_input_tokens": 50,
            "anthropic.usage.cache_creation.ephemeral_1h_input_tokens": 150,
        },
    ),
    "anthropic text": Case(
        "anthropic.claude-v2:1",
        {"prompt": "\n\nHuman: How deep?\n\nAssistant:", "max_tokens_to_sample": 60, "stop_sequences": ["\n\nHuman:"]},
        {"completion": " Very.", "stop_reason": "stop_sequence", "stop": "\n\nHuman:"},
        (901, 902, "stop_sequence", " Very."),
        [
            {"completion": " Ve", "stop_reason": None, "stop": None},
            {"completion": "ry.", "stop_reason": "stop_sequence", "stop": "\n\nHuman:", **metrics(13, 6)},
        ],
        (13, 6, "stop_sequence", " Very."),
        "text_completion", HEADERS, {"gen_ai.request.max_tokens": 60, "gen_ai.request.stop_sequences": ["\n\nHuman:"]},
    ),
    "titan text": Case(
        "amazon.titan-text-express-v1",
        {"inputText": "How deep?", "textGenerationConfig": {"maxTokenCount": 60, "temperature": 0.5, "topP": 0.9, "stopSequences": ["|"]}},
        {"inputTextTokenCount": 7, "results": [{"tokenCount": 3, "outputText": "Very.", "completionReason": "FINISH"}]},
        (7, 3, "FINISH", "Very."),
        [
            {"outputText": "Ve", "index": 0, "totalOutputTextTokenCount": None, "completionReason": None, "inputTextTokenCount": 7},
            {"outputText": "ry.", "index": 0, "totalOutputTextTokenCount": 3, "completionReason": "FINISH",
             "inputTextTokenCount": None, **metrics(7, 3)},
        ],
        (7, 3, "FINISH", "Very."),
        "text_completion",
        more={"gen_ai.request.temperature": 0.5, "gen_ai.request.top_p": 0.9, "gen_ai.request.stop_sequences": ["|"]},
    ),
    "titan embeddings": Case(
        "amazon.titan-embed-text-v2:0", {"inputText": "How deep?", "dimensions": 256},
        {"embedding": [0.5] * 256, "inputTextTokenCount": 5}, (5, None, None, None), operation="embeddings",
        more={"gen_ai.embeddings.dimension.count": 256},
    ),
    "titan image embeddings": Case(
        "amazon.titan-embed-image-v1", {"inputImage": "aGVsbG8gd29ybGQh" * 8, "embeddingConfig": {"outputEmbeddingLength": 384}},
        {"embedding": [0.5] * 384, "inputTextTokenCount": 0, "message": None}, (0, None, None, None), operation="embeddings",
        more={"gen_ai.embeddings.dimension.count": 384},
    ),
    "titan image": Case(
        "amazon.titan-image-generator-v2:0",
        {"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "a sea"}, "imageGenerationConfig": {"numberOfImages": 1, "seed": 7}},
        {"images": ["aGVsbG8gd29ybGQh" * 8], "error": None}, (None, None, None, None), operation="generate_content",
        more={"gen_ai.request.seed": 7, "gen_ai.output.type": "image"},
    ),
    "nova": Case(
        "us.amazon.nova-lite-v1:0",
        {"schemaVersion": "messages-v1", "messages": [{"role": "user", "content": [{"text": "How deep?"}]}],
         "inferenceConfig": {"max_new_tokens": 60, "topP": 0.9, "topK": 20}},
        {"output": {"message": {"role": "assistant", "content": [{"text": "Very."}]}}, "stopReason": "end_turn",
         "usage": {"inputTokens": 8, "outputTokens": 3, "totalTokens": 111, "cacheReadInputTokenCount": 100, "cacheWriteInputTokenCount": 0}},
        (108, 3, "end_turn", "Very."),
        [
            {"messageStart": {"role": "assistant"}},
            {"contentBlockDelta": {"delta": {"text": "Ve"}, "contentBlockIndex": 0}},
            {"contentBlockDelta": {"delta": {"text": "ry."}, "contentBlockIndex": 0}},
            {"contentBlockStop": {"contentBlockIndex": 0}},
            {"messageStop": {"stopReason": "end_turn"}},
            {"metadata": {"usage": {"inputTokens": 8, "outputTokens": 3, "cacheReadInputTokenCount": 100}, "metrics": {}, "trace": {}},
             **metrics(8, 3)},
        ],
        (108, 3, "end_turn", "Very."),
        more={"gen_ai.request.max_tokens": 60, "gen_ai.request.top_k": 20, "gen_ai.usage.cache_read.input_tokens": 100},
    ),
    "llama": Case(
        "meta.llama3-8b-instruct-v1:0", {"prompt": "How deep?", "max_gen_len": 60, "temperature": 0.5, "top_p": 0.9},
        {"generation": "Very.", "prompt_token_count": 9, "generation_token_count": 3, "stop_reason": "stop"},
        (9, 3, "stop", "Very."),
        [
            {"generation": "Ve", "prompt_token_count": 9, "generation_token_count": 1, "stop_reason": None},
            {"generation": "ry.", "prompt_token_count": None, "generation_token_count": 2, "stop_reason": None},
            {"generation": "", "prompt_token_count": None, "generation_token_count": 3, "stop_reason": "stop", **metrics(9, 3)},
        ],
        (9, 3, "stop", "Very."), "text_completion", HEADERS, {"gen_ai.request.max_tokens": 60},
    ),
    "mistral text": Case(
        "mistral.mistral-7b-instruct-v0:2", {"prompt": "<s>[INST] How deep? [/INST]", "max_tokens": 60},
        {"outputs": [{"text": " Very.", "stop_reason": "stop"}]}, (901, 902, "stop", " Very."),
        [
            {"outputs": [{"text": " Ve", "stop_reason": None}]},
            {"outputs": [{"text": "ry.", "stop_reason": "stop"}], **metrics(14, 4)},
        ],
        (14, 4, "stop", " Very."), "text_completion", HEADERS,
    ),
    "mistral chat": Case(
        "mistral.mistral-large-2407-v1:0", CHAT,
        {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Very."}, "stop_reason": "stop"}]},
        (901, 902, "stop", "Very."),
        [
            {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Ve"}, "stop_reason": None}]},
            {"choices": [{"index": 0, "message": {"role": "assistant", "content": "ry."}, "stop_reason": "stop"}], **metrics(15, 4)},
        ],
        (15, 4, "stop", "Very."), headers=HEADERS,
    ),
    "pixtral": Case(
        "us.mistral.pixtral-large-2502-v1:0", CHAT,
        {**CHAT_ANSWER, "usage": {"prompt_tokens": 16, "completion_tokens": 3, "total_tokens": 19}}, (16, 3, "stop", "Very."),
        [*CHAT_CHUNKS, {"id": "c1", "choices": [], "usage": {"prompt_tokens": 16, "completion_tokens": 3}, **metrics(16, 3)}],
        (16, 3, "stop", "Very."),
    ),
    "cohere command": Case(
        "cohere.command-text-v14", {"prompt": "How deep?", "max_tokens": 60, "p": 0.9, "k": 5, "num_generations": 1},
        {"id": "g", "generations": [{"id": "g1", "text": " Very.", "finish_reason": "COMPLETE"}], "prompt": "How deep?"},
        (901, 902, "COMPLETE", " Very."),
        [
            {"text": " Ve", "is_finished": False},
            {"text": "ry.", "is_finished": False},
            {"is_finished": True, "finish_reason": "COMPLETE", **metrics(17, 4)},
        ],
        (17, 4, "COMPLETE", " Very."), "text_completion", HEADERS, {"gen_ai.request.top_p": 0.9, "gen_ai.request.top_k": 5},
    ),
    "cohere chat": Case(
        "cohere.command-r-plus-v1:0",
        {"message": "How deep?", "preamble": "Short.", "chat_history": [{"role": "USER", "message": "Hi"}, {"role": "CHATBOT", "message": "Yes?"}]},
        {"response_id": "r", "text": "Very.", "generation_id": "g", "finish_reason": "COMPLETE", "chat_history": []},
        (901, 902, "COMPLETE", "Very."),
        [
            {"is_finished": False, "event_type": "stream-start", "generation_id": "g"},
            {"is_finished": False, "event_type": "text-generation", "text": "Ve"},
            {"is_finished": False, "event_type": "text-generation", "text": "ry."},
            {"is_finished": True, "event_type": "stream-end", "finish_reason": "COMPLETE",
             "response": {"text": "Very.", "generation_id": "g", "finish_reason": "COMPLETE"}, **metrics(18, 4)},
        ],
        (18, 4, "COMPLETE", "Very."), headers=HEADERS,
    ),
    "cohere embed v3": Case(
        "cohere.embed-english-v3", {"texts": ["How deep?", "Very."], "input_type": "search_document"},
        {"embeddings": [[0.5] * 1024, [0.25] * 1024], "id": "e", "response_type": "embeddings_floats", "texts": ["how deep?", "very."]},
        (901, None, None, None), operation="embeddings", headers={"X-Amzn-Bedrock-Input-Token-Count": "901"},
        more={"gen_ai.embeddings.dimension.count": 1024},
    ),
    "cohere embed v4": Case(
        "global.cohere.embed-v4:0",
        {"inputs": [{"content": [{"type": "text", "text": "How deep?"}]}], "input_type": "search_query", "output_dimension": 512},
        {"embeddings": {"float": [[0.5] * 512]}, "id": "e", "response_type": "embeddings_by_type"},
        (901, None, None, None), operation="embeddings", headers={"X-Amzn-Bedrock-Input-Token-Count": "901"},
        more={"gen_ai.embeddings.dimension.count": 512},
    ),
    "cohere rerank": Case(
        "cohere.rerank-v3-5:0", {"query": "How deep?", "documents": ["very", "not"], "top_n": 1, "api_version": 2},
        {"results": [{"index": 0, "relevance_score": 0.9}]}, (None, None, None, None), operation="rerank",
    ),
    "jamba": Case(
        "ai21.jamba-1-5-large-v1:0", CHAT,
        {**CHAT_ANSWER, "usage": {"prompt_tokens": 19, "completion_tokens": 3, "total_tokens": 22}}, (19, 3, "stop", "Very."),
        [*CHAT_CHUNKS, {"id": "c1", "choices": [], "usage": {"prompt_tokens": 19, "completion_tokens": 3}, **metrics(19, 3)}],
        (19, 3, "stop", "Very."),
    ),
    "jurassic": Case(
        "ai21.j2-ultra-v1", {"prompt": "How deep?", "maxTokens": 60, "topP": 0.9, "stopSequences": ["|"]},
        {"id": 1, "prompt": {"text": "How deep?", "tokens": [{}, {}]},
         "completions": [{"data": {"text": "Very.", "tokens": [{}]}, "finishReason": {"reason": "endoftext"}}]},
        (901, 902, "endoftext", "Very."), operation="text_completion", headers=HEADERS,
    ),
    "deepseek r1": Case(
        "us.deepseek.r1-v1:0", {"prompt": "How deep?", "max_tokens": 60},
        {"choices": [{"text": "Very.", "stop_reason": "stop"}]}, (901, 902, "stop", "Very."),
        [{"choices": [{"text": "Ve", "stop_reason": None}]}, {"choices": [{"text": "ry.", "stop_reason": "stop"}], **metrics(20, 4)}],
        (20, 4, "stop", "Very."), "text_completion", HEADERS,
    ),
    "gpt-oss": Case(
        "openai.gpt-oss-120b-1:0", {**CHAT, "reasoning_effort": "low"},
        {**CHAT_ANSWER, "usage": {"prompt_tokens": 21, "completion_tokens": 9, "total_tokens": 30,
                                  "prompt_tokens_details": {"cached_tokens": 6}}},
        (21, 9, "stop", "Very."),
        [*CHAT_CHUNKS, {"choices": [], "usage": {"prompt_tokens": 21, "completion_tokens": 9,
                        "prompt_tokens_details": {"cached_tokens": 6}}, **metrics(21, 9)}],
        (21, 9, "stop", "Very."),
        more={"gen_ai.request.reasoning.level": "low", "gen_ai.usage.cache_read.input_tokens": 6},
    ),
    "qwen": Case(
        "qwen.qwen3-32b-v1:0", CHAT, {**CHAT_ANSWER, "usage": {"prompt_tokens": 22, "completion_tokens": 3}}, (22, 3, "stop", "Very."),
        [*CHAT_CHUNKS[:-1], {**CHAT_CHUNKS[-1], **metrics(22, 3)}], (22, 3, "stop", "Very."),
    ),
    "writer": Case(
        "us.writer.palmyra-x5-v1:0", CHAT, {**CHAT_ANSWER, "usage": {"prompt_tokens": 23, "completion_tokens": 3}}, (23, 3, "stop", "Very."),
        [*CHAT_CHUNKS, {"choices": [], "usage": {"prompt_tokens": 23, "completion_tokens": 3}}], (23, 3, "stop", "Very."),
    ),
}  # fmt: skip


def said(span: Any) -> tuple[Any, ...]:
    attributes = span["attributes"]
    messages = json.loads(attributes.get("gen_ai.output.messages", "[]"))
    texts = [part["content"] for message in messages for part in message["parts"] if part["type"] == "text"]
    reasons = attributes.get("gen_ai.response.finish_reasons") or [None]
    usage = (attributes.get("gen_ai.usage.input_tokens"), attributes.get("gen_ai.usage.output_tokens"))
    return (*usage, reasons[0], "".join(texts) or None)


@pytest.mark.parametrize("name", CASES)
def test_plain(name: str, bedrock: Bedrock, fake: FakeBedrock, spans: Spans) -> None:
    case = CASES[name]
    fake.reply = Reply(case.answer, headers={**case.headers, "X-Amzn-Bedrock-Invocation-Latency": "340"})
    assert bedrock.ask("invoke_model", modelId=case.model, body=case.request) == case.answer
    (span,) = spans()
    assert said(span) == case.want
    wanted = {
        **case.more,
        "gen_ai.operation.name": case.operation, "gen_ai.provider.name": "aws.bedrock", "gen_ai.request.model": case.model,
        "sentinelops.provider.request_id": "req-1", "http.response.status_code": 200, "llm.inference.duration_seconds": 0.34,
        "server.address": "127.0.0.1", "server.port": fake.port,
    }  # fmt: skip
    assert {key: span["attributes"].get(key) for key in wanted} == wanted
    assert (span["name"], span["status"]) == (f"{case.operation} {case.model}", "unset")


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.chunks])
def test_streaming(name: str, bedrock: Bedrock, fake: FakeBedrock, spans: Spans) -> None:
    case = CASES[name]
    fake.reply = Reply(frames=[chunk(data) for data in case.chunks])
    events = bedrock.ask("invoke_model_with_response_stream", modelId=case.model, body=case.request)
    assert [json.loads(event["chunk"]["bytes"]) for event in events] == case.chunks
    (span,) = spans()
    assert said(span) == case.streamed
    wanted = {**case.more, "gen_ai.operation.name": case.operation, "gen_ai.request.stream": True}
    assert {key: span["attributes"].get(key) for key in wanted} == wanted
    assert span["attributes"]["gen_ai.response.time_to_first_chunk"] > 0
    assert "sentinelops.outcome" not in span["attributes"]
