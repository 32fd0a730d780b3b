"""The command line: words in, one call to a room, words (or --json) out."""

from __future__ import annotations

import sys

from .common import Failure, report
from .root import app

__all__ = ["app", "main"]


def main() -> None:
    """Run the command line. Exit code 0: done. 1: looked, and found problems. 2: could not; cause and fix are said."""
    try:
        app()
    except Failure as failure:
        report(failure)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        report(_translate(error))
    sys.exit(2)


def _translate(error: Exception) -> Failure:
    """Everything foreign that may reach us is one line with its cause; a fault of ours says how to see more of it."""
    from sentinelops_server.errors import SentinelOpsError

    if isinstance(error, SentinelOpsError | OSError):
        return Failure(str(error))
    return Failure(
        f"{type(error).__name__}: {error}",
        "this is a fault of SentinelOps; SENTINELOPS_LOG_LEVEL=debug shows where it happened",
    )
