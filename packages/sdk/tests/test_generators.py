"""Async generators around those of others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import sentinelops
from sentinelops.testing import capture


def test_a_loop_that_ends_closes_an_open_generator_once(caplog: pytest.LogCaptureFixture) -> None:
    cleaned = []

    @sentinelops.observe
    async def items() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(0)
            cleaned.append(True)

    left = []

    async def leave() -> None:
        for _ in range(5):
            left.append(items())
            await anext(left[-1])

    with capture() as captured:
        asyncio.run(leave())
    assert caplog.records == []
    assert cleaned == [True] * 5
    assert [span["attributes"]["sentinelops.outcome"] for span in captured.spans] == ["cancelled"] * 5
