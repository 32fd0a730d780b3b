"""Google's Interactions API, whole and streamed: what the server said is what the span says."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

PATH = "/v1beta/interactions"
USAGE = {
    "total_tokens": 51, "total_input_tokens": 30, "total_output_tokens": 4, "total_thought_tokens": 12,
    "total_tool_use_tokens": 5, "total_cached_tokens": 10,
    "input_tokens_by_modality": [{"modality": "text", "tokens": 22}, {"modality": "audio", "tokens": 8}],
}  # fmt: skip
ASKED = {
    "model": "gemini-3-flash", "system_instruction": "be brief", "tools": [{"type": "function", "name": "rain"}],
    "generation_config": {"temperature": 1, "max_output_tokens": 9, "thinking_level": "low"},
    "previous_interaction_id": "v0",
}  # fmt: skip
TOP = {"id": "v1", "object": "interaction", "model": "gemini-3-flash-001"}
STEPS = [
    {"type": "thought", "summary": [{"type": "text", "text": "well, well"}], "signature": "s"},
    {"type": "model_output", "content": [{"type": "text", "text": "hi"}]},
    {"type": "function_call", "id": "f1", "name": "rain", "arguments": {"city": "Oslo"}},
]
SAID = {
    "name": "chat gemini-3-flash", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "gcp.gemini",
    "gen_ai.request.model": "gemini-3-flash", "http.response.status_code": 200,
    "gen_ai.request.temperature": 1.0, "gen_ai.request.max_tokens": 9, "gen_ai.request.reasoning.level": "low",
    "gen_ai.request.previous_response.id": "v0", "gen_ai.response.id": "v1",
    "gen_ai.response.model": "gemini-3-flash-001", "gen_ai.response.status": "requires_action",
    "gen_ai.usage.input_tokens": 35, "gen_ai.usage.output_tokens": 16, "gen_ai.usage.cache_read.input_tokens": 10,
    "gen_ai.usage.reasoning.output_tokens": 12, "gen_ai.usage.audio.input_tokens": 8,
    "gen_ai.system_instructions": [{"type": "text", "content": "be brief"}],
    "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": "q"}]}],
    "gen_ai.tool.definitions": [{"type": "function", "name": "rain"}],
    "gen_ai.response.finish_reasons": ["tool_calls"],
    "gen_ai.output.messages": [{"role": "assistant", "finish_reason": "tool_calls", "parts": [
        {"type": "reasoning", "content": "well, well"}, {"type": "text", "content": "hi"},
        {"type": "tool_call", "id": "f1", "name": "rain", "arguments": {"city": "Oslo"}},
    ]}],
}  # fmt: skip


def delta(index: int, **what: Any) -> dict[str, Any]:
    return {"event_type": "step.delta", "index": index, "delta": what}


EVENTS = [
    {"event_type": "interaction.created", "interaction": {**TOP, "status": "in_progress"}},
    {"event_type": "step.start", "index": 0, "step": {"type": "thought"}},
    delta(0, type="thought_summary", content={"type": "text", "text": "well, "}),
    {**delta(0, type="thought_summary", content={"type": "text", "text": "well"}),
     "metadata": {"usage": {"total_input_tokens": 30, "total_thought_tokens": 3}}},
    delta(0, type="thought_signature", signature="s"),
    {"event_type": "step.start", "index": 1, "step": {"type": "model_output"}},
    delta(1, type="text", text="h"),
    delta(1, type="text", text="i"),
    {"event_type": "step.start", "index": 2, "step": {"type": "function_call", "id": "f1", "name": "rain"}},
    delta(2, type="arguments_delta", arguments='{"city": '),
    delta(2, type="arguments_delta", arguments='"Oslo"}'),
]  # fmt: skip
END = {"event_type": "interaction.completed", "interaction": {**TOP, "status": "requires_action", "usage": USAGE}}


@pytest.mark.parametrize("asked", ["q", [{"type": "user_input", "content": "q"}], [{"role": "user", "content": "q"}]])
def test_whole(asked: Any, fake: Any, attributes: Any) -> None:
    fake.says(PATH, {**TOP, "status": "requires_action", "steps": STEPS, "usage": USAGE})
    httpx.post(fake.url + PATH, json={**ASKED, "input": asked})
    assert attributes() == SAID


def test_streamed(fake: Any, attributes: Any) -> None:
    fake.sse(PATH, *EVENTS, END, done=True)
    httpx.post(fake.url + PATH, json={**ASKED, "input": "q", "stream": True})
    assert attributes() == {**SAID, "gen_ai.request.stream": True}


def test_a_stream_that_fails_has_what_it_used_so_far(fake: Any, watched: Any) -> None:
    fake.sse(PATH, *EVENTS[:4], {"event_type": "error", "error": {"code": "unavailable", "message": "too busy"}})
    httpx.post(fake.url + PATH, json={**ASKED, "input": "q", "stream": True})
    (span,) = watched.spans()
    assert (span["status_message"], span["attributes"]["error.type"]) == ("too busy", "unavailable")
    assert span["attributes"]["gen_ai.usage.input_tokens"] == 30
    assert span["attributes"]["gen_ai.usage.output_tokens"] == 3


def test_in_the_background_nothing_is_known_yet(fake: Any, attributes: Any) -> None:
    fake.says(PATH, {"id": "v1", "status": "in_progress", "object": "interaction", "agent": "deep-research"})
    asked = [{"type": "text", "text": "q"}, {"type": "image", "uri": "https://x.example/a.png"}]
    httpx.post(fake.url + PATH, json={"agent": "deep-research", "background": True, "input": asked})
    found = attributes()
    assert (found["gen_ai.agent.name"], found["gen_ai.response.status"]) == ("deep-research", "in_progress")
    assert not [name for name in found if "usage" in name or "finish" in name]
    assert [part["type"] for part in found["gen_ai.input.messages"][0]["parts"]] == ["text", "uri"]
