"""observe() and span(): right parents, right ends, and functions that behave as before."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import inspect
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import sentinelops
from opentelemetry import trace
from sentinelops import _runtime, _span
from sentinelops.testing import Captured, capture


@pytest.fixture
def captured() -> Iterator[Captured]:
    with capture() as running:
        yield running


def outline(captured: Captured) -> set[tuple[str, str | None]]:
    """Every span with its parent's name."""
    names = {span["span_id"]: span["name"] for span in captured.spans}
    return {(span["name"], names.get(span["parent_id"] or "")) for span in captured.spans}


def step(name: str) -> None:
    with sentinelops.span(name):
        pass


def test_a_function_keeps_its_signature_and_says_what_it_did(captured: Captured) -> None:
    @sentinelops.observe(name="add", type="tool")
    def add(a: int, b: list[int], *, c: int = 3) -> dict[str, int]:
        """Add."""
        step("inside")
        b.append(99)
        return {"sum": a + b[0] + c}

    assert add(1, [2], c=4) == {"sum": 7}
    assert (add.__name__, add.__doc__, str(inspect.signature(add))) == (
        "add", "Add.", "(a: 'int', b: 'list[int]', *, c: 'int' = 3) -> 'dict[str, int]'",
    )  # fmt: skip
    span = captured.named("add")
    assert span["attributes"] == {
        "sentinelops.span.type": "tool",
        "sentinelops.input": '{"a":1,"b":[2],"c":4}',
        "sentinelops.output": '{"sum":7}',
    }
    assert outline(captured) == {("add", None), ("inside", "add")}


def test_nothing_is_captured_that_was_not_wanted(captured: Captured) -> None:
    @sentinelops.observe(capture_input=False, capture_output=False)
    def secret(word: str) -> str:
        return word

    secret("x")
    assert captured.spans[0]["attributes"] == {"sentinelops.span.type": "chain"}


def test_an_exception_goes_through_and_is_recorded(captured: Captured) -> None:
    @sentinelops.observe
    def fails() -> None:
        raise KeyError("no such key")

    with pytest.raises(KeyError) as raised:
        fails()
    span = captured.spans[0]
    assert (span["status"], span["status_message"]) == ("error", "'no such key'")
    assert span["attributes"]["error.type"] == "KeyError"
    (event,) = span["events"]
    assert event["attributes"]["exception.type"] == "builtins.KeyError"
    assert "in fails" in event["attributes"]["exception.stacktrace"]
    assert raised.traceback[-1].name == "fails"


def test_methods_of_every_kind(captured: Captured) -> None:
    class Shop:
        @sentinelops.observe
        def buy(self, what: str) -> str:
            return what

        @sentinelops.observe
        @classmethod
        def open(cls, day: str) -> str:
            return cls.__name__ + day

        @sentinelops.observe
        @staticmethod
        def price(of: str) -> int:
            return len(of)

    shop = Shop()
    assert (shop.buy("tea"), Shop.open("mon"), shop.price("tea")) == ("tea", "Shopmon", 3)
    assert [span["attributes"]["sentinelops.input"] for span in captured.spans] == [
        '{"what":"tea"}', '{"day":"mon"}', '{"of":"tea"}',
    ]  # fmt: skip


def test_what_cannot_be_wrapped_is_told_at_once() -> None:
    with pytest.raises(TypeError, match="functions and methods"):
        sentinelops.observe(int)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="functions and methods"):
        sentinelops.observe(3)  # type: ignore[call-overload]


def test_a_generator_is_current_in_its_body_only(captured: Captured) -> None:
    @sentinelops.observe
    def words(n: int) -> Iterator[str]:
        with sentinelops.span("body"):
            for number in range(n):
                step(f"in{number}")
                yield f"w{number} "

    assert inspect.isgeneratorfunction(words)
    unused = words(1)
    for number, _ in enumerate(words(2)):
        assert not trace.get_current_span().get_span_context().is_valid
        step(f"out{number}")
    unused.close()
    assert outline(captured) == {
        ("words", None), ("body", "words"), ("in0", "body"), ("in1", "body"), ("out0", None), ("out1", None),
    }  # fmt: skip
    assert captured.named("words")["attributes"]["sentinelops.output"] == '"w0 w1 "'


