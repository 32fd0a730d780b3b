"""The guard around every entry of the SDK: what fails in here costs the host telemetry, never its answer.

Under `SENTINELOPS_STRICT=1` (our own tests) failures are raised again, so that a bug is seen.
"""

from __future__ import annotations

import logging
import os
from types import TracebackType

logger = logging.getLogger("sentinelops")
strict: bool = os.environ.get("SENTINELOPS_STRICT", "").strip().lower() in ("1", "true", "on", "yes")
_said: set[str] = set()
_said_max = 1_000


def warn_once(kind: str, message: str, *args: object) -> None:
    """Log a warning the first time `kind` happens in this process; later ones are only counted elsewhere."""
    if kind not in _said and len(_said) < _said_max:
        _said.add(kind)
        logger.warning(message, *args)


def forget_warnings() -> None:
    """Let every kind be said again: after configure() and after a fork."""
    _said.clear()


def swallow(where: str, error: BaseException) -> None:
    """Count and log (once per `where`) a failure of ours; raise it again only under strict.

    Nothing of the failure is shown at warning level but its type: its message may hold the host's data.
    """
    try:
        from ._stats import STATS

        STATS.internal_error(where)
        warn_once(
            f"internal:{where}",
            "sentinelops: %s failed (%s); the application is not affected, this telemetry is incomplete. "
            "Set logging of 'sentinelops' to DEBUG for the traceback.",
            where,
            type(error).__name__,
        )
        logger.debug("sentinelops: %s failed", where, exc_info=error)
    except Exception:  # noqa: S110 - a logging handler that raises must not reach the host either
        pass
    if strict:
        raise error


class guard:  # noqa: N801 - used like a keyword
    """`with guard("where"): ...`: an Exception inside is swallowed; BaseExceptions such as KeyboardInterrupt pass."""

    __slots__ = ("where",)

    def __init__(self, where: str) -> None:
        self.where = where

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> bool:
        if error is None or not isinstance(error, Exception):
            return False
        swallow(self.where, error)
        return True
