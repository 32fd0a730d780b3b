"""Whatever of ours breaks, the host gets the same answer and the same exception; failures are told as they are."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import huggingface_hub.errors
import pytest
from huggingface_hub import AsyncInferenceClient, InferenceClient
from huggingface_support.fake import FakeHub
from huggingface_support.surfaces import CHAT, CHAT_STREAM, SURFACES, TGI, Surface, run_either
from openai_support.fake import Sink, Spans
from sentinelops import _call, _configure, _guard, _runtime
from sentinelops.instrument import huggingface as hooked
from sentinelops.instrument import instrument, uninstrument
from sentinelops.instrument._wire import answer, streams, watch
from sentinelops.instrument.huggingface import _doors, _exchange, _lines, _tasks

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content:DeprecationWarning")
CHOSEN = [s for s in SURFACES if s in (CHAT, CHAT_STREAM) or s.method in ("text_generation", "summarization")]
REFUSED = Surface("text_generation", "/tgi/too-long", ("Hi",))


def _raises(*args: Any, **kwargs: Any) -> Any:
    raise RuntimeError("ours")


BREAKS: dict[str, tuple[Any, str]] = {
    "begin": (_doors, "begin"),
    "task": (_tasks, "of"),
    "request": (_tasks, "request_of"),
    "provider": (_exchange, "_provider"),
    "start_call": (_exchange, "start_call"),
    "start_span": (_runtime.Runtime, "start_span"),
    "answer": (_exchange, "Answer"),
    "note": (_exchange.HubExchange, "responded"),
    "lines": (_lines._Reading, "__init__"),
    "follow": (_exchange.HubExchange, "follow"),
    "line": (streams.Passage, "take"),
    "watch": (watch, "_ensure_undertaker"),
    "leave": (watch, "leave"),
    "fold": (streams, "_parsed"),
    "end": (_runtime.Runtime, "end_call"),
    "describe": (answer, "_settled"),
    "describe a part": (_tasks, "_common"),
    "keep": (answer.Answer, "keep"),
}


@pytest.mark.parametrize("broken", BREAKS)
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_every_collaborator_may_break(
    broken: str, asynchronous: bool, hub: FakeHub, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_guard, "strict", False)

    def outcomes() -> list[Any]:
        return [
            _outcome(lambda s=surface: run_either(s, hub.root, asynchronous=asynchronous))  # type: ignore[misc]
            for surface in [*CHOSEN, REFUSED]
        ]

    uninstrument("huggingface")
    alone = outcomes()
    instrument("huggingface")
    monkeypatch.setattr(*BREAKS[broken], _raises)
    assert outcomes() == alone


def _outcome(call: Callable[[], Any]) -> Any:
    try:
        return repr(call())
    except Exception as error:
        return type(error), str(error)


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize(
    ("name", "error", "status", "message"),
    [
        ("too-long", "ValidationError", 422, "inputs must have less than 4096 tokens"),
        ("busy", "OverloadedError", 429, "Model is overloaded"),
        ("secret", "", 401, None),
    ],
)
def test_the_exception_is_the_clients_own(
    name: str, error: str, status: int, message: str | None, asynchronous: bool, hub: FakeHub, spans: Spans
) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - the table says which
        run_either(Surface("text_generation", f"/tgi/{name}", ("Hi",)), hub.root, asynchronous=asynchronous)
    raised = type(caught.value).__qualname__
    assert raised == (error or raised)
    (span,) = spans(1)
    assert span["error"]
    assert span["message"] == (message or span["message"])
    assert span["attributes"]["error.type"] == raised
    assert span["attributes"]["http.response.status_code"] == status


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_a_server_that_hangs_up(asynchronous: bool, hub: FakeHub, spans: Spans) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - of three HTTP libraries
        run_either(Surface("text_generation", "/tgi/hangs-up", ("Hi",)), hub.root, asynchronous=asynchronous)
    (span,) = spans(1)
    assert span["attributes"]["error.type"] == type(caught.value).__qualname__
    assert "http.response.status_code" not in span["attributes"]


def test_a_timeout(hub: FakeHub, spans: Spans) -> None:
    client = InferenceClient(hub.root + "/tgi/held", token="hf_test", timeout=0.2)  # noqa: S106
    with pytest.raises(Exception) as caught:  # noqa: PT011 - of two HTTP libraries
        list(client.text_generation("Hi", stream=True))
    (span,) = spans(1)
    assert span["error"]
    assert span["attributes"]["error.type"] in (type(caught.value).__qualname__, "APITimeoutError")


@pytest.mark.filterwarnings("ignore:API endpoint/model for text-generation:UserWarning")
def test_asked_again_with_fewer_parameters_is_one_call(hub: FakeHub, spans: Spans) -> None:
    client = InferenceClient(hub.root + "/tgi/not-tgi", token="hf_test")  # noqa: S106
    assert client.text_generation("Hi", watermark=True) == "Hello there"
    (span,) = spans(1)
    assert span["attributes"]["sentinelops.attempts"] == len(hub.requests) > 1
    assert not span["error"]
    assert span["attributes"]["gen_ai.usage.output_tokens"] == 3


def test_a_call_that_was_never_sent_is_none(hub: FakeHub, spans: Spans) -> None:
    client = InferenceClient("org/model", provider="together", token="hf_test")  # noqa: S106
    with pytest.raises(ValueError, match="not supported for provider"):
        client.summarization("long")
    spans(0)


def test_what_calls_no_model_is_silent(hub: FakeHub, spans: Spans) -> None:
    client = InferenceClient(hub.root, provider="hf-inference", token="hf_test")  # noqa: S106
    client.get_endpoint_info()
    client.health_check()
    spans(0)


def test_the_way_around_the_methods_is_seen_too(hub: FakeHub, spans: Spans) -> None:
    from huggingface_hub.inference._common import RequestParameters

    asked = RequestParameters(
        url=hub.root + "/tgi/plain", task="text-generation", model=None, data=None, headers={},
        json={"inputs": "Hi", "parameters": {}},
    )  # fmt: skip
    client = InferenceClient()
    assert client._inner_post(asked)
    streamed = RequestParameters(**{**vars(asked), "json": {**asked.json, "stream": True}})
    assert list(client._inner_post(streamed, stream=True))
    assert [span["attributes"]["gen_ai.usage.output_tokens"] for span in spans(2)] == [3, 3]
    with pytest.raises(huggingface_hub.errors.HfHubHTTPError):
        client._inner_post(RequestParameters(**{**vars(asked), "url": hub.root + "/tgi/busy"}))
    assert spans(3)[-1]["attributes"]["http.response.status_code"] == 429


def test_instrument_twice_is_once_and_uninstrument_puts_back(hub: FakeHub, sink: Sink, spans: Spans) -> None:
    ours = InferenceClient.chat_completion
    assert instrument("huggingface") == ("huggingface",)
    assert InferenceClient.chat_completion is ours
    uninstrument("huggingface", "http")
    assert InferenceClient.chat_completion is ours.__wrapped__  # type: ignore[attr-defined]
    assert not hasattr(AsyncInferenceClient._inner_post, "__wrapped__")
    assert uninstrument("huggingface") == ()
    run_either(TGI, hub.root, asynchronous=False)
    spans(0)


def test_wrapped_again_by_another_ours_lets_pass(
    hub: FakeHub, sink: Sink, spans: Spans, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = InferenceClient.text_generation
    theirs: Any = lambda self, *a, **k: ours(self, *a, **k)  # noqa: E731, PLW0108
    monkeypatch.setattr(InferenceClient, "text_generation", theirs)
    uninstrument("huggingface", "http")
    run_either(TGI, hub.root, asynchronous=False)
    run_either(TGI, hub.root, asynchronous=True)
    instrument("huggingface")
    run_either(TGI, hub.root, asynchronous=False)
    spans(1)
    monkeypatch.undo()


def test_nothing_is_imported_for_the_host(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import sys\nimport sentinelops\nsentinelops.instrument('huggingface')\nimport huggingface_hub\n"
        "assert 'huggingface_hub.inference._client' not in sys.modules\n"
        "for name in ('InferenceClient', 'AsyncInferenceClient'):\n"
        "    assert hasattr(getattr(huggingface_hub, name)._inner_post, '__wrapped__')\n"
        "print(sentinelops.uninstrument('huggingface'))\n"
        "assert not hasattr(huggingface_hub.InferenceClient._inner_post, '__wrapped__')\n"
    )
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("('huggingface',)\n", "")


def test_an_unknown_client_is_left_alone(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    _guard.forget_warnings()
    monkeypatch.delattr(InferenceClient, "_inner_post")
    assert instrument("huggingface") == ()
    assert "not known" in caplog.text
    assert hooked._originals == []


def test_suppressed_is_silent(hub: FakeHub, sink: Sink, spans: Spans) -> None:
    from opentelemetry import context as otel

    token = otel.attach(otel.set_value(_call.SUPPRESS_KEY, True))
    run_either(TGI, hub.root, asynchronous=False)
    asyncio.run(_atgi(hub))
    otel.detach(token)
    _configure.flush()
    spans(0)


async def _atgi(hub: FakeHub) -> None:
    async with AsyncInferenceClient(hub.root + "/tgi/plain", token="hf_test") as client:  # noqa: S106
        await client.text_generation("Hi")
