"""Runs of the Assistants API: their tokens once, wherever the end of a run is seen."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from openai_support.answers import ANSWERS, STREAMS, sse
from openai_support.fake import Spans
from sentinelops.instrument._wire import openai_assistants

USAGE = {"prompt_tokens": 123, "completion_tokens": 45, "total_tokens": 168}
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def run(status: str, **more: Any) -> dict[str, Any]:
    return {"id": "run_1", "object": "thread.run", "thread_id": "thread_1", "assistant_id": "asst_1",
            "status": status, "model": "gpt-4o", "usage": None, **more}  # fmt: skip


MESSAGE = {"id": "msg_1", "object": "thread.message", "role": "assistant", "status": "completed",
           "content": [{"type": "text", "text": {"value": "Hello there", "annotations": []}}]}  # fmt: skip
RUNS = "/threads/thread_1/runs"


@pytest.fixture(autouse=True)
def assistants(monkeypatch: pytest.MonkeyPatch) -> None:
    openai_assistants._seen.clear()
    monkeypatch.setitem(ANSWERS, (RUNS, ""), run("queued"))
    monkeypatch.setitem(ANSWERS, (RUNS + "/run_1", ""), run("completed", usage=USAGE))
    events = [("thread.run.created", run("queued")), ("thread.message.completed", MESSAGE),
              ("thread.run.completed", run("completed", usage=USAGE))]  # fmt: skip
    monkeypatch.setitem(STREAMS, (RUNS, ""), [*(sse(data, name) for name, data in events), sse("[DONE]", "done")])


def tokens(spans: list[dict[str, Any]]) -> list[Any]:
    return [span["attributes"]["gen_ai.usage.input_tokens"] for span in spans
            if "gen_ai.usage.input_tokens" in span["attributes"]]  # fmt: skip


def test_polled(client: openai.OpenAI, spans: Spans) -> None:
    client.beta.threads.runs.create_and_poll(thread_id="thread_1", assistant_id="asst_1")
    client.beta.threads.runs.retrieve("run_1", thread_id="thread_1")
    found = spans(3)
    assert tokens(found) == [123]
    assert [span["attributes"]["gen_ai.operation.name"] for span in found] == ["chat", *["fetch_response"] * 2]
    assert {span["attributes"]["gen_ai.conversation.id"] for span in found} == {"thread_1"}


def test_streamed(client: openai.OpenAI, spans: Spans) -> None:
    with client.beta.threads.runs.stream(thread_id="thread_1", assistant_id="asst_1") as stream:
        stream.until_done()
    client.beta.threads.runs.retrieve("run_1", thread_id="thread_1")
    found = spans(2)
    assert tokens(found) == [123]
    ours = found[0]["attributes"]
    assert ours["gen_ai.response.model"] == "gpt-4o"
    assert ours["gen_ai.response.status"] == "completed"
    assert "Hello there" in str(ours["gen_ai.output.messages"])


def test_a_run_that_failed(client: openai.OpenAI, spans: Spans, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = run("failed", last_error={"code": "rate_limit_exceeded", "message": "slow down"}, usage=USAGE)
    monkeypatch.setitem(ANSWERS, (RUNS, ""), failed)
    client.beta.threads.runs.create(thread_id="thread_1", assistant_id="asst_1")
    (span,) = spans(1)
    assert span["error"]
    assert span["attributes"]["sentinelops.error.code"] == "rate_limit_exceeded"
    assert tokens([span]) == [123]
