"""The five applications of the simulated past, each a scene that plays one visit; `simulate` plays them all."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sentinelops import semconv as s

from sentinelops_server.demo.history import texts
from sentinelops_server.demo.history.calls import Call, SimulatedSpan, Trace
from sentinelops_server.demo.history.marks import answer_marks, review_marks
from sentinelops_server.demo.history.rhythm import SECOND, Conditions, Plan, weight

__all__ = ["APPLICATIONS", "simulate"]


def _message(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def _tokens(*said: str) -> int:
    return sum(len(text) for text in said) // 4 + 8


def _common(session: str | None, user: str | None, prompt_version: str, *tags: str) -> dict[str, Any]:
    found: dict[str, Any] = {s.METADATA_PREFIX + "prompt_version": prompt_version}
    if session:
        found[s.SESSION_ID] = session
    if user:
        found[s.USER_ID] = user
    if tags:
        found[s.TAGS] = list(tags)
    return found


def _user(rng: random.Random, count: int) -> str:
    # few people ask much, many ask little
    return f"u-{min(int(rng.paretovariate(1.1) * 7), count):04d}"


def support(conditions: Conditions, at: int) -> list[SimulatedSpan]:
    """Play a conversation of one to six turns with an agent: retrieval, sometimes a tool, an answer."""
    rng = conditions.rng
    session, user = f"chat-{rng.getrandbits(40):010x}", _user(rng, 900)
    tags = ("vip",) if rng.random() < 0.08 else ()
    spans: list[SimulatedSpan] = []
    history: list[dict[str, Any]] = []
    for _ in range(min(6, 1 + int(rng.expovariate(0.55)))):
        big = conditions.during("cost", at)  # the incident: the whole handbook in each prompt
        trace = Trace(conditions, "support-agent", _common(session, user, "v7" if big else "v6", *tags))
        at = _support_turn(trace, history, at, whole_handbook=big)
        spans += trace.spans
        at += int(rng.uniform(12, 90) * SECOND)
    return spans


def _support_turn(trace: Trace, history: list[dict[str, Any]], at: int, *, whole_handbook: bool) -> int:
    rng, start, root = trace.conditions.rng, at, trace.new_id()
    template, topic = rng.choice(texts.QUESTIONS)
    question = texts.fill(rng, template)
    at = _retrieve(trace, question, topic, at + 2_000_000, root)
    pages = "\n".join(texts.handbook().values()) * 2 if whole_handbook else texts.handbook()[topic]
    system = f"You answer for an outdoor shop. Use only these pages of the handbook.\n{pages}"
    messages = [_message("system", system), *history, _message("user", question)]
    prompt = _tokens(*(part["content"] for message in messages for part in message["parts"] if part["type"] == "text"))
    ok = True
    if "{order}" in template and rng.random() < 0.8:
        at, ok = _tool(trace, messages, prompt, at, root)
        prompt += 60
    said = texts.answer(rng, topic)
    if ok:
        call = Call(
            "gpt-4o-mini", messages, said, prompt, _tokens(said), stream=True, parameters={s.REQUEST_TEMPERATURE: 0.3}
        )
        call.cached_tokens = prompt // 128 * 128 if history and prompt > 1024 else 0
        at, ok = trace.call(call, at, root)
    history += [_message("user", question), _message("assistant", said)]
    attributes = {s.SPAN_TYPE: "agent", s.OPERATION: "invoke_agent", s.AGENT_NAME: "support-agent"}
    attributes |= {s.INPUT: json.dumps({"question": question}), s.OUTPUT: json.dumps(said if ok else None)}
    error = None if ok else "the model did not answer"
    marks = answer_marks(trace.trace_id, answered=ok, whole_handbook=whole_handbook)
    trace.add("invoke_agent support-agent", (start, at + 1_000_000), attributes, span_id=root, error=error, marks=marks)
    return at


def _retrieve(trace: Trace, question: str, topic: str, at: int, parent: bytes) -> int:
    start, span_id, rng = at, trace.new_id(), trace.conditions.rng
    at, ok = trace.call(Call("text-embedding-3-small", [], "", _tokens(question), 0, "embeddings"), at, span_id)
    at += int(rng.uniform(4, 30) * 1e6)
    others = rng.sample(sorted(set(texts.handbook()) - {topic}), 2)
    score = rng.uniform(0.71, 0.93)
    documents = [
        {"id": f"{name}.md", "score": round(score - 0.11 * place, 4)} for place, name in enumerate([topic, *others])
    ]
    attributes = {s.SPAN_TYPE: "retrieval", s.INPUT: json.dumps({"query": question})}
    if ok:
        attributes[s.RETRIEVAL_DOCUMENTS] = json.dumps(documents)
    error = None if ok else "the query could not be embedded; the handbook's first page was used"
    trace.add("search_handbook", (start, at), attributes, parent=parent, span_id=span_id, error=error)
    return at


def _tool(trace: Trace, messages: list[dict[str, Any]], prompt: int, at: int, root: bytes) -> tuple[int, bool]:
    rng = trace.conditions.rng
    arguments = {"order_number": f"A-{rng.randrange(1000, 9999)}"}
    call = Call("gpt-4o-mini", list(messages), "", prompt, 19, tool_call=("look_up_order", arguments))
    at, ok = trace.call(call, at, root)
    if not ok:
        return at, False
    start, at = at, at + int(rng.lognormvariate(-3.2, 0.6) * SECOND)
    attributes = {s.SPAN_TYPE: "tool", s.OPERATION: "execute_tool", s.TOOL_NAME: "look_up_order"}
    attributes[s.TOOL_CALL_ARGUMENTS] = json.dumps(arguments)
    missing = rng.random() < 0.06
    if not missing:
        attributes[s.TOOL_CALL_RESULT] = json.dumps({"status": rng.choice(["shipped", "packed", "delivered"])})
    error = f"no such order: {arguments['order_number']}" if missing else None
    trace.add("execute_tool look_up_order", (start, at), attributes, parent=root, error=error)
    return at, True


def checkout(conditions: Conditions, at: int) -> list[SimulatedSpan]:
    """Play one streamed answer in the shop's checkout, with a long cached system prompt."""
    rng = conditions.rng
    trace = Trace(
        conditions, "checkout-assistant", _common(None, _user(rng, 4000), "2026-10-03", rng.choice(["web", "app"]))
    )
    question = texts.fill(rng, rng.choice(texts.QUESTIONS)[0])
    said = texts.answer(rng, rng.choice(sorted(texts.handbook())))
    messages = [
        _message("system", "You help at the checkout of an outdoor shop. Be brief."),
        _message("user", question),
    ]
    call = Call("claude-sonnet-4-5", messages, said, 2100 + _tokens(question), _tokens(said), stream=True)
    call.cached_tokens = 2048 if rng.random() < 0.85 else 0
    call.parameters = {s.REQUEST_MAX_TOKENS: 400}
    trace.call(call, at)
    return trace.spans


