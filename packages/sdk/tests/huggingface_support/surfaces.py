"""Every method of the client that calls a model, and every way to read its answer, from one table."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from huggingface_hub import AsyncInferenceClient, InferenceClient

from huggingface_support.fake import PNG, WAV

HI: list[Any] = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]


@dataclass(frozen=True)
class Surface:
    """path: below the server. arguments: of the method."""

    method: str
    path: str
    positional: tuple[Any, ...] = ()
    arguments: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        kind = "-".join(key for key in ("stream", "details") if self.arguments.get(key))
        return f"{self.method}{':' + kind if kind else ''}"

    @property
    def streams(self) -> bool:
        return bool(self.arguments.get("stream"))


def _task(method: str, *positional: Any, **arguments: Any) -> Surface:
    return Surface(method, f"/tasks/{method.replace('_', '-')}", positional, arguments)


CHAT = Surface("chat_completion", "/v1", (HI,), {"model": "plain"})
CHAT_STREAM = Surface("chat_completion", "/v1", (HI,), {"model": "plain", "stream": True})
TGI = Surface("text_generation", "/tgi/plain", ("Hi",))
SURFACES = [
    CHAT,
    CHAT_STREAM,
    Surface("chat.completions.create", "/v1", (HI,), {"model": "plain"}),
    Surface("chat.completions.create", "/v1", (HI,), {"model": "plain", "stream": True}),
    TGI,
    Surface("text_generation", "/tgi/plain", ("Hi",), {"details": True}),
    Surface("text_generation", "/tgi/plain", ("Hi",), {"stream": True}),
    Surface("text_generation", "/tgi/plain", ("Hi",), {"stream": True, "details": True}),
    _task("audio_classification", WAV),
    _task("audio_to_audio", WAV),
    _task("automatic_speech_recognition", WAV),
    _task("document_question_answering", PNG, "What?"),
    _task("feature_extraction", "Hi"),
    _task("fill_mask", "Hi [MASK]"),
    _task("image_classification", PNG),
    _task("image_segmentation", PNG),
    _task("image_to_image", PNG, prompt="more"),
    _task("image_to_text", PNG),
    _task("object_detection", PNG),
    _task("question_answering", question="Where?", context="In Oslo"),
    _task("sentence_similarity", "Hi", ["you", "me"]),
    _task("summarization", "long"),
    _task("table_question_answering", {"a": ["1"]}, "What?"),
    _task("tabular_classification", {"a": ["1"]}),
    _task("tabular_regression", {"a": ["1"]}),
    _task("text_classification", "Hi"),
    _task("text_to_image", "a cat"),
    _task("text_to_speech", "Hi you"),
    _task("text_to_video", "a cat"),
    _task("token_classification", "Oslo"),
    _task("translation", "hi"),
    _task("visual_question_answering", PNG, "A cat?"),
    _task("zero_shot_classification", "x", ["a", "b"]),
    _task("zero_shot_image_classification", PNG, ["a", "b"]),
]
if hasattr(InferenceClient, "image_to_video"):
    SURFACES.append(_task("image_to_video", PNG))
# the Hub itself does not serve these: the client refuses, unless another provider is named
NEEDS_A_PROVIDER = frozenset(("text_to_video", "image_to_video", "tabular_regression"))


def _method(client: Any, surface: Surface) -> Any:
    for name in surface.method.split("."):
        client = getattr(client, name)
    return client


def run(surface: Surface, root: str, **client: Any) -> Any:
    """Ask synchronously; a stream as a list."""
    made = InferenceClient(f"{root}{surface.path}", token="hf_test", timeout=20, **client)  # noqa: S106
    result = _method(made, surface)(*surface.positional, **surface.arguments)
    return list(result) if surface.streams else result


async def arun(surface: Surface, root: str, **client: Any) -> Any:
    """As run()."""
    async with AsyncInferenceClient(f"{root}{surface.path}", token="hf_test", timeout=20, **client) as made:  # noqa: S106
        result = await _method(made, surface)(*surface.positional, **surface.arguments)
        return [item async for item in result] if surface.streams else result


def run_either(surface: Surface, root: str, *, asynchronous: bool) -> Any:
    """With the one client or the other."""
    return asyncio.run(arun(surface, root)) if asynchronous else run(surface, root)
