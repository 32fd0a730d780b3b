"""A server that speaks the formats behind the Inference client: chat, TGI, pipelines of the Hub, other providers."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import huggingface_hub
from openai_support.answers import STREAMS
from openai_support.answers import USAGE as CHAT_USAGE
from openai_support.fake import FakeOpenAI, _OpenAIHandler
from PIL import Image

NEW = not huggingface_hub.__version__.startswith("0.")
_png = io.BytesIO()
Image.new("RGB", (2, 2)).save(_png, "PNG")
PNG = _png.getvalue()
WAV = b"RIFF" + bytes(60)
DETAILS = {
    "finish_reason": "eos_token", "generated_tokens": 3, "seed": None, "prefill": [], "tokens": [],
    "best_of_sequences": None, "top_tokens": None,
}  # fmt: skip
TGI_HEADERS = {"x-prompt-tokens": "7", "x-generated-tokens": "3", "x-inference-time": "110", "x-compute-type": "gpu"}
B64 = base64.b64encode(PNG).decode()
LABELS = [{"label": "a", "score": 0.75}, {"label": "b", "score": 0.25}]
# path below the server -> content type (None: JSON) and answer; what the pipelines of the Hub say
TASKS: dict[str, tuple[str | None, Any]] = {
    "audio-classification": (None, LABELS),
    "audio-to-audio": (None, [{"label": "speech", "content-type": "audio/flac", "blob": B64}]),
    "automatic-speech-recognition": (None, {"text": "hello there"}),
    "document-question-answering": (None, [{"answer": "42", "end": 1, "score": 0.9, "start": 0}]),
    "feature-extraction": (None, [[0.5, 0.25], [0.125, 1.0]]),
    "fill-mask": (None, [{"score": 0.5, "sequence": "a b", "token": 5, "token_str": "b"}]),
    "image-classification": (None, LABELS),
    "image-segmentation": (None, [{"label": "a", "mask": B64, "score": 0.5}]),
    "image-to-image": ("image/png", PNG),
    "image-to-text": (None, [{"generated_text": "a cat"}]),
    "image-to-video": ("video/mp4", b"\0\0\0 ftyp" + bytes(20)),
    "object-detection": (None, [{"label": "a", "score": 0.5, "box": {"xmin": 0, "ymin": 0, "xmax": 1, "ymax": 1}}]),
    "question-answering": (None, {"answer": "Oslo", "end": 4, "score": 0.9, "start": 0}),
    "sentence-similarity": (None, [0.5, 0.25]),
    "summarization": (None, [{"summary_text": "short"}]),
    "table-question-answering": (None, {"answer": "1", "coordinates": [[0, 0]], "cells": ["1"], "aggregator": "NONE"}),
    "tabular-classification": (None, ["1", "2"]),
    "tabular-regression": (None, [1.0, 2.0]),
    "text-classification": (None, [LABELS]),
    "text-to-image": ("image/png", PNG),
    "text-to-speech": ("audio/flac", WAV),
    "text-to-video": ("video/mp4", b"\0\0\0 ftyp" + bytes(20)),
    "token-classification": (None, [{"entity_group": "LOC", "score": 0.9, "word": "Oslo", "start": 0, "end": 4}]),
    "translation": (None, [{"translation_text": "hei"}]),
    "visual-question-answering": (None, [{"answer": "yes", "score": 0.9}]),
    "zero-shot-classification": (None, LABELS if NEW else {"labels": ["a", "b"], "scores": [0.75, 0.25]}),
    "zero-shot-image-classification": (None, LABELS),
}


def tgi_events(details: bool = True) -> list[str]:
    """Three tokens, the last with all of it."""
    events: list[dict[str, Any]] = [
        {"index": number, "token": {"id": number, "text": text, "logprob": -0.5, "special": False}, "details": None,
         "generated_text": None, "top_tokens": None}
        for number, text in enumerate(("Hello", " there"), 1)
    ]  # fmt: skip
    last = {"finish_reason": "eos_token", "generated_tokens": 3, "seed": None, "input_length": 7}
    events.append(
        {"index": 3, "token": {"id": 3, "text": "</s>", "logprob": -0.5, "special": True}, "top_tokens": None,
         "generated_text": "Hello there", "details": last if details else None}
    )  # fmt: skip
    return [f"data:{json.dumps(event)}\n\n" for event in events]


TGI_STREAMS = {
    "plain": tgi_events(),
    "bare": tgi_events(details=False),
    "failing": [tgi_events()[0], 'data:{"error":"Out of memory","error_type":"generation"}\n\n'],
    "dying": [tgi_events()[0], None],
    "held": [*tgi_events()[:1], *tgi_events()[:1], *tgi_events()[:1], *tgi_events()],
}
TGI_ERRORS = {
    "too-long": (422, {"error": "inputs must have less than 4096 tokens", "error_type": "validation"}),
    "busy": (429, {"error": "Model is overloaded", "error_type": "overloaded"}),
    "secret": (401, {"error": "Invalid credentials"}),
}
UNUSED = "The following `model_kwargs` are not used by the model: ['watermark', 'best_of'] (note: typos)"


class FakeHub(FakeOpenAI):
    """/v1/chat/completions as FakeOpenAI; /tgi/NAME: text generation; /tasks/TASK; /together/...: another provider."""

    def __init__(self) -> None:
        super().__init__()
        self.server.RequestHandlerClass = _Handler

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class _Handler(_OpenAIHandler):
    def do_POST(self) -> None:
        if self.path.startswith("/tgi/"):
            self._generate(self.path.removeprefix("/tgi/"), json.loads(self._body()))
        elif "/tasks/" in self.path:
            raw = self._body()
            self.fake.requests.append(("POST", self.path, dict(self.headers.items()), raw))
            kind, answer = TASKS[self.path.partition("/tasks/")[2]]
            if kind is None:
                self._send(200, answer, {})
            else:
                self._send_bytes(answer, kind, {})
        elif self.path == "/together/v1/embeddings":
            self._body()
            usage = {"prompt_tokens": 6, "total_tokens": 6}
            self._send(200, {"model": "served", "data": [{"index": 0, "embedding": [0.5, 0.25]}], "usage": usage}, {})
        elif self.path == "/together/v1/completions":
            self._body()
            choice = {"index": 0, "text": "Hello there", "finish_reason": "stop"}
            self._send(200, {"id": "cmpl-1", "model": "served", "choices": [choice], "usage": CHAT_USAGE}, {})
        else:
            if self.path.startswith("/together/"):
                self.path = self.path.removeprefix("/together")
            super().do_POST()

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("content-length") or 0))

    def _generate(self, name: str, body: dict[str, Any]) -> None:
        self.fake.requests.append(("POST", self.path, dict(self.headers.items()), body))
        if name in TGI_ERRORS:
            status, error = TGI_ERRORS[name]
            self._send(status, error, {})
        elif name == "not-tgi" and ("watermark" in body["parameters"]):
            self._send(400, {"error": [UNUSED]}, {"x-error-message": UNUSED})
        elif name == "hangs-up":
            self.close_connection = True
        elif body.get("stream"):
            STREAMS["/tgi", name] = TGI_STREAMS[name]
            self._stream("/tgi", name)
        else:
            details = DETAILS if body["parameters"].get("details") else None
            answer = {"generated_text": "Hello there", **({"details": details} if details else {})}
            self._send(200, [answer] if name == "listed" else answer, TGI_HEADERS)
