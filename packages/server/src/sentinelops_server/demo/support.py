"""Traffic for the demo's support desk: customers who ask, insist, leave early, paste too much. Its own process."""

from __future__ import annotations

import random
import threading
from contextlib import AbstractContextManager

import sentinelops
from openai import BadRequestError, OpenAI

from sentinelops_server.demo.desk import Conversation, Desk
from sentinelops_server.demo.traffic import Options, Scene, play, read_options

__all__ = ["Customers", "main", "scenes"]

OPENINGS = [
    "Where is my order A-1042?",
    "My order A-1101 was not sent yet, why? You can reach me at ines.r@example.com",
    "I want to return the trail boots from order A-1043.",
    "How long does express delivery take?",
    "The zip of my tent broke after eight months. Is that covered?",
    "What does a new sole cost?",
    "I cannot find order A-9999 in my account!",
    "Which pack size do I need with a back of 47 cm?",
    "Can I still change the delivery address of A-1077?",
    "Is shipping free from 60?",
]
FOLLOW_UPS = [
    "And how long does that take?",
    "What does it cost?",
    "Can you do it faster?",
    "Thank you. And on weekends?",
]
USERS = ["ana", "bjorn", "chidi", "dora", "emil", "farah", "gita", "hugo"]


class Customers:
    """What customers do at the desk; every method is a scene."""

    def __init__(self, desk: Desk) -> None:
        """Take the desk they come to."""
        self.desk = desk

    def _visit(self, rng: random.Random, *tags: str) -> AbstractContextManager[object]:
        session = f"visit-{rng.getrandbits(40):010x}"
        metadata = {"prompt_version": "v2", "shop": rng.choice(["north", "south"])}
        return sentinelops.context(session=session, user=rng.choice(USERS), tags=list(tags), metadata=metadata)

    def converse(self, rng: random.Random) -> None:
        """Ask one to three things, each answered as a stream."""
        with self._visit(rng, "chat"):
            conversation = Conversation()
            for turn in range(rng.randrange(1, 4)):
                self.desk.answer(conversation, rng.choice(FOLLOW_UPS if turn else OPENINGS))
            if rng.random() < 0.5:  # not everybody says how it was; outside a span it is about the visit
                sentinelops.score("helpful", rng.random() < 0.8, source="user")

    def leave_early(self, rng: random.Random) -> None:
        """Ask, and leave in the middle of the answer."""
        with self._visit(rng, "chat"):
            self.desk.answer(Conversation(), rng.choice(OPENINGS), patience=rng.randrange(3, 9))

    def paste_too_much(self, rng: random.Random) -> None:
        """Paste a whole shipping log into the question: longer than the model's context, so it refuses with 400."""
        with self._visit(rng, "chat"):
            log = "\n".join(f"2026-{n % 12 + 1:02}-{n % 28 + 1:02} parcel scanned at hub {n}" for n in range(220))
            try:
                self.desk.chat.chat.completions.create(
                    model=self.desk.model,
                    messages=[{"role": "user", "content": f"What happened to my parcel?\n{log}"}],
                    max_tokens=40,
                )
            except BadRequestError:
                # the desk asks for less, as it should
                self.desk.answer(Conversation(), "My parcel's log is very long. Where is my order A-1150?")

    def hurry(self, rng: random.Random) -> None:
        """Ask through a client that waits 30 ms, which is too short for any answer."""
        hasty = self.desk.chat.with_options(timeout=0.03, max_retries=0)
        with self._visit(rng, "health-check"):
            message = {"role": "user", "content": rng.choice(OPENINGS)}
            hasty.chat.completions.create(model=self.desk.model, messages=[message], max_tokens=20)  # type: ignore[list-item]


def scenes(options: Options) -> list[Scene]:
    """Open the desk and return what happens there."""
    key = "not-needed"  # the local model asks for none; the client wants one
    chat = OpenAI(base_url=options.chat, api_key=key, timeout=60, max_retries=1)
    embeddings = OpenAI(base_url=options.embeddings, api_key=key, timeout=60, max_retries=1)
    customers = Customers(Desk(chat, embeddings, options.model))
    return [
        Scene(12, customers.converse),
        Scene(2, customers.leave_early),
        Scene(1, customers.paste_too_much),
        Scene(0.7, customers.hurry),
    ]


def main() -> None:
    """Configure the SDK and play until stopped; the endpoint and key come from SENTINELOPS_ENDPOINT and _API_KEY."""
    stop = threading.Event()
    options = read_options("support", stop)
    sentinelops.configure(application="support-desk", environment="production")
    sentinelops.instrument("openai")
    play(scenes(options), options, stop)


if __name__ == "__main__":
    main()
