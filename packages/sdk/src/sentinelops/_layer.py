"""A framework's view of a model call, which gives way to the provider client's view of the same call below it.

LangChain, LlamaIndex, Haystack and others see a model call from above: with a watched client below, the call would be
seen twice. Whatever is stacked, exactly one span bears the tokens: the innermost. A layer whose call was seen below
says that it is a step, and nothing of tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from opentelemetry import context as otel_context
from opentelemetry.trace import SpanKind, set_span_in_context

from . import _runtime, semconv
from ._call import _SUPPRESS_ALL_KEY, LAYER_KEY, SUPPRESS_KEY, Call, CallRecord, Describe, copied
from ._content import CONTENT_ATTRIBUTES
from ._guard import swallow
from ._span import _detach

if TYPE_CHECKING:
    from contextvars import Token

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import Span

    from ._content import ContentPolicy

# what a covered layer does not say: it is said below
_SAID_BELOW = (
    "gen_ai.usage.", "gen_ai.response.", "gen_ai.request.", "gen_ai.output.", "gen_ai.embeddings.",
    "sentinelops.usage.", "anthropic.usage.",
)  # fmt: skip
_SAID_BELOW_NAMES = frozenset(
    (
        *CONTENT_ATTRIBUTES,
        semconv.OPERATION,
        semconv.PROVIDER,
        semconv.MEMORY_USED_BYTES,
        semconv.INFERENCE_DURATION_SECONDS,
    )
)


class Cover:
    """Whether a call was seen below."""

    __slots__ = ("covered",)

    def __init__(self) -> None:
        self.covered = False


class LayerRecord(CallRecord):
    """As a call's; see the module."""

    __slots__ = ("cover",)

    def __init__(  # noqa: PLR0913, PLR0917 - as CallRecord, which it extends
        self,
        operation: str,
        provider: str,
        model: str | None,
        request: Mapping[str, Any],
        describe: Describe,
        cover: Cover,
    ) -> None:
        super().__init__(operation, provider, model, request, describe)
        self.cover = cover

    def resolve(self, policy: ContentPolicy) -> _runtime.Resolved:
        """The attributes and the status of the span: of a call, or of a step around one."""
        resolved = super().resolve(policy)
        if self.cover.covered:
            kept = {
                key: value
                for key, value in resolved.attributes.items()
                if key not in _SAID_BELOW_NAMES and not key.startswith(_SAID_BELOW)
            }
            resolved.attributes = {**kept, semconv.SPAN_TYPE: "chain"}
        return resolved


class Layer(Call):
    """A running model call as a framework sees it. Unlike a Call it can be made the current span.

    context: in which it is current, for what starts below it elsewhere. step: the name of its span when a call was seen
    below, whose span has the call's name; None: that name stays.
    """

    __slots__ = ("_token", "context", "cover", "step")

    def __init__(self, runtime: _runtime.Runtime, span: Span, record: LayerRecord, parent: Context) -> None:
        super().__init__(runtime, span, record)
        self.cover = record.cover
        self.context: Context = otel_context.set_value(LAYER_KEY, record.cover, set_span_in_context(span, parent))
        self._token: Token[Context] | None = None
        self.step: str | None = None

    def end(
        self,
        response: Any = None,
        *,
        error: BaseException | None = None,
        cancelled: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """As a call's end()."""
        if self.step and self.cover.covered and not self.ended:
            try:
                cast("Span", self.span).update_name(self.step)
            except Exception as failure:
                swallow("layer.name", failure)
        super().end(response, error=error, cancelled=cancelled, headers=headers)

    def attach(self) -> None:
        """Make it current; undone by detach in the same context."""
        try:
            self._token = otel_context.attach(self.context)
        except Exception as failure:
            swallow("layer.attach", failure)

    def detach(self) -> None:
        """Give the current span back; nothing happens when the context is another than it was attached in."""
        token, self._token = self._token, None
        if token is not None:
            try:
                _detach(token)
            except Exception as failure:
                swallow("layer.detach", failure)


def start_layer(  # noqa: PLR0913 - the facts of a call, all but three by name
    operation: str,
    provider: str,
    model: str | None,
    *,
    request: Mapping[str, Any],
    describe: Describe,
    streaming: bool = False,
    context: Context | None = None,
    step: str | None = None,
) -> Layer | None:
    """Begin a framework's model call under `context` (None: the current one); `step`: see Layer, the rest: start_call.

    Not current until attach(). None when the SDK is off or the call suppressed. Never raises.
    """
    runtime = _runtime.current
    if runtime is None:
        return None
    try:
        parent = otel_context.get_current() if context is None else context
        if parent.get(SUPPRESS_KEY) or parent.get(_SUPPRESS_ALL_KEY):
            return None
        outer = cast("Cover | None", parent.get(LAYER_KEY))
        if outer is not None:
            outer.covered = True
        record = LayerRecord(operation, provider, model, copied(request), describe, Cover())
        record.streaming = streaming
        span = runtime.start_span(f"{operation} {model}" if model else operation, SpanKind.INTERNAL, parent)
        if span is None:
            return None
        layer = Layer(runtime, cast("Span", span), record, parent)
        layer.step = step
        return layer
    except Exception as failure:
        swallow("layer.start", failure)
        return None
