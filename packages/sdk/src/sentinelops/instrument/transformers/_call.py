"""One model call in this process: references to what went in and came out, by way of shapes and small tensors.

No tokenizer is asked: those of transformers may not be used by two threads at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ... import _runtime
from ..._call import Call, gone, start_call
from ..._guard import swallow
from . import _describe

_MAX_RESULTS = 64  # of a large batch the first so many texts are kept
# Tasks with an operation of another name; a task of the form translation_en_to_fr is a translation.
_OPERATIONS = {
    "any-to-any": "text_completion",
    "automatic-speech-recognition": "transcription",
    "feature-extraction": "embeddings",
    "image-feature-extraction": "embeddings",
    "image-text-to-text": "text_completion",
    "text-generation": "text_completion",
    "text-to-audio": "speech",
    "text-to-speech": "speech",
    "text2text-generation": "text_completion",
}


class Pass(NamedTuple):
    """One run of `generate`. Tensors by reference; None where there is none."""

    ids: Any
    mask: Any
    embeds: Any
    sequences: Any
    encoder_decoder: bool
    eos: Any
    limit: int | None


class Seen:
    """What `describe` reads: the answer of such a call."""

    __slots__ = ("device", "dtype", "inputs", "passes", "streamed", "task", "written")

    def __init__(self, task: str | None, device: Any, dtype: Any) -> None:
        self.task = task
        self.device = device
        self.dtype = dtype
        self.inputs: list[tuple[Any, Any]] = []  # ids and mask of what a model was given that does not generate
        self.passes: list[Pass] = []
        self.streamed = False
        self.written: Any = None


class LocalCall:
    """From its beginning to its end. owner: id of the pipeline, None for `generate`."""

    __slots__ = ("_call", "_seen", "generating", "owner")

    def __init__(self, call: Call, seen: Seen, owner: int | None) -> None:
        self._call = call
        self._seen = seen
        self.owner = owner
        self.generating = False

    @property
    def streamed(self) -> bool:
        """Whether a streamer was told of every token."""
        return self._seen.streamed

    @streamed.setter
    def streamed(self, value: bool) -> None:
        self._seen.streamed = value

    def first_token(self) -> None:
        """The model wrote its first token."""
        self._call.first_token()

    def given(self, model_inputs: Any) -> None:
        """Note what a batch holds."""
        if isinstance(model_inputs, Mapping) or hasattr(model_inputs, "get"):
            ids = model_inputs.get("input_ids")
            if ids is not None:
                self._seen.inputs.append((ids, model_inputs.get("attention_mask")))

    def generated(self, model: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Any) -> None:
        """Note what `generate` was given and gave."""
        sequences = getattr(result, "sequences", result)
        if len(getattr(sequences, "shape", ())) != 2:
            return
        ids = args[0] if args else kwargs.get("inputs", kwargs.get("input_ids"))
        settings = _settings(model, args, kwargs)
        config = getattr(model, "config", None)
        self._seen.passes.append(
            Pass(
                ids if _is_ids(ids) else None,
                kwargs.get("attention_mask"),
                kwargs.get("inputs_embeds"),
                sequences,
                bool(getattr(config, "is_encoder_decoder", False)),
                settings("eos_token_id"),
                settings("max_new_tokens"),
            )
        )

    def failed(self, error: BaseException) -> None:
        """End with what the host sees raised."""
        left = gone(error)
        self._call.end(self._seen, error=None if left else error, cancelled=left)

    def returned(self, result: Any) -> None:
        """End with what the host gets; texts are looked up now, since the host may change its lists."""
        try:
            if result is not None and self._seen.task not in _describe.NOT_KEPT:
                self._seen.written = _texts(result)
        except Exception as error:
            swallow("transformers.returned", error)
        self._call.end(self._seen)


def _settings(model: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """A setting of this run: of the call, of its generation_config, else of the model's own."""
    given = args[1] if len(args) > 1 else kwargs.get("generation_config")
    own = getattr(model, "generation_config", None)

    def setting(name: str) -> Any:
        for value in (kwargs.get(name), getattr(given, name, None), getattr(own, name, None)):
            if value is not None:
                return value
        return None

    return setting


def _is_ids(value: Any) -> bool:
    """Numbers of tokens, not sound or pixels."""
    return len(getattr(value, "shape", ())) == 2 and not value.is_floating_point()


def _texts(result: Any) -> Any:
    """The host's result, its lists copied; of a chat the message that was added."""
    if isinstance(result, list):
        return [_texts(item) for item in result[:_MAX_RESULTS]]
    if isinstance(result, dict) and isinstance(result.get("generated_text"), list):
        return {"generated_text": result["generated_text"][-1:]}
    return result


def of_pipeline(pipeline: Any, inputs: Any, kwargs: Mapping[str, Any]) -> LocalCall | None:
    """Begin the call of a pipeline."""
    task = str(getattr(pipeline, "task", None) or type(pipeline).__name__)
    chat = _describe.is_chat(inputs)
    return _begin(pipeline.model, _operation(task, chat=chat), task, {"inputs": inputs, **kwargs}, pipeline)


def of_batch(pipeline: Any, model_inputs: Any, kwargs: Mapping[str, Any]) -> LocalCall | None:
    """Begin the call of one batch of a dataset or generator that is being read."""
    task = str(getattr(pipeline, "task", None) or type(pipeline).__name__)
    inputs = model_inputs.get("prompt_text") if hasattr(model_inputs, "get") else None
    chat = _describe.is_chat(inputs)
    return _begin(pipeline.model, _operation(task, chat=chat), task, {"inputs": inputs, **kwargs}, pipeline)


def of_generate(model: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> LocalCall | None:
    """Begin the call of `generate` that no pipeline makes."""
    settings = {name: kwargs[name] for name in _describe.PARAMETERS if name in kwargs}
    given = args[1] if len(args) > 1 else kwargs.get("generation_config")
    return _begin(model, "text_completion", None, {**settings, "generation_config": given}, None,
                  streaming=kwargs.get("streamer") is not None)  # fmt: skip


def _operation(task: str, *, chat: bool) -> str:
    operation = _OPERATIONS.get(task) or task.partition("_")[0].replace("-", "_")
    return "chat" if chat and operation == "text_completion" else operation


def _begin(  # noqa: PLR0913, PLR0917 - what a call is begun with
    model: Any, operation: str, task: str | None, request: Mapping[str, Any], pipeline: Any, streaming: bool = False
) -> LocalCall | None:
    call = start_call(
        operation, "transformers", _name(model), request=request, describe=_describe.describe,
        streaming=streaming or request.get("streamer") is not None,
    )  # fmt: skip
    if call is None:
        return None
    device = getattr(model, "device", None) if pipeline is None else getattr(pipeline, "device", None)
    return LocalCall(
        call, Seen(task, device, getattr(model, "dtype", None)), None if pipeline is None else id(pipeline)
    )


def _name(model: Any) -> str:
    name = getattr(model, "name_or_path", None) or type(model).__name__
    runtime = _runtime.current
    models = runtime.config.models if runtime is not None else {}
    return str(models.get(name, name))
