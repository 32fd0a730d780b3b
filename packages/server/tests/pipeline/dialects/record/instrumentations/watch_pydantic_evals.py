"""pydantic-evals: a case with a score, an assertion and a label."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from situations import URL, situation_of

os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = URL
import logfire
from pydantic_evals import Case, Dataset
from pydantic_evals.evaluators import EvaluationReason, Evaluator, EvaluatorContext

logfire.configure(send_to_logfire=False, service_name="shop", console=False, inspect_arguments=False)
situation = situation_of(logfire.force_flush)


def weather(city: str) -> str:
    """Of a city."""
    return "mild"


@dataclass
class Length(Evaluator[str, str]):
    def evaluate(self, ctx: EvaluatorContext[str, str]) -> Any:
        return {
            "length": EvaluationReason(0.75, "a little short"),
            "right": ctx.output == ctx.expected_output,
            "tone": "polite",
        }


with situation("evals"):
    cases = [Case(name="oslo", inputs="How is Oslo?", expected_output="mild", metadata={"team": "blue"})]
    Dataset(name="weather", cases=cases, evaluators=[Length()]).evaluate_sync(weather, progress=False)
