"""Decisions: an input and questions about it, answered by probabilities; tokens are told for the whole."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from openai_support.answers import ANSWERS, RESPONSE_USAGE
from openai_support.fake import Spans

BODY: dict[str, Any] = {
    "model": "gpt-6-luna",
    "input": [{"role": "user", "content": "My parcel never came."}],
    "questions": [{"type": "predicate", "name": "angry", "instructions": "The customer is angry."}],
}
ANSWER = {"model": "gpt-6-luna-2026", "usage": RESPONSE_USAGE,
          "answers": [{"type": "predicate", "name": "angry", "probability": 0.25}]}  # fmt: skip


def test_a_decision(client: openai.OpenAI, spans: Spans, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ANSWERS, ("/decisions", "gpt-6-luna"), ANSWER)
    if hasattr(client, "decisions"):
        assert client.decisions.create(**BODY).answers[0].type == "predicate"
    else:
        client.post("/decisions", body=BODY, cast_to=object)
    (span,) = spans(1)
    ours = span["attributes"]
    assert span["name"] == "chat gpt-6-luna"
    wanted = {
        "gen_ai.response.model": "gpt-6-luna-2026",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.cache_read.input_tokens": 64,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.reasoning.output_tokens": 12,
        "gen_ai.output.type": "json",
    }
    assert wanted.items() <= ours.items()
    first, second = json.loads(ours["gen_ai.input.messages"])
    assert first["parts"] == [{"type": "text", "content": "My parcel never came."}]
    assert json.loads(second["parts"][0]["content"]) == BODY["questions"]
    (said,) = json.loads(ours["gen_ai.output.messages"])
    assert json.loads(said["parts"][0]["content"]) == ANSWER["answers"]


def test_a_decision_that_is_refused(client: openai.OpenAI, spans: Spans) -> None:
    with pytest.raises(openai.RateLimitError):
        client.post("/decisions", body={**BODY, "model": "limited"}, cast_to=object)
    (span,) = spans(1)
    assert span["error"]
    assert "gen_ai.usage.input_tokens" not in span["attributes"]
