"""Pipelines: one span for a call, tokens as the tokenizer counts them, the same answer as without us."""

from __future__ import annotations

import json
from typing import Any

import pytest
from PIL import Image
from sentinelops.instrument import instrument, uninstrument
from sentinelops.testing import Captured

pytestmark = pytest.mark.filterwarnings("ignore")
GREEDY = {"max_new_tokens": 5, "do_sample": False}
CHAT = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]


def _text(role: str, text: str, **more: Any) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text}], **more}


def _attributes(span: Any) -> dict[str, Any]:
    out = dict(span["attributes"])
    for name in ("gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.tool.definitions"):
        if name in out:
            out[name] = json.loads(out[name])
    return out


def test_a_completion_is_recorded_whole(pipes: dict[str, Any], captured: Captured, tokenizer: Any) -> None:
    result = pipes["text-generation"]("Hello there", **GREEDY, return_full_text=True)
    written = result[0]["generated_text"].removeprefix("Hello there")
    (span,) = captured.spans
    assert (span["name"], span["status"]) == ("text_completion tests/tiny-gpt2", "unset")
    assert _attributes(span) == {
        "gen_ai.operation.name": "text_completion",
        "gen_ai.provider.name": "transformers",
        "gen_ai.request.model": "tests/tiny-gpt2",
        "gen_ai.request.max_tokens": 5,
        "gen_ai.usage.input_tokens": len(tokenizer("Hello there")["input_ids"]),
        "gen_ai.usage.output_tokens": 5,
        "gen_ai.response.finish_reasons": ["length"],
        "gen_ai.input.messages": [_text("user", "Hello there")],
        "gen_ai.output.messages": [_text("assistant", written, finish_reason="length")],
        "sentinelops.transformers.task": "text-generation",
        "sentinelops.model.device": "cpu",
        "sentinelops.model.dtype": "float32",
    }


def test_a_chat_is_a_chat(pipes: dict[str, Any], captured: Captured, tokenizer: Any) -> None:
    result = pipes["text-generation"](CHAT, **GREEDY)
    conversation = result[0]["generated_text"]
    said = conversation[-1]["content"]
    conversation.append({"role": "user", "content": "changed afterwards"})
    prompt = tokenizer.apply_chat_template(CHAT, add_generation_prompt=True, tokenize=False)
    (span,) = captured.spans
    found = _attributes(span)
    assert span["name"] == "chat tests/tiny-gpt2"
    assert found["gen_ai.input.messages"] == [_text("system", "Be brief."), _text("user", "Hello")]
    assert found["gen_ai.output.messages"] == [_text("assistant", said, finish_reason="length")]
    assert found["gen_ai.usage.input_tokens"] == len(tokenizer(prompt)["input_ids"])
    assert found["gen_ai.usage.output_tokens"] == 5


def test_an_end_token_ends_the_count(pipes: dict[str, Any], captured: Captured, tokenizer: Any) -> None:
    prompt = len(tokenizer("Hello there")["input_ids"])
    (whole,) = pipes["text-generation"]("Hello there", **GREEDY, return_tensors=True)
    written = list(whole["generated_token_ids"])[prompt:]
    assert captured.spans[0]["attributes"]["gen_ai.response.finish_reasons"] == ["length"]
    pipes["text-generation"]("Hello there", **GREEDY, eos_token_id=int(written[2]))
    found = _attributes(captured.spans[-1])
    assert found["gen_ai.usage.output_tokens"] == written.index(written[2]) + 1
    assert found["gen_ai.response.finish_reasons"] == ["stop"]


@pytest.mark.parametrize("batch_size", [1, 2])
def test_a_list_is_one_call_without_its_padding(
    batch_size: int, pipes: dict[str, Any], captured: Captured, tokenizer: Any
) -> None:
    prompts = ["Hello", "Hello there, how are you?", "fine"]
    pipes["text-generation"](prompts, batch_size=batch_size, **GREEDY)
    (span,) = captured.spans
    found = _attributes(span)
    assert found["gen_ai.usage.input_tokens"] == sum(len(tokenizer(text)["input_ids"]) for text in prompts)
    assert found["gen_ai.usage.output_tokens"] == 15
    assert found["sentinelops.transformers.inputs"] == 3
    assert found["gen_ai.input.messages"] == [_text("user", text) for text in prompts]
    assert len(found["gen_ai.output.messages"]) == 3


def test_several_answers_to_one_prompt(pipes: dict[str, Any], captured: Captured, tokenizer: Any) -> None:
    pipes["text-generation"]("Hello", max_new_tokens=4, do_sample=True, num_return_sequences=3)
    (span,) = captured.spans
    found = _attributes(span)
    assert found["gen_ai.request.choice.count"] == 3
    assert found["gen_ai.usage.input_tokens"] == len(tokenizer("Hello")["input_ids"])
    assert found["gen_ai.usage.output_tokens"] == 12
    assert len(found["gen_ai.output.messages"]) == 3


