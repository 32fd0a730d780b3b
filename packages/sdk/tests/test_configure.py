"""configure(): options, variables, providers, and the public door."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sentinelops
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.util._once import Once
from otlp_sink import Sink
from sentinelops import _config, _configure, _export, _runtime
from sentinelops._config import VARIABLES, Config, load
from sentinelops._sampling import Rule
from sentinelops.instrument._wire.mapping import parse_formats

DOCS = Path(__file__).parents[3] / "docs" / "sdk.md"


@pytest.fixture
def no_provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process in which nobody has set a TracerProvider yet."""
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER_SET_ONCE", Once())
    yield


def test_the_public_door_has_these_names_and_no_others() -> None:
    assert sentinelops.__all__ == sorted(sentinelops.__all__)
    assert len(sentinelops.__all__) <= 20
    assert dir(sentinelops) == sentinelops.__all__
    for name in sentinelops.__all__:
        assert getattr(sentinelops, name).__name__.rpartition(".")[2] == name
    with pytest.raises(AttributeError, match="it has ActiveSpan"):
        sentinelops.nothing  # type: ignore[attr-defined]  # noqa: B018


def test_every_option_variable_and_public_name_is_documented() -> None:
    text = DOCS.read_text()
    missing = [name for name in sentinelops.__all__ if f"`{name}" not in text]
    missing += [
        f"{option} {variable}"
        for option, (variable, _) in VARIABLES.items()
        if f"| `{option}` | `{variable}`" not in text
    ]
    missing += [v for choices in _config.STANDARD.values() for v, _ in choices if f"`{v}`" not in text]
    assert missing == []


def test_nothing_said_gives_the_defaults() -> None:
    assert load({}, {}) == Config()
    assert Config().traces_url == "http://localhost:4318/v1/traces"


def test_explicit_wins_over_ours_over_the_standard() -> None:
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://otel:1/", "OTEL_EXPORTER_OTLP_HEADERS": "x-other=s%20ecret",
        "OTEL_BSP_SCHEDULE_DELAY": "2000", "OTEL_BSP_MAX_QUEUE_SIZE": "7", "OTEL_EXPORTER_OTLP_TIMEOUT": "3",
        "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "4000", "OTEL_EXPORTER_OTLP_COMPRESSION": "none",
    }  # fmt: skip
    config = load(environ, {})
    assert (config.traces_url, config.metrics_url) == ("http://otel:1/v1/traces", "http://otel:1/v1/metrics")
    assert config.headers == (("x-other", "s ecret"),)
    assert (config.schedule_delay_seconds, config.max_queue_spans, config.timeout_seconds) == (2.0, 7, 4.0)
    assert config.compression == "none"
    environ |= {"SENTINELOPS_ENDPOINT": "http://ours:2", "SENTINELOPS_MAX_QUEUE_SPANS": "8", "SENTINELOPS_API_KEY": "k"}
    config = load(environ, {})
    assert (config.traces_url, config.max_queue_spans, config.api_key) == ("http://ours:2/v1/traces", 8, "k")
    assert config.headers == (), "another receiver's headers are not for ours"
    config = load(
        environ, {"endpoint": "https://mine/v1/traces", "max_queue_spans": 9, "api_key": "e", "headers": {"a": "b"}}
    )
    assert (config.traces_url, config.metrics_url) == ("https://mine/v1/traces", "https://mine/v1/metrics")
    assert (config.max_queue_spans, config.request_headers()) == (9, {"a": "b", "Authorization": "Bearer e"})


