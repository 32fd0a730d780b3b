"""What a span says about the call: parameters, messages, usage, the provider's own words."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from openai_support.answers import CALL_ITEM
from openai_support.fake import FakeOpenAI, Spans
from pydantic import BaseModel
from sentinelops import context


class City(BaseModel):
    city: str


def chat(client: openai.OpenAI, model: str = "plain", content: Any = "Hi", **more: Any) -> Any:
    return client.chat.completions.create(model=model, messages=[{"role": "user", "content": content}], **more)


def messages(attributes: dict[str, Any], which: str) -> list[dict[str, Any]]:
    return json.loads(attributes[f"gen_ai.{which}.messages"])  # type: ignore[no-any-return]


def test_chat_whole(client: openai.OpenAI, provider: FakeOpenAI, spans: Spans) -> None:
    client.chat.completions.create(
        model="plain",
        messages=[
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": "Hi", "name": "ann"},
            {"role": "assistant", "content": None, "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}]},
            {"role": "tool", "tool_call_id": "c1", "content": "42"},
        ],
        temperature=0, top_p=0.5, max_completion_tokens=9, seed=7, stop="END", presence_penalty=1,
        frequency_penalty=0.25, reasoning_effort="low", service_tier="default", user="u-1", metadata={"plan": "pro"},
        response_format={"type": "json_object"},
        tools=[{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}],
        extra_body={"top_k": 3},
    )  # fmt: skip
    (span,) = spans(1)
    attributes = {k: v for k, v in span["attributes"].items() if k != "llm.memory.used_bytes"}
    content = {k: json.loads(attributes.pop(k)) for k in list(attributes) if k.endswith(("messages", "definitions"))}
    assert attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",  # the headers say so
        "gen_ai.request.model": "plain",
        "gen_ai.request.temperature": 0.0,
        "gen_ai.request.top_p": 0.5,
        "gen_ai.request.top_k": 3,
        "gen_ai.request.max_tokens": 9,
        "gen_ai.request.seed": 7,
        "gen_ai.request.stop_sequences": ["END"],
        "gen_ai.request.presence_penalty": 1.0,
        "gen_ai.request.frequency_penalty": 0.25,
        "gen_ai.request.reasoning.level": "low",
        "gen_ai.output.type": "json",
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.model": "plain-2026-01-01",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.cache_read.input_tokens": 64,
        "gen_ai.usage.reasoning.output_tokens": 12,
        "gen_ai.usage.audio.input_tokens": 5,
        "gen_ai.usage.audio.output_tokens": 3,
        "sentinelops.usage.accepted_prediction_tokens": 4,
        "sentinelops.usage.rejected_prediction_tokens": 1,
        "openai.api.type": "chat_completions",
        "openai.request.service_tier": "default",
        "openai.response.service_tier": "default",
        "openai.response.system_fingerprint": "fp_1",
        "http.response.status_code": 200,
        "llm.inference.duration_seconds": 0.25,
        "sentinelops.provider.request_id": "req_abc",
        "sentinelops.metadata.plan": "pro",
        "user.id": "u-1",
        "server.address": "127.0.0.1",
        "server.port": provider.port,
    }
    assert content == {
        "gen_ai.input.messages": [
            {"role": "developer", "parts": [{"type": "text", "content": "Be brief."}]},
            {"role": "user", "parts": [{"type": "text", "content": "Hi"}], "name": "ann"},
            {"role": "assistant", "parts": [{"type": "tool_call", "id": "c1", "name": "f", "arguments": {"a": 1}}]},
            {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "42"}]},
        ],
        "gen_ai.output.messages": [
            {"role": "assistant", "parts": [{"type": "text", "content": "Hello there"}], "finish_reason": "stop"}
        ],
        "gen_ai.tool.definitions": [
            {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}}
        ],
    }


TOOL_PARTS = [
    {"type": "tool_call", "id": "call_1", "name": "weather", "arguments": {"city": "Oslo"}},
    {"type": "tool_call", "id": "call_2", "name": "sql", "arguments": "select 1"},
]


@pytest.mark.parametrize(
    ("model", "parts"),
    [
        ("tools", TOOL_PARTS),
        ("refuses", [{"type": "refusal", "content": "I cannot."}]),
        ("speaks", None),
    ],
)
def test_chat_answers_that_are_not_text(
    model: str, parts: list[Any] | None, client: openai.OpenAI, spans: Spans
) -> None:
    chat(client, model)
    (span,) = spans(1)
    (message,) = messages(span["attributes"], "output")
    if parts is not None:
        assert message["parts"] == parts
    else:
        sound, words = message["parts"]
        assert words == {"type": "text", "content": "Hi"}
        assert (sound["type"], sound["modality"], len(sound["sha256"])) == ("blob", "audio", 64)
        assert "content" not in sound and "data" not in sound


def test_every_choice_counts(client: openai.OpenAI, spans: Spans) -> None:
    chat(client, "two", n=2)
    list(chat(client, "two", n=2, stream=True))
    for span in spans(2):
        attributes = span["attributes"]
        assert attributes["gen_ai.request.choice.count"] == 2
        assert attributes["gen_ai.response.finish_reasons"] == ["stop", "length"]
        assert [m["parts"][0]["content"] for m in messages(attributes, "output")] == ["One", "Two"]


def test_a_streamed_tool_call(client: openai.OpenAI, spans: Spans) -> None:
    list(chat(client, "tools", stream=True, stream_options={"include_usage": True}))
    (span,) = spans(1)
    (message,) = messages(span["attributes"], "output")
    assert message == {"role": "assistant", "parts": TOOL_PARTS[:1], "finish_reason": "tool_calls"}
    assert span["attributes"]["gen_ai.usage.input_tokens"] == 100


def test_images_sounds_and_files_of_the_request_leave_their_hash(client: openai.OpenAI, spans: Spans) -> None:
    data = "iVBORw0KGgo" + "ABCDefgh0123" * 40
    chat(
        client,
        content=[
            {"type": "text", "text": "Look"},
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}},
            {"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}},
            {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}},
            {"type": "file", "file": {"file_id": "file-1"}},
            {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{data}", "filename": "a.pdf"}},
        ],
    )
    (span,) = spans(1)
    assert data.encode() not in span["raw"]
    text, png, cat, wav, known, pdf = messages(span["attributes"], "input")[0]["parts"]
    assert text == {"type": "text", "content": "Look"}
    assert (png["type"], png["modality"], png["mime_type"]) == ("blob", "image", "image/png")
    assert cat == {"type": "uri", "modality": "image", "uri": "https://example.com/cat.png"}
    assert (wav["type"], wav["modality"], wav["mime_type"]) == ("blob", "audio", "audio/wav")
    assert known == {"type": "file", "modality": "file", "file_id": "file-1"}
    assert (pdf["type"], pdf["mime_type"], pdf["name"]) == ("blob", "application/pdf", "a.pdf")


def test_responses_whole(client: openai.OpenAI, spans: Spans) -> None:
    client.responses.create(
        model="plain",
        instructions="Be brief.",
        input=[
            {"role": "user", "content": [{"type": "input_text", "text": "Weather?"}]},
            {"type": "reasoning", "id": "r0", "summary": [{"type": "summary_text", "text": "Ask."}]},
            CALL_ITEM,  # type: ignore[list-item]
            {"type": "function_call_output", "call_id": "call_1", "output": "rain"},
        ],
        previous_response_id="resp_0",
        reasoning={"effort": "high"},
        max_output_tokens=50,
        service_tier="flex",
        safety_identifier="u-2",
        conversation="conv_1",
        text={"format": {"type": "json_schema", "name": "n", "schema": {}}},
        tools=[{"type": "web_search"}, {"type": "function", "name": "weather", "parameters": {}, "strict": True}],
    )
    (span,) = spans(1)
    attributes = span["attributes"]
    wanted = {
        "gen_ai.request.previous_response.id": "resp_0",
        "gen_ai.request.reasoning.level": "high",
        "gen_ai.request.max_tokens": 50,
        "gen_ai.conversation.id": "conv_1",
        "gen_ai.output.type": "json",
        "gen_ai.response.id": "resp_1",
        "gen_ai.response.status": "completed",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.cache_read.input_tokens": 64,
        "gen_ai.usage.cache_write.input_tokens": 8,
        "gen_ai.usage.reasoning.output_tokens": 12,
        "openai.api.type": "responses",
        "openai.response.service_tier": "flex",
        "user.id": "u-2",
    }
    assert {key: attributes.get(key) for key in wanted} == wanted
    assert json.loads(attributes["gen_ai.system_instructions"]) == [{"type": "text", "content": "Be brief."}]
    assert [m["role"] for m in messages(attributes, "input")] == ["user", "assistant", "tool"]
    assert [p["type"] for p in messages(attributes, "input")[1]["parts"]] == ["reasoning", "tool_call"]
    (answer,) = messages(attributes, "output")
    assert answer["parts"] == [
        {"type": "reasoning", "content": "Think."},
        {"type": "text", "content": "Hello there"},
    ]


def test_responses_that_call_tools(client: openai.OpenAI, spans: Spans) -> None:
    client.responses.create(model="tools", input="Weather?")
    (span,) = spans(1)
    (answer,) = messages(span["attributes"], "output")
    assert answer["finish_reason"] == "tool_calls"
    call, search = answer["parts"]
    assert call == TOOL_PARTS[0]
    assert search["type"] == "server_tool_call"
    assert search["server_tool_call"]["action"] == {"type": "search", "query": "oslo"}


@pytest.mark.parametrize("stream", [False, True])
def test_responses_that_end_badly(stream: bool, client: openai.OpenAI, spans: Spans) -> None:
    for model in ("cut", "fails"):
        answer = client.responses.create(model=model, input="Hi", stream=stream)  # type: ignore[call-overload]
        if stream:
            list(answer)
    cut, failed = spans(2)
    assert cut["attributes"]["gen_ai.response.finish_reasons"] == ["length"]
    assert not cut["error"]
    assert failed["error"]
    assert failed["message"] == "The model failed"
    assert failed["attributes"]["error.type"] == "server_error"


def test_a_background_response_is_paid_for_once(client: openai.OpenAI, spans: Spans) -> None:
    client.responses.create(model="later", input="Hi", background=True)
    client.responses.retrieve("resp_1")
    client.responses.retrieve("resp_1")
    created, first, second = spans(3)
    assert created["attributes"]["gen_ai.response.status"] == "queued"
    assert "gen_ai.usage.input_tokens" not in created["attributes"]
    assert "gen_ai.response.finish_reasons" not in created["attributes"]
    assert [s["attributes"]["gen_ai.operation.name"] for s in (first, second)] == ["fetch_response"] * 2
    assert [s["attributes"].get("gen_ai.usage.input_tokens") for s in (first, second)] == [100, None]


def test_compaction_is_a_call_that_costs(client: openai.OpenAI, spans: Spans) -> None:
    client.responses.compact(model="plain", input="Hi")
    (span,) = spans(1)
    assert span["attributes"]["gen_ai.usage.output_tokens"] == 20
    assert b"secret" not in span["raw"]


def test_embeddings_keep_no_vector(client: openai.OpenAI, spans: Spans) -> None:
    client.embeddings.create(model="big-embed", input=["one", "two"], dimensions=1536, encoding_format="float")
    client.embeddings.create(model="embed", input=[1, 2, 3])
    big, numbers = spans(2)
    assert big["attributes"]["gen_ai.response.model"] == "embed-v1"
    assert big["attributes"]["gen_ai.usage.input_tokens"] == 8
    assert big["attributes"]["gen_ai.embeddings.dimension.count"] == 1536
    assert len(big["raw"]) < 4_000
    assert messages(numbers["attributes"], "input")[0]["parts"][0]["content"] == "[3 tokens]"


def test_missing_usage_is_not_zero(client: openai.OpenAI, spans: Spans) -> None:
    chat(client, "no-usage")
    list(chat(client, "no-usage", stream=True))
    for span in spans(2):
        assert [key for key in span["attributes"] if key.startswith("gen_ai.usage.")] == []
        assert messages(span["attributes"], "output")


def test_the_clocks_of_llama_cpp_and_groq(client: openai.OpenAI, spans: Spans) -> None:
    chat(client, "llama")
    list(chat(client, "llama", stream=True))
    chat(client, "groq")
    times = [span["attributes"]["llm.inference.duration_seconds"] for span in spans(3)]
    assert times == [0.05, 0.05, 0.05]


def test_the_hosts_own_user_wins_and_its_later_changes_do_not_show(client: openai.OpenAI, spans: Spans) -> None:
    history: list[Any] = [{"role": "user", "content": "Hi"}]
    with context(user="ann", session="s-1"):
        answer = client.chat.completions.create(model="plain", messages=history, user="u-1")
    history.append({"role": "assistant", "content": "later"})
    answer.choices[0].message.content = "changed"
    (span,) = spans(1)
    assert span["attributes"]["user.id"] == "ann"
    assert span["attributes"]["session.id"] == "s-1"
    assert b"later" not in span["raw"]
    assert b"changed" not in span["raw"]


def test_messages_may_be_the_clients_own_objects(client: openai.OpenAI, spans: Spans) -> None:
    first = chat(client, "tools")
    client.chat.completions.create(
        model="plain", messages=[{"role": "user", "content": "Hi"}, first.choices[0].message]
    )
    second = client.responses.create(model="tools", input="Hi")
    client.responses.create(model="plain", input=[*second.output])  # type: ignore[list-item]
    spans_seen = spans(4)
    assert messages(spans_seen[1]["attributes"], "input")[1]["parts"] == TOOL_PARTS
    assert messages(spans_seen[3]["attributes"], "input")[0]["parts"][0] == TOOL_PARTS[0]


def test_no_key_of_the_provider_is_recorded(client: openai.OpenAI, spans: Spans) -> None:
    key = "sk-test-0123456789abcdef"
    client.chat.completions.create(
        model="plain", messages=[{"role": "user", "content": "Hi"}], extra_headers={"x-other-key": key}
    )
    with pytest.raises(openai.AuthenticationError):
        chat(client, "bad-key")
    fine, failed = spans(2)
    assert key.encode() not in fine["raw"] + failed["raw"]
    assert b"WXYZ" not in failed["raw"]
    assert "Incorrect API key" in failed["message"]
