"""Secrets and personal data in text: detectors shared by the SDK (redaction at the source) and the server's pipeline.

Standard library only. Every pattern is also a valid RE2 pattern (no lookaround, no backreference, ASCII classes), so
the server compiles the same detectors into one google-re2 Set. Time is linear in the text: every repetition is
bounded or followed by something its own class excludes, and hostile input is tested.
"""

from __future__ import annotations

from ._checks import luhn
from ._find import DETECTORS, find, possible
from ._model import Detector, Match
from ._named import lead_of
from ._readings import ODD, readings
from ._rules import ACTIONS, ENTITY_TYPES, MASK_ALL, TYPE_OF, TYPES, Rules, parse_actions, redact, redact_parts, replace

__all__ = [
    "ACTIONS",
    "DETECTORS",
    "ENTITY_TYPES",
    "MASK_ALL",
    "ODD",
    "TYPES",
    "TYPE_OF",
    "Detector",
    "Match",
    "Rules",
    "find",
    "lead_of",
    "luhn",
    "parse_actions",
    "possible",
    "readings",
    "redact",
    "redact_parts",
    "replace",
]