def test_a_generator_keeps_send_throw_and_its_return_value(captured: Captured) -> None:
    @sentinelops.observe(name="g")
    def machine() -> Any:
        got = yield 1
        try:
            yield got * 2
        except ValueError:
            yield "caught"
        return "end"

    running = machine()
    assert next(running) == 1
    assert running.send(21) == 42
    assert running.throw(ValueError()) == "caught"
    with pytest.raises(StopIteration) as stop:
        next(running)
    assert stop.value.value == "end"
    assert captured.named("g")["status"] == "unset"


@pytest.mark.parametrize("how", ["close", "break", "abandon", "raise"])
def test_a_generator_that_is_left_early_ends_once(captured: Captured, how: str) -> None:
    cleaned: list[str] = []

    @sentinelops.observe(name="g")
    def endless() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            step("clean")
            cleaned.append(how)

    running = endless()
    next(running)
    if how == "close":
        running.close()
    elif how == "raise":
        with pytest.raises(LookupError):
            running.throw(LookupError("caller"))  # type: ignore[attr-defined]
    del running
    gc.collect()
    assert cleaned == [how]
    span = captured.named("g")
    assert span["status"] == ("error" if how == "raise" else "unset")
    assert span["attributes"].get("sentinelops.outcome") == (None if how == "raise" else "cancelled")
    assert outline(captured) == {("g", None), ("clean", "g")}


def test_async_functions_and_tasks_keep_their_parents(captured: Captured) -> None:
    @sentinelops.observe(name="leaf")
    async def leaf(name: str) -> str:
        await asyncio.sleep(0)
        async with sentinelops.span(f"in {name}"):
            await asyncio.sleep(0)
        return name

    @sentinelops.observe(name="root")
    async def root() -> list[str]:
        async with sentinelops.context(user="u"):
            return list(await asyncio.gather(*(leaf(name) for name in "ab")))

    assert inspect.iscoroutinefunction(root)
    assert asyncio.run(root()) == ["a", "b"]
    assert outline(captured) == {("root", None), ("leaf", "root"), ("in a", "leaf"), ("in b", "leaf")}
    assert {span["name"]: span["attributes"].get("user.id") for span in captured.spans} == {
        "leaf": "u", "in a": "u", "in b": "u", "root": None,
    }  # fmt: skip


def test_a_cancelled_task_is_cancelled_not_failed(captured: Captured) -> None:
    started = asyncio.Event()

    @sentinelops.observe(name="waits")
    async def waits() -> None:
        started.set()
        await asyncio.Event().wait()

    async def main() -> None:
        task = asyncio.create_task(waits())
        await started.wait()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    asyncio.run(main())
    span = captured.named("waits")
    assert (span["status"], span["attributes"]["sentinelops.outcome"]) == ("unset", "cancelled")


def test_an_async_function_that_raises(captured: Captured) -> None:
    @sentinelops.observe(name="bad")
    async def bad() -> None:
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        asyncio.run(bad())
    assert captured.named("bad")["status_message"] == "gone"


@pytest.mark.parametrize("how", ["end", "aclose", "raise", "athrow"])
def test_async_generators(captured: Captured, how: str) -> None:
    @sentinelops.observe(name="ag")
    async def numbers() -> AsyncIterator[Any]:
        got = None
        for number in range(3):
            step(f"in{number}")
            try:
                got = yield number if got is None else got
            except ValueError:
                got = "caught"
            if how == "raise":
                raise LookupError("own")

    async def main() -> None:
        running: Any = numbers()
        assert await running.__anext__() == 0
        assert not trace.get_current_span().get_span_context().is_valid
        if how == "end":
            assert await running.asend("x") == "x"
            assert [item async for item in running] == [2]
        elif how == "aclose":
            await running.aclose()
        elif how == "athrow":
            assert await running.athrow(ValueError()) == "caught"
            await running.aclose()
        else:
            with pytest.raises(LookupError):
                await running.__anext__()

    asyncio.run(main())
    span = captured.named("ag")
    outcome = span["attributes"].get("sentinelops.outcome")
    assert (span["status"], outcome) == {
        "end": ("unset", None), "aclose": ("unset", "cancelled"), "athrow": ("unset", "cancelled"), "raise": ("error", None),
    }[how]  # fmt: skip
    assert ("in0", "ag") in outline(captured)


