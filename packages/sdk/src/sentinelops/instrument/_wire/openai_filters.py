"""What Azure's content filters said: who was judged, for what, how; never the text itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ... import semconv as s
from .parts import MAPPINGS


def filter_attributes(body: Mapping[str, Any], error: Any = None) -> dict[str, Any]:
    """Findings as `prompt/violence/medium`, `completion/jailbreak/filtered`; nothing where all was found harmless.

    body: of an answer; error: what the client raised, whose body says which filter refused the prompt.
    """
    found = sorted({*_of_answer(body), *_of_error(getattr(error, "body", None))})
    if not found:
        return {}
    action = "filtered" if any(one.endswith("/filtered") for one in found) else None
    return {s.GUARDRAIL_FINDINGS: found, s.GUARDRAIL_ACTION: action}


def _of_answer(body: Mapping[str, Any]) -> Iterable[str]:
    for prompt in _listed(body.get("prompt_filter_results") or body.get("prompt_annotations")):
        yield from findings("prompt", prompt.get("content_filter_results"))
    for choice in _listed(body.get("choices")):
        yield from findings("completion", choice.get("content_filter_results"))
    for one in _listed(body.get("content_filters")):  # of the Responses API
        source = "prompt" if one.get("source_type") == "prompt" else "completion"
        yield from findings(source, one.get("content_filter_results"))


def _of_error(body: Any) -> Iterable[str]:
    inner = body.get("error", body) if isinstance(body, MAPPINGS) else None
    inner = inner.get("innererror") if isinstance(inner, MAPPINGS) else None
    if isinstance(inner, MAPPINGS):
        yield from findings("prompt", inner.get("content_filter_result") or inner.get("content_filter_results"))


def findings(source: str, results: Any) -> Iterable[str]:
    """Name each filter that found something."""
    if not isinstance(results, MAPPINGS):
        return
    for name, result in results.items():
        if not isinstance(result, MAPPINGS):
            continue
        severity = result.get("severity")
        if result.get("filtered"):
            yield f"{source}/{name}/filtered"
        elif isinstance(severity, str) and severity != "safe":
            yield f"{source}/{name}/{severity}"
        elif result.get("detected"):
            yield f"{source}/{name}/detected"


def _listed(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, MAPPINGS)] if isinstance(value, list) else []
