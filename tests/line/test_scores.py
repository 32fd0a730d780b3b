"""From sentinelops.score() in an application to the page, in its process and in another one, and as a mean by model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import httpx
from serving import ServerProcess, wait_for

ANSWERS = """
import json, sentinelops
sentinelops.configure(application="score-test", environment="test", metrics=False)

@sentinelops.observe(name="answer", type="agent")
def answer():
    with sentinelops.record(provider="acme", model="acme-large") as call:
        call.prompt("why?")
        call.completion("because")
    sentinelops.score("grounded", 0.25, source="evaluator", comment="says bob@example.com", span=call)
    from opentelemetry.trace import get_current_span
    return format(get_current_span().get_span_context().trace_id, "032x")

trace_id = answer()
assert sentinelops.flush(20)
print(json.dumps({"trace_id": trace_id, "stats": sentinelops.stats()}))
"""
FEEDBACK = """
import json, sys, sentinelops
sentinelops.configure(application="feedback", metrics=False)
for up in (False, True):
    sentinelops.score("helpful", up, trace_id=sys.argv[1], source="user", user="u-7")
assert sentinelops.flush(20)
print(json.dumps({"stats": sentinelops.stats()}))
"""


def run(server: ServerProcess, code: str, *arguments: str) -> dict[str, Any]:
    environment = {
        **os.environ,
        "SENTINELOPS_ENDPOINT": server.addresses["otlp_http"],
        "SENTINELOPS_API_KEY": server.addresses["ingest_key"],
    }
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True, text=True, env=environment, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_a_score_goes_from_the_application_to_the_page(server: ServerProcess) -> None:
    told = run(server, ANSWERS)
    sent = {"created": 1, "sent": 1, "retried": 0, "dropped": {}, "queued": 0, "spooled": 0}
    assert told["stats"]["scores"] == sent
    later = run(server, FEEDBACK, told["trace_id"])
    assert later["stats"]["scores"] == {**sent, "created": 2, "sent": 2}
    where = {"range": "1h", "application": "score-test"}
    (row,) = wait_for(
        lambda: server.post("/requests/query", where)["requests"],
        lambda rows: len(rows) == 1,
        15,
        "the call is visible",
    )
    scores = server.get(f"/requests/{row['request_id']}")["scores"]
    shown = [(one["name"], one["type"], one["value"], one["comment"], one["source"], one["scope"]) for one in scores]
    assert shown == [
        ("grounded", "numeric", 0.25, "says [email]", "evaluator", "span"),
        ("helpful", "boolean", 1.0, None, "user", "trace"),
    ]
    body = {**where, "metrics": ["count", "avg_score.grounded", "avg_score.helpful"], "group_by": ["model"]}
    (result,) = server.post("/metrics/aggregated", body)["results"]
    assert result == {"model": "acme-large", "count": 1, "avg_score.grounded": 0.25, "avg_score.helpful": 1}
    assert server.post("/requests/query", {**where, "search": "score:grounded>0.3"})["requests"] == []
    for path in (f"/requests/{row['request_id']}", f"/traces/{told['trace_id']}", "/scores?range=1h&name=grounded"):
        page = httpx.get(
            server.addresses["api"] + path, headers={"X-API-Key": server.addresses["api_key"]}, timeout=30
        ).text
        assert "grounded" in page, path
        assert "0.25" in page, path
        assert "says [email]" in page, path
