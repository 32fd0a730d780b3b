"""The payload store: prompts and completions apart from rows, many to an object, each sealed, deleted by day."""

from .store import PayloadConfig, PayloadStore
from .words import might_contain

__all__ = ["PayloadConfig", "PayloadStore", "might_contain"]
