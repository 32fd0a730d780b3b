"""Precision and recall of the detectors on the labelled texts, by type."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from sentinelops import privacy

CORPUS = Path(__file__).parent / "privacy_corpus" / "labelled.jsonl"
Miss = tuple[str, str, str]


def measure() -> tuple[int, dict[str, tuple[int, float, float]], list[Miss]]:
    """Number of texts; by type how many labels, precision, recall; what was missed or wrongly found.

    A label counts as found when a match of its type covers all of it.
    """
    rows = [json.loads(line) for line in CORPUS.read_text(encoding="utf-8").splitlines()]
    labels, found, right, good = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    misses: list[Miss] = []
    for row in rows:
        text, spans = row["text"], [tuple(span) for span in row["spans"]]
        matches = privacy.find(text)
        for kind, start, end in spans:
            labels[kind] += 1
            if any(one.type == kind and one.start <= start and one.end >= end for one in matches):
                right[kind] += 1
            else:
                misses.append(("missed", kind, text[start:end]))
        for one in matches:
            found[one.type] += 1
            if any(kind == one.type and one.start < end and start < one.end for kind, start, end in spans):
                good[one.type] += 1
            else:
                misses.append(("wrong", one.type, text[one.start : one.end]))
    figures = {kind: (labels[kind], good[kind] / max(1, found[kind]), right[kind] / labels[kind]) for kind in labels}
    return len(rows), figures, misses
