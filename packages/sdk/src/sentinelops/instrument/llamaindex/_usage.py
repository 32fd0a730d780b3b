"""What a model's answer says it cost, as LlamaIndex hands on the answers of some thirty clients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ... import semconv as s
from .._wire.anthropic_usage import usage_attributes as anthropic_usage
from .._wire.attributes import get, pick, tokens, total
from .._wire.openai_usage import usage_attributes as openai_usage
from .._wire.parts import MAPPINGS, plain


def usage(raw: Any, *others: Any) -> dict[str, Any]:
    """Token counts by attribute, of the first of these that has any. raw: the provider's answer or last event."""
    for given in (raw, *others):
        found = _usage(given) if isinstance(given, MAPPINGS) else {}
        if found:
            return found
    return {}


def _usage(body: Mapping[str, Any]) -> dict[str, Any]:
    named = plain(pick(body, "usage"))
    if named is None:
        named = plain(get(plain(body.get("response")), "usage"))  # the last event of a Responses stream
    if isinstance(named, MAPPINGS) and named:
        return _known(_of(named))
    google = plain(pick(body, "usage_metadata", "usageMetadata"))
    if isinstance(google, MAPPINGS):
        return _known(_google(google))
    if "prompt_eval_count" in body or "eval_count" in body:
        return _known(
            {
                s.USAGE_INPUT_TOKENS: tokens(body.get("prompt_eval_count")),
                s.USAGE_OUTPUT_TOKENS: tokens(body.get("eval_count")),
            }
        )
    if "prompt_tokens" in body or "completion_tokens" in body:
        return _known(openai_usage({"usage": body}))
    return {}


def _of(named: Mapping[str, Any]) -> dict[str, Any]:
    if "inputTokens" in named:
        read = tokens(pick(named, "cacheReadInputTokens", "cacheReadInputTokenCount"))
        write = tokens(pick(named, "cacheWriteInputTokens", "cacheWriteInputTokenCount"))
        return {
            s.USAGE_INPUT_TOKENS: total(tokens(named.get("inputTokens")), read, write),
            s.USAGE_OUTPUT_TOKENS: tokens(named.get("outputTokens")),
            s.USAGE_CACHE_READ_TOKENS: read,
            s.USAGE_CACHE_WRITE_TOKENS: write,
        }
    if "cache_read_input_tokens" in named or "cache_creation_input_tokens" in named or "server_tool_use" in named:
        return anthropic_usage(named)
    return openai_usage({"usage": {key: plain(value) for key, value in named.items()}})


def _google(named: Mapping[str, Any]) -> dict[str, Any]:
    thoughts = tokens(pick(named, "thoughts_token_count", "thoughtsTokenCount"))
    prompt = tokens(pick(named, "prompt_token_count", "promptTokenCount"))
    tools = tokens(pick(named, "tool_use_prompt_token_count", "toolUsePromptTokenCount"))
    return {
        s.USAGE_INPUT_TOKENS: total(prompt, tools),
        s.USAGE_OUTPUT_TOKENS: total(tokens(pick(named, "candidates_token_count", "candidatesTokenCount")), thoughts),
        s.USAGE_CACHE_READ_TOKENS: tokens(pick(named, "cached_content_token_count", "cachedContentTokenCount")),
        s.USAGE_REASONING_TOKENS: thoughts,
    }


def _known(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if value is not None}


def facts(raw: Any) -> dict[str, Any]:
    """Find the answer's id, its model and why it ended."""
    if not isinstance(raw, MAPPINGS):
        return {}
    body = plain(pick(raw, "response", "message"))
    body = body if isinstance(body, MAPPINGS) and "id" in body else raw
    return {
        s.RESPONSE_ID: _text(pick(body, "id", "response_id", "responseId")),
        s.RESPONSE_MODEL: _text(pick(body, "model", "model_version", "modelVersion")),
        s.RESPONSE_FINISH_REASONS: _reasons(body),
        s.OPENAI_SYSTEM_FINGERPRINT: _text(body.get("system_fingerprint")),
    }


def _reasons(body: Mapping[str, Any]) -> list[str] | None:
    found: list[Any] = [pick(body, "stop_reason", "stopReason", "done_reason", "finish_reason")]
    for choice in pick(body, "choices", "candidates") or ():
        found.append(pick(plain(choice), "finish_reason", "finishReason"))
    named = [str(getattr(reason, "value", reason)) for reason in found if reason]
    return named or None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
