"""How good the simulated past was: thumbs of customers, marks of an evaluator, verdicts of reviewers."""

from __future__ import annotations

import random
from typing import Any

from sentinelops import semconv as s

__all__ = ["Mark", "answer_marks", "review_marks"]

Mark = dict[str, Any]  # the attributes of one event gen_ai.evaluation.result

_COMPLAINTS = ["That is not what I asked.", "I had to ask twice.", "The price is wrong.", "Too long."]


def _thumb(name: str, up: bool, comment: str | None) -> Mark:
    mark: Mark = {s.EVALUATION_NAME: name, s.EVALUATION_SCORE_VALUE: float(up)}
    mark |= {s.SCORE_TYPE: "boolean", s.SCORE_SOURCE: "user"}
    return {**mark, s.EVALUATION_EXPLANATION: comment} if comment else mark


def answer_marks(trace_id: bytes, *, answered: bool, whole_handbook: bool) -> tuple[Mark, ...]:
    """Return the marks of one answer: few customers say anything, and an evaluator looks at each fifth answer.

    With the whole handbook in the prompt the answers wander, so that the dear prompt can be seen to be the worse one.
    """
    rng = random.Random(trace_id)  # chance of their own: with them or without, the past is the same
    marks: list[Mark] = []
    if rng.random() < 0.16:
        up = rng.random() < (0.05 if not answered else 0.62 if whole_handbook else 0.87)
        marks.append(_thumb("helpful", up, rng.choice(_COMPLAINTS) if not up and rng.random() < 0.4 else None))
    if answered and rng.random() < 0.2:
        grounded = rng.betavariate(5, 3) if whole_handbook else rng.betavariate(11, 2)
        marks.append(
            {s.EVALUATION_NAME: "grounded", s.EVALUATION_SCORE_VALUE: round(grounded, 2), s.SCORE_SOURCE: "evaluator"}
        )
    return tuple(marks)


def review_marks(trace_id: bytes) -> tuple[Mark, ...]:
    """Return what the author of a change made of its review, if they said so."""
    rng = random.Random(trace_id)
    if rng.random() > 0.6:
        return ()
    verdict = rng.choices(["accepted", "discussed", "dismissed"], [6, 3, 1])[0]
    return ({s.EVALUATION_NAME: "verdict", s.EVALUATION_SCORE_LABEL: verdict, s.SCORE_SOURCE: "human"},)
