"""What a span stands for: its tracestate, the SDK's attribute, and the larger of both."""

from __future__ import annotations

from typing import Any

import pytest
from sentinelops import semconv
from sentinelops._sampling import threshold, weight_of
from sentinelops_server.model import Span
from sentinelops_server.pipeline.normalise import normalise
from sentinelops_server.pipeline.sampling import state_weight

DIALECTS: dict[str, tuple[str, dict[str, Any]]] = {
    "conventions": ("sentinelops", {semconv.OPERATION: "chat", semconv.REQUEST_MODEL: "m"}),
    "openinference": ("openinference.instrumentation.openai", {"openinference.span.kind": "LLM", "llm.model_name": "m"}),
    "openllmetry": ("opentelemetry.instrumentation.openai", {"llm.request.type": "chat", "gen_ai.request.model": "m"}),
    "vercel": ("ai", {"operation.name": "ai.generateText.doGenerate", "ai.operationId": "ai.generateText.doGenerate", "ai.model.id": "m"}),
}  # fmt: skip


@pytest.mark.parametrize(
    ("state", "weight"),
    [
        ("", 1.0), ("ot=th:0", 1.0), ("ot=th:8", 2.0), ("ot=th:c", 4.0), ("ot=rv:00000000000001;th:e", 8.0),
        ("rojo=1, ot=th:c ,x=y", 4.0), ("ot=th:fd70a3d70a3d71", 100.0), ("ot=th:ffffffffffffff", float(1 << 56)),
        ("ot=th:", 1.0), ("ot=th:C", 1.0), ("ot=th:123456789012345", 1.0), ("ot=p:8", 1.0), ("th:c", 1.0), ("xot=th:c", 1.0),
    ],
)  # fmt: skip
def test_the_threshold_of_a_tracestate_is_a_weight(state: str, weight: float) -> None:
    assert state_weight(state) == pytest.approx(weight, rel=1e-11)


@pytest.mark.parametrize("rate", [1.0, 0.5, 0.1, 0.01, 0.333, 1e-6])
def test_the_sdk_and_the_server_read_a_threshold_alike(rate: float) -> None:
    digits = f"{threshold(rate):014x}".rstrip("0") or "0"
    assert state_weight(f"ot=th:{digits}") == weight_of(threshold(rate))


@pytest.mark.parametrize(
    ("said", "state", "weight"),
    [
        (None, "", 1.0), (None, "ot=th:c", 4.0), (10.0, "", 10.0), (10.0, "ot=th:c", 10.0), (2.0, "ot=th:c", 4.0),
        (-1.0, "ot=th:8", 2.0), ("x", "ot=th:8", 2.0), (0.5, "", 0.5),
    ],
)  # fmt: skip
@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_larger_word_counts(dialect: str, said: Any, state: str, weight: float) -> None:
    scope, attributes = DIALECTS[dialect][0], dict(DIALECTS[dialect][1])
    if said is not None:
        attributes[semconv.SAMPLING_WEIGHT] = said
    span = Span(bytes(15) + b"\1", bytes(7) + b"\1", None, "chat m", 3, 1_000, 2_000, attributes=attributes)
    span.trace_state, span.scope_name = state, scope
    request, _ = normalise(span)
    assert request is not None
    assert request.weight == weight
