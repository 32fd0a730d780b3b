"""Errors, retries, and whatever of ours breaks: the host gets the same answer and the same exception."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import botocore.client
import botocore.exceptions
import pytest
from bedrock_support.clients import Async, Bedrock, Sync, encoded
from bedrock_support.fake import FakeBedrock, Reply, chunk, event
from botocore.stub import Stubber
from opentelemetry import context as otel_context
from sentinelops import _call, _guard, _runtime
from sentinelops.instrument import LIBRARIES, instrument, uninstrument
from sentinelops.instrument._wire import watch
from sentinelops.instrument.bedrock import _body, _describe, _events, _exchange, _fold
from sentinelops.testing import Captured, capture

from .conftest import Spans

NOVA = "amazon.nova-lite-v1:0"
LLAMA = "meta.llama3-8b-instruct-v1:0"
HI: Any = [{"role": "user", "content": [{"text": "How deep?"}]}]
ANSWER = {
    "output": {"message": {"role": "assistant", "content": [{"text": "Very."}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 5, "outputTokens": 2, "totalTokens": 7},
    "metrics": {"latencyMs": 9},
}
LAMA_ANSWER = {"generation": "Very.", "prompt_token_count": 9, "generation_token_count": 3, "stop_reason": "stop"}


def error(status: int, code: str, message: str = "No.") -> Reply:
    return Reply(
        {"message": message}, status=status, headers={"x-amzn-ErrorType": f"{code}:http://internal.amazon.com/"}
    )


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (429, "ThrottlingException"),
        (400, "ValidationException"),
        (403, "AccessDeniedException"),
        (404, "ResourceNotFoundException"),
        (408, "ModelTimeoutException"),
        (424, "ModelErrorException"),
        (503, "ServiceUnavailableException"),
    ],
)
@pytest.mark.parametrize("operation", ["converse", "converse_stream", "invoke_model"])
def test_errors(operation: str, status: int, code: str, bedrock: Bedrock, fake: FakeBedrock, spans: Spans) -> None:
    fake.reply = error(status, code)
    params: dict[str, Any] = {"body": {"prompt": "x"}} if operation == "invoke_model" else {"messages": HI}
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        bedrock.ask(operation, modelId=NOVA, **params)
    (span,) = spans()
    wanted = {
        "error.type": type(caught.value).__qualname__, "sentinelops.error.code": code, "http.response.status_code": status,
        "sentinelops.provider.request_id": "req-1", "gen_ai.request.model": NOVA, "gen_ai.usage.input_tokens": None,
    }  # fmt: skip
    assert {key: span["attributes"].get(key) for key in wanted} == wanted
    assert (span["status"], span["status_message"]) == ("error", str(caught.value))
    assert "How deep?" in span["attributes"]["gen_ai.input.messages"] or operation == "invoke_model"


@pytest.mark.parametrize("kind", [Sync, Async], ids=["boto3", "aiobotocore"])
def test_retries_inside_are_one_call(
    kind: Any, fake: FakeBedrock, spans: Spans, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.random", lambda: 0.0)  # no waiting between attempts
    client = kind(fake.url, retries={"total_max_attempts": 3, "mode": "standard"})
    fake.replies.extend(
        [error(429, "ThrottlingException")] * 2 + [Reply(ANSWER)] + [error(429, "ThrottlingException")] * 3
    )
    client.ask("converse", modelId=NOVA, messages=HI)
    with pytest.raises(botocore.exceptions.ClientError):
        client.ask("converse", modelId=NOVA, messages=HI)
    good, bad = spans(2)
    assert len(fake.requests) == 6
    assert (good["status"], good["attributes"]["sentinelops.attempts"]) == ("unset", 3)
    assert (bad["status"], bad["attributes"]["sentinelops.attempts"]) == ("error", 3)


@pytest.mark.parametrize("kind", [Sync, Async], ids=["boto3", "aiobotocore"])
def test_time_outs_and_refused_connections(kind: Any, fake: FakeBedrock, spans: Spans) -> None:
    fake.reply = Reply(ANSWER, hold=0)
    with pytest.raises(botocore.exceptions.ReadTimeoutError):
        kind(fake.url, read_timeout=0.2).ask("converse", modelId=NOVA, messages=HI)
    with pytest.raises(botocore.exceptions.EndpointConnectionError):
        kind("http://127.0.0.1:1").ask("converse", modelId=NOVA, messages=HI)
    with pytest.raises(botocore.exceptions.ParamValidationError):
        kind(fake.url).ask("converse", modelId=NOVA, mesages=HI)
    kinds = [span["attributes"]["error.type"] for span in spans(3)]
    assert kinds == ["ReadTimeoutError", "EndpointConnectionError", "ParamValidationError"]


def test_nothing_is_added_to_the_request(fake: FakeBedrock) -> None:
    fake.reply = Reply(ANSWER)
    client = Sync(fake.url)
    client.ask("converse", modelId=NOVA, messages=HI)
    with capture():
        instrument("bedrock")
        client.ask("converse", modelId=NOVA, messages=HI)
        uninstrument("bedrock")
    (path, before, body), (same_path, after, same_body) = fake.requests
    assert (path, body, set(before)) == (same_path, same_body, set(after))
    assert "traceparent" not in after


def test_other_services_and_operations_pass(bedrock: Bedrock, fake: FakeBedrock, spans: Spans) -> None:
    fake.reply = Reply({"asyncInvokeSummaries": []})
    type(bedrock)(fake.url, "bedrock").ask("list_foundation_models")
    if isinstance(bedrock, Sync):
        sqs = type(bedrock)(fake.url, "sqs")
        fake.reply = Reply({"QueueUrls": []})
        sqs.ask("list_queues")
    spans(0)


def test_an_http_hook_below_is_told_to_be_silent(bedrock: Bedrock, fake: FakeBedrock, spans: Spans) -> None:
    seen: list[Any] = []
    reply = Reply(ANSWER)
    fake.reply = reply
    if isinstance(bedrock, Sync):
        client = bedrock.client()
        client.meta.events.register("before-send.*.*", lambda **_: seen.append(_call.inner.get()))
        client.converse(modelId=NOVA, messages=HI)
        client.close()
    else:
        assert isinstance(bedrock, Async)

        async def use(client: Any) -> None:
            client.meta.events.register("before-send.*.*", lambda **_: seen.append(_call.inner.get()))
            await client.converse(modelId=NOVA, messages=HI)

        bedrock.run(use)
    assert len(seen) == 1
    assert seen[0] is not None
    assert _call.inner.get() is None
    spans(1)


def test_a_framework_that_describes_the_call_itself(bedrock: Bedrock, fake: FakeBedrock, spans: Spans) -> None:
    fake.reply = Reply(ANSWER)
    token = otel_context.attach(otel_context.set_value(_call.SUPPRESS_KEY, True))
    try:
        bedrock.ask("converse", modelId=NOVA, messages=HI)
    finally:
        otel_context.detach(token)
    spans(0)


def test_what_the_host_does_to_the_answer_is_not_told(fake: FakeBedrock, spans: Spans) -> None:
    fake.reply = Reply(ANSWER)
    messages = [*HI]
    client = Sync(fake.url).client()
    answer = client.converse(modelId=NOVA, messages=messages)
    messages.append(answer["output"]["message"])
    answer["output"]["message"]["content"].append({"text": "MINE"})
    answer.pop("usage")
    with Stubber(client) as stub:  # nothing comes over HTTP here
        stub.add_response("converse", json.loads(json.dumps(ANSWER)))
        stubbed = client.converse(modelId=NOVA, messages=HI)
        stubbed["output"]["message"]["content"].clear()
    client.close()
    for span in spans(2):
        assert json.loads(span["attributes"]["gen_ai.output.messages"])[0]["parts"] == [
            {"type": "text", "content": "Very."}
        ]
        assert len(json.loads(span["attributes"]["gen_ai.input.messages"])) == 1
        assert span["attributes"]["gen_ai.usage.input_tokens"] == 5


def _raises(*args: Any, **kwargs: Any) -> Any:
    raise RuntimeError("ours")


BREAKS: dict[str, tuple[Any, str]] = {
    "operations": (_exchange, "OPERATIONS"),
    "address": (_exchange, "_address"),
    "model": (_exchange, "model_of"),
    "start_call": (_exchange, "start_call"),
    "start_span": (_runtime.Runtime, "start_span"),
    "answer": (_exchange, "Answer"),
    "copy": (_exchange, "copied"),
    "arrived": (_exchange.Exchange, "_take"),
    "events": (_events, "Events"),
    "folder": (_fold, "folder_of"),
    "registry": (watch, "enter"),
    "leave": (watch, "leave"),
    "failure": (_events, "_failure"),
    "unpack": (_events, "_unpacked"),
    "passage": (_body, "BodyPassage"),
    "end": (_runtime.Runtime, "end_call"),
    "describe": (_describe, "_settled"),
    "usage": (_describe, "invoke_usage"),
}


def _all_doors(bedrock: Bedrock, fake: FakeBedrock) -> list[Any]:
    frames = [
        event("contentBlockDelta", {"delta": {"text": "V"}, "contentBlockIndex": 0}),
        event("messageStop", {"stopReason": "x"}),
    ]
    fake.replies.extend([
        Reply(ANSWER), Reply(frames=frames), Reply(LAMA_ANSWER), Reply(frames=[chunk({"generation": "V"})]), error(400, "ValidationException"),
    ])  # fmt: skip
    asked: list[tuple[str, dict[str, Any]]] = [
        ("converse", {"messages": HI}), ("converse_stream", {"messages": HI}), ("invoke_model", {"body": {"prompt": "x"}}),
        ("invoke_model_with_response_stream", {"body": {"prompt": "x"}}), ("converse", {"messages": HI}),
    ]  # fmt: skip
    return [_outcome(lambda o=operation, p=params: bedrock.ask(o, modelId=LLAMA, **p)) for operation, params in asked]  # type: ignore[misc]


def _outcome(call: Callable[[], Any]) -> Any:
    try:
        value = call()
    except Exception as failure:
        return type(failure).__name__, str(failure)
    if isinstance(value, dict):
        value.pop("ResponseMetadata", None)
    return value


@pytest.mark.parametrize("broken", BREAKS)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_every_collaborator_may_break(
    broken: str, fake: FakeBedrock, captured: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_guard, "strict", False)
    bedrock: Bedrock = (Sync, Async)[list(BREAKS).index(broken) % 2](fake.url)  # half of them with each client
    uninstrument("bedrock")
    alone = _all_doors(bedrock, fake)
    instrument("bedrock")
    monkeypatch.setattr(*BREAKS[broken], None if broken == "operations" else _raises)
    assert _all_doors(bedrock, fake) == alone
    assert alone[0]["stopReason"] == "end_turn"
    captured.spans.clear()
    watch._live.clear()


def test_clients_of_before_and_after_and_uninstrument(fake: FakeBedrock) -> None:
    fake.reply = Reply(ANSWER)
    original = botocore.client.BaseClient._make_api_call
    before = Sync(fake.url).client()
    with capture() as captured:
        assert instrument("bedrock") == ("bedrock",)
        assert instrument("bedrock") == ("bedrock",)
        after = Sync(fake.url).client()
        for client in (before, after):
            client.converse(modelId=NOVA, messages=HI)
        assert len(captured.spans) == 2
        assert uninstrument("bedrock") == ("bedrock",)
        assert botocore.client.BaseClient._make_api_call is original
        before.converse(modelId=NOVA, messages=HI)
        assert len(captured.spans) == 2
    before.close()
    after.close()


def test_somebody_elses_wrapper_on_top_stays(
    fake: FakeBedrock, captured: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.reply = Reply(ANSWER)
    ours = botocore.client.BaseClient._make_api_call
    calls: list[str] = []

    def theirs(self: Any, name: str, params: Any) -> Any:
        calls.append(name)
        return ours(self, name, params)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", theirs)
    uninstrument("bedrock")
    Sync(fake.url).ask("converse", modelId=NOVA, messages=HI)
    assert (calls, captured.spans) == (["Converse"], [])
    monkeypatch.undo()
    instrument("bedrock")
    Sync(fake.url).ask("converse", modelId=NOVA, messages=HI)
    assert len(captured.spans) == 1


def test_an_unknown_version_is_left_alone(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.delattr(botocore.client.BaseClient, "_make_request")
    assert instrument("bedrock") == ()
    assert "this version of botocore" in caplog.text


def test_the_name_stands_for_both_libraries() -> None:
    assert LIBRARIES["bedrock"] == "botocore"


def test_a_body_given_as_a_file_or_a_bytearray(fake: FakeBedrock, spans: Spans) -> None:
    import io

    fake.reply = Reply(LAMA_ANSWER)
    client = Sync(fake.url).client()
    given = bytearray(encoded({"body": {"prompt": "How deep?"}})["body"].encode())
    client.invoke_model(modelId=LLAMA, body=given)["body"].read()
    given[:] = b"{}"
    client.invoke_model(modelId=LLAMA, body=io.BytesIO(b'{"prompt": "How deep?"}'))["body"].read()
    client.close()
    for span in spans(2):
        assert "How deep?" in span["attributes"]["gen_ai.input.messages"]
