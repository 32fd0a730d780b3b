"""Puts payloads away and finds them again: segments by day in an object store, sealed under the key ring's keys."""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

from ...errors import Permanent
from ...model import Payload
from ..keys import KeyRing
from .base import ObjectStore
from .folder import Folder
from .segment import HEADER, Opener, Place, Segment, build_segment, key_number
from .words import bloom, might_contain, texts_of, words_of

__all__ = ["PayloadConfig", "PayloadStore"]

DAY_NS = 86_400_000_000_000


@dataclass(frozen=True)
class PayloadConfig:
    """Where payloads are kept: a folder (path or file:// url), or s3://bucket/prefix, gs://..., az://...

    `options` are passed to the bucket's client (endpoint, region, credentials) and never shown. `cached_headers`
    (default 256) is how many segments stay ready to be read from.
    """

    url: str
    options: dict[str, Any] = field(default_factory=dict, repr=False)
    cached_headers: int = 256

    def __post_init__(self) -> None:
        if not self.url:
            raise ValueError("the payload store has no url: give a folder, or s3://bucket/prefix")
        if self.cached_headers < 0:
            raise ValueError("cached_headers must be 0 or more")


def _open_store(config: PayloadConfig) -> ObjectStore:
    scheme, separator, rest = config.url.partition("://")
    if not separator:
        return Folder(Path(config.url))
    if scheme == "file":
        return Folder(Path(rest))
    from .bucket import Bucket

    return Bucket.from_url(config.url, config.options)


DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"  # base 32 without letters that are mistaken for others


def _unique(now_ns: int) -> str:
    """Return a time-ordered unique name of 22 characters: 45 bits of milliseconds, 65 of chance. Every row names it."""
    value = (now_ns // 1_000_000 & (1 << 45) - 1) << 65 | secrets.randbits(65)
    return "".join(DIGITS[value >> shift & 31] for shift in range(105, -1, -5))


class PayloadStore:
    """Thread-safe. A `storage_object_id` is `object:offset:length:index`, the object `YYYYMMDD/<time and chance>`."""

    def __init__(
        self,
        config: PayloadConfig,
        keys: KeyRing,
        objects: ObjectStore | None = None,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._config = config
        self._keys = keys
        self._objects = objects if objects is not None else _open_store(config)
        self._clock = clock
        self._openers: OrderedDict[str, Opener] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, payloads: Sequence[Payload]) -> list[Segment]:
        """Write one segment for each day of the payloads; when this returns they are kept. Raises Temporary.

        TypeError or ValueError: a content that JSON cannot hold.
        """
        ordered = sorted(payloads, key=lambda payload: payload.timestamp_ns // DAY_NS)
        return [
            self._put_day(date(1970, 1, 1) + timedelta(days=day), list(group))
            for day, group in groupby(ordered, key=lambda payload: payload.timestamp_ns // DAY_NS)
        ]

    def _put_day(self, day: date, payloads: list[Payload]) -> Segment:
        object_id = f"{day:%Y%m%d}/{_unique(self._clock())}"
        data, places = build_segment(object_id, payloads, self._keys.active())
        words = words_of(text for payload in payloads for text in texts_of(payload.content))
        self._objects.put(object_id, data)
        times = [payload.timestamp_ns for payload in payloads]
        named = tuple(
            ((payload.trace_id, payload.span_id), _place(object_id, place))
            for payload, place in zip(payloads, places, strict=True)
        )
        return Segment(object_id, day, min(times), max(times), len(data), bloom(words), named)

    def get(self, storage_object_id: str) -> dict[str, Any] | None:
        """Return the content of a payload, None when retention deleted it. Raises Permanent when it does not open."""
        object_id, (offset, length, index) = _parse(storage_object_id)
        opener = self._opener(object_id)
        sealed = None if opener is None else self._objects.get(object_id, offset, length)
        return None if opener is None or sealed is None else opener.record(sealed, offset, index)

    def read_segment(self, object_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield storage_object_id and content of all payloads of a segment; nothing when it is deleted."""
        data = self._objects.get(object_id)
        if data is not None:
            for place, content in Opener(object_id, self._keys.get(key_number(data))).records(data):
                yield _place(object_id, place), content

    def might_contain(self, words: bytes, word: str) -> bool:
        """Say whether a segment with this filter may hold the word (or all words of a phrase)."""
        return might_contain(words, word)

    def delete_day(self, day: date) -> int:
        """Delete everything kept for a day, unfinished and unknown objects too; how many there were."""
        names = [name for name, _ in self._objects.names(f"{day:%Y%m%d}")]
        self._objects.delete(names)
        with self._lock:
            for name in names:
                self._openers.pop(name, None)
        return len(names)

    def delete_before(self, day: date) -> int:
        """Delete everything kept for the days before `day`; how many objects there were."""
        days = set()
        for name, _ in self._objects.names(""):
            try:
                days.add(datetime.strptime(name.partition("/")[0], "%Y%m%d").date())
            except ValueError:
                continue  # not ours
        return sum(self.delete_day(each) for each in sorted(days) if each < day)

    def size_bytes(self) -> int:
        """Return how much room all payloads take."""
        return sum(size for _, size in self._objects.names(""))

    def _opener(self, object_id: str) -> Opener | None:
        with self._lock:
            opener = self._openers.get(object_id)
            if opener is not None:
                self._openers.move_to_end(object_id)
                return opener
        start = self._objects.get(object_id, 0, HEADER.size)
        if start is None:
            return None
        opener = Opener(object_id, self._keys.get(key_number(start)))
        with self._lock:
            self._openers[object_id] = opener
            while len(self._openers) > self._config.cached_headers:
                self._openers.popitem(last=False)
        return opener


def _place(object_id: str, place: Place) -> str:
    offset, length, index = place
    return f"{object_id}:{offset}:{length}:{index}"


def _parse(storage_object_id: str) -> tuple[str, Place]:
    try:
        object_id, offset, length, index = storage_object_id.rsplit(":", 3)
        return object_id, (int(offset), int(length), int(index))
    except ValueError:
        raise Permanent(
            f"{os.path.basename(storage_object_id)!r} is no storage_object_id: object:offset:length:index"
        ) from None
