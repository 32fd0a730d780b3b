"""One real server, one real model and one run of the application for all line tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sentinelops_server.demo.model import MODEL, ModelServer

sys.path.insert(0, str(Path(__file__).parent))
from serving import ServerProcess, wait_for


@dataclass
class Line:
    """The server, and what the application's own client saw of every call."""

    server: ServerProcess
    seen: list[dict[str, Any]]
    stats: dict[str, Any]

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        return [facts for facts in self.seen if facts["kind"] == kind]

    def requests(self) -> list[dict[str, Any]]:
        answer = self.server.post("/requests/query", {"range": "1h", "limit": 100})
        rows: list[dict[str, Any]] = answer["requests"]
        return rows

    def by_response_id(self, response_id: str) -> dict[str, Any]:
        [row] = [row for row in self.requests() if row["response_id"] == response_id]
        return row


@pytest.fixture(scope="session")
def server() -> Iterator[ServerProcess]:
    with tempfile.TemporaryDirectory(prefix="so-line-") as folder, ServerProcess(Path(folder)) as running:
        yield running


@pytest.fixture(scope="session")
def line(server: ServerProcess) -> Iterator[Line]:
    with ModelServer() as model:
        environment = {
            **os.environ,
            "SENTINELOPS_ENDPOINT": server.addresses["otlp_http"],
            "SENTINELOPS_API_KEY": server.addresses["ingest_key"],
            "MODEL_CHAT": model.chat,
            "MODEL_EMBEDDINGS": model.embeddings,
            "MODEL_NAME": MODEL,
        }
        run = subprocess.run(
            [sys.executable, str(Path(__file__).with_name("application.py"))],
            capture_output=True,
            text=True,
            env=environment,
            timeout=180,
            check=False,
        )
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout.splitlines()[-1])
    result = Line(server, told["seen"], told["stats"])
    wait_for(result.requests, lambda rows: len(rows) >= len(result.seen), 15, "every call is visible")
    yield result
