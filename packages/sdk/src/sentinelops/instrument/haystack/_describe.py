"""What our spans say of Haystack's operations; runs in the export thread."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ... import semconv as s
from .._wire.attributes import get, request_attributes
from ._kinds import EMBEDDER, IMAGE, PROMPT, RANKER, RETRIEVER, TOOL
from ._usage import usage_attributes
from ._values import documents, held, message, plain, tool_definitions

if TYPE_CHECKING:
    from ..._call import CallRecord
    from ._trace import Facts, Step

__all__ = ["agent", "agent_tool", "component", "held", "model_call", "other", "pipeline", "tool"]

_REQUEST = {
    "max_tokens": s.REQUEST_MAX_TOKENS,
    "max_completion_tokens": s.REQUEST_MAX_TOKENS,
    "max_output_tokens": s.REQUEST_MAX_TOKENS,
    "max_new_tokens": s.REQUEST_MAX_TOKENS,
    "num_predict": s.REQUEST_MAX_TOKENS,
    "temperature": s.REQUEST_TEMPERATURE,
    "top_p": s.REQUEST_TOP_P,
    "top_k": s.REQUEST_TOP_K,
    "frequency_penalty": s.REQUEST_FREQUENCY_PENALTY,
    "presence_penalty": s.REQUEST_PRESENCE_PENALTY,
    "stop": s.REQUEST_STOP_SEQUENCES,
    "stop_words": s.REQUEST_STOP_SEQUENCES,
    "stop_sequences": s.REQUEST_STOP_SEQUENCES,
    "seed": s.REQUEST_SEED,
    "reasoning_effort": s.REQUEST_REASONING_LEVEL,
}


class ToolFailure(Exception):
    """A tool that Haystack itself saw failing: the agent goes on, with the error for an answer."""


def pipeline(step: Step) -> Mapping[str, Any]:
    """What went in and came out."""
    facts = step.facts
    out = {
        s.INPUT: plain(facts.tags.get("haystack.pipeline.input_data")),
        s.OUTPUT: plain(facts.content.get("output_data")),
    }
    if out[s.OUTPUT] is None:  # Haystack 2 gives the dict that it fills until the end
        out[s.OUTPUT] = plain(facts.tags.get("haystack.pipeline.output_data"))
    for key, value in (facts.tags.get("haystack.pipeline.metadata") or {}).items():
        if isinstance(value, str | int | float | bool):
            out[f"{s.METADATA_PREFIX}{key}"] = value
    return _known(out)


def component(step: Step) -> Mapping[str, Any]:
    """A component that is no model call."""
    facts: Facts = step.facts
    given, made = _both(facts)
    out: dict[str, Any] = {s.METADATA_PREFIX + "component": facts.class_name, **_visits(facts)}
    if facts.kind in (RETRIEVER, RANKER):
        found = documents(made.get("documents"))
        out |= {s.OPERATION: "retrieval" if facts.kind == RETRIEVER else None, s.RETRIEVAL_DOCUMENTS: found}
        out[s.INPUT] = plain(given)
        return _known(out)
    if facts.kind == PROMPT:
        template = given.get("template") or getattr(facts.instance, "template", None)
        given = {"template": template, **{key: value for key, value in given.items() if key != "template"}}
    if facts.kind == TOOL:
        out |= _only_call(given)
    return _known({**out, s.INPUT: plain(given), s.OUTPUT: plain(made) or None})


def _only_call(given: Mapping[str, Any]) -> dict[str, Any]:
    messages = given.get("messages")
    calls = [call for item in messages or () for call in getattr(item, "tool_calls", ())]
    return {s.TOOL_CALL_ID: calls[0].id} if len(calls) == 1 else {}


def agent(step: Step) -> Mapping[str, Any]:
    """A run of an agent. Its sums of tokens are left to the calls below."""
    facts = step.facts
    given, made = _both(facts)
    return _known(
        {
            s.OPERATION: "invoke_agent",
            s.INPUT: plain({key: value for key, value in given.items() if value is not None}),
            s.OUTPUT: plain(made.get("last_message") or made) or None,
            s.TOOL_DEFINITIONS: tool_definitions(facts.tags.get("haystack.agent.tools")),
            s.METADATA_PREFIX + "steps": facts.tags.get("haystack.agent.steps_taken"),
            s.METADATA_PREFIX + "exit_reason": made.get("exit_reason"),
        }
    )


def agent_tool(step: Step) -> Mapping[str, Any]:
    """One call of a tool by an agent."""
    facts = step.facts
    result = facts.content.get("output")
    if facts.tags.get("haystack.tool.error") and step.error is None:
        step.error = facts.failure or ToolFailure(str(get(result, "error")))
    return _known(
        {
            s.OPERATION: "execute_tool",
            s.TOOL_NAME: facts.tags.get("haystack.tool.name"),
            s.TOOL_CALL_ARGUMENTS: plain(facts.content.get("input")),
            s.TOOL_CALL_RESULT: plain(result),
        }
    )


def tool(step: Step) -> Mapping[str, Any]:
    """One call of a tool in Haystack 2."""
    facts = step.facts
    return _known(
        {
            s.OPERATION: "execute_tool",
            s.TOOL_NAME: facts["name"],
            s.TOOL_CALL_ARGUMENTS: plain(facts["arguments"]),
            s.TOOL_CALL_RESULT: plain(step.attributes.get("result")),
        }
    )


def other(step: Step) -> Mapping[str, Any]:
    """A step of an agent, a hook, or an operation that the application or a newer Haystack named."""
    facts = step.facts
    given, made = _both(facts)
    out: dict[str, Any] = {s.INPUT: plain(given) or None, s.OUTPUT: plain(made) or None}
    for key, value in facts.tags.items():
        if isinstance(value, str | int | float | bool):
            out[s.METADATA_PREFIX + key.removeprefix("haystack.")] = value
    return _known(out)


def model_call(record: CallRecord) -> Mapping[str, Any]:
    """A generator or an embedder."""
    facts: Facts = record.request[s.INPUT]
    given, made = _both(facts)
    out: dict[str, Any] = {s.METADATA_PREFIX + "component": facts.class_name or None, **_visits(facts)}
    if record.error is not None:
        status = getattr(record.error, "status_code", None)
        out[s.HTTP_STATUS] = status if isinstance(status, int) else None
    if facts.kind == EMBEDDER:
        return _known({**out, **_embeddings(given, made)})
    if facts.kind == IMAGE:
        return _known({**out, s.INPUT_MESSAGES: _user(given.get("prompt")), s.OUTPUT_TYPE: "image"})
    callback = given.get("streaming_callback") or getattr(facts.instance, "streaming_callback", None)
    asked = {
        **(getattr(facts.instance, "generation_kwargs", None) or {}),
        **(given.get("generation_kwargs") or {}),
    }
    messages = given.get("messages")
    return _known(
        {
            **out,
            **request_attributes(asked, _REQUEST),
            s.REQUEST_STREAM: True if callback else None,
            s.INPUT_MESSAGES: _user(given.get("prompt")) if messages is None else _messages(messages),
            s.SYSTEM_INSTRUCTIONS: _system(
                given.get("system_prompt") or getattr(facts.instance, "system_prompt", None)
            ),
            s.TOOL_DEFINITIONS: tool_definitions(given.get("tools") or getattr(facts.instance, "tools", None)),
            **_replies(facts, made),
        }
    )


def _replies(facts: Facts, made: Mapping[str, Any]) -> dict[str, Any]:
    replies = made.get("replies")
    if not isinstance(replies, list):
        return {}
    given_metas = made.get("meta")
    metas: list[Any] = [
        reply.meta if type(reply).__name__ == "ChatMessage" else _at(given_metas, number)
        for number, reply in enumerate(replies)
    ]
    first: Mapping[str, Any] = metas[0] if metas and isinstance(metas[0], Mapping) else {}
    reasons = [get(meta, "finish_reason") or get(meta, "status") for meta in metas]
    written = [
        message(reply, reason)
        if type(reply).__name__ == "ChatMessage"
        else {"role": "assistant", "parts": [{"type": "text", "content": str(reply)}], "finish_reason": reason}
        for reply, reason in zip(replies, reasons, strict=True)
    ]
    model = first.get("model")
    started = _seconds_until(first.get("completion_start_time"), facts.started)
    return {
        s.OUTPUT_MESSAGES: written or None,
        s.RESPONSE_FINISH_REASONS: [str(reason) for reason in reasons if reason] or None,
        s.RESPONSE_MODEL: model if isinstance(model, str) else None,
        s.RESPONSE_ID: first.get("id") if isinstance(first.get("id"), str) else None,
        s.RESPONSE_TIME_TO_FIRST_CHUNK: started,
        **usage_attributes([get(meta, "usage") for meta in metas], each="Local" in facts.class_name),
    }


def _at(metas: Any, number: int) -> Any:
    return metas[number] if isinstance(metas, list) and number < len(metas) else {}


def _seconds_until(text: Any, started: float) -> float | None:
    """When the first piece arrived, as Haystack noted it by the local clock."""
    if not isinstance(text, str):
        return None
    try:
        seconds = datetime.fromisoformat(text).timestamp() - started
    except ValueError:
        return None
    return seconds if seconds >= 0 else None


def _embeddings(given: Mapping[str, Any], made: Mapping[str, Any]) -> dict[str, Any]:
    meta = made.get("meta")
    vector = made.get("embedding")
    texts = given.get("text")
    if texts is None:
        texts = [item.content for item in given.get("documents") or () if getattr(item, "content", None)]
    return {
        s.INPUT_MESSAGES: _user(texts),
        s.RESPONSE_MODEL: get(meta, "model"),
        s.EMBEDDINGS_DIMENSIONS: len(vector) if isinstance(vector, list) else None,
        **usage_attributes([get(meta, "usage")]),
    }


def _user(texts: Any) -> list[dict[str, Any]] | None:
    if not texts:
        return None
    listed = texts if isinstance(texts, list) else [texts]
    return [{"role": "user", "parts": [{"type": "text", "content": str(text)}]} for text in listed]


def _messages(messages: Any) -> Any:
    if isinstance(messages, str):
        return _user(messages)
    return [plain(item) for item in messages]


def _system(text: Any) -> list[dict[str, Any]] | None:
    return [{"type": "text", "content": text}] if isinstance(text, str) and text else None


def _both(facts: Facts) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    given, made = facts.content.get("input"), facts.content.get("output")
    return given if isinstance(given, Mapping) else {}, made if isinstance(made, Mapping) else {}


def _visits(facts: Facts) -> dict[str, Any]:
    visits = facts.tags.get("haystack.component.visits")
    return {s.METADATA_PREFIX + "visits": visits if isinstance(visits, int) and visits > 1 else None}


def _known(out: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in out.items() if value is not None}
