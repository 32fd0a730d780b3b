"""Of a stream's chunks, those that differ from one before in a few letters only: read without being parsed.

Nearly every chunk of a chat stream is the same but for the text it adds. Once one such chunk was parsed, what stands
before and after its text is known; a chunk with the same before and after says the same, with another text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

_TEXT = re.compile(rb'"content"\s*:\s*"')
_LITERAL = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*', re.DOTALL)
# random letters that OpenAI adds to each chunk, to hide its length
PADDING = re.compile(rb',\s*"obfuscation"\s*:\s*"[^"\\]*"')
_TRIES = 4


class Repeats:
    """What stands around the text in this stream's chunks, once known.

    loads: parses JSON, ValueError when it is none.
    """

    __slots__ = ("_after", "_loads", "_tries", "before", "index")

    def __init__(self, loads: Callable[[bytes], Any]) -> None:
        self._loads = loads
        self._after = b""
        self._tries = 0
        self.before = b""
        self.index = 0

    def run(self, data: bytes, position: int) -> tuple[int, str | None, list[bytes]]:
        """The chunks that repeat from `position` on, where one begins with `before`.

        How many bytes they are; their text, None: parse them after all; and then the chunks.
        """
        before, after = self.before, self._after
        skip, escapes, texts, began = len(before), b"\\" in data, [], position
        while data.startswith(before, position):
            start = position + skip
            if escapes:
                literal = _LITERAL.match(data, start)
                end = start if literal is None else literal.end()
            else:
                end = data.find(b'"', start)
            if end < 0 or not data.startswith(after, end):
                break
            texts.append(data[start:end])
            position = end + len(after)
        text = self._text(texts)
        chunks = [] if text is not None else [(before + item + after)[:-2] for item in texts]
        return position - began, text, chunks

    def _text(self, texts: list[bytes]) -> str | None:
        """All in one; None when one of them is not JSON."""
        try:
            text = self._loads(b'"' + b"".join(texts) + b'"')
        except ValueError:
            return None
        return text if isinstance(text, str) else None

    def learnable(self, block: bytes) -> bool:
        """Whether parsing this chunk by itself may be worth it."""
        return self._tries < _TRIES and b'"content"' in block and b'"role"' not in block and b"\n" not in block

    def learn(self, block: bytes, event: Any) -> None:
        """Remember what stands around the text, if this chunk says nothing else. event: the chunk, parsed."""
        self._tries += 1
        text = _only_text(event)
        found = _TEXT.findall(block)
        if text is None or len(found) != 1:
            return
        place = _TEXT.search(block)
        literal = None if place is None else _LITERAL.match(block, place.end())
        if place is None or literal is None:
            return
        try:
            same = self._loads(b'"' + literal[0] + b'"') == text
        except ValueError:
            return
        if same:
            self.before = block[: place.end()]
            self._after = block[literal.end() :] + b"\n\n"
            self.index = event["choices"][0].get("index") or 0


def _only_text(event: Any) -> str | None:
    """The text of a chunk that adds some letters to one choice and says nothing else."""
    if not isinstance(event, dict) or event.get("usage") or event.get("error"):
        return None
    choices = event.get("choices")
    if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
        return None
    choice = choices[0]
    delta = choice.get("delta")
    if choice.get("finish_reason") or choice.get("usage") or not isinstance(delta, dict) or len(delta) != 1:
        return None
    text = delta.get("content")
    return text if isinstance(text, str) and text else None
