"""API: its settings."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ApiConfig"]


@dataclass(frozen=True)
class ApiConfig:
    """How the REST API defends itself.

    `rate_per_second` requests a second and key with bursts of `rate_burst`; 0 turns the limit off. `max_body_bytes`
    of one request. `max_export_rows` of one export. `default_range` is what a question without a time range is about.
    """

    rate_per_second: float = 500.0
    rate_burst: int = 1000
    max_body_bytes: int = 1_048_576
    max_export_rows: int = 1_000_000
    default_range: str = "24h"

    def __post_init__(self) -> None:
        if self.rate_per_second < 0:
            raise ValueError("rate_per_second is below 0: use 0 to turn the limit off")
        if self.rate_burst < 1:
            raise ValueError("rate_burst is below 1")
        if self.max_body_bytes < 1024:
            raise ValueError("max_body_bytes is below 1024")
        if self.max_export_rows < 1:
            raise ValueError("max_export_rows is below 1")
