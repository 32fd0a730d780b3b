"""Query: quantiles out of the histograms of rollups; what was merged once is kept while its buckets do not change.

The merged histograms of a bucket are good as long as the requests counted in it are as many as when they were read:
what is stored only ever adds to that number, and retention takes whole buckets.
"""

from __future__ import annotations

import math
import threading
from array import array
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate
from typing import Any
from weakref import WeakKeyDictionary

from ..storage.postgres.database import Database
from .source import GROWTH_LN, Question, edge_sketches_sql, quantiles_sql, sketches_sql, versions_sql

__all__ = ["quantiles"]

Group = tuple[Any, ...]  # dimensions, then the time bucket
Sketch = tuple["array[int]", "array[float]"]  # keys in order, and their counts
Merged = dict[Group, Sketch]  # of one bucket, by dimensions
Answer = tuple[list[float | None], float | None]  # quantiles, mean
UNDERFLOW = -32768
MAX_ENTRIES = 1_500_000  # of 10 bytes each
_EPOCH = datetime(1970, 1, 1)


@dataclass
class _Kept:
    """Merged buckets by question, sketch, resolution and time; the least recently used are dropped. Thread-safe."""

    entries: int = 0
    found: OrderedDict[Group, tuple[float, Merged, int]] = field(default_factory=OrderedDict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, key: Group, version: float) -> Merged | None:
        with self.lock:
            known = self.found.get(key)
            if known is None or not math.isclose(known[0], version, rel_tol=1e-12):
                return None
            self.found.move_to_end(key)
            return known[1]

    def put(self, key: Group, version: float, merged: Merged) -> None:
        size = 20 + sum(30 + len(sketch[0]) for sketch in merged.values())
        with self.lock:
            if (old := self.found.pop(key, None)) is not None:
                self.entries -= old[2]
            self.found[key] = (version, merged, size)
            self.entries += size
            while self.entries > MAX_ENTRIES and len(self.found) > 1:
                self.entries -= self.found.popitem(last=False)[1][2]


_kept: WeakKeyDictionary[Database, _Kept] = WeakKeyDictionary()
_kept_lock = threading.Lock()


def _kept_of(database: Database) -> _Kept:
    with _kept_lock:
        return _kept.setdefault(database, _Kept())


def quantiles(
    database: Database, question: Question, sketches: Sequence[str], wanted: Sequence[float], mean: bool = False
) -> dict[str, dict[Group, Answer]]:
    """Sketch ("duration", "ttft") -> (dimensions ..., time bucket) -> quantiles in seconds, and the mean when asked.

    Weighted, at most 1% off. Groups without a value are not there.
    """
    if not question.rolled:
        return {sketch: _of_rows(database, question, sketch, wanted) for sketch in sketches}
    inner, edges = question.windows()
    versions = database.fetch(*versions_sql(question, inner)) if inner else []
    answers = {}
    for sketch in sketches:
        pieces: dict[Group, list[Sketch]] = {}
        for bucket, merged in _buckets(database, question, sketch, versions):
            at = question.interval_of(bucket)
            for dimensions, found in merged.items():
                pieces.setdefault((*dimensions, at), []).append(found)
        if edges:
            for group, found in _edges(database, question, sketch).items():
                pieces.setdefault(group, []).append(found)
        answers[sketch] = {group: _answer(_merge(found), wanted, mean) for group, found in pieces.items()}
    return answers


def _of_rows(database: Database, question: Question, sketch: str, wanted: Sequence[float]) -> dict[Group, Answer]:
    group = _names(question) + ["t"]
    return {
        tuple(row[name] for name in group): ([row[f"q{index}"] for index in range(len(wanted))], row["mean"])
        for row in database.fetch(*quantiles_sql(question, sketch, wanted))
    }


def _names(question: Question) -> list[str]:
    return [f"d{index}" for index in range(len(question.dimensions))]


def _buckets(
    database: Database, question: Question, sketch: str, versions: list[dict[str, Any]]
) -> Iterator[tuple[datetime, Merged]]:
    """Each bucket's merged histograms: those that are kept and still good, and the others read now."""
    kept, of = _kept_of(database), (question.narrowing(), sketch)
    missing: dict[tuple[int, datetime], float] = {}
    for row in versions:
        place = (row["resolution"], row["bucket"])
        merged = kept.get((*of, *place), row["n"])
        if merged is None:
            missing[place] = row["n"]
        else:
            yield place[1], merged
    if not missing:
        return
    read: dict[tuple[int, datetime], Merged] = {place: {} for place in missing}
    names = _names(question)
    for row in database.fetch(*sketches_sql(question, sketch, list(missing)), binary=True):
        place = (row["resolution"], row["bucket"])
        read[place][tuple(row[name] for name in names)] = (array("h", row["keys"]), array("d", row["counts"]))
    for place, merged in read.items():
        # counted before it was read: what came in between makes the next look read it again
        kept.put((*of, *place), missing[place], merged)
        yield place[1], merged


def _edges(database: Database, question: Question, sketch: str) -> dict[Group, Sketch]:
    group = _names(question) + ["t"]
    found: dict[Group, dict[int, float]] = {}
    for row in database.fetch(*edge_sketches_sql(question, sketch)):
        found.setdefault(tuple(row[name] for name in group), {})[row["k"]] = row["c"]
    return {key: _sorted(counts) for key, counts in found.items()}


def _sorted(counts: dict[int, float]) -> Sketch:
    keys = sorted(counts)
    return array("h", keys), array("d", map(counts.__getitem__, keys))


def _merge(sketches: list[Sketch]) -> Sketch:
    if len(sketches) == 1:
        return sketches[0]
    total: dict[int, float] = {}
    known: Callable[[int, float], float] = total.get
    for keys, counts in sketches:
        for key, count in zip(keys, counts, strict=True):
            total[key] = known(key, 0.0) + count
    return _sorted(total)


def _answer(sketch: Sketch, wanted: Sequence[float], mean: bool) -> Answer:
    keys, counts = sketch
    if not keys:
        return [None] * len(wanted), None
    below = list(accumulate(counts))
    total = below[-1]
    # the smallest bucket that the q-th part of all lies at or below
    places = (min(bisect_left(below, quantile * total * (1 - 1e-12)), len(keys) - 1) for quantile in wanted)
    average = sum(count * _middle(key) for key, count in zip(keys, counts, strict=True)) / total if mean else None
    return [_middle(keys[place]) for place in places], average


def _middle(key: int) -> float:
    """The middle of a bucket, as its bounds are a factor of 1.02 apart."""
    return 0.0 if key == UNDERFLOW else math.exp(key * GROWTH_LN) / 1.01
