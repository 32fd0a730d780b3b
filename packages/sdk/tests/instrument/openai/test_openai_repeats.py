"""Chunks that repeat are read without being parsed, and the answer is the same as if each had been."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from sentinelops.instrument._wire import streams
from sentinelops.instrument._wire.openai_folders import ChatFolder

TEXTS = [
    "a",
    " b",
    "",
    "é",
    "日本",
    '"',
    "\\",
    "\n",
    "\n\n",
    "😀",
    "\u2028",
    '"},',
    ', "obfuscation": "x"',
    "data: {",
    "\\u0041",
]


def chunk(delta: dict[str, Any], **more: Any) -> dict[str, Any]:
    choice = {"index": more.pop("index", 0), "delta": delta, "finish_reason": more.pop("finish_reason", None)}
    return {
        "id": "c1",
        "object": "chat.completion.chunk",
        "created": more.pop("created", 1),
        "choices": [choice],
        **more,
    }


def written(chunks: list[dict[str, Any]], chance: random.Random) -> bytes:
    ascii_only, separators = chance.choice((True, False)), chance.choice(((",", ":"), (", ", ": ")))
    lines = [json.dumps(one, ensure_ascii=ascii_only, separators=separators) for one in chunks]
    return "".join(f"data: {line}\n\n" for line in [*lines, "[DONE]"]).encode()


def read(
    data: bytes, cuts: list[int], *, repeats: bool, monkeypatch: pytest.MonkeyPatch
) -> tuple[dict[str, Any], bool]:
    passage = streams.Passage(ChatFolder(), None, None)
    if not repeats:
        passage._repeats = None
    edges = [0, *sorted(cuts), len(data)]
    monkeypatch.setattr(streams, "FOLD_BYTES", 0)  # every piece is folded as it comes
    for begin, end in zip(edges, edges[1:], strict=False):
        passage.take(data[begin:end])
    passage.settle()
    assert passage.folder is not None
    return passage.folder.body, passage.folder.finished


def random_chunks(chance: random.Random) -> list[dict[str, Any]]:
    chunks = [chunk({"role": "assistant", "content": ""})]
    for number in range(chance.randint(0, 40)):
        kind = chance.random()
        text = chance.choice(TEXTS) + chance.choice(TEXTS)
        padding = {"obfuscation": "x" * chance.randint(0, 5)} if chance.random() < 0.5 else {}
        if kind < 0.8:
            chunks.append(chunk({"content": text}, **padding))
        elif kind < 0.86:
            chunks.append(chunk({"content": text}, index=1))
        elif kind < 0.9:
            chunks.append(chunk({"content": text}, created=number))
        elif kind < 0.94:
            chunks.append(chunk({"content": text, "reasoning_content": "r"}))
        else:
            call = {"index": 0, "id": "t", "function": {"name": "f", "arguments": text}}
            chunks.append(chunk({"tool_calls": [call]}))
    chunks.append(chunk({}, finish_reason="stop", usage={"completion_tokens": 3}))
    return chunks


def test_any_stream_is_read_as_if_each_chunk_were_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(11)
    for _ in range(400):
        data = written(random_chunks(chance), chance)
        cuts = [chance.randrange(len(data)) for _ in range(chance.randint(0, 3))]
        quick = read(data, cuts, repeats=True, monkeypatch=monkeypatch)
        assert quick == read(data, cuts, repeats=False, monkeypatch=monkeypatch), data


def test_repeats_are_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    chunks = [chunk({"role": "assistant", "content": ""}), *(chunk({"content": f" w{n}"}) for n in range(100))]
    data = written(chunks, random.Random(1))
    parsed: list[bytes] = []
    original = streams._loads_all
    monkeypatch.setattr(streams, "_loads_all", lambda payloads: parsed.extend(payloads) or original(payloads))
    body, _ = read(data, [], repeats=True, monkeypatch=monkeypatch)
    assert body["choices"][0]["message"]["content"] == "".join(f" w{n}" for n in range(100))
    assert len(parsed) <= 3


@pytest.mark.parametrize(
    "broken",
    [
        b'data: {"id": "c1", "choices": [{"index": 0, "delta": {"content": "x\\"}, "finish_reason": null}]}\n\n',
        b'data: {"id": "c1", "choices": [{"index": 0, "delta": {"content": "x"y"}, "finish_reason": null}]}\n\n',
        b'data: {"id": "c1", "choices": [{"index": 0, "delta": {"content": "\\ud83d"}, "finish_reason": null}]}\n\n',
    ],
)
def test_a_chunk_that_is_not_json_costs_only_itself(broken: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    good = b'data: {"id": "c1", "choices": [{"index": 0, "delta": {"content": "ok"}, "finish_reason": null}]}\n\n'
    body, _ = read(good * 3 + broken + good * 3, [], repeats=True, monkeypatch=monkeypatch)
    assert body["choices"][0]["message"]["content"] == "ok" * 6
