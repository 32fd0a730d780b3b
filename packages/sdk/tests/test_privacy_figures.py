"""What the documentation says of precision and recall is what is measured, and it does not fall."""

from __future__ import annotations

import re
from pathlib import Path

import privacy_figures
from sentinelops import privacy

DOCS = Path(__file__).resolve().parents[3] / "docs" / "privacy.md"


def test_the_documented_figures_and_misses_are_those_measured() -> None:
    texts, figures, misses = privacy_figures.measure()
    page = DOCS.read_text(encoding="utf-8")
    assert texts >= 1_500
    assert f"On {texts} labelled texts" in page
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| ([\d.]+) \| ([\d.]+) \|$", page, re.M)
    assert rows == [(kind, str(n), f"{p:.3f}", f"{r:.3f}") for kind, (n, p, r) in figures.items()]
    assert all(f"| {how} | `{kind}` | `{text}` |" in page for how, kind, text in misses)
    assert all(precision >= 0.95 and recall >= 0.9 for _, precision, recall in figures.values())


def test_hashes_and_marks_are_left_alone_when_seen_again() -> None:
    rules = privacy.Rules({"all": "hash"}, "a key of many characters")
    for line in privacy_figures.CORPUS.read_text(encoding="utf-8").splitlines()[::7]:
        for chosen in (rules, privacy.MASK_ALL):
            once, _ = privacy.redact(line, rules=chosen)
            assert privacy.redact(once, rules=chosen) == (once, {})
