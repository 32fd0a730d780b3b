"""Which operations are model calls, and of which type a span of each is."""

from __future__ import annotations

__all__ = ["INFERENCE", "OTHER_OPERATIONS", "SPELLINGS", "TYPES", "WRAPPERS"]

# operation -> spans.type; those of the first table are model calls
INFERENCE = {
    "chat": "llm",
    "text_completion": "llm",
    "generate_content": "llm",
    "completion": "llm",
    "responses": "llm",
    "embeddings": "embedding",
    "embedding": "embedding",
    "rerank": "rerank",
    "image_generation": "llm",
    "speech": "llm",
    "transcription": "llm",
}
OTHER_OPERATIONS = {
    "moderation": "guardrail",
    "guardrail": "guardrail",
    "count_tokens": "span",
    "execute_tool": "tool",
    "invoke_agent": "agent",
    "create_agent": "agent",
    "plan": "agent",
    "invoke_workflow": "chain",
    "retrieval": "retrieval",
    "fetch_response": "span",
    # Mastra's
    "agent.run": "agent",
    "workflow.run": "chain",
    "tool.execute": "tool",
}
SPELLINGS = {"completion": "text_completion", "embedding": "embeddings", "responses": "chat"}
WRAPPERS = {"workflow": "chain", "task": "chain", "agent": "agent", "tool": "tool"}
TYPES = frozenset(
    ("llm", "embedding", "agent", "tool", "chain", "retrieval", "rerank", "guardrail", "evaluator", "memory", "span")
)
