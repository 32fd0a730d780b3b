"""The dialect of Anthropic's own client (2.x): the GenAI conventions, and what only Anthropic has beside them."""

from __future__ import annotations

from typing import Any

from ...analysis.json_text import parse_json
from ...model import Span
from .base import Reading, as_count, as_text
from .genai import GenAi

__all__ = ["AnthropicNative"]

METADATA = {
    "anthropic.organization.id": "organization_id",
    "anthropic.workspace.id": "workspace_id",
    "anthropic.request.id": "request_id",
}
PARAMETERS = {
    "anthropic.thinking.type": "thinking.type",
    "anthropic.thinking.budget_tokens": "thinking.budget_tokens",
    "anthropic.beta": "betas",
}
USAGE = {
    "anthropic.usage.compaction.input_tokens": "compaction_input",
    "anthropic.usage.compaction.output_tokens": "compaction_output",
}
TOOL_RESULT = "anthropic.tool_result.content"
GENAI = GenAi()


class AnthropicNative:
    """Spans of com.anthropic.sdk.python and of its clients for other clouds. Its input count includes the cache."""

    def detect(self, scope_name: str, attributes: dict[str, Any]) -> bool:
        """Return whether the client itself made the span."""
        return scope_name.startswith("com.anthropic.sdk")

    def read(self, span: Span) -> Reading:
        """Return what the span says."""
        attributes = span.attributes
        reading = GENAI.read(span)
        reading.session_id = reading.session_id or as_text(attributes.get("anthropic.session.id"))
        for name, key in METADATA.items():
            if word := as_text(attributes.get(name)):
                reading.metadata[key] = word
        if TOOL_RESULT in attributes:
            reading.content.setdefault("tool_result", parse_json(attributes[TOOL_RESULT]))
            reading.bodies.append(TOOL_RESULT)
        if reading.operation is not None:
            for name, key in PARAMETERS.items():
                if name in attributes:
                    reading.parameters[key] = attributes[name]
            for name, key in USAGE.items():
                if (count := as_count(attributes.get(name))) is not None:
                    reading.usage[key] = count
        return reading
