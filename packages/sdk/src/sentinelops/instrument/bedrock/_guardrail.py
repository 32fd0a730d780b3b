"""What guardrails say: which policy acted on what. The texts that matched are not among it: they are what it guards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ... import semconv as s
from .._wire.parts import MAPPINGS

_NAMES = ("name", "type", "category")


def findings(assessments: Iterable[Any]) -> list[str] | None:
    """`policy/what/action` of everything that was found, in order, each once; None when there is nothing."""
    found: dict[str, None] = {}
    for assessment in assessments:
        if isinstance(assessment, MAPPINGS):
            for policy, value in assessment.items():
                if isinstance(value, MAPPINGS) and policy.endswith("Policy"):
                    found.update(dict.fromkeys(_of_policy(policy, value)))
    return list(found) or None


def _of_policy(policy: str, value: Mapping[str, Any]) -> Iterable[str]:
    for name, items in value.items():
        for item in items if isinstance(items, list) else ():
            if isinstance(item, MAPPINGS) and item.get("detected") is not False:
                what = next((str(item[key]) for key in _NAMES if item.get(key)), name)
                yield f"{policy}/{what}/{item.get('action') or 'DETECTED'}"


def of_trace(trace: Any) -> list[str] | None:
    """From the trace of a model call: {guardrail: {inputAssessment: {id: ...}, outputAssessments: {id: [...]}}}."""
    guardrail = trace.get("guardrail") if isinstance(trace, MAPPINGS) else None
    if not isinstance(guardrail, MAPPINGS):
        return None
    before, after = guardrail.get("inputAssessment"), guardrail.get("outputAssessments")
    assessments = list(before.values()) if isinstance(before, MAPPINGS) else []
    for value in after.values() if isinstance(after, MAPPINGS) else ():
        assessments.extend(value if isinstance(value, list) else [value])
    return findings(assessments)


def describe(request: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """Of ApplyGuardrail and InvokeGuardrailChecks: what was looked at, and what came of it."""
    source = str(request.get("source") or "").lower()
    role = "assistant" if source == "output" else "user"
    texts = [_text(block) for block in request.get("content") or ()]
    parts = [{"type": "text", "content": text} for text in texts if text]
    outputs = [item.get("text") for item in body.get("outputs") or () if isinstance(item, MAPPINGS)]
    messages = [{"role": role, "parts": parts}] if parts else _messages(request)
    written = [{"type": "text", "content": text} for text in outputs if text]
    return {
        s.SPAN_TYPE: "guardrail",
        s.AWS_GUARDRAIL_ID: request.get("guardrailIdentifier"),
        s.GUARDRAIL_ACTION: body.get("action"),
        s.GUARDRAIL_FINDINGS: findings(body.get("assessments") or ()),
        s.INPUT_MESSAGES: messages or None,
        s.OUTPUT_MESSAGES: [{"role": "assistant", "parts": written}] if written else None,
    }


def _messages(request: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "role": message.get("role") or "user",
            "parts": [
                {"type": "text", "content": text} for block in message.get("content") or () if (text := _text(block))
            ],
        }
        for message in request.get("messages") or ()
        if isinstance(message, MAPPINGS)
    ]


def _text(block: Any) -> Any:
    text = block.get("text") if isinstance(block, MAPPINGS) else None
    return text.get("text") if isinstance(text, MAPPINGS) else text
