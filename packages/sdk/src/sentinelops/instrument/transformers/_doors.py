"""Our wrappers: the outermost of a pipeline's call, a batch of it, and `generate` begins the call and ends it."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable
from contextvars import ContextVar
from types import GeneratorType
from typing import Any

from ..._guard import guard, swallow
from . import _call
from ._call import LocalCall


class _State:
    active = False


state = _State()
_current: ContextVar[LocalCall | None] = ContextVar("sentinelops.transformers", default=None)


def wrap_pipeline(original: Any) -> Any:
    """Around `Pipeline.__call__`, where every kind of pipeline ends up."""

    @functools.wraps(original)
    def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:
        inputs = args[0] if args else kwargs.get("inputs")
        # what is read later is seen batch by batch, when it is
        if not state.active or _current.get() is not None or _is_lazy(inputs):
            return original(self, *args, **kwargs)
        call = _begun(lambda: _call.of_pipeline(self, inputs, kwargs))
        return _within(call, lambda: original(self, *args, **kwargs))

    return __call__


def wrap_forward(original: Any) -> Any:
    """Around `Pipeline.forward`: what the model is given, batch by batch."""

    @functools.wraps(original)
    def forward(self: Any, model_inputs: Any, *args: Any, **kwargs: Any) -> Any:
        if not state.active:
            return original(self, model_inputs, *args, **kwargs)
        above = _current.get()
        call = above or _begun(lambda: _call.of_batch(self, model_inputs, kwargs))
        if call is not None and call.owner == id(self):
            with guard("transformers.forward"):
                call.given(model_inputs)
        if above is not None:
            return original(self, model_inputs, *args, **kwargs)
        return _within(call, lambda: original(self, model_inputs, *args, **kwargs), keep=False)

    return forward


def wrap_generate(original: Any) -> Any:
    """Around `GenerationMixin.generate`: tokens in and out, and the time of the first where a streamer tells."""

    @functools.wraps(original)
    def generate(self: Any, *args: Any, **kwargs: Any) -> Any:
        above = _current.get()
        if not state.active or (above is not None and above.generating):
            return original(self, *args, **kwargs)
        call = above or _begun(lambda: _call.of_generate(self, args, kwargs))
        if call is None:
            return original(self, *args, **kwargs)
        return _within(call, lambda: _generated(call, self, args, kwargs, original), keep=False, last=above is None)

    return generate


def _generated(call: LocalCall, model: Any, args: tuple[Any, ...], kwargs: dict[str, Any], original: Any) -> Any:
    call.generating = True
    let_go = _follow(call, kwargs.get("streamer"))
    try:
        result = original(model, *args, **kwargs)
    finally:
        call.generating = False
        let_go()
    with guard("transformers.generated"):
        call.generated(model, args, kwargs, result)
    return result


def _follow(call: LocalCall, streamer: Any) -> Callable[[], None]:
    """See the first token pass: the prompt is put first, then each token. Gives what undoes it."""
    if streamer is None:
        return _nothing
    try:
        call.streamed = True
        put = streamer.put
        held = streamer.__dict__
        if "put" in held:  # somebody else's, left alone
            return _nothing
        seen = 0

        def ours(value: Any) -> Any:
            nonlocal seen
            seen += 1
            if seen == 2:
                with guard("transformers.first_token"):
                    call.first_token()
            return put(value)

        held["put"] = ours
    except Exception as error:
        swallow("transformers.streamer", error)
        return _nothing
    return lambda: held.pop("put", None)


def _nothing() -> None:
    return None


def _begun(begin: Callable[[], LocalCall | None]) -> LocalCall | None:
    try:
        return begin()
    except Exception as error:
        swallow("transformers.begin", error)
        return None


def _within(call: LocalCall | None, run: Callable[[], Any], *, keep: bool = True, last: bool = True) -> Any:
    """Run what was called, inside the call. keep: the result is the answer. last: the call ends with it."""
    if call is None or not last:
        return run()
    token = _current.set(call)
    try:
        result = run()
    except BaseException as error:
        call.failed(error)
        raise
    finally:
        with contextlib.suppress(ValueError):  # finished off in another context than it began in
            _current.reset(token)
    call.returned(result if keep else None)
    return result


def _is_lazy(inputs: Any) -> bool:
    if isinstance(inputs, GeneratorType):
        return True
    data = sys.modules.get("torch.utils.data")
    return data is not None and isinstance(inputs, data.Dataset)
