"""Errors that say who must act; every door translates them once.

SentinelOpsError
├── Permanent            the same input fails again: the sender must change it        (HTTP 400, INVALID_ARGUMENT)
│   ├── Malformed        bytes that are not what they claim to be
│   ├── TooLarge         over a limit that is named                                   (HTTP 413)
│   ├── Unauthorised     no key, or one that is unknown, expired or revoked           (HTTP 401, UNAUTHENTICATED)
│   ├── Forbidden        a good key without the scope                                 (HTTP 403, PERMISSION_DENIED)
│   └── NotFound                                                                      (HTTP 404, NOT_FOUND)
└── Temporary            the same input may succeed later: the sender should try again (HTTP 503, UNAVAILABLE)
    └── Overloaded       the queue is full; retry_after_seconds says when             (HTTP 429, RESOURCE_EXHAUSTED)
"""

from __future__ import annotations

__all__ = [
    "Forbidden",
    "Malformed",
    "NotFound",
    "Overloaded",
    "Permanent",
    "SentinelOpsError",
    "Temporary",
    "TooLarge",
    "Unauthorised",
]


class SentinelOpsError(Exception):
    """The root of all our errors; its message may be shown to the sender."""


class Permanent(SentinelOpsError):
    """The same input would fail again."""


class Malformed(Permanent):
    """The bytes are not what they claim to be."""


class TooLarge(Permanent):
    """The input is over a limit, which the message names."""


class Unauthorised(Permanent):
    """No key was given, or it is unknown, expired or revoked."""


class Forbidden(Permanent):
    """The key is good, but lacks the scope that is needed."""


class NotFound(Permanent):
    """There is no such thing."""


class Temporary(SentinelOpsError):
    """The same input may succeed later; `retry_after_seconds` says when to try."""

    def __init__(self, message: str, retry_after_seconds: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class Overloaded(Temporary):
    """There is no room now."""
