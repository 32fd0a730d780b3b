"""Decisions in the OpenAI API: questions about an input, answered by probabilities and not by a text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ... import semconv as s
from . import openai, openai_responses
from .answer import Answer, Protocol
from .attributes import message
from .parts import text_part

if TYPE_CHECKING:
    from ..._call import CallRecord


def _describe(record: CallRecord, answer: Answer, body: Mapping[str, Any]) -> dict[str, Any]:
    """POST /decisions: the input as in responses; questions and answers have no form in the conventions but JSON."""
    out = openai.facts(record, answer, body)
    given = openai_responses.content({"input": record.request.get("input")}, {}, fetched=False)[s.INPUT_MESSAGES] or []
    questions, answers = record.request.get("questions"), body.get("answers")
    if questions:
        given = [*given, message("user", [text_part(_json(questions))])]
    out[s.INPUT_MESSAGES] = given or None
    out[s.OUTPUT_MESSAGES] = [message("assistant", [text_part(_json(answers))])] if answers else None
    out[s.OUTPUT_TYPE] = "json"
    return out


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


DECISIONS = Protocol("decisions", _describe)
