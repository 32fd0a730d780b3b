"""What the demo's applications share: their command line, and a loop that plays scenes at a bounded load."""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Options", "Scene", "play", "read_options"]


@dataclass(frozen=True)
class Options:
    """Where the model is, and the share of the time an application may keep it busy."""

    chat: str
    embeddings: str
    model: str
    load: float = 0.25
    seed: int | None = None


@dataclass(frozen=True)
class Scene:
    """Something the application's users do, and how often beside the other scenes."""

    weight: float
    act: Callable[[random.Random], object]


def read_options(program: str, stop: threading.Event) -> Options:
    """Read the command line; from then on `stop` is set by SIGTERM, Ctrl-C or, if asked, the end of standard input."""
    parser = argparse.ArgumentParser(prog=f"python -m sentinelops_server.demo.{program}")
    parser.add_argument("--chat", required=True, help="base URL of the model's chat API: http://host:port/v1")
    parser.add_argument("--embeddings", required=True, help="base URL of its embeddings API")
    parser.add_argument("--model", required=True, help="the model's name")
    parser.add_argument("--load", type=float, default=0.25, help="share of the time the model may be kept busy")
    parser.add_argument("--seed", type=int, help="the same seed asks the same questions")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input closes")
    given = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if given.with_parent:

        def watch() -> None:
            # the descriptor itself: a daemon thread that holds sys.stdin's lock would upset the interpreter's exit
            while os.read(sys.stdin.fileno(), 4096):
                pass
            stop.set()

        threading.Thread(target=watch, name="parent", daemon=True).start()
    return Options(given.chat, given.embeddings, given.model, given.load, given.seed)


def play(scenes: list[Scene], options: Options, stop: threading.Event) -> None:
    """Play the first scene, then scenes drawn by weight until `stop`, with rests that keep the load in bounds.

    What a model call raises is part of the play: the scene's author lets it through, the next scene follows.
    """
    from openai import OpenAIError

    rng = random.Random(options.seed)
    weights = [scene.weight for scene in scenes]
    scene = scenes[0]
    while not stop.is_set():
        begun = time.monotonic()
        try:
            scene.act(rng)
        except OpenAIError as error:
            print(f"{type(error).__name__}: {error}"[:200], file=sys.stderr, flush=True)
        busy = time.monotonic() - begun
        [scene] = rng.choices(scenes, weights)
        stop.wait(min(30.0, busy * (1 / options.load - 1)) * rng.uniform(0.5, 1.5))
