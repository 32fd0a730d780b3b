"""The dialect of OpenLIT: the GenAI conventions, with defaults and zeros for what was never said."""

from __future__ import annotations

from typing import Any

from ...model import Span
from .base import Reading, as_count, as_float, as_text
from .genai import GenAi

__all__ = ["OpenLIT"]

# instrumentations that hand on input counts without the cached tokens
EXCLUSIVE = frozenset(("anthropic", "aws.bedrock"))
USAGE = {
    "gen_ai.usage.completion_tokens_details.reasoning_tokens": "reasoning",
    "gen_ai.usage.completion_tokens_details.audio_tokens": "audio_output",
    "gen_ai.usage.prompt_tokens_details.cached_tokens": "cache_read",
    "gen_ai.usage.prompt_tokens_details.cache_creation_tokens": "cache_write",
}
STREAM = "gen_ai.request.stream"
GENAI = GenAi()


class OpenLIT:
    """Spans of openlit's instrumentations and of its decorators."""

    def detect(self, scope_name: str, attributes: dict[str, Any]) -> bool:
        """Return whether this is one of openlit's tracers."""
        return scope_name.startswith("openlit")

    def read(self, span: Span) -> Reading:
        """Return what the span says."""
        attributes = span.attributes
        reading = GENAI.read(span)
        if reading.type is None and "function.args" in attributes:
            reading.type = "chain"  # @openlit.trace
            for name, key in (("function.args", "input"), ("function.kwargs", "input_kwargs")):
                if (value := attributes.get(name)) not in (None, "", "{}", "()"):
                    reading.content[key] = value
                reading.bodies.append(name)
        if reading.operation is not None:
            _call(attributes, reading)
        return reading


def _call(attributes: dict[str, Any], reading: Reading) -> None:
    if attributes.get(STREAM) is False:
        # every call has a time to its first token, which is the whole of a call that does not stream
        reading.streaming, reading.time_to_first_token = False, None
    reading.exclusive_input = reading.exclusive_input or reading.provider in EXCLUSIVE
    for name, key in USAGE.items():
        if (count := as_count(attributes.get(name))) is not None:
            reading.usage.setdefault(key, count)
    user = as_text(reading.parameters.pop("user", None))
    reading.user_id = reading.user_id or user
    if cost := as_float(attributes.get("gen_ai.usage.cost")):  # 0 is a model without a price
        reading.metadata["reported_cost"] = cost
    # the system's message stands among the input's as well
    messages = reading.content.get("input_messages")
    if isinstance(messages, list) and any(message.get("role") == "system" for message in messages):
        reading.content.pop("system_instructions", None)
