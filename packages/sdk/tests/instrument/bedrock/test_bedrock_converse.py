"""Converse and ConverseStream: usage with and without cache, messages, tools, guardrails, routers, models."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

import botocore
import pytest
from bedrock_support.clients import Bedrock
from bedrock_support.fake import FakeBedrock, Reply, event
from sentinelops import _runtime

from .conftest import Spans

CLAUDE = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
HI: Any = [{"role": "user", "content": [{"text": "How deep?"}]}]


def answer(*content: Any, usage: Any = None, reason: str = "end_turn", **more: Any) -> dict[str, Any]:
    return {
        "output": {"message": {"role": "assistant", "content": list(content or [{"text": "Very."}])}},
        "stopReason": reason,
        "usage": usage or {"inputTokens": 11, "outputTokens": 3, "totalTokens": 14},
        "metrics": {"latencyMs": 420},
        **more,
    }


def frames(usage: Any, *middle: bytes, reason: str = "end_turn", **more: Any) -> list[bytes]:
    text = [event("contentBlockDelta", {"delta": {"text": piece}, "contentBlockIndex": 0}) for piece in ("Ve", "ry.")]
    return [
        event("messageStart", {"role": "assistant"}),
        *(middle or text),
        event("contentBlockStop", {"contentBlockIndex": 0}),
        event("messageStop", {"stopReason": reason}),
        event("metadata", {"usage": usage, "metrics": {"latencyMs": 420}, **more}),
    ]


def content(span: Any, name: str) -> Any:
    return json.loads(span["attributes"][f"gen_ai.{name}"])


USAGES = {
    "plain": (CLAUDE, {"inputTokens": 11, "outputTokens": 3, "totalTokens": 14}, (11, 3, None, None)),
    "cache read, total says beside": (
        CLAUDE, {"inputTokens": 562, "outputTokens": 10, "totalTokens": 3631, "cacheReadInputTokens": 3059, "cacheWriteInputTokens": 0},
        (3621, 10, 3059, 0),
    ),
    "cache write of nova": (
        "eu.amazon.nova-pro-v1:0", {"inputTokens": 723, "outputTokens": 6, "totalTokens": 3188, "cacheReadInputTokens": 0, "cacheWriteInputTokens": 2459},
        (3182, 6, 0, 2459),
    ),
    "cache without a total": (
        CLAUDE, {"inputTokens": 4, "outputTokens": 2, "cacheReadInputTokens": 7, "cacheWriteInputTokens": 5}, (16, 2, 7, 5),
    ),
    "cache larger than the input, total says nothing of it": (
        CLAUDE, {"inputTokens": 4, "outputTokens": 2, "totalTokens": 6, "cacheReadInputTokens": 7, "cacheWriteInputTokens": 0}, (11, 2, 7, 0),
    ),
    "cache inside, total is input and output": (
        "writer.palmyra-x9-v1:0", {"inputTokens": 100, "outputTokens": 2, "totalTokens": 102, "cacheReadInputTokens": 60}, (100, 2, 60, None),
    ),
}  # fmt: skip


def counted(span: Any) -> tuple[Any, ...]:
    names = ("input_tokens", "output_tokens", "cache_read.input_tokens", "cache_write.input_tokens")
    return tuple(span["attributes"].get(f"gen_ai.usage.{name}") for name in names)


@pytest.mark.parametrize("name", USAGES)
def test_usage(name: str, bedrock: Bedrock, fake: FakeBedrock, spans: Spans) -> None:
    model, usage, wanted = USAGES[name]
    fake.replies.append(Reply(answer(usage=usage)))
    fake.replies.append(Reply(frames=frames(usage)))
    bedrock.ask("converse", modelId=model, messages=HI)
    bedrock.ask("converse_stream", modelId=model, messages=HI)
    plain, streamed = spans(2)
    assert (counted(plain), counted(streamed)) == (wanted, wanted)
    assert plain["attributes"]["llm.inference.duration_seconds"] == 0.42
    assert streamed["attributes"]["llm.inference.duration_seconds"] == 0.42


def test_a_stream_of_openais_models_counts_the_cache_inside_though_its_total_adds_it(
    bedrock: Bedrock, fake: FakeBedrock, spans: Spans
) -> None:
    inside = {
        "inputTokens": 4995,
        "outputTokens": 19,
        "totalTokens": 10007,
        "cacheReadInputTokens": 0,
        "cacheWriteInputTokens": 4993,
    }
    beside = {
        "inputTokens": 2,
        "outputTokens": 19,
        "totalTokens": 5014,
        "cacheReadInputTokens": 0,
        "cacheWriteInputTokens": 4993,
    }
    fake.replies.append(Reply(frames=frames(inside)))
    fake.replies.append(Reply(answer(usage=beside)))
    bedrock.ask("converse_stream", modelId="openai.gpt-5.6-v1:0", messages=HI)
    bedrock.ask("converse", modelId="openai.gpt-5.6-v1:0", messages=HI)
    assert [counted(span) for span in spans(2)] == [(4995, 19, 0, 4993)] * 2


def test_cache_writes_by_their_time_to_live(bedrock: Bedrock, fake: FakeBedrock, spans: Spans) -> None:
    usage = {
        "inputTokens": 1, "outputTokens": 2, "totalTokens": 33, "cacheReadInputTokens": 0, "cacheWriteInputTokens": 30,
        "cacheDetails": [{"ttl": "1h", "inputTokens": 20}, {"ttl": "5m", "inputTokens": 10}],
    }  # fmt: skip
    fake.reply = Reply(answer(usage=usage))
    fake.replies.append(Reply(frames=frames(usage)))
    bedrock.ask("converse_stream", modelId=CLAUDE, messages=HI)
    (streamed,) = spans()
    assert counted(streamed) == (31, 2, 0, 30)
    assert {key: value for key, value in streamed["attributes"].items() if "ephemeral" in key} == {
        "anthropic.usage.cache_creation.ephemeral_5m_input_tokens": 10,
        "anthropic.usage.cache_creation.ephemeral_1h_input_tokens": 20,
    }


PNG = b"\x89PNG not really"
REQUEST: dict[str, Any] = {
    "modelId": CLAUDE,
    "system": [{"text": "Be short."}, {"cachePoint": {"type": "default"}}],
    "messages": [
        {"role": "user", "content": [
            {"text": "Look"},
            {"image": {"format": "png", "source": {"bytes": PNG}}},
            {"document": {"format": "pdf", "name": "plan", "source": {"bytes": b"%PDF"}}},
            {"video": {"format": "mp4", "source": {"s3Location": {"uri": "s3://b/v.mp4"}}}},
        ]},
        {"role": "assistant", "content": [{"toolUse": {"toolUseId": "t1", "name": "depth", "input": {"sea": "north"}}}]},
        {"role": "user", "content": [{"toolResult": {"toolUseId": "t1", "content": [{"json": {"metres": 90}}], "status": "success"}}]},
    ],
    "inferenceConfig": {"maxTokens": 50, "temperature": 0.5, "topP": 0.9, "stopSequences": ["|"]},
    "additionalModelRequestFields": {"top_k": 20},
    "toolConfig": {"tools": [{"toolSpec": {"name": "depth", "description": "How deep", "inputSchema": {"json": {"type": "object"}}}}]},
}  # fmt: skip
INPUT = [
    {"role": "user", "parts": [
        {"type": "text", "content": "Look"},
        {"type": "blob", "mime_type": "image/png", "modality": "image", "sha256": hashlib.sha256(PNG).hexdigest(), "bytes": len(PNG)},
        {"type": "blob", "mime_type": "application/pdf", "modality": "file", "sha256": hashlib.sha256(b"%PDF").hexdigest(), "bytes": 4,
         "name": "plan"},
        {"type": "uri", "modality": "video", "mime_type": "video/mp4", "uri": "s3://b/v.mp4"},
    ]},
    {"role": "assistant", "parts": [{"type": "tool_call", "id": "t1", "name": "depth", "arguments": {"sea": "north"}}]},
    {"role": "tool", "parts": [{"type": "tool_call_response", "id": "t1", "response": {"metres": 90}}]},
]  # fmt: skip
if botocore.__version__ == "1.34.116":  # it sends neither documents nor videos, cache points nor guardrails
    REQUEST["system"].pop()
    del REQUEST["messages"][0]["content"][2:]
    del INPUT[0]["parts"][2:]  # type: ignore[attr-defined]
    GUARDED: dict[str, Any] = {}
else:
    GUARDED = {"guardrailConfig": {"guardrailIdentifier": "gr1", "guardrailVersion": "1", "trace": "enabled"}}
OUTPUT = [{"role": "assistant", "finish_reason": "tool_use", "parts": [
    {"type": "reasoning", "content": "Hmm, deep."},
    {"type": "text", "content": "I ask."},
    {"type": "tool_call", "id": "t2", "name": "depth", "arguments": {"sea": "south"}},
]}]  # fmt: skip


def test_the_whole_record(bedrock: Bedrock, fake: FakeBedrock, spans: Spans) -> None:
    fake.reply = Reply(
        answer(
            {"reasoningContent": {"reasoningText": {"text": "Hmm, deep.", "signature": "c2ln"}}},
            {"text": "I ask."},
            {"toolUse": {"toolUseId": "t2", "name": "depth", "input": {"sea": "south"}}},
            reason="tool_use", serviceTier={"type": "flex"}, performanceConfig={"latency": "optimized"},
        )
    )  # fmt: skip
    bedrock.ask("converse", **REQUEST)
    (span,) = spans()
    assert content(span, "input.messages") == INPUT
    assert content(span, "output.messages") == OUTPUT
    attributes = {key: value for key, value in span["attributes"].items() if not key.endswith("messages")}
    assert attributes == {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "aws.bedrock", "gen_ai.request.model": CLAUDE,
        "server.address": "127.0.0.1", "server.port": fake.port, "http.response.status_code": 200,
        "sentinelops.provider.request_id": "req-1", "gen_ai.request.max_tokens": 50, "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_p": 0.9, "gen_ai.request.top_k": 20, "gen_ai.request.stop_sequences": ["|"],
        "gen_ai.system_instructions": '[{"type":"text","content":"Be short."}]',
        "gen_ai.tool.definitions": '[{"type":"function","name":"depth","description":"How deep","parameters":{"type":"object"}}]',
        "gen_ai.response.finish_reasons": ["tool_use"], "gen_ai.usage.input_tokens": 11, "gen_ai.usage.output_tokens": 3,
        "llm.inference.duration_seconds": 0.42, "sentinelops.bedrock.service_tier": "flex", "sentinelops.bedrock.latency": "optimized",
    }  # fmt: skip
    assert "PNG" not in json.dumps(span)


def test_a_stream_says_the_same(bedrock: Bedrock, fake: FakeBedrock, spans: Spans) -> None:
    fake.reply = Reply(frames=frames(
        {"inputTokens": 11, "outputTokens": 3, "totalTokens": 14},
        event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"text": "Hmm, "}}}),
        event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"text": "deep."}}}),
        event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"signature": "c2ln"}}}),
        event("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"text": "I "}}),
        event("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"text": "ask."}}),
        event("contentBlockStart", {"contentBlockIndex": 2, "start": {"toolUse": {"toolUseId": "t2", "name": "depth"}}}),
        event("contentBlockDelta", {"contentBlockIndex": 2, "delta": {"toolUse": {"input": '{"sea":'}}}),
        event("contentBlockDelta", {"contentBlockIndex": 2, "delta": {"toolUse": {"input": '"south"}'}}}),
        reason="tool_use", serviceTier={"type": "flex"},
    ))  # fmt: skip
    seen = bedrock.ask("converse_stream", **REQUEST)
    assert [next(iter(item)) for item in seen][-2:] == ["messageStop", "metadata"]
    (span,) = spans()
    assert content(span, "input.messages") == INPUT
    assert content(span, "output.messages") == OUTPUT
    assert span["attributes"]["gen_ai.response.finish_reasons"] == ["tool_use"]
    assert span["attributes"]["sentinelops.bedrock.service_tier"] == "flex"
    assert span["attributes"]["gen_ai.response.time_to_first_chunk"] > 0


GUARDRAIL_TRACE: dict[str, Any] = {
    "guardrail": {
        "inputAssessment": {"gr1": {"topicPolicy": {"topics": [{"name": "Money", "type": "DENY", "action": "BLOCKED"}]}}},
        "outputAssessments": {"gr1": [
            {"sensitiveInformationPolicy": {"piiEntities": [{"type": "EMAIL", "match": "me@home.example", "action": "ANONYMIZED"}]}},
            {"contentPolicy": {"filters": [{"type": "HATE", "confidence": "HIGH", "action": "BLOCKED"}]}},
        ]},
    }
}  # fmt: skip


@pytest.mark.parametrize("streaming", [False, True], ids=["plain", "stream"])
def test_a_guardrail_that_intervened(streaming: bool, bedrock: Bedrock, fake: FakeBedrock, spans: Spans) -> None:
    usage = {"inputTokens": 0, "outputTokens": 0, "totalTokens": 0}
    if streaming:
        fake.reply = Reply(frames=frames(usage, reason="guardrail_intervened", trace=GUARDRAIL_TRACE))
    else:
        fake.reply = Reply(answer(usage=usage, reason="guardrail_intervened", trace=GUARDRAIL_TRACE))
    bedrock.ask("converse_stream" if streaming else "converse", modelId=CLAUDE, messages=HI, **GUARDED)
    (span,) = spans()
    wanted = {
        "gen_ai.response.finish_reasons": ["guardrail_intervened"], "aws.bedrock.guardrail.id": "gr1" if GUARDED else None,
        "sentinelops.guardrail.action": "INTERVENED", "gen_ai.usage.input_tokens": 0, "gen_ai.usage.output_tokens": 0,
        "sentinelops.guardrail.findings": [
            "topicPolicy/Money/BLOCKED", "sensitiveInformationPolicy/EMAIL/ANONYMIZED", "contentPolicy/HATE/BLOCKED",
        ],
    }  # fmt: skip
    assert {key: span["attributes"].get(key) for key in wanted} == wanted
    assert "me@home" not in json.dumps(span)
    assert span["status"] == "unset"


PREFIX = "arn:aws:bedrock:eu-west-1:123456789012:"
MODELS = {
    "anthropic.claude-v2:1": "anthropic.claude-v2:1",
    "global.anthropic.claude-sonnet-4-5-20250929-v1:0": "global.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "arn:aws:bedrock:eu-west-1::foundation-model/amazon.nova-lite-v1:0": "amazon.nova-lite-v1:0",
    PREFIX + "inference-profile/eu.amazon.nova-lite-v1:0": "eu.amazon.nova-lite-v1:0",
    "arn:aws-us-gov:bedrock:us-gov-west-1:123456789012:inference-profile/us-gov.amazon.nova-lite-v1:0": "us-gov.amazon.nova-lite-v1:0",
    PREFIX + "custom-model/amazon.titan-text-lite-v1:0:4k/ao1fz1pi1q3r": "amazon.titan-text-lite-v1:0:4k",
    PREFIX + "provisioned-model/xg2fh7ae4zpo": PREFIX + "provisioned-model/xg2fh7ae4zpo",
    PREFIX + "imported-model/k1x9": PREFIX + "imported-model/k1x9",
    PREFIX + "application-inference-profile/abc": "eu.anthropic.claude-3-haiku-20240307-v1:0",
    PREFIX + "prompt/P1:2": "amazon.nova-pro-v1:0",
}


@pytest.mark.parametrize("sent", MODELS)
def test_models(sent: str, bedrock: Bedrock, fake: FakeBedrock, spans: Spans) -> None:
    runtime = _runtime.current
    assert runtime is not None
    runtime.config = dataclasses.replace(
        runtime.config,
        models={"abc": "eu.anthropic.claude-3-haiku-20240307-v1:0", PREFIX + "prompt/P1:2": "amazon.nova-pro-v1:0"},
    )
    fake.reply = Reply(answer())
    bedrock.ask("converse", modelId=sent, messages=HI)
    (span,) = spans()
    known = MODELS[sent]
    assert (span["name"], span["attributes"]["gen_ai.request.model"]) == (f"chat {known}", known)
    assert span["attributes"].get("sentinelops.request.model_sent") == (None if known == sent else sent)


def test_a_prompt_router_says_which_model_it_chose(bedrock: Bedrock, fake: FakeBedrock, spans: Spans) -> None:
    chosen = PREFIX + "inference-profile/eu.anthropic.claude-3-haiku-20240307-v1:0"
    fake.reply = Reply(answer(trace={"promptRouter": {"invokedModelId": chosen}}))
    bedrock.ask("converse", modelId=PREFIX + "default-prompt-router/anthropic.claude:1", messages=HI)
    (span,) = spans()
    assert span["attributes"]["gen_ai.response.model"] == "eu.anthropic.claude-3-haiku-20240307-v1:0"
