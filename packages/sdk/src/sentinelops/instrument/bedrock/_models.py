"""Which model a `modelId` means: an id, a profile, or one of the many ARNs, as far as the text itself tells."""

from __future__ import annotations

from collections.abc import Mapping

# resource of a Bedrock ARN -> the rest of it is a model id (or a profile id, which prices know by its region prefix)
_NAMED = ("foundation-model", "inference-profile", "system-defined-inference-profile")


def model_of(sent: str, models: Mapping[str, str] | None = None) -> str:
    """Give the model id that `sent` stands for; `sent` itself when nothing tells.

    models: what the user configured, asked first, by the whole text or by the last part of an ARN. Application
    inference profiles, provisioned throughput, imported models, prompts and routers have ids that say nothing: only
    `models` knows them.
    """
    if models:
        known = models.get(sent) or models.get(sent.rpartition("/")[2])
        if known:
            return known
    if not sent.startswith("arn:"):
        return sent
    parts = sent.split(":", 5)
    if len(parts) < 6 or parts[2] != "bedrock":
        return sent
    kind, _, rest = parts[5].partition("/")
    if kind in _NAMED and rest:
        return rest
    if kind == "custom-model" and "/" in rest:
        return rest.partition("/")[0]  # custom-model/BASE/ID
    return sent


def operation_of(model: str, body: object) -> str:
    """What an InvokeModel call does, by the name of the model and the first look of the body: chat when unsure."""
    name = model.lower()
    for word, operation in _OPERATIONS:
        if word in name:
            return operation
    head = body[:256] if isinstance(body, str | bytes) else b""
    text = head.encode("utf-8", "replace") if isinstance(head, str) else head
    return "text_completion" if b'"prompt"' in text or b'"inputText"' in text else "chat"


_OPERATIONS = (
    ("embed", "embeddings"),
    ("marengo", "embeddings"),
    ("rerank", "rerank"),
    ("titan-image", "generate_content"),
    ("nova-canvas", "generate_content"),
    ("stability.", "generate_content"),
    ("nova-reel", "generate_content"),
    ("luma.", "generate_content"),
)
