"""The JavaScript OpenTelemetry SDK sends, this server understands: a protocol implementation that is not ours."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from serving import ServerProcess, wait_for

MODULES = Path(os.environ.get("SENTINELOPS_CACHE", Path.home() / ".cache" / "sentinelops")) / "npm" / "node_modules"


@pytest.mark.service("node")
@pytest.mark.parametrize("encoding", ["protobuf", "json"])
def test_spans_of_the_javascript_sdk_arrive_whole(server: ServerProcess, encoding: str) -> None:
    node = shutil.which("node")
    assert node and (MODULES / "@opentelemetry").is_dir(), (
        "Node.js or its OpenTelemetry is missing: run `make services`"
    )
    script = Path(__file__).with_name("interop.cjs")
    arguments = [server.addresses["otlp_http"], server.addresses["ingest_key"], encoding]
    done = subprocess.run(
        [node, str(script), *arguments],
        env={**os.environ, "NODE_PATH": str(MODULES)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "error" not in done.stderr.lower()
    trace_id = done.stdout.strip()

    trace = wait_for(lambda: server.get(f"/traces/{trace_id}"), lambda t: len(t["spans"]) == 3, 10, "three spans")
    by_name = {span["name"]: span for span in trace["spans"]}
    root = by_name["handle question"]
    assert root["parent_span_id"] is None
    assert {span["parent_span_id"] for name, span in by_name.items() if name != "handle question"} == {root["span_id"]}

    filter_ = {"field": "application", "op": "eq", "value": f"interop-js-{encoding}"}
    rows = server.post("/requests/query", {"range": "1h", "filter": filter_})["requests"]
    seen = {row["model"]: (row["prompt_tokens"], row["completion_tokens"], row["total_tokens"]) for row in rows}
    assert seen == {"gpt-4o": (1201, 87, 1288), "gpt-4o-mini": (33, 9, 42)}
    for row in rows:
        assert row["provider"] == "openai"
        assert row["environment"] == "test"
        assert row["success"] is True
        assert row["finish_reason"] == "stop"
        assert row["response_id"] == f"chatcmpl-{encoding}-{row['model']}"
        assert row["estimated_cost"] > 0
        assert row["price_version"]
