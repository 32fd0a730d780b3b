"""Part of processing: messages that come as log events are joined to their call, whichever of the two comes first.

The whole of them is joined when a request is read; what stands in lists, the two previews, is joined here. A log event
that comes after its span changes the stored row; one that comes before is remembered until the span comes.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable

from ..analysis.json_text import parse_json
from ..analysis.messages import CONTENT_ATTRIBUTES, event_content, preview
from ..model import LLMRequest, LoggedPreview, LogRecord
from .dialects.blobs import without_blobs

__all__ = ["LoggedPreviews", "preview_of", "without_logged_blobs"]

Key = tuple[bytes, bytes]


def preview_of(record: LogRecord) -> LoggedPreview | None:
    """The first words of what a log event says of its span's messages; None when it says nothing of them.

    To be asked after redaction.
    """
    name = record.event_name or ""
    if not record.trace_id or not record.span_id or not name.startswith("gen_ai.") or name == "gen_ai.system.message":
        return None
    content = event_content(name, record.body, record.attributes)
    prompts, completions = content.get("input_messages"), content.get("output_messages")
    prompt = (preview(prompts, "user") or preview(prompts)) if isinstance(prompts, list) else None
    completion = preview(completions) if isinstance(completions, list) else None
    if prompt is None and completion is None:
        return None
    return LoggedPreview(record.trace_id, record.span_id, record.timestamp_ns, prompt, completion)


def without_logged_blobs(record: LogRecord) -> None:
    """Images, sounds and files in a GenAI event give way to what is kept of them, as in spans; other records stay."""
    if not (record.event_name or "").startswith("gen_ai."):
        return
    attributes = {
        name: parse_json(value) if name in CONTENT_ATTRIBUTES else value for name, value in record.attributes.items()
    }
    kept = without_blobs({"body": parse_json(record.body), "attributes": attributes})
    record.body, record.attributes = kept["body"], kept["attributes"]


class LoggedPreviews:
    """Previews that wait for their span. memory: how many; the oldest are forgotten first."""

    def __init__(self, memory: int = 20_000) -> None:
        self._memory = memory
        self._lock = threading.Lock()
        self._waiting: OrderedDict[Key, LoggedPreview] = OrderedDict()

    def remember(self, previews: Iterable[LoggedPreview]) -> None:
        """Note them for spans that come later. A later user message says better what was asked than an earlier one."""
        with self._lock:
            for one in previews:
                key = (one.trace_id, one.span_id)
                before = self._waiting.pop(key, None)
                self._waiting[key] = one if before is None else one.over(before)
            while len(self._waiting) > self._memory:
                self._waiting.popitem(last=False)

    def fill(self, requests: Iterable[LLMRequest]) -> None:
        """Give those without previews what was logged of them."""
        if not self._waiting:
            return
        with self._lock:
            for request in requests:
                found = self._waiting.get((request.trace_id, request.span_id))
                if found is not None:
                    request.prompt_preview = request.prompt_preview or found.prompt
                    request.completion_preview = request.completion_preview or found.completion