def test_threads_made_with_our_helpers_are_under_the_context(captured: Captured) -> None:
    with sentinelops.context(session="s"), sentinelops.span("root"):
        thread = threading.Thread(target=sentinelops.propagate(step), args=("thread",))
        thread.start()
        thread.join()
        with sentinelops.ThreadPoolExecutor(2) as pool:
            pool.submit(step, "submitted").result()
            assert list(pool.map(step, ["mapped"])) == [None]
    lost = threading.Thread(target=step, args=("lost",))
    lost.start()
    lost.join()
    assert outline(captured) == {
        ("root", None), ("thread", "root"), ("submitted", "root"), ("mapped", "root"), ("lost", None),
    }  # fmt: skip
    assert [span["attributes"].get("session.id") for span in captured.spans] == ["s", "s", "s", "s", None]


def test_contexts_add_up_and_are_left_again(captured: Captured) -> None:
    with sentinelops.context(session="outer", tags=["a", "b"], metadata={"plan": "pro", "n": 1}):
        with sentinelops.context(session="inner", tags="b", metadata={"n": 2, "odd": [1], "none": None}):
            step("deep")
        step("shallow")
    step("outside")
    deep, shallow, outside = (span["attributes"] for span in captured.spans)
    assert deep == {
        "session.id": "inner", "sentinelops.tags": ["a", "b"], "sentinelops.metadata.plan": "pro",
        "sentinelops.metadata.n": 2, "sentinelops.metadata.odd": "[1]", "sentinelops.span.type": "chain",
    }  # fmt: skip
    assert shallow["session.id"] == "outer"
    assert outside == {"sentinelops.span.type": "chain"}


def test_leaving_in_another_context_is_quiet(captured: Captured, caplog: pytest.LogCaptureFixture) -> None:
    both = contextlib.ExitStack()

    def enter() -> None:
        both.enter_context(sentinelops.context(user="u"))
        both.enter_context(sentinelops.span("crossing"))

    contextvars.copy_context().run(enter)
    both.close()
    assert captured.named("crossing")["status"] == "unset"
    assert caplog.records == []


def test_a_span_says_what_it_is_told(captured: Captured) -> None:
    with sentinelops.span("s", type="retrieval", input="q", metadata={"k": 3}) as running:
        running.set(hits=2)
        running.output(["d"])
        assert len(running.trace_id or "") == 32
        assert len(running.span_id or "") == 16
    running.end()
    (span,) = captured.spans
    assert span["attributes"] == {
        "sentinelops.span.type": "retrieval", "sentinelops.metadata.k": 3, "sentinelops.metadata.hits": 2,
        "sentinelops.input": '"q"', "sentinelops.output": '["d"]',
    }  # fmt: skip


def test_everything_works_when_the_sdk_is_off() -> None:
    assert _runtime.current is None

    @sentinelops.observe
    def plain(x: int) -> int:
        return x

    @sentinelops.observe
    def generator() -> Any:
        got = yield 1
        return got

    @sentinelops.observe
    async def coroutine() -> int:
        return 2

    @sentinelops.observe
    async def agenerator() -> AsyncIterator[int]:
        yield 3

    async def collect() -> list[int]:
        return [item async for item in agenerator()]

    assert (plain(0), list(generator()), asyncio.run(coroutine()), asyncio.run(collect())) == (0, [1], 2, [3])
    with sentinelops.span("s") as running, sentinelops.record(provider="p", model="m") as call:
        running.set(a=1)
        call.first_token()
        call.prompt("x")
    assert (running.trace_id, running.span_id) == (None, None)
    assert sentinelops.flush() is True
    assert sentinelops.stats()["created"] == 0
    sentinelops.shutdown()


@pytest.mark.parametrize("part", ["start_span", "end_call"])
def test_a_broken_collaborator_costs_the_span_only(
    captured: Captured, lenient: None, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    def breaks(*_: Any, **__: Any) -> Any:
        raise RuntimeError("ours")

    monkeypatch.setattr(_runtime.Runtime, part, breaks)

    @sentinelops.observe
    def host() -> str:
        return "answer"

    with sentinelops.span("s"), sentinelops.record(provider="p", model="m"):
        assert host() == "answer"
    assert captured.spans == []


@pytest.mark.parametrize("part", ["_attach", "_detach", "_current"])
def test_a_broken_context_costs_the_parents_only(
    captured: Captured, lenient: None, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    def breaks(*_: Any) -> Any:
        raise RuntimeError("ours")

    monkeypatch.setattr(_span, part, breaks)
    contextvars.copy_context().run(step, "s")
    assert [span["name"] for span in captured.spans] == ["s"]