def mail(conditions: Conditions, at: int) -> list[SimulatedSpan]:
    """Play a letter summarised as JSON by the nightly job."""
    rng = conditions.rng
    trace = Trace(conditions, "mail-summaries", _common(f"job-{at // (86400 * SECOND)}", None, "v3", "batch"))
    letter = texts.fill(rng, rng.choice(texts.LETTERS))
    said = json.dumps(
        {
            "topic": rng.choice(["delivery", "return", "invoice", "offer"]),
            "summary": letter[:90],
            "urgent": rng.random() < 0.3,
        }
    )
    root, start = trace.new_id(), at
    call = Call(
        "gpt-4o", [_message("user", f"Summarise this letter.\n\n{letter}")], said, _tokens(letter) + 240, _tokens(said)
    )
    call.json_output = True
    at, ok = trace.call(call, at + 3_000_000, root)
    attributes = {s.SPAN_TYPE: "chain", s.INPUT: json.dumps({"letter": letter}), s.OUTPUT: said if ok else "null"}
    trace.add("summarise_letter", (start, at + 2_000_000), attributes, span_id=root, error=None if ok else "no summary")
    return trace.spans


def review(conditions: Conditions, at: int) -> list[SimulatedSpan]:
    """Play a code review agent: a loop of thinking and tools, and a second opinion from another model."""
    rng = conditions.rng
    trace = Trace(conditions, "code-review", _common(f"pr-{rng.randrange(2000, 2900)}", _user(rng, 40), "v12"))
    root, start, context = trace.new_id(), at, 3200
    diff, ok = rng.choice(texts.DIFFS), True
    messages = [_message("system", "You review changes. Look before you judge."), _message("user", diff)]
    for step in range(rng.randrange(2, 9)):
        tool = rng.choice(["read_file", "search_code", "run_tests"])
        call = Call(
            "claude-sonnet-4-5", list(messages), "", context, rng.randrange(40, 160), tool_call=(tool, {"step": step})
        )
        call.cached_tokens = context - 600 if step else 0
        at, ok = trace.call(call, at, root)
        if not ok:
            break
        begun, at = at, at + int(rng.lognormvariate(-0.5 if tool == "run_tests" else -2.5, 0.8) * SECOND)
        attributes = {s.SPAN_TYPE: "tool", s.OPERATION: "execute_tool", s.TOOL_NAME: tool}
        attributes |= {s.TOOL_CALL_ARGUMENTS: json.dumps({"step": step})}
        trace.add(f"execute_tool {tool}", (begun, at), attributes, parent=root)
        context += rng.randrange(300, 2600)
    if ok:
        said = (
            "The change is right; add a test for the empty case."
            if rng.random() < 0.6
            else "This breaks when the list is empty."
        )
        call = Call("claude-sonnet-4-5", messages, said, context, _tokens(said) + 900, reasoning_tokens=850)
        at, ok = trace.call(call, at, root)
    at = _second_opinion(trace, diff, at, root) if ok and rng.random() < 0.4 else at
    attributes = {s.SPAN_TYPE: "agent", s.OPERATION: "invoke_agent", s.AGENT_NAME: "reviewer"}
    trace.add(
        "invoke_agent reviewer",
        (start, at),
        attributes,
        span_id=root,
        error=None if ok else "the review was not finished",
        marks=review_marks(trace.trace_id) if ok else (),
    )
    return trace.spans


