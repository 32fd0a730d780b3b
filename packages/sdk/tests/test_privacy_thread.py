"""Nothing of the caller's is searched for private text on the caller's thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import sentinelops
from otlp_sink import Sink
from sentinelops import privacy

MAIL = "jo@example.com"


@sentinelops.observe
def plain(text: str) -> str:
    return text


@sentinelops.observe
def pieces(text: str) -> Iterator[str]:
    yield text
    yield text


@sentinelops.observe
async def later(text: str) -> AsyncIterator[str]:
    yield text


@sentinelops.observe
def failing(text: str) -> None:
    raise ValueError(f"no such user {text}")


async def _drained() -> None:
    async for _ in later(MAIL):
        pass


def _all_doors() -> None:
    plain(MAIL)
    list(pieces(MAIL))
    asyncio.run(_drained())
    with pytest.raises(ValueError, match="no such user"):
        failing(MAIL)
    with sentinelops.record(provider="acme", model="large") as told:
        told.prompt(MAIL)
        told.completion(MAIL)
        told.usage(prompt_tokens=1, completion_tokens=1)
    with pytest.raises(ValueError, match="mail"), sentinelops.record(provider="acme", model="large") as told:
        told.prompt(MAIL)
        raise ValueError(f"mail {MAIL}")
    with sentinelops.span("step", type="tool", input={"password": "hunter2abc"}):
        sentinelops.score("good", 1, comment=f"by {MAIL}")


@pytest.mark.parametrize("options", [{}, {"sample_detail": 0.5, "sample_calls": 0.5}], ids=["all", "sampled"])
def test_private_text_is_looked_for_in_the_export_thread_alone(
    sink: Sink, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    found_in: list[int] = []
    search = privacy.find

    def find(*args: Any, **more: Any) -> Any:
        found_in.append(threading.get_ident())
        return search(*args, **more)

    monkeypatch.setattr(privacy, "find", find)
    monkeypatch.setattr(privacy._rules, "find", find)
    sentinelops.configure(application="shop", endpoint=sink.url, schedule_delay_seconds=0.01, **options)
    _all_doors()
    assert sentinelops.flush(5)
    assert found_in
    assert threading.get_ident() not in found_in
    assert MAIL not in repr(sink.spans())
