"""One real server, one real model and one run of the application for all line tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sentinelops_server.demo.model import MODEL, ModelServer
from serving import Line, ServerProcess, wait_for


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
