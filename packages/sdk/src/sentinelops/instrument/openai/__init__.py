"""Watches the `openai` client, majors 1 to 3: every client class (OpenAI, Azure, Bedrock, their async twins)."""

from __future__ import annotations

from typing import Any

from .._wire import openai as wire
from .._wire import openai_assistants as assistants
from .._wire import openai_decisions as decisions
from .._wire import openai_media as media
from .._wire.answer import Protocol
from .._wire.exchange import Exchange, begin
from .._wire.provider import endpoint_of
from .._wire.stainless import Hooks, body_of, path_of
from . import _azure, _batches, _sockets

__all__ = ["instrument", "uninstrument"]

# path of the request -> (operation, protocol). Everything else passes untouched and unseen.
ROUTES: dict[str, tuple[str, Protocol]] = {
    "/chat/completions": ("chat", wire.CHAT),
    "/responses": ("chat", wire.RESPONSES),
    "/responses/compact": ("chat", wire.RESPONSES),
    "/decisions": ("chat", decisions.DECISIONS),
    "/embeddings": ("embeddings", wire.EMBEDDINGS),
    "/completions": ("text_completion", wire.COMPLETIONS),
    "/images/generations": ("image_generation", media.IMAGES),
    "/images/edits": ("image_generation", media.IMAGES),
    "/images/variations": ("image_generation", media.IMAGES),
    "/audio/speech": ("speech", media.SPEECH),
    "/audio/transcriptions": ("transcription", media.TRANSCRIPTIONS),
    "/audio/translations": ("transcription", media.TRANSCRIPTIONS),
    "/videos": ("video_generation", media.VIDEOS),
    "/videos/edits": ("video_generation", media.VIDEOS),
    "/videos/extensions": ("video_generation", media.VIDEOS),
    "/moderations": ("moderation", media.MODERATIONS),
}


def route_of(path: str, method: str) -> tuple[str, Protocol] | None:
    """Operation and protocol of a request that we describe; None for all others."""
    if path.startswith("/threads"):
        return assistants.route_of(path, method)
    if method in ("post", "POST"):
        remix = path.startswith("/videos/") and path.endswith("/remix")
        return ROUTES["/videos"] if remix else ROUTES.get(path)
    if method in ("get", "GET") and path.startswith("/responses/") and "/" not in path[11:]:
        return ("fetch_response", wire.RESPONSES)
    return None


def _begin_batch(client: Any, options: Any, path: str) -> Exchange | None:
    """What `batches` and `files` do of a batch; None for everything else."""
    read = options.method in ("get", "GET")
    if path == "/batches" and not read:
        return begin("create_batch", _batches.BATCHES, endpoint_of(client), body_of(options), streaming=False)
    if read and path.startswith("/batches/"):
        return _batches.Looked()
    if read and path.startswith("/files/") and path.endswith("/content"):
        return _batches.Results(endpoint_of(client), path[len("/files/") : -len("/content")])
    return None


def _begin(client: Any, options: Any, streaming: bool) -> Exchange | None:
    path = path_of(client, options)
    route = route_of(path, options.method)
    if route is None:
        return _begin_batch(client, options, path)
    endpoint, body = endpoint_of(client), body_of(options)
    named = _azure.of_client(client, options, body.get("model")) if endpoint.provider in _azure.PROVIDERS else None
    return begin(*route, endpoint, body, streaming=streaming, named=named)


_hooks = Hooks("openai", _begin)


def instrument() -> bool:
    """Put our wrappers around the client's functions; True when calls are watched."""
    if not _hooks.instrument():
        return False
    _sockets.instrument()
    return True


def uninstrument() -> bool:
    """Take the wrappers off."""
    _sockets.uninstrument()
    return _hooks.uninstrument()
