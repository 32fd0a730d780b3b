"""Batches: no usage when handed in; the results tell every call once, at the price of a batch."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import openai
import pytest
from openai_support import media
from openai_support.answers import ANSWERS, CHAT, EMBEDDINGS, RESPONSES
from openai_support.fake import FakeOpenAI, Spans
from sentinelops.instrument._wire import batches
from sentinelops.instrument.openai import _batches

BATCH = {
    "id": "batch_1", "object": "batch", "endpoint": "/v1/chat/completions", "input_file_id": "file-in",
    "completion_window": "24h", "status": "completed", "created_at": 1, "output_file_id": "file-out",
}  # fmt: skip


def line(number: int, body: Any, status: int = 200, error: Any = None) -> str:
    answered = None if body is None else {"status_code": status, "request_id": f"req_{number}", "body": body}
    return json.dumps(
        {"id": f"batch_req_{number}", "custom_id": f"mine-{number}", "response": answered, "error": error}
    )


FILE = "\n".join(
    (
        line(1, ANSWERS[CHAT, "plain"]),
        line(2, ANSWERS[RESPONSES, "plain"]),
        line(3, ANSWERS[EMBEDDINGS, "embed"]),
        line(4, ANSWERS["/completions", "old"]),
        line(5, {"error": {"code": "context_length_exceeded", "message": "too long"}}, 400),
        line(6, None, error={"code": "batch_expired", "message": "too late"}),
    )
)
TOLD = [
    ("chat plain-2026-01-01", 100, 20, None),
    ("chat plain-2026-01-01", 100, 20, None),
    ("embeddings embed-v1", 8, None, None),
    ("text_completion old-1", 3, 1, None),
    ("chat", None, None, "context_length_exceeded"),
    ("chat", None, None, "batch_expired"),
]


@pytest.fixture(autouse=True)
def batch(monkeypatch: pytest.MonkeyPatch) -> None:
    batches._seen.clear()
    _batches._batch_of.clear()
    monkeypatch.setitem(ANSWERS, ("/batches", ""), BATCH)
    monkeypatch.setitem(ANSWERS, ("/batches/batch_1", ""), BATCH)
    original = media.answer

    def answer(path: str, body: Any) -> Any:
        files = {"/files/file-out/content": FILE.encode(), "/files/file-other/content": b'{"prompt": "mine"}'}
        return ("application/octet-stream", files[path]) if path in files else original(path, body)

    monkeypatch.setattr(media, "answer", answer)


def test_handed_in(client: openai.OpenAI, spans: Spans) -> None:
    client.batches.create(input_file_id="file-in", endpoint="/v1/chat/completions", completion_window="24h")
    (span,) = spans(1)
    assert span["name"] == "create_batch"
    assert span["attributes"]["sentinelops.batch.id"] == "batch_1"
    assert not [name for name in span["attributes"] if "usage" in name]


@pytest.mark.parametrize("door", ["sync", "async"])
def test_results_are_told_once(door: str, provider: FakeOpenAI, client: openai.OpenAI, spans: Spans) -> None:
    async def read() -> bytes:
        async with openai.AsyncOpenAI(api_key="k", base_url=provider.url) as talking:
            await talking.batches.retrieve("batch_1")
            return (await talking.files.content("file-out")).content

    for _ in range(2):
        if door == "sync":
            client.batches.retrieve("batch_1")
            assert client.files.content("file-out").content == FILE.encode()
        else:
            assert asyncio.run(read()) == FILE.encode()
        _batches.finish()
    found = [
        (
            span["name"],
            span["attributes"].get("gen_ai.usage.input_tokens"),
            span["attributes"].get("gen_ai.usage.output_tokens"),
            span["attributes"].get("sentinelops.error.code"),
        )
        for span in sorted(spans(6), key=lambda span: str(span["attributes"]["sentinelops.batch.custom_id"]))
    ]
    assert found == TOLD
    for span in spans(6):
        assert span["attributes"]["openai.response.service_tier"] == "batch"
        assert span["attributes"]["sentinelops.batch.id"] == "batch_1"
        assert span["error"] is ("sentinelops.error.code" in span["attributes"])


def test_other_files_are_left_alone(client: openai.OpenAI, spans: Spans) -> None:
    assert client.files.content("file-other").content == b'{"prompt": "mine"}'
    _batches.finish()
    spans(0)


def test_what_breaks_in_us_changes_nothing(client: openai.OpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    from sentinelops import _guard

    monkeypatch.setattr(_guard, "strict", False)
    for name in ("_tell_one", "_tell", "Thread"):
        with monkeypatch.context() as patch:
            patch.setattr(_batches, name, lambda *_, **__: 1 / 0)
            if name == "_tell":
                patch.setattr("threading.excepthook", lambda _: None)
            assert client.files.content("file-out").content == FILE.encode()
            _batches.finish()
