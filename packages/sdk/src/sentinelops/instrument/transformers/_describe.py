"""From what was seen of a model call in this process to attributes; runs in the export thread."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ... import semconv as s
from ..._content import blob
from .._wire import openai_chat
from .._wire.attributes import message, request_attributes
from .._wire.parts import image_part, text_part

if TYPE_CHECKING:
    from ..._call import CallRecord
    from ._call import Pass, Seen

PARAMETERS = {
    "temperature": s.REQUEST_TEMPERATURE,
    "top_p": s.REQUEST_TOP_P,
    "top_k": s.REQUEST_TOP_K,
    "max_new_tokens": s.REQUEST_MAX_TOKENS,
    "stop_sequence": s.REQUEST_STOP_SEQUENCES,
    "stop_strings": s.REQUEST_STOP_SEQUENCES,
    "num_return_sequences": s.REQUEST_CHOICE_COUNT,
}
# Tasks whose answers are vectors, pictures and sound: they are not kept.
NOT_KEPT = frozenset(
    (
        "feature-extraction", "image-feature-extraction", "text-to-audio", "text-to-speech", "image-to-image",
        "depth-estimation", "mask-generation", "image-segmentation", "keypoint-matching", "image-matting",
    )
)  # fmt: skip
_WRITTEN = ("generated_text", "summary_text", "translation_text", "text", "answer")
_LONG = 1_000_000


def is_chat(inputs: Any) -> bool:
    """Whether these are messages, or several lists of messages."""
    if hasattr(inputs, "messages"):
        return True
    if not isinstance(inputs, list | tuple) or not inputs:
        return False
    first = inputs[0]
    if isinstance(first, list | tuple) and first:
        first = first[0]
    return hasattr(first, "messages") or (isinstance(first, Mapping) and "role" in first and "content" in first)


def describe(record: CallRecord) -> dict[str, Any]:
    """Attributes by semconv name, content as Python structures."""
    seen: Seen = record.response
    out = request_attributes(_settings(record.request), PARAMETERS)
    if out.get(s.REQUEST_CHOICE_COUNT) == 1:
        del out[s.REQUEST_CHOICE_COUNT]
    out[s.REQUEST_STREAM] = True if seen.streamed or record.streaming else None
    out[s.TRANSFORMERS_TASK] = seen.task
    out[s.MODEL_DEVICE] = None if seen.device is None else str(seen.device)
    out[s.MODEL_DTYPE] = None if seen.dtype is None else str(seen.dtype).removeprefix("torch.")
    inputs = record.request.get("inputs")
    if isinstance(inputs, list | tuple) and not _is_message(inputs[0] if inputs else None) and len(inputs) > 1:
        out[s.TRANSFORMERS_INPUTS] = len(inputs)
    reasons = _usage(seen, out)
    out[s.RESPONSE_FINISH_REASONS] = reasons or None
    out.update(_given(inputs, record.request.get("tools"), seen.task))
    out[s.OUTPUT_MESSAGES] = _written(seen, inputs, reasons)
    return out


def _settings(request: Mapping[str, Any]) -> dict[str, Any]:
    config = request.get("generation_config")
    given = {name: getattr(config, name, None) for name in PARAMETERS} if config is not None else {}
    return {**given, **{name: request[name] for name in PARAMETERS if request.get(name) is not None}}


def _usage(seen: Seen, out: dict[str, Any]) -> list[str]:
    """Count; returns why each text ended, where every one is known."""
    if not seen.passes:
        counts = [_prompt_tokens(ids, mask, None) for ids, mask in seen.inputs]
        out[s.USAGE_INPUT_TOKENS] = sum(counts) if counts else None
        return []
    out[s.USAGE_INPUT_TOKENS] = sum(_prompt_tokens(one.ids, one.mask, one.embeds) for one in seen.passes)
    ends = [end for one in seen.passes for end in _ends(one)]
    out[s.USAGE_OUTPUT_TOKENS] = sum(count for count, _ in ends)
    reasons = [reason for _, reason in ends if reason]
    return reasons if len(reasons) == len(ends) else []


def _prompt_tokens(ids: Any, mask: Any, embeds: Any) -> int:
    """Without padding, where a mask says which it is."""
    if mask is not None and len(getattr(mask, "shape", ())) == 2:
        return int(mask.sum())
    for given in (ids, embeds):
        shape: Any = getattr(given, "shape", ())
        if len(shape) >= 2:
            return int(shape[0] * shape[1])
    return int(ids.shape[0]) if ids is not None and len(ids.shape) == 1 else 0


def _ends(one: Pass) -> list[tuple[int, str | None]]:
    """Tokens that each sequence got, its end token included, and why it ended."""
    # the prompt stands in front; of an encoder's answer only the token that every one begins with
    skip = 1 if one.encoder_decoder else 0 if one.ids is None else int(one.ids.shape[1])
    eos = one.eos
    if hasattr(eos, "tolist"):
        eos = eos.tolist()
    stops = frozenset(eos if isinstance(eos, list | tuple | set) else () if eos is None else (eos,))
    return [_end(row[skip:], stops, one.limit) for row in one.sequences.tolist()]


def _end(written: list[int], stops: frozenset[int], limit: Any) -> tuple[int, str | None]:
    for position, token in enumerate(written, 1):
        if token in stops:
            return position, "stop"
    return len(written), "length" if isinstance(limit, int) and len(written) >= limit else None


def _given(inputs: Any, tools: Any, task: str | None) -> dict[str, Any]:
    if inputs is None:
        return {}
    if is_chat(inputs):
        messages = [_plain(item) for item in _messages(inputs)]
        return openai_chat.content("chat_completions", {"messages": messages, "tools": _tools(tools)}, {})
    listed = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
    return {s.INPUT_MESSAGES: [message("user", [_part(item, task)]) for item in listed] or None}


def _tools(tools: Any) -> list[Any] | None:
    """Functions may be given as such: of them the name is known."""
    if not isinstance(tools, list | tuple):
        return None
    return [tool if isinstance(tool, Mapping) else {"type": "function", "name": getattr(tool, "__name__", str(tool))}
            for tool in tools]  # fmt: skip


def _messages(inputs: Any) -> list[Any]:
    if hasattr(inputs, "messages"):
        return list(inputs.messages)
    if _is_message(inputs[0]):
        return list(inputs)
    return [item for chat in inputs for item in _messages(chat)]


def _is_message(value: Any) -> bool:
    return isinstance(value, Mapping) and "role" in value


def _plain(item: Mapping[str, Any]) -> dict[str, Any]:
    """A message whose pictures and sounds are addresses, or words for what they are."""
    content = item.get("content")
    if not isinstance(content, list):
        return dict(item)
    return {**item, "content": [_plain_part(part) for part in content]}


def _plain_part(part: Any) -> Any:
    kind = part.get("type") if isinstance(part, Mapping) else None
    if kind in (None, "text"):
        return part
    held = next((part[name] for name in ("url", "path", kind) if part.get(name) is not None), None)
    return (
        {"type": "text", "text": _word(held)} if not isinstance(held, str) else {"type": "image_url", "image_url": held}
    )


def _part(item: Any, task: str | None) -> dict[str, Any]:
    if isinstance(item, bytes):
        return blob(item)
    if isinstance(item, str):
        speaks = task is not None and not task.startswith(("image", "audio", "video", "automatic", "object", "depth"))
        return text_part(item) if speaks or task is None else image_part(item)
    if isinstance(item, Mapping):
        return text_part(json.dumps(item, ensure_ascii=False, default=_word))
    return text_part(_word(item))


def _word(value: Any) -> Any:
    """What cannot be written down: pictures, arrays, tensors."""
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        return value.item()
    size = getattr(value, "shape", None) or getattr(value, "size", "")
    return f"[{type(value).__name__} {size}]" if not callable(size) else f"[{type(value).__name__}]"


def _written(seen: Seen, inputs: Any, reasons: list[str]) -> list[dict[str, Any]] | None:
    if seen.written is None:
        return None
    prompts = list(inputs) if isinstance(inputs, list | tuple) and not is_chat(inputs) else [inputs]
    several = isinstance(inputs, list | tuple) and not _is_message(inputs[0] if inputs else None)
    out = []
    for position, answers in enumerate(seen.written if several and isinstance(seen.written, list) else [seen.written]):
        prompt = prompts[position] if position < len(prompts) else None
        out.extend(_answers(answers, prompt))
    if len(reasons) == len(out):
        for said, reason in zip(out, reasons, strict=True):
            said["finish_reason"] = reason
    return out or None


def _answers(answers: Any, prompt: Any) -> list[dict[str, Any]]:
    """What was written for one prompt: texts, or anything else as JSON."""
    listed = answers if isinstance(answers, list) else [answers]
    texts = [_text(item, prompt) for item in listed]
    if texts and all(text is not None for text in texts):
        return [text for text in texts if text is not None]
    return [message("assistant", [text_part(json.dumps(answers, ensure_ascii=False, default=_word)[:_LONG])])]


def _text(item: Any, prompt: Any) -> dict[str, Any] | None:
    if not isinstance(item, Mapping):
        return None
    for name in _WRITTEN:
        value = item.get(name)
        if isinstance(value, str):
            # a completion comes with its prompt in front, unless it was asked for without
            beginning = isinstance(prompt, str) and name == "generated_text" and value.startswith(prompt)
            return message("assistant", [text_part(value[len(prompt) :] if beginning else value)])
        if isinstance(value, list) and value and _is_message(value[-1]):
            given = openai_chat.content("chat_completions", {"messages": [_plain(value[-1])]}, {})
            said: dict[str, Any] = given[s.INPUT_MESSAGES][0]
            return said
    return None
