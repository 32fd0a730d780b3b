"""Which call of the model a tool's span answers: the Agents SDK's spans do not say it, but hold what tells it."""

from __future__ import annotations

from typing import Any

Asked = tuple[str, str, Any]  # the call's id, the tool's name, its arguments as the model wrote them


class Calls:
    """Calls that models asked for and no tool has taken yet, by the span that the model's and the tool's stand under.

    Only what the last model call below that span asked for is kept; forget() drops it.
    """

    def __init__(self) -> None:
        self._asked: dict[str, list[Asked]] = {}

    def asked(self, parent: str, data: Any) -> None:
        """A model call ended; `data` is its span's."""
        if data.type == "response":
            items = getattr(data.response, "output", None) or ()
            found = [_call(getattr(item, "call_id", None), item) for item in items]
        else:
            messages = [message for message in data.output or () if isinstance(message, dict)]
            calls = [call for message in messages for call in message.get("tool_calls") or () if isinstance(call, dict)]
            found = [_call(call.get("id"), call.get("function")) for call in calls]
        self._asked[parent] = [call for call in found if call is not None]

    def taken(self, parent: str, name: Any, arguments: Any) -> str | None:
        """The call's id; None when none or more than one call could be meant: a wrong id is worse than none."""
        asked = self._asked.get(parent, ())
        found = [call for call, called, given in asked if called == name and (arguments is None or given == arguments)]
        return found[0] if len(found) == 1 else None

    def forget(self, parent: str) -> None:
        """That span is over."""
        self._asked.pop(parent, None)


def _call(call: Any, function: Any) -> Asked | None:
    if isinstance(function, dict):
        name, arguments = function.get("name"), function.get("arguments")
    else:
        name, arguments = getattr(function, "name", None), getattr(function, "arguments", None)
    return (call, name, arguments) if isinstance(call, str) and isinstance(name, str) else None
