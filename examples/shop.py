"""What the examples share: a small outdoor shop, and a command line. No model, no framework, nothing of SentinelOps."""

from __future__ import annotations

import argparse
import os
import random
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass

HANDBOOK = {
    "returns": "Boots, packs and tents can be sent back unused within 30 days. The money is back in 5 days.",
    "warranty": "Zips, seams and buckles are repaired free for two years. After that it costs 25 to 60 euros.",
    "shipping": "Parcels take 2 to 4 working days, express 1 day for 12 euros. From 60 euros on shipping is free.",
    "soles": "A new sole costs 45 euros and takes three weeks; the boots must be clean and dry.",
    "sizes": "Measure the back from the neck to the hips: up to 45 cm is S, up to 50 cm M, more is L.",
}
ORDERS = {
    "A-1042": {"item": "rain jacket", "state": "on its way", "arrives": "tomorrow"},
    "A-1043": {"item": "trail boots", "state": "delivered", "days_ago": 12},
    "A-1077": {"item": "two-person tent", "state": "packed", "arrives": "in 3 days"},
}
QUESTIONS = [
    "I want to return the trail boots from order A-1043. How long does it take?",
    "Where is my order A-1042?",
    "The zip of my tent broke after eight months. Is that covered?",
    "What does a new sole cost?",
    "Which pack size do I need with a back of 47 cm?",
    "Can I still change the address of A-1077?",
    "I cannot find order A-9999 in my account!",
]


@dataclass(frozen=True)
class Model:
    """Where the model answers, in the OpenAI format: base URLs and a name."""

    chat: str
    embeddings: str
    name: str
    key: str


def run(ask: Callable[[str], str], program: str) -> None:
    """Ask one question after another until told to stop; `--once` asks a single one, `--questions N` so many."""
    parser = argparse.ArgumentParser(prog=program)
    parser.add_argument("--once", action="store_true", help="ask one question and end")
    parser.add_argument("--questions", type=int, help="ask so many and end")
    parser.add_argument("--rest", type=float, default=4.0, help="seconds between two questions (default 4)")
    given = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    left = 1 if given.once else given.questions
    rng = random.Random(7)
    asked = 0
    while not stop.is_set() and asked != left:
        question = QUESTIONS[asked % len(QUESTIONS)]
        print(f"> {question}\n{ask(question).strip()}\n", flush=True)
        asked += 1
        if asked != left:
            stop.wait(given.rest * rng.uniform(0.5, 1.5))


def model() -> Model:
    """The model of OPENAI_BASE_URL and OPENAI_MODEL; `sentinelops demo --app` sets them to the demo's own."""
    chat = os.environ.get("OPENAI_BASE_URL", "https://api.openai.com/v1")
    embeddings = os.environ.get("EMBEDDINGS_BASE_URL", chat)
    return Model(
        chat, embeddings, os.environ.get("OPENAI_MODEL", "gpt-4o-mini"), os.environ.get("OPENAI_API_KEY", "none")
    )
