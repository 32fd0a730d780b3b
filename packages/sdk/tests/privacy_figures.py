"""Precision and recall of the detectors on the labelled texts, by type."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from sentinelops import privacy

FOLDER = Path(__file__).parent / "privacy_corpus"
CORPUS = FOLDER / "labelled.jsonl"
BY_HAND = FOLDER / "by_hand.txt"
Miss = tuple[str, str, str]
Figures = dict[str, tuple[int, float, float]]


def generated() -> list[dict[str, Any]]:
    """The generated texts, and the first ones by hand: `{text, spans: [[type, start, end]]}`."""
    return [json.loads(line) for line in CORPUS.read_text(encoding="utf-8").splitlines()]


def by_hand() -> list[dict[str, Any]]:
    """Texts in which `«type|value»` is private, one in a line; `⏎` ends a line in them."""
    rows = []
    for line in BY_HAND.read_text(encoding="utf-8").splitlines():
        text, spans, position = "", [], 0
        for hit in re.finditer(r"«(\w+)\|(.*?)»", line.replace("⏎", "\n"), re.DOTALL):
            text += line[position : hit.start()]
            spans.append([hit[1], len(text), len(text) + len(hit[2])])
            text, position = text + hit[2], hit.end()
        rows.append({"text": (text + line[position:]).replace("⏎", "\n"), "spans": spans})
    return rows


def measure(rows: list[dict[str, Any]]) -> tuple[int, Figures, list[Miss]]:
    """Number of texts; by type how many labels, precision, recall; what was missed or wrongly found.

    A label counts as found when a match of its type covers all of it.
    """
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
