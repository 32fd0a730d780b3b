"""The nine metrics by name and label, weights, bounds, and a page that promtool accepts."""

from __future__ import annotations

import re
import shutil
import subprocess
from decimal import Decimal
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_classic
from sentinelops_server.model import LLMRequest, MetricPoint
from sentinelops_server.pipeline.meter import Meter, MeterConfig
from sentinelops_server.pipeline.meter_received import metric_name

LABELS = {"provider": "openai", "model": "gpt-4o", "application": "shop", "environment": "prod"}
DOCS = Path(__file__).parents[4] / "docs" / "metrics.md"


def request(**fields: object) -> LLMRequest:
    known = {
        **LABELS, "trace_id": bytes(16), "span_id": bytes(8), "timestamp_ns": 1, "operation": "chat", "status": "ok",
        "duration": 0.5, "inference_time": 0.25, "prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110,
        "estimated_cost": Decimal("0.25"), "memory_used": 4096.0,
    }  # fmt: skip
    return LLMRequest(**{**known, **fields})  # type: ignore[arg-type]


def point(name: str, value: float | None = None, time_ns: int = 1, **fields: object) -> MetricPoint:
    known = {"kind": "gauge", "unit": "", "application": "shop", "environment": "prod"}
    return MetricPoint(point_id=b"", timestamp_ns=time_ns, name=name, value=value, **{**known, **fields})  # type: ignore[arg-type]


def full_meter() -> Meter:
    meter = Meter(clock=lambda: 1000.0)
    meter.observe([request(), request(status="error", error_type="Timeout", prompt_tokens=None)])
    meter.count("spans", "stored", 2)
    meter.count("spans", "refused", 1, "too_large")
    meter.problem("redaction_failed")
    meter.committed(0.01, 2)
    meter.watch("queue_batches", "Batches that wait or are under way", lambda: 3.0)
    meter.observe_points(
        [
            point("app.temperature", 21.5, attributes={"room": "a", "le": "x"}),
            point("app.jobs", 4.0, kind="sum", monotonic=True),
            point("app.wait", kind="histogram", unit="s", data={"bounds": [1.0, 2.0], "counts": [1, 2, 3], "sum": 9.0}),
            point("llm.requests.total", 99.0, kind="sum", monotonic=True),
        ]
    )
    return meter


def values(text: str, openmetrics: bool) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    parse = parse_openmetrics if openmetrics else parse_classic
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in parse(text)
        for sample in family.samples
    }


@pytest.mark.parametrize("openmetrics", [False, True])
def test_the_nine_metrics_have_the_specified_series(openmetrics: bool) -> None:
    body, content_type = full_meter().exposition("application/openmetrics-text" if openmetrics else "text/plain")
    assert ("openmetrics" in content_type) is openmetrics
    found = values(body.decode(), openmetrics)

    def value(name: str, **labels: str) -> float | None:
        return found.get((name, tuple(sorted({**LABELS, **labels}.items()))))

    assert value("llm_request_duration_seconds_count") == 2
    assert value("llm_request_duration_seconds_bucket", le="0.64") == 2
    assert value("llm_request_duration_seconds_bucket", le="0.32") == 0
    assert value("llm_inference_duration_seconds_sum") == 0.5
    assert value("llm_tokens_prompt_sum") == 100
    assert value("llm_tokens_completion_sum") == 20
    assert value("llm_tokens_total_sum") == 220
    assert value("llm_cost_total") == 0.5
    assert value("llm_requests_total", status="ok") == 1
    assert value("llm_requests_total", status="error") == 1
    assert value("llm_errors_total", error_type="Timeout") == 1
    assert value("llm_memory_used_bytes") == 4096


def test_types_are_the_specified_ones_in_openmetrics() -> None:
    text = full_meter().exposition("application/openmetrics-text")[0].decode()
    types = {family.name: family.type for family in parse_openmetrics(text)}
    assert {name: kind for name, kind in types.items() if name.startswith("llm_")} == {
        "llm_request_duration_seconds": "histogram",
        "llm_inference_duration_seconds": "histogram",
        "llm_tokens_prompt": "histogram",
        "llm_tokens_completion": "histogram",
        "llm_tokens_total": "histogram",
        "llm_cost_total": "gauge",
        "llm_requests": "counter",
        "llm_errors": "counter",
        "llm_memory_used_bytes": "gauge",
    }