def test_several_chats(pipes: dict[str, Any], captured: Captured) -> None:
    pipes["text-generation"]([CHAT, CHAT], **GREEDY)
    (span,) = captured.spans
    found = _attributes(span)
    assert found["gen_ai.operation.name"] == "chat"
    assert len(found["gen_ai.input.messages"]) == 4
    assert found["gen_ai.usage.output_tokens"] == 10


@pytest.mark.parametrize("batch_size", [1, 2])
def test_a_generator_is_one_call_a_batch_and_what_is_left_leaves_nothing(
    batch_size: int, pipes: dict[str, Any], captured: Captured, tokenizer: Any
) -> None:
    prompts = ["Hello", "Hello there", "fine", "never"]
    answers = pipes["text-generation"]((text for text in prompts), batch_size=batch_size, **GREEDY)
    assert captured.spans == []
    reading = iter(answers)
    next(reading)
    read = [_attributes(span) for span in captured.spans]
    assert len(read) == 1
    expected = prompts[:batch_size]
    assert read[0]["gen_ai.usage.input_tokens"] == sum(len(tokenizer(text)["input_ids"]) for text in expected)
    assert read[0]["gen_ai.usage.output_tokens"] == 5 * batch_size
    assert read[0]["gen_ai.input.messages"] == [_text("user", text) for text in expected]
    del reading, answers
    assert len(captured.spans) == 1


CASES: dict[str, tuple[Any, dict[str, Any], str]] = {
    "feature-extraction": ("Hello there", {}, "embeddings"),
    "fill-mask": ("Hello [MASK]", {}, "fill_mask"),
    "text-classification": ("Hello there", {}, "text_classification"),
    "token-classification": ("Hello there", {}, "token_classification"),
    "image-classification": (Image.new("RGB", (8, 8)), {}, "image_classification"),
    "zero-shot-classification": ("Hello there", {"candidate_labels": ["a", "b"]}, "zero_shot_classification"),
}


@pytest.mark.parametrize("task", CASES)
def test_other_tasks_count_what_the_model_was_given(
    task: str, pipes: dict[str, Any], captured: Captured, tokenizer: Any
) -> None:
    given, arguments, operation = CASES[task]
    uninstrument("transformers")
    alone = pipes[task](given, **arguments)
    instrument("transformers")
    assert str(pipes[task](given, **arguments)) == str(alone)
    (span,) = captured.spans
    found = _attributes(span)
    assert found["gen_ai.operation.name"] == operation
    assert found["sentinelops.transformers.task"] == task
    assert "gen_ai.usage.output_tokens" not in found
    if task == "image-classification":
        assert "gen_ai.usage.input_tokens" not in found
        assert found["gen_ai.input.messages"] == [_text("user", "[Image (8, 8)]")]
    elif task != "zero-shot-classification":
        assert found["gen_ai.usage.input_tokens"] == len(tokenizer(given)["input_ids"])
        assert found["gen_ai.input.messages"] == [_text("user", given)]
    else:
        assert found["gen_ai.usage.input_tokens"] > 2 * len(tokenizer(given)["input_ids"])  # once a label
    if task == "feature-extraction":
        assert "gen_ai.output.messages" not in found
    else:
        assert "score" in found["gen_ai.output.messages"][0]["parts"][0]["content"]


def test_a_question_is_answered(pipes: dict[str, Any], captured: Captured) -> None:
    if "question-answering" not in pipes:  # gone with 5.0
        assert "QuestionAnsweringPipeline" not in dir(__import__("transformers"))
        return
    answer = pipes["question-answering"](question="How?", context="Hello there, how are you? I am fine.")
    (span,) = captured.spans
    found = _attributes(span)
    assert found["gen_ai.operation.name"] == "question_answering"
    assert found["gen_ai.output.messages"] == [_text("assistant", answer["answer"])]
    assert found["gen_ai.usage.input_tokens"] > 10


def test_a_failure_is_told_as_it_is(pipes: dict[str, Any], captured: Captured) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever the model says
        pipes["text-generation"]("Hello", max_new_tokens=-3)
    (span,) = captured.spans
    assert (span["status"], span["attributes"]["error.type"]) == ("error", type(caught.value).__qualname__)
    assert span["status_message"] == str(caught.value)


def test_memory_of_the_process(pipes: dict[str, Any], captured: Captured) -> None:
    from sentinelops.testing import capture

    with capture(capture_memory=True) as seen:
        pipes["text-generation"]("Hello", **GREEDY)
    (span,) = seen.spans
    assert isinstance(span["attributes"]["llm.memory.used_bytes"], int)
