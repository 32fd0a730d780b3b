"""What waits to be exported: ended spans by reference, bounded by count and by bytes."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

    from ._runtime import Pending
    from ._score import GivenScore

# What a span weighs besides its texts, roughly: the span, its attributes, the record, the response.
_SPAN_BYTES = 4_096
_LOOKED_AT = 64
_SCORE_BYTES = 1_024


@dataclass(slots=True)
class Batch:
    """Encoded spans on their way. born: monotonic seconds. attempts: how often it was sent. scores: it holds those."""

    body: bytes
    spans: int
    born: float
    attempts: int = 0
    scores: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """An ended span, what it still has to say, and what it is estimated to weigh in bytes; or a score."""

    span: ReadableSpan
    pending: Pending | None
    size: int
    score: GivenScore | None = None


def weight(pending: Any) -> int:
    """A cheap guess, in bytes, of what a span keeps alive: the lengths of the texts that are easily reached.

    What keeps an answer by reference says in `held_bytes` how much that is.
    """
    size: int = _SPAN_BYTES + getattr(getattr(pending, "response", None), "held_bytes", 0)
    request = getattr(pending, "request", None)
    if not request:
        return size
    for value in request.values():
        kind = type(value)
        if kind is str:
            size += len(value)
        elif kind is list:
            for item in value[-_LOOKED_AT:]:
                content = item.get("content") if type(item) is dict else item
                if type(content) is str:
                    size += len(content)
                elif type(content) is list:
                    size += 512 * len(content)
    return size


def score_item(score: GivenScore) -> Item:
    """What is queued of a score, which belongs to no span of ours."""
    return Item(None, None, _SCORE_BYTES + len(score.comment or ""), score)  # type: ignore[arg-type]


class Queue:
    """A bounded queue of items. Its owner holds the lock around every call."""

    def __init__(self, max_spans: int, max_bytes: int) -> None:
        self._max_spans = max_spans
        self._max_bytes = max_bytes
        self._items: deque[Item] = deque()
        self.bytes = 0
        self.first_at = 0.0

    def __len__(self) -> int:
        return len(self._items)

    def add(self, item: Item, now: float, elsewhere_bytes: int) -> bool:
        """False when it does not fit: the newest is the one that is lost, as it is the cheapest to refuse."""
        if len(self._items) >= self._max_spans or self.bytes + elsewhere_bytes + item.size > self._max_bytes:
            return False
        if not self._items:
            self.first_at = now
        self._items.append(item)
        self.bytes += item.size
        return True

    def take(self, most: int, now: float) -> list[Item]:
        """The oldest items; what stays is due again after the usual delay."""
        taken = [self._items.popleft() for _ in range(min(most, len(self._items)))]
        self.bytes -= sum(item.size for item in taken)
        self.first_at = now
        return taken
