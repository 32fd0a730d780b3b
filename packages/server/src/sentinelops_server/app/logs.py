"""Where log lines go: ours to stderr from the level that was set, others' from warning, the audit to a file."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

__all__ = ["start_logs"]

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def start_logs(level: str, data_dir: Path) -> None:
    """Set up logging of a server process. The audit, a JSON line an event, is `<data_dir>/audit.log`, mode 0600."""
    chosen = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(level=max(chosen, logging.WARNING), format=FORMAT, stream=sys.stderr)
    for ours in ("sentinelops_server", "sentinelops"):
        logging.getLogger(ours).setLevel(chosen)
    audit = logging.getLogger("sentinelops.audit")
    handler = _AuditFile(data_dir / "audit.log")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    audit.addHandler(handler)
    audit.setLevel(logging.INFO)
    audit.propagate = False


class _AuditFile(logging.FileHandler):
    """Opened at the first line, when the folder is there; readable by its owner only."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, delay=True)

    def _open(self):  # type: ignore[no-untyped-def]
        def private(path: str, flags: int) -> int:
            return os.open(path, flags | os.O_CLOEXEC, 0o600)

        return open(self.baseFilename, "a", encoding="utf-8", opener=private)  # noqa: SIM115 - the handler closes it
