"""What spans were recorded by, kept once each under a digest: a span's row names it by eight bytes."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import date
from hashlib import blake2b

import orjson

from ...model import Span
from .copy import encode_json, timestamp
from .database import Database

__all__ = ["Resources"]

REMEMBERED = 50_000

_UPSERT = """
INSERT INTO resources AS r (resource_id, seen, resource)
SELECT id, %s, resource::jsonb FROM unnest(%s::bigint[], %s::text[]) AS new (id, resource) ORDER BY id
ON CONFLICT (resource_id) DO UPDATE SET seen = excluded.seen WHERE r.seen < excluded.seen
"""


class Resources:
    """Makes sure that resources are stored, and remembers them for a day. Thread-safe.

    They are committed before the spans that name them: one without spans harms nobody, and no writer waits for another
    one's batch. `seen` is renewed daily, so retention never deletes one that a writer remembers.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[int, date] = {}
        self._lock = threading.Lock()

    def ensure(self, spans: Iterable[Span], received_ns: int) -> dict[int, int | None]:
        """Store the resources of these spans; returns resource_id by id(span.resource), None for an empty one.

        Raises Temporary; TypeError or psycopg.DataError for what cannot be stored.
        """
        today = timestamp(received_ns).date()
        ids: dict[int, int | None] = {}
        missing: dict[int, str] = {}
        for span in spans:
            key = id(span.resource)
            if key in ids:
                continue
            text = encode_json(span.resource)
            ids[key] = number = None if text is None else _digest(text)
            if text is not None and number is not None and self._known.get(number, date.min) < today:
                missing[number] = text.decode()
        if missing:
            self._database.execute(_UPSERT, (today, list(missing), list(missing.values())))
            with self._lock:
                if len(self._known) > REMEMBERED:
                    self._known = {}
                self._known |= dict.fromkeys(missing, today)
        return ids


def _digest(text: bytes) -> int:
    """Return 64 bits of a resource, however its keys are ordered."""
    canonical = orjson.dumps(orjson.loads(text), option=orjson.OPT_SORT_KEYS)
    return int.from_bytes(blake2b(canonical, digest_size=8).digest(), "big", signed=True)