def test_the_signal_specific_addresses_of_the_standard() -> None:
    config = load({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://t/v1/traces"}, {})
    assert (config.traces_url, config.metrics_url) == ("http://t/v1/traces", "http://t/v1/metrics")
    config = load(
        {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://t/in", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://m/in"}, {}
    )
    assert (config.traces_url, config.metrics_url) == ("http://t/in", "http://m/in")


_FORMAT = '[{"host": "gpu-box:8000", "path": "/run", "response": {"text": "$.out"}}]'


@pytest.mark.parametrize(("option", "variable"), [(option, variable) for option, (variable, _) in VARIABLES.items()])
def test_every_option_has_its_variable(option: str, variable: str) -> None:
    values = {
        "endpoint": ("http://e:1", "http://e:1/v1/traces"), "headers": ("a=b", (("a", "b"),)), "compression": ("none", "none"),
        "capture_content": ("off", "off"), "capture_memory": ("off", False), "metrics": ("no", False), "propagate_mcp": ("off", False), "disabled": ("on", True),
        "sample_detail": ("0.5", 0.5), "sample_calls": ("0.5", 0.5),
        "models": (
            "arn:aws:bedrock:eu-west-1:1:application-inference-profile/x9 = eu.amazon.nova-lite-v1:0, my-gpt=gpt-4o,",
            {"arn:aws:bedrock:eu-west-1:1:application-inference-profile/x9": "eu.amazon.nova-lite-v1:0", "my-gpt": "gpt-4o"},
        ),
        "redact": ("email=keep, ip=drop", {"email": "keep", "ip": "drop"}), "redact_key": ("k" * 16, "k" * 16),
        "hosts": ("GPU-box:8000, *.models.example", ("gpu-box:8000", "*.models.example")),
        "http_formats": (_FORMAT, parse_formats(_FORMAT)),
        "sampling": ('[{"match": {"model": "m*"}, "calls": 0.5}]', (Rule((("model", ("m*",)),), calls=0.5),)),
    }  # fmt: skip
    text, expected = values.get(option, ("7", 7))
    config = load({variable: text}, {})
    got = config.traces_url if option == "endpoint" else getattr(config, option)
    assert got == (expected if isinstance(got, tuple | bool) else type(got)(expected))
    assert variable == f"SENTINELOPS_{option.upper()}"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"endpoint": "localhost:4318"}, "give an address such as"), ({"endpoint": "http://x:port"}, "give an address"),
        ({"endpoint": "http://u:p@x"}, "as api_key instead"), ({"api_key": "a\nb"}, "check how it was copied"),
        ({"api_key": " "}, "api_key is empty"), ({"capture_content": "yes"}, 'choose "on", "off" or "redact"'),
        ({"redact": {"email": "hash"}}, "redact: hash needs a key"), ({"redact": {"mail": "keep"}}, "no type 'mail'"),
        ({"compression": "zstd"}, 'choose "gzip" or "none"'), ({"max_queue_spans": 0}, "a finite number above 0"),
        ({"timeout_seconds": float("inf")}, "a finite number above 0"), ({"max_queue_spans": "9"}, "is a str: give a int"),
        ({"metrics": 1}, "is a int: give a bool"), ({"max_queue_spans": True}, "is a bool: give a int"),
        ({"aplication": "x"}, "unknown option aplication: the options are api_key"), ({"headers": {"a": ""}}, "header 'a'"),
        ({"models": {"d": ""}}, "the model behind it"), ({"models": "a=b"}, "models is a str"),
    ],
)  # fmt: skip
def test_an_option_that_cannot_be_right_is_told_at_once(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match="^[a-z]") as raised:
        sentinelops.configure(**given)
    assert told in str(raised.value)
    assert _runtime.current is None


@pytest.mark.parametrize(
    ("variable", "text", "told"),
    [
        ("SENTINELOPS_MAX_QUEUE_SPANS", "many", "'many'"), ("SENTINELOPS_METRICS", "perhaps", "use on or off"),
        ("SENTINELOPS_HEADERS", "secret", "SENTINELOPS_HEADERS is ***: write it as name=value"),
    ],
)  # fmt: skip
def test_a_variable_that_cannot_be_right_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, text: str, told: str
) -> None:
    monkeypatch.setenv(variable, text)
    with pytest.raises(ValueError, match=variable) as raised:
        sentinelops.configure()
    assert told in str(raised.value)


def test_secrets_are_masked() -> None:
    shown = repr(Config(api_key="so_secret", headers=(("x-key", "hidden"),)))
    assert "so_secret" not in shown
    assert "hidden" not in shown
    assert "x-key: ***" in shown
    assert "api_key='***'" in shown
    assert "api_key=None" in repr(Config())


@pytest.mark.parametrize("variable", ["SENTINELOPS_DISABLED", "OTEL_SDK_DISABLED"])
def test_disabled_is_off(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "true")
    sentinelops.configure(endpoint="http://127.0.0.1:9")
    with sentinelops.span("s") as running:
        assert running.trace_id is None
    assert _runtime.current is None


def test_the_same_options_change_nothing_others_take_over(sink: Sink) -> None:
    sentinelops.configure(endpoint=sink.url, application="one", schedule_delay_seconds=30.0)
    first = _runtime.current
    with sentinelops.span("before"):
        pass
    sentinelops.configure(endpoint=sink.url, application="one", schedule_delay_seconds=30.0)
    assert _runtime.current is first
    sentinelops.configure(endpoint=sink.url, application="two")
    with sentinelops.span("after"):
        pass
    assert sentinelops.flush(5)
    assert [(span["name"], span["resource"]["service.name"]) for span in sink.spans()] == [
        ("before", "one"),
        ("after", "two"),
    ]
    sentinelops.shutdown()
    sentinelops.configure(endpoint=sink.url, application="two")
    with sentinelops.span("again"):
        pass
    assert sentinelops.flush(5)
    assert sink.named("again")


