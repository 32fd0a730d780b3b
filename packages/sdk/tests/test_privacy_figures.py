"""What the documentation says of precision and recall is what is measured, and it does not fall."""

from __future__ import annotations

import re
from pathlib import Path

import privacy_figures
from sentinelops import privacy

DOCS = Path(__file__).resolve().parents[3] / "docs" / "privacy.md"


def test_the_documented_figures_and_misses_are_those_measured() -> None:
    texts, figures, misses = privacy_figures.measure(privacy_figures.generated())
    hand, by_hand, hand_misses = privacy_figures.measure(privacy_figures.by_hand())
    page = DOCS.read_text(encoding="utf-8")
    assert texts >= 1_500
    assert hand >= 100
    assert f"On {texts} labelled texts" in page
    assert f"{hand} texts by hand" in page
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| ([\d.]+) \| ([\d.]+) \| (\d+) \| ([\d.]+) \| ([\d.]+) \|$", page, re.M)
    assert rows == [
        (kind, *(text for n, p, r in (figures[kind], by_hand[kind]) for text in (str(n), f"{p:.3f}", f"{r:.3f}")))
        for kind in figures
    ]
    assert all(f"| {how} | `{kind}` | `{text}` |" in page for how, kind, text in misses + hand_misses)
    assert all(precision >= 0.95 and recall >= 0.9 for _, precision, recall in figures.values())
    assert all(precision >= 0.85 and recall >= 0.85 for _, precision, recall in by_hand.values())


def test_hashes_and_marks_are_left_alone_when_seen_again() -> None:
    rules = privacy.Rules({"all": "hash"}, "a key of many characters")
    for line in privacy_figures.CORPUS.read_text(encoding="utf-8").splitlines()[::7]:
        for chosen in (rules, privacy.MASK_ALL):
            once, _ = privacy.redact(line, rules=chosen)
            assert privacy.redact(once, rules=chosen) == (once, {})
