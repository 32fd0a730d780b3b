"""The demo's second application: letters summarised as JSON, subject lines by threes, a digest. Its own process."""

from __future__ import annotations

import asyncio
import random
import threading
from typing import Literal

import sentinelops
from openai import AsyncOpenAI, LengthFinishReasonError, OpenAI
from pydantic import BaseModel

from sentinelops_server.demo.history import texts
from sentinelops_server.demo.traffic import Options, Scene, play, read_options

__all__ = ["Office", "Summary", "main", "scenes"]


class Summary(BaseModel):
    """A letter in short."""

    topic: Literal["delivery", "return", "invoice", "offer"]
    summary: str
    urgent: bool


class Office:
    """What is done with letters; every public method without `letter` in its arguments is a scene."""

    def __init__(self, options: Options) -> None:
        """Take the model's address."""
        self.options = options
        self.client = OpenAI(base_url=options.chat, api_key="not-needed", timeout=60, max_retries=1)

    @sentinelops.observe(name="summarise", type="chain")
    def summarise(self, letter: str) -> Summary | None:
        """Bring a letter into the form of a Summary; None when the model's answer was cut before it was complete."""
        try:
            answer = self.client.chat.completions.parse(
                model=self.options.model,
                messages=[{"role": "user", "content": f"Summarise this letter in a few words.\n\n{letter}"}],
                response_format=Summary,
                max_tokens=90,
                temperature=0.2,
            )
        except LengthFinishReasonError:
            sentinelops.score("complete", False, source="rule")
            return None
        sentinelops.score("complete", True, source="rule")
        return answer.choices[0].message.parsed

    @sentinelops.observe(name="propose_subjects", type="chain")
    async def propose_subjects(self, letter: str) -> list[str]:
        """Ask for three subject lines at once; returns what came."""
        async with AsyncOpenAI(base_url=self.options.chat, api_key="not-needed", timeout=60) as client:

            async def propose(tone: str) -> str:
                answer = await client.chat.completions.create(
                    model=self.options.model,
                    messages=[{"role": "user", "content": f"Write a {tone} subject line for a reply to:\n{letter}"}],
                    max_tokens=16,
                    temperature=0.9,
                )
                return answer.choices[0].message.content or ""

            return list(await asyncio.gather(*(propose(tone) for tone in ("friendly", "formal", "short"))))

    def letter(self, rng: random.Random) -> None:
        """Summarise the next letter."""
        with sentinelops.context(tags=["batch"], metadata={"prompt_version": "v3"}):
            self.summarise(texts.fill(rng, rng.choice(texts.LETTERS)))

    def subjects(self, rng: random.Random) -> None:
        """Propose subject lines for the answer to a letter, concurrently."""
        with sentinelops.context(user=rng.choice(["clerk-1", "clerk-2"]), metadata={"prompt_version": "v1"}):
            asyncio.run(self.propose_subjects(texts.fill(rng, rng.choice(texts.LETTERS))))

    def digest(self, rng: random.Random) -> None:
        """Write the day's digest, through the Responses API."""
        lines = [texts.fill(rng, letter)[:80] for letter in texts.LETTERS]
        with sentinelops.context(tags=["batch", "digest"]):
            self.client.responses.create(
                model=self.options.model,
                instructions="Write one sentence for the morning meeting.",
                input="\n".join(lines),
                max_output_tokens=48,
            )


def scenes(options: Options) -> list[Scene]:
    """Open the office and return what happens there."""
    office = Office(options)
    return [Scene(5, office.letter), Scene(2, office.subjects), Scene(1, office.digest)]


def main() -> None:
    """Configure the SDK and play until stopped; the endpoint and key come from SENTINELOPS_ENDPOINT and _API_KEY."""
    stop = threading.Event()
    options = read_options("mail", stop)
    sentinelops.configure(application="mail-summaries", environment="staging")
    sentinelops.instrument("openai")
    play(scenes(options), options, stop)


if __name__ == "__main__":
    main()
