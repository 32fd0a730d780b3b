"""`generate` called directly: one span, tokens by its tensors, time to first token where a streamer tells."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import sentinelops
import torch
from sentinelops import _call as core
from sentinelops import _guard, _runtime
from sentinelops.instrument import instrument, uninstrument
from sentinelops.instrument.transformers import _call, _describe, _doors
from sentinelops.testing import Captured
from transformers import Pipeline, TextIteratorStreamer, TextStreamer
from transformers.generation.utils import GenerationMixin

pytestmark = pytest.mark.filterwarnings("ignore")
GREEDY = {"max_new_tokens": 5, "do_sample": False}


def test_direct(gpt: Any, tokenizer: Any, captured: Captured) -> None:
    inputs = tokenizer(["Hello", "Hello there, how are you?"], return_tensors="pt", padding=True)
    gpt.generate(inputs["input_ids"], attention_mask=inputs["attention_mask"], temperature=0.5, top_k=3,
                 max_new_tokens=5, do_sample=True)  # fmt: skip
    (span,) = captured.spans
    assert span["attributes"] == {
        "gen_ai.operation.name": "text_completion",
        "gen_ai.provider.name": "transformers",
        "gen_ai.request.model": "tests/tiny-gpt2",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_k": 3,
        "gen_ai.request.max_tokens": 5,
        "gen_ai.usage.input_tokens": int(inputs["attention_mask"].sum()),
        "gen_ai.usage.output_tokens": 10,
        "gen_ai.response.finish_reasons": ["length", "length"],
        "sentinelops.model.device": "cpu",
        "sentinelops.model.dtype": "float32",
    }


def test_without_mask_with_config_and_as_dict(gpt: Any, tokenizer: Any, captured: Captured) -> None:
    from transformers import GenerationConfig

    ids = tokenizer("Hello there", return_tensors="pt")["input_ids"]
    config = GenerationConfig(max_new_tokens=4, do_sample=False, return_dict_in_generate=True, pad_token_id=2)
    assert gpt.generate(input_ids=ids, generation_config=config).sequences.shape == (1, ids.shape[1] + 4)
    (span,) = captured.spans
    assert span["attributes"]["gen_ai.usage.input_tokens"] == ids.shape[1]
    assert span["attributes"]["gen_ai.usage.output_tokens"] == 4
    assert span["attributes"]["gen_ai.request.max_tokens"] == 4
    assert span["attributes"]["gen_ai.response.finish_reasons"] == ["length"]


def test_embeddings_in_place_of_tokens(gpt: Any, tokenizer: Any, captured: Captured) -> None:
    ids = tokenizer("Hello there", return_tensors="pt")["input_ids"]
    gpt.generate(inputs_embeds=gpt.transformer.wte(ids), **GREEDY)
    (span,) = captured.spans
    assert span["attributes"]["gen_ai.usage.input_tokens"] == ids.shape[1]
    assert span["attributes"]["gen_ai.usage.output_tokens"] == 5


def test_encoder_and_decoder(t5: Any, tokenizer: Any, captured: Captured) -> None:
    inputs = tokenizer("Hello there", return_tensors="pt")
    t5.generate(inputs["input_ids"], attention_mask=inputs["attention_mask"], **GREEDY)
    (span,) = captured.spans
    assert span["name"] == "text_completion tests/tiny-t5"
    assert span["attributes"]["gen_ai.usage.input_tokens"] == inputs["input_ids"].shape[1]
    assert span["attributes"]["gen_ai.usage.output_tokens"] == 5


@pytest.mark.parametrize("place", ["generate", "pipeline"])
def test_a_streamer_tells_the_first_token(
    place: str, gpt: Any, tokenizer: Any, pipes: dict[str, Any], captured: Captured
) -> None:
    streamer = TextIteratorStreamer(tokenizer, skip_prompt=True)
    inputs = tokenizer("Hello there", return_tensors="pt")
    ask = {
        "generate": lambda: gpt.generate(**inputs, streamer=streamer, **GREEDY),
        "pipeline": lambda: pipes["text-generation"]("Hello there", streamer=streamer, **GREEDY),
    }[place]
    asking = threading.Thread(target=ask)
    asking.start()
    text = "".join(streamer)
    asking.join(20)
    (span,) = captured.spans
    assert text
    assert span["attributes"]["gen_ai.request.stream"] is True
    first = span["attributes"]["gen_ai.response.time_to_first_chunk"]
    assert 0 < first < (span["end_ns"] - span["start_ns"]) / 1e9
    assert span["attributes"]["gen_ai.usage.output_tokens"] == 5
    assert "put" not in vars(streamer)


def test_a_streamer_without_room_streams_on(gpt: Any, tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Tight:
        __slots__ = ("got",)

        def __init__(self) -> None:
            self.got = 0

        def put(self, value: Any) -> None:
            self.got += 1

        def end(self) -> None:
            self.got += 100

    from sentinelops.testing import capture

    monkeypatch.setattr(_guard, "strict", False)
    instrument("transformers")
    with capture() as seen:
        tight = Tight()
        gpt.generate(**tokenizer("Hello", return_tensors="pt"), streamer=tight, **GREEDY)
    uninstrument("transformers")
    assert tight.got == 106
    assert len(seen.spans) == 1


def test_nothing_is_current_but_the_hosts_span_above(gpt: Any, tokenizer: Any, captured: Captured) -> None:
    @sentinelops.observe
    def outer() -> None:
        gpt.generate(**tokenizer("Hello", return_tensors="pt"), **GREEDY)

    outer()
    inner, above = captured.spans
    assert inner["parent_id"] == above["span_id"]


def test_stopped_by_the_user_is_cancelled(gpt: Any, tokenizer: Any, captured: Captured) -> None:
    class Stop(TextStreamer):
        def put(self, value: Any) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        gpt.generate(**tokenizer("Hello", return_tensors="pt"), streamer=Stop(tokenizer), **GREEDY)
    (span,) = captured.spans
    assert (span["status"], span["attributes"]["sentinelops.outcome"]) == ("unset", "cancelled")


def _raises(*args: Any, **kwargs: Any) -> Any:
    raise RuntimeError("ours")


BREAKS: dict[str, tuple[Any, str]] = {
    "begin": (_call, "_begin"),
    "name": (_call, "_name"),
    "start_call": (_call, "start_call"),
    "start_span": (_runtime.Runtime, "start_span"),
    "seen": (_call, "Seen"),
    "given": (_call.LocalCall, "given"),
    "generated": (_call.LocalCall, "generated"),
    "first": (_call.LocalCall, "first_token"),
    "texts": (_call, "_texts"),
    "chat": (_describe, "is_chat"),
    "usage": (_describe, "_usage"),
    "end": (_runtime.Runtime, "end_call"),
}


@pytest.mark.parametrize("broken", BREAKS)
def test_every_collaborator_may_break(
    broken: str, gpt: Any, tokenizer: Any, pipes: dict[str, Any], captured: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    def outcomes() -> list[str]:
        inputs = tokenizer("Hello there", return_tensors="pt")
        streamer = TextIteratorStreamer(tokenizer)
        return [
            str(gpt.generate(**inputs, **GREEDY)),
            str(gpt.generate(**inputs, streamer=streamer, **GREEDY)),
            "".join(streamer),
            str(pipes["text-generation"](["Hello", "you"], **GREEDY)),
            str(list(pipes["text-generation"]((text for text in ["Hello", "you"]), **GREEDY))),
            str(pipes["text-classification"]("Hello")),
        ]

    monkeypatch.setattr(_guard, "strict", False)
    uninstrument("transformers")
    torch.manual_seed(0)
    alone = outcomes()
    instrument("transformers")
    monkeypatch.setattr(*BREAKS[broken], _raises)
    torch.manual_seed(0)
    assert outcomes() == alone
    captured.spans  # noqa: B018 - described here


def test_instrument_twice_is_once_and_uninstrument_puts_back(gpt: Any, tokenizer: Any, captured: Captured) -> None:
    ours = GenerationMixin.generate
    assert instrument("transformers") == ("transformers",)
    assert GenerationMixin.generate is ours
    uninstrument("transformers")
    assert GenerationMixin.generate is ours.__wrapped__  # type: ignore[attr-defined]
    assert not hasattr(Pipeline.forward, "__wrapped__")
    gpt.generate(**tokenizer("Hello", return_tensors="pt"), **GREEDY)
    assert captured.spans == []


def test_nothing_is_imported_for_the_host(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import sys\nimport sentinelops\nsentinelops.instrument('transformers')\nimport transformers\n"
        "assert 'transformers.pipelines.base' not in sys.modules\n"
        "from transformers import Pipeline\nassert hasattr(Pipeline.__call__, '__wrapped__')\n"
        "from transformers.generation.utils import GenerationMixin\n"
        "assert hasattr(GenerationMixin.generate, '__wrapped__')\n"
        "ours = GenerationMixin.generate\nassert sentinelops.uninstrument('transformers') == ('transformers',)\n"
        "assert GenerationMixin.generate is ours.__wrapped__\n"
    )
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_suppressed_is_silent(gpt: Any, tokenizer: Any, captured: Captured) -> None:
    from opentelemetry import context as otel

    token = otel.attach(otel.set_value(core.SUPPRESS_KEY, True))
    gpt.generate(**tokenizer("Hello", return_tensors="pt"), **GREEDY)
    otel.detach(token)
    assert captured.spans == []
    assert _doors._current.get() is None