def _second_opinion(trace: Trace, diff: str, at: int, root: bytes) -> int:
    span_id, start = trace.new_id(), at
    said = "Agreed." if trace.conditions.rng.random() < 0.7 else "I see it otherwise: the old code was safer."
    call = Call(
        "gemini-2.5-flash",
        [_message("user", diff)],
        said,
        700 + _tokens(diff),
        _tokens(said) + 200,
        reasoning_tokens=190,
    )
    at, _ = trace.call(call, at + 5_000_000, span_id)
    attributes = {s.SPAN_TYPE: "agent", s.OPERATION: "invoke_agent", s.AGENT_NAME: "second-opinion"}
    trace.add("invoke_agent second-opinion", (start, at), attributes, parent=root, span_id=span_id)
    return at


def catalogue(conditions: Conditions, at: int) -> list[SimulatedSpan]:
    """Play a product text by the self-hosted model, translated by a bought one."""
    rng = conditions.rng
    trace = Trace(conditions, "catalogue", _common(None, None, "v2", "batch"))
    product = rng.choice(texts.PRODUCTS)
    said = f"A {product} for days that begin dry and do not end so. Light, mended easily, made to last."
    root, start = trace.new_id(), at
    call = Call("house-llama-8b", [_message("user", f"Describe the {product}.")], said, 180, _tokens(said) + 60)
    at, ok = trace.call(call, at, root)
    if ok:
        call = Call(
            "gemini-2.5-flash",
            [_message("user", f"Translate to German: {said}")],
            said,
            60 + _tokens(said),
            _tokens(said),
        )
        at, ok = trace.call(call, at, root)
    attributes = {s.SPAN_TYPE: "chain", s.INPUT: json.dumps({"product": product})}
    trace.add("describe_product", (start, at), attributes, span_id=root, error=None if ok else "no text")
    return trace.spans


@dataclass(frozen=True)
class Application:
    """A scene, how many visits a mean day has, and the rhythm of its days."""

    scene: Callable[[Conditions, int], list[SimulatedSpan]]
    visits_a_day: float
    rhythm: str


APPLICATIONS = {
    "support-agent": Application(support, 305, "consumer"),
    "checkout-assistant": Application(checkout, 546, "consumer"),
    "mail-summaries": Application(mail, 390, "nightly"),
    "code-review": Application(review, 49, "office"),
    "catalogue": Application(catalogue, 143, "flat"),
}


def simulate(plan: Plan) -> Iterator[list[SimulatedSpan]]:
    """Yield the spans of one visit after another, by hour of their start, none later than the plan's end.

    A visit holds one trace or, for a conversation, several. The plan decides everything, ids included.
    """
    rng = random.Random(f"{plan.seed}/{plan.start_ns}/{plan.end_ns}")
    conditions = Conditions(plan, rng)
    for at, share in plan.hours():
        base = plan.start_ns + int((at - plan.start).total_seconds()) * SECOND
        for application in APPLICATIONS.values():
            expected = application.visits_a_day / 24 * plan.scale * share * weight(at, application.rhythm)
            for _ in range(int(expected + rng.random())):
                spans = application.scene(conditions, base + int(rng.random() * share * 3600 * SECOND))
                late = {span.trace_id for span in spans if span.end_ns > plan.end_ns}
                yield [span for span in spans if span.trace_id not in late]
