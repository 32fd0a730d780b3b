"""What a handler alone cannot do: have a run's span current while the code of the run is at work.

LangChain runs nested code in a copied context, after `_set_config_context(config)`, and the config's callbacks know the
run: there the span is made current, and goes with the context. Models, retrievers and graphs are called without one:
there a Frame puts back what was current when their function, or a step of their generator, ends.
"""

from __future__ import annotations

import copy
import functools
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from opentelemetry import context as otel_context

from ..._call import LAYER_KEY
from ..._generators import first_step
from ..._guard import swallow
from .. import _lazy
from . import _frames, _runs
from ._frames import AsyncSteps, Frame, Steps

_SETTER = "_set_config_context"
_LIBRARIES = ("langchain_core.", "langchain_classic.", "langgraph.", "langchain.")


class _Covers:
    """Several layers of which one request answers all: the prompts of a text model."""

    def __init__(self, covers: list[Any]) -> None:
        self._covers = covers

    @property
    def covered(self) -> bool:
        """Whether a call was seen below."""
        return all(cover.covered for cover in self._covers)

    @covered.setter
    def covered(self, seen: bool) -> None:
        for cover in self._covers:
            cover.covered = seen


class Patches:
    """Our wrappers around LangChain's functions, and what was there before."""

    def __init__(self) -> None:
        self._originals: list[tuple[Any, str, Any, Any]] = []  # owner, name, what was there, what we put there
        self._active = False
        self._graphs = False

    def install(self) -> None:
        """Put them on, once."""
        self._active = True
        if not self._originals:
            models = import_module("langchain_core.language_models.chat_models").BaseChatModel
            texts = import_module("langchain_core.language_models.llms").BaseLLM
            retriever = import_module("langchain_core.retrievers").BaseRetriever
            tool = import_module("langchain_core.tools").BaseTool
            manager = import_module("langchain_core.callbacks.manager").AsyncCallbackManager
            import_module("langchain_core.runnables.config")
            for owner, name, wrap in (
                (models, "_generate_with_cache", self._in_run),
                (models, "_agenerate_with_cache", self._in_run_async),
                (models, "_iter_v2_events", self._iterates_run),
                (models, "_aiter_v2_events", self._iterates_run_async),
                (models, "_convert_cached_generations", self._from_cache),
                (models, "stream", functools.partial(self._steps, "model")),
                (models, "astream", functools.partial(self._async_steps, "model")),
                (texts, "_generate_helper", self._in_runs),
                (texts, "_agenerate_helper", self._in_runs_async),
                (texts, "stream", functools.partial(self._steps, "model")),
                (texts, "astream", functools.partial(self._async_steps, "model")),
                (retriever, "invoke", functools.partial(self._call, "retriever")),
                (retriever, "ainvoke", functools.partial(self._async_call, "retriever")),
                (tool, "run", functools.partial(self._call, "tool")),
                (tool, "arun", functools.partial(self._async_call, "tool")),
                (manager, "on_llm_start", self._fair_start),
            ):
                self._put(owner, name, wrap)
            for key in list(sys.modules):
                if key.startswith(_LIBRARIES):
                    self._put(sys.modules[key], _SETTER, self._sets_context)
        _lazy.when_imported("langgraph.pregel", self.graphs, owner="langchain")

    def graphs(self) -> None:
        """LangGraph's own: it may be loaded later than LangChain."""
        if self._graphs or not self._active:
            return
        module = sys.modules.get("langgraph.pregel")
        pregel = getattr(module, "Pregel", None)
        if pregel is None:
            return
        self._graphs = True
        self._put(pregel, "stream", functools.partial(self._steps, "graph"))
        self._put(pregel, "astream", functools.partial(self._async_steps, "graph"))
        for key in list(sys.modules):
            if key.startswith("langgraph."):
                self._put(sys.modules[key], _SETTER, self._sets_context)

    def remove(self) -> None:
        """Leave LangChain as it was. What somebody wrapped again stays, and lets everything pass."""
        self._active = False
        ours = [vars(owner).get(name) is mine for owner, name, _, mine in self._originals]
        if all(ours):
            for owner, name, original, _ in self._originals:
                setattr(owner, name, original)
            self._originals.clear()
            self._graphs = False

    def _put(self, owner: Any, name: str, wrap: Callable[[Any], Any]) -> None:
        original = vars(owner).get(name)
        if callable(original) and not any(original is known for _, _, _, known in self._originals):
            shared = next((mine for _, _, known, mine in self._originals if known is original), None)
            mine = functools.wraps(original)(wrap(original)) if shared is None else shared
            setattr(owner, name, mine)
            self._originals.append((owner, name, original, mine))

    def _sets_context(self, original: Any) -> Any:
        def _set_config_context(config: Any, *args: Any, **kwargs: Any) -> Any:
            result = original(config, *args, **kwargs)
            if self._active:
                try:
                    run = _runs.get(getattr(config.get("callbacks"), "parent_run_id", None))
                    if run is not None:
                        run.enter()
                except Exception as failure:
                    swallow("langchain.context", failure)
            return result

        return _set_config_context

    def _frame(self, kind: str, run_manager: Any = None, graph: Any = None) -> Frame:
        run = _runs.get(getattr(run_manager, "run_id", None)) if run_manager is not None else None
        return Frame(kind, run, graph)

    def _in_run(self, original: Any) -> Any:
        # positional only, here and below: a model's own arguments may have any name
        def _generate_with_cache(owner: Any, /, *args: Any, **kwargs: Any) -> Any:
            with self._frame("", _manager(args, kwargs)):
                return original(owner, *args, **kwargs)

        return _generate_with_cache

    def _in_run_async(self, original: Any) -> Any:
        async def _agenerate_with_cache(owner: Any, /, *args: Any, **kwargs: Any) -> Any:
            frame = self._frame("", _manager(args, kwargs))
            try:
                with frame:
                    return await original(owner, *args, **kwargs)
            except BaseException as error:
                # a cancelled gather never comes to its on_llm_error
                if _frames.is_cancellation(error):
                    frame.finish(error)
                raise

        return _agenerate_with_cache

    def _in_runs(self, original: Any) -> Any:
        def _generate_helper(owner: Any, /, *args: Any, **kwargs: Any) -> Any:
            with self._frame_of_all(_manager(args, kwargs, "run_managers")):
                return original(owner, *args, **kwargs)

        return _generate_helper

    def _in_runs_async(self, original: Any) -> Any:
        async def _agenerate_helper(owner: Any, /, *args: Any, **kwargs: Any) -> Any:
            with self._frame_of_all(_manager(args, kwargs, "run_managers")):
                return await original(owner, *args, **kwargs)

        return _agenerate_helper

    def _frame_of_all(self, run_managers: Any) -> Frame:
        frame = self._frame("", run_managers[0] if run_managers else None)
        try:
            runs = [_runs.get(manager.run_id) for manager in run_managers or ()]
            covers = [run.layer.cover for run in runs if run is not None and run.layer is not None]
            if frame.run is not None and len(covers) > 1:
                frame.run.context = otel_context.set_value(LAYER_KEY, _Covers(covers), frame.run.context)
        except Exception as failure:
            swallow("langchain.covers", failure)
        return frame

    def _iterates_run(self, original: Any) -> Any:
        def _iter_v2_events(owner: Any, /, *args: Any, **kwargs: Any) -> Any:
            return Steps(original(owner, *args, **kwargs), self._frame("", kwargs.get("run_manager")))

        return _iter_v2_events

    def _iterates_run_async(self, original: Any) -> Any:
        def _aiter_v2_events(owner: Any, /, *args: Any, **kwargs: Any) -> Any:
            return AsyncSteps(original(owner, *args, **kwargs), self._frame("", kwargs.get("run_manager")))

        return _aiter_v2_events

    def _from_cache(self, original: Any) -> Any:
        def _convert_cached_generations(model: Any, /, *args: Any, **kwargs: Any) -> Any:
            frame = _frames._open.get()
            if frame is not None and frame.run is not None:
                frame.run.cached = True
            return original(model, *args, **kwargs)

        return _convert_cached_generations

    def _steps(self, kind: str, original: Any) -> Any:
        # a generator function, as the original is: LangChain asks what the functions given to it are
        def stream(owner: Any, /, *args: Any, **kwargs: Any) -> Any:
            inner = original(owner, *args, **kwargs)
            return (yield from Steps(inner, self._frame(kind, graph=owner)) if self._active else inner)

        return stream

    def _async_steps(self, kind: str, original: Any) -> Any:
        async def astream(owner: Any, /, *args: Any, **kwargs: Any) -> Any:
            inner = original(owner, *args, **kwargs)
            steps = AsyncSteps(inner, self._frame(kind, graph=owner)) if self._active else inner
            try:
                item = await first_step(steps)
                while True:
                    try:
                        sent = yield item
                    except GeneratorExit:
                        await steps.aclose()
                        raise
                    except BaseException as error:
                        item = await steps.athrow(error)
                    else:
                        item = await (anext(steps) if sent is None else steps.asend(sent))
            except StopAsyncIteration:
                return

        return astream

    def _call(self, kind: str, original: Any) -> Any:
        def call(owner: Any, /, *args: Any, **kwargs: Any) -> Any:
            frame = self._frame(kind)
            try:
                with frame:
                    return original(owner, *args, **kwargs)
            except BaseException as error:
                frame.finish(error)
                raise

        return call

    def _async_call(self, kind: str, original: Any) -> Any:
        async def call(owner: Any, /, *args: Any, **kwargs: Any) -> Any:
            frame = self._frame(kind)
            try:
                with frame:
                    return await original(owner, *args, **kwargs)
            except BaseException as error:
                frame.finish(error)
                raise

        return call

    def _fair_start(self, original: Any) -> Any:
        """Keep the event for handlers that are not inline: LangChain leaves them out when one of the others is."""

        async def on_llm_start(manager: Any, /, *args: Any, **kwargs: Any) -> Any:
            others = [handler for handler in manager.handlers if not _is_ours(handler)]
            if not self._active or len(others) == len(manager.handlers) or any(h.run_inline for h in others):
                return await original(manager, *args, **kwargs)
            without = copy.copy(manager)
            without.handlers = others
            started = await original(without, *args, **kwargs)
            self._tell_ours(manager, started, *args, **kwargs)
            return started

        return on_llm_start

    def _tell_ours(
        self, manager: Any, started: Any, serialized: Any, prompts: Any, /, *args: Any, **kwargs: Any
    ) -> None:
        kwargs.pop("run_id", None)
        for prompt, run in zip(prompts, started, strict=False):
            run.handlers = manager.handlers
            for handler in manager.handlers:
                if _is_ours(handler):
                    handler.on_llm_start(
                        serialized, [prompt], run_id=run.run_id, parent_run_id=manager.parent_run_id,
                        tags=manager.tags, metadata=manager.metadata, **kwargs,
                    )  # fmt: skip


def _manager(args: tuple[Any, ...], kwargs: dict[str, Any], name: str = "run_manager") -> Any:
    """The run manager among the arguments: messages, stop, run_manager."""
    return args[2] if len(args) > 2 else kwargs.get(name)


def _is_ours(handler: Any) -> bool:
    return type(handler).__module__ == __package__


patches = Patches()