def test_the_names_of_the_standard_variables_hold_when_none_is_given(
    sink: Sink, monkeypatch: pytest.MonkeyPatch, no_provider: None
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "by-otel")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=staging,team=a")
    sentinelops.configure(endpoint=sink.url)
    with sentinelops.span("s"):
        pass
    assert sentinelops.flush(5)
    resource = sink.named("s")["resource"]
    assert (resource["service.name"], resource["deployment.environment.name"], resource["team"]) == (
        "by-otel",
        "staging",
        "a",
    )


def test_a_sampler_of_the_standard_is_obeyed(sink: Sink, monkeypatch: pytest.MonkeyPatch, no_provider: None) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    sentinelops.configure(endpoint=sink.url)
    with sentinelops.span("s"), sentinelops.record(provider="p", model="m") as call:
        call.first_token()
    assert sentinelops.flush(5)
    assert sentinelops.stats()["created"] == 0


def test_the_applications_provider_is_kept_and_its_processors_see_everything(sink: Sink, no_provider: None) -> None:
    theirs, memory = TracerProvider(), InMemorySpanExporter()
    theirs.add_span_processor(SimpleSpanProcessor(memory))
    trace.set_tracer_provider(theirs)
    sentinelops.configure(endpoint=sink.url, application="ours")
    assert trace.get_tracer_provider() is theirs
    with trace.get_tracer("app").start_as_current_span("their own") as their_own:
        their_own.add_event("noted", {"n": 1})
        with pytest.raises(OSError, match="bob"), sentinelops.record(provider="p", model="m") as call:
            call.prompt("mail bob@example.com")
            raise OSError("of bob@example.com")
    seen = {span.name: span for span in memory.get_finished_spans()}
    assert "[email]" in seen["chat m"].attributes["gen_ai.input.messages"]  # type: ignore[index]
    assert seen["chat m"].status.description == "of [email]"
    assert sentinelops.flush(5)
    ours, whole = sink.named("chat m"), sink.named("their own")
    assert ours["parent_id"] == whole["span_id"]
    assert whole["events"] == [("noted", {"n": 1})]
    assert (ours["status"], [name for name, _ in ours["events"]]) == ((2, "of [email]"), ["exception"])
    assert ours["resource"]["service.name"] == "ours"
    theirs.shutdown()
    assert sentinelops.flush(1)


def test_a_foreign_provider_is_left_alone(
    sink: Sink, no_provider: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Foreign(trace.TracerProvider):
        def get_tracer(self, *args: Any, **kwargs: Any) -> trace.Tracer:
            return trace.NoOpTracer()

    foreign = Foreign()
    trace.set_tracer_provider(foreign)
    sentinelops.configure(endpoint=sink.url)
    assert trace.get_tracer_provider() is foreign
    assert "not the OpenTelemetry SDK's" in caplog.text
    with sentinelops.span("s"):
        pass
    assert sentinelops.flush(5)
    assert sink.named("s")


@pytest.mark.parametrize("part", ["_provider", "_collector", "_version"])
def test_a_start_that_fails_leaves_the_host_running(monkeypatch: pytest.MonkeyPatch, lenient: None, part: str) -> None:
    def breaks(*_: Any) -> Any:
        raise RuntimeError("ours")

    monkeypatch.setattr(_configure, part, breaks)
    sentinelops.configure(endpoint="http://127.0.0.1:9", application="x")
    assert _runtime.current is None
    assert sentinelops.stats()["internal_errors"] == {"configure": 1}


@pytest.mark.parametrize("part", ["offer", "flush", "shutdown"])
def test_an_exporter_that_fails_is_not_the_hosts_matter(
    sink: Sink, monkeypatch: pytest.MonkeyPatch, lenient: None, part: str
) -> None:
    sentinelops.configure(endpoint=sink.url)

    def breaks(*_: Any) -> Any:
        raise RuntimeError("ours")

    real = getattr(_export.Exporter, part)
    monkeypatch.setattr(_export.Exporter, part, breaks)
    exporter = _runtime.current.exporter  # type: ignore[union-attr]
    with sentinelops.span("s"):
        pass
    assert sentinelops.flush(5) is (part != "flush")
    trace.get_tracer_provider().force_flush(1)  # type: ignore[attr-defined]
    sentinelops.shutdown()
    assert sum(sentinelops.stats()["internal_errors"].values()) >= 1
    monkeypatch.setattr(_export.Exporter, part, real)
    exporter.shutdown()  # type: ignore[union-attr]


def test_the_name_of_the_function_survives_the_package_of_the_same_name() -> None:
    code = "import sentinelops, sentinelops.instrument.openai; print(callable(sentinelops.instrument))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "True\n"
