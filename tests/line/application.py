"""An application as a user writes it: the real openai client, the SDK, a real model. It prints what it saw."""

from __future__ import annotations

import asyncio
import json
import os
import time

import sentinelops
from openai import AsyncOpenAI, BadRequestError, OpenAI

CHAT, EMBEDDINGS, MODEL = (os.environ[name] for name in ("MODEL_CHAT", "MODEL_EMBEDDINGS", "MODEL_NAME"))
SEEN: list[dict[str, object]] = []


def saw(kind: str, **facts: object) -> None:
    SEEN.append({"kind": kind, **facts})


def usage(answer: object) -> dict[str, int]:
    counted = answer.usage  # type: ignore[attr-defined]
    return {"prompt_tokens": counted.prompt_tokens, "completion_tokens": getattr(counted, "completion_tokens", 0)}


@sentinelops.observe(type="agent")
def converse(client: OpenAI) -> None:
    messages = [
        {"role": "system", "content": "Answer briefly."},
        {"role": "user", "content": "Name one colour. \u2603"},
    ]
    begun = time.perf_counter()
    answer = client.chat.completions.create(model=MODEL, messages=messages, max_tokens=12, temperature=0, seed=1)
    saw(
        "chat",
        seconds=time.perf_counter() - begun,
        id=answer.id,
        text=answer.choices[0].message.content,
        finish_reason=answer.choices[0].finish_reason,
        **usage(answer),
    )
    begun = time.perf_counter()
    first, text, counted, identity = None, "", None, ""
    for chunk in client.chat.completions.create(
        model=MODEL, messages=messages, max_tokens=16, stream=True, stream_options={"include_usage": True}
    ):
        identity = chunk.id
        if chunk.choices and chunk.choices[0].delta.content:
            first = first or time.perf_counter() - begun
            text += chunk.choices[0].delta.content
        if chunk.usage:
            counted = usage(chunk)
    saw("stream", seconds=time.perf_counter() - begun, first_token=first, id=identity, text=text, **(counted or {}))


def too_long(client: OpenAI) -> None:
    try:
        client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "very long " * 4000}])
    except BadRequestError as error:
        saw("too_long", status=error.status_code, error_type=type(error).__name__)


def leave_early(client: OpenAI) -> None:
    with client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "Tell a long story."}], max_tokens=60, stream=True
    ) as stream:
        for number, _ in enumerate(stream):
            if number == 3:
                break
    saw("left_early")


async def fan_out() -> None:
    async with AsyncOpenAI(base_url=CHAT, api_key="local-model-needs-none") as client:
        answers = await asyncio.gather(
            *(
                client.chat.completions.create(
                    model=MODEL, messages=[{"role": "user", "content": f"Say {word}."}], max_tokens=6
                )
                for word in ("one", "two", "three")
            )
        )
    for answer in answers:
        saw("async", id=answer.id, text=answer.choices[0].message.content, **usage(answer))


def main() -> None:
    client = OpenAI(base_url=CHAT, api_key="local-model-needs-none", max_retries=0)
    with sentinelops.context(session="session-42", user="ada", tags=["line"], metadata={"release": "r7"}):
        converse(client)
        too_long(client)
        leave_early(client)
        asyncio.run(fan_out())
        embedder = OpenAI(base_url=EMBEDDINGS, api_key="local-model-needs-none")
        saw("embeddings", **usage(embedder.embeddings.create(model=MODEL, input=["a", "two words"])))
    sentinelops.flush()
    print(json.dumps({"seen": SEEN, "stats": sentinelops.stats()}))


if __name__ == "__main__":
    sentinelops.configure(application="line-test", environment="test")
    sentinelops.instrument("openai")
    main()