@pytest.mark.service("prometheus")
def test_promtool_finds_nothing_to_complain_of() -> None:
    promtool = shutil.which("promtool")
    assert promtool, "promtool is in Debian's package prometheus"
    done = subprocess.run(
        [promtool, "check", "metrics"], input=full_meter().exposition()[0], capture_output=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def test_unknown_values_are_no_series() -> None:
    meter = Meter()
    meter.observe([request(estimated_cost=None, memory_used=None, inference_time=None, prompt_tokens=None)])
    text = meter.exposition()[0].decode()
    for absent in (
        "llm_cost_total{",
        "llm_memory_used_bytes{",
        "llm_inference_duration_seconds_count{",
        "llm_tokens_prompt_sum{",
    ):
        assert absent not in text


def test_a_sampled_call_counts_by_its_weight_and_a_duplicate_not_at_all() -> None:
    meter = Meter()
    meter.observe([request(weight=10.0), request(duplicate_of="other")])
    text = meter.exposition()[0].decode()
    assert re.search(r"^llm_requests_total\{.*\} 10\.0$", text, re.M)
    assert re.search(r"^llm_tokens_prompt_sum\{.*\} 1000\.0$", text, re.M)
    assert re.search(r"^llm_cost_total\{.*\} 2\.5$", text, re.M)


def test_label_sets_are_bounded() -> None:
    meter = Meter(MeterConfig(max_label_sets=2, max_error_types=1))
    meter.observe([request(model=f"m{number}", status="error", error_type=f"e{number}") for number in range(5)])
    meter.observe([request(model="m0", status="error", error_type="e9")])
    text = meter.exposition()[0].decode()
    assert re.search(r'^llm_requests_total\{.*model="other".*\} 3\.0$', text, re.M)
    assert re.search(r'^llm_errors_total\{.*error_type="other",model="m0".*\} 1\.0$', text, re.M)
    assert "m4" not in text


def test_received_metrics_keep_the_latest_and_never_ours() -> None:
    meter = full_meter()
    meter.observe_points([point("app.temperature", 20.0, time_ns=0, attributes={"room": "a", "le": "x"})])
    text = meter.exposition()[0].decode()
    assert 'app_temperature{application="shop",attribute_le="x",environment="prod",room="a"} 21.5' in text
    assert 'app_jobs_total{application="shop",environment="prod"} 4.0' in text
    assert 'app_wait_seconds_bucket{application="shop",environment="prod",le="2.0"} 3.0' in text
    assert 'app_wait_seconds_bucket{application="shop",environment="prod",le="+Inf"} 6.0' in text
    assert "99.0" not in text


def test_deltas_are_added_up() -> None:
    meter = Meter()
    delta = {"kind": "sum", "monotonic": True, "cumulative": False}
    meter.observe_points([point("jobs", 2.0, **delta), point("jobs", 3.0, 2, **delta)])
    assert 'jobs_total{application="shop",environment="prod"} 5.0' in meter.exposition()[0].decode()


@pytest.mark.parametrize(
    ("name", "unit", "expected"),
    [
        ("http.server.duration", "s", "http_server_duration_seconds"),
        ("memory", "By", "memory_bytes"),
        ("jobs_total", "1", "jobs"),
        ("a b/ü", "", "a_b"),
        ("9lives", "", "_9lives"),
        ("///", "", "unnamed"),
        ("gen_ai.client.token.usage", "{token}", "gen_ai_client_token_usage"),
    ],
)
def test_names(name: str, unit: str, expected: str) -> None:
    assert metric_name(name, unit) == expected


def test_every_family_of_ours_is_documented() -> None:
    documented = DOCS.read_text()
    for family in full_meter().collect():
        if family.name.startswith(("llm_", "sentinelops_")):
            name = family.name + ("_total" if family.type == "counter" else "")
            assert f"`{name}`" in documented, f"{name} is not in docs/metrics.md"
