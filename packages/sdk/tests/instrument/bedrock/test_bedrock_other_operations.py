"""Counting, guardrails, retrieval, agents: spans of what they are, without usage where none is sent."""

from __future__ import annotations

import base64
import json
from typing import Any

import botocore
import botocore.session
from bedrock_support.clients import Sync
from bedrock_support.fake import FakeBedrock, Reply, event

from .conftest import Spans


def taken(span: Any, *names: str) -> dict[str, Any]:
    return {name: span["attributes"].get(name) for name in names}


def test_a_guardrail(fake: FakeBedrock, spans: Spans) -> None:
    if botocore.__version__ == "1.34.116":  # it does not know the operation yet
        assert (
            "ApplyGuardrail" not in botocore.session.get_session().get_service_model("bedrock-runtime").operation_names
        )
        return
    topics = {"topics": [{"name": "Money", "type": "DENY", "action": "BLOCKED"}]}
    fake.reply = Reply(
        {
            "action": "GUARDRAIL_INTERVENED",
            "outputs": [{"text": "No."}],
            "assessments": [{"topicPolicy": topics}],
            "usage": {},
        }
    )
    content = [{"text": {"text": "Which shares?"}}]
    Sync(fake.url).ask(
        "apply_guardrail", guardrailIdentifier="gr1", guardrailVersion="1", source="INPUT", content=content
    )
    (span,) = spans()
    names = (
        "sentinelops.span.type",
        "aws.bedrock.guardrail.id",
        "sentinelops.guardrail.action",
        "sentinelops.guardrail.findings",
    )
    assert list(taken(span, *names).values()) == [
        "guardrail",
        "gr1",
        "GUARDRAIL_INTERVENED",
        ["topicPolicy/Money/BLOCKED"],
    ]


def test_retrieval(fake: FakeBedrock, spans: Spans) -> None:
    result = {"content": {"text": "90 m"}, "score": 0.5, "location": {"type": "S3", "s3Location": {"uri": "s3://b/k"}}}
    fake.reply = Reply({"retrievalResults": [result]})
    Sync(fake.url, "bedrock-agent-runtime").ask(
        "retrieve", knowledgeBaseId="KB12345678", retrievalQuery={"text": "How deep?"}
    )
    (span,) = spans()
    assert span["attributes"]["gen_ai.operation.name"] == "retrieval"
    assert span["attributes"]["aws.bedrock.knowledge_base.id"] == "KB12345678"
    assert json.loads(span["attributes"]["gen_ai.retrieval.documents"]) == [
        {"id": "s3://b/k", "score": 0.5, "content": "90 m"}
    ]


def test_an_agent(fake: FakeBedrock, spans: Spans) -> None:
    usage = {
        "orchestrationTrace": {"modelInvocationOutput": {"metadata": {"usage": {"inputTokens": 5, "outputTokens": 2}}}}
    }
    fake.reply = Reply(frames=[
        event("trace", {"trace": usage}), event("trace", {"trace": usage}),
        event("chunk", {"bytes": base64.b64encode(b"Very.").decode()}),
    ])  # fmt: skip
    agent = Sync(fake.url, "bedrock-agent-runtime")
    agent.ask("invoke_agent", agentId="AGENT12345", agentAliasId="ALIAS12345", sessionId="s-1", inputText="How deep?")
    (span,) = spans()
    names = (
        "gen_ai.operation.name",
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.output_tokens",
        "gen_ai.conversation.id",
    )
    assert list(taken(span, *names).values()) == ["invoke_agent", 10, 4, "s-1"]
    assert "Very." in span["attributes"]["gen_ai.output.messages"]
