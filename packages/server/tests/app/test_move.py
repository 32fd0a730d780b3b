"""Moving house: what one server exports, an empty second one answers in the same way, prompts and completions too."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from app.test_server import a_server, ask
from otlp_bytes import call, span, traces
from sentinelops_server.app.server import Server

SAID = '[{"role": "user", "parts": [{"type": "text", "content": "Where is my parcel?"}]}]'
ANSWERED = '[{"role": "assistant", "parts": [{"type": "text", "content": "In Lyon."}], "finish_reason": "stop"}]'
MESSAGES = {"gen_ai.input.messages": SAID, "gen_ai.output.messages": ANSWERED, "session.id": "s-1", "user.id": "ana"}


def run(data_dir: Path, *words: str) -> None:
    command = [sys.executable, "-m", "sentinelops_server.cli", *words, "--data-dir", str(data_dir)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env={**os.environ})
    assert done.returncode == 0, done.stderr


def fill(server: Server, now_ns: int) -> None:
    assert server.addresses and server.keys
    spans = [span(1, trace=1, name="work", attributes={"step": [1, "two"]})]
    spans += [call(n, trace=1, parent=1, attributes={**MESSAGES, "gen_ai.response.id": f"r{n}"}) for n in range(2, 9)]
    spans.append(call(9, trace=2, status=(2, "it broke"), attributes={"error.type": "timeout"}))
    for each in spans:
        each |= {"start_time_unix_nano": now_ns - 2 * 10**9, "end_time_unix_nano": now_ns}
    headers = {"X-API-Key": server.keys.ingest_key, "Content-Type": "application/x-protobuf"}
    body = traces(spans).SerializeToString()
    assert httpx.post(f"{server.addresses.otlp_http}/v1/traces", content=body, headers=headers).status_code == 200
    price = {"provider": "openai", "model": "gpt-4o-mini", "prices": {"input": "7"}}
    headers = {"X-API-Key": server.keys.api_key}
    assert httpx.post(f"{server.addresses.api}/api/v1/prices", json=price, headers=headers).status_code == 201


def answers(server: Server, window: str) -> dict[str, Any]:
    asked = {
        "summary": f"/metrics/summary?{window}",
        "call": f"/requests/{1:032x}-{2:016x}",
        "failed": f"/requests/{2:032x}-{9:016x}",
        "trace": f"/traces/{1:032x}",
        "models": f"/models?{window}",
    }
    found = {}
    for name, path in asked.items():
        answer = ask(server, f"/api/v1{path}")
        assert answer.status_code == 200, answer.text
        found[name] = answer.json()
    prices = ask(server, "/api/v1/prices").json()["prices"]
    found["prices"] = [(row["provider"], row["model"], row["prices"]) for row in prices]
    return found


def no_strings_for_numbers(value: Any, path: str = "") -> list[str]:
    """Where a cost or a quantile is a text: JSON has numbers for them."""
    if isinstance(value, dict):
        wrong = [p for k, v in value.items() for p in no_strings_for_numbers(v, f"{path}.{k}")]
        numeric = ("estimated_cost", "duration_seconds", "error_rate", "count")
        return wrong + [f"{path}.{k}" for k, v in value.items() if k.endswith(numeric) and isinstance(v, str)]
    if isinstance(value, list):
        return [p for item in value for p in no_strings_for_numbers(item, f"{path}[]")]
    return []


@pytest.mark.slow
def test_an_empty_second_server_answers_as_the_first(tmp_path: Path) -> None:
    now_ns = time.time_ns()
    start, end = now_ns // 10**9 - 3600, now_ns // 10**9 + 3600
    window = "&".join(
        f"{name}={time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(at))}"
        for name, at in (("start", start), ("end", end))
    )
    file = tmp_path / "everything.jsonl.zst"
    first = a_server(tmp_path / "first")
    first.start()
    try:
        fill(first, now_ns)
        before = answers(first, window)
        run(tmp_path / "first", "export", str(file))  # from the server that runs
    finally:
        first.stop()
    assert "Where is my parcel?" in json.dumps(before["call"]) and "In Lyon." in json.dumps(before["call"])
    assert no_strings_for_numbers(before) == []

    second = a_server(tmp_path / "second")
    second.start()
    try:
        for _ in range(2):  # again changes nothing
            run(tmp_path / "second", "import", str(file))
        after = answers(second, window)
    finally:
        second.stop()
    for moved in (before, after):  # where a payload lies is each server's own affair
        for name in ("call", "failed"):
            moved[name].pop("storage_object_id", None)
    assert after == before
