"""A trace as columns says what the same trace as a list of spans says."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from sentinelops_server.query.trace_columns import get_trace_columns
from sentinelops_server.query.traces import get_trace
from sentinelops_server.storage.keys import KeyRing
from sentinelops_server.storage.payloads import PayloadConfig, PayloadStore
from sentinelops_server.storage.postgres.database import Database
from sentinelops_server.storage.postgres.store import Store
from web.seed import populate


def test_columns_are_the_rows_of_the_trace(database: Database, tmp_path: Path) -> None:
    payloads = PayloadStore(PayloadConfig(str(tmp_path / "payloads")), KeyRing(tmp_path / "keys"))
    ids = populate(Store(database, payloads), datetime.now(UTC), hours=1, per_hour=4)
    for name in ("trace", "long", "hostile"):
        trace_id = ids[name].split("-")[0]
        rows, columns = get_trace(database, trace_id), get_trace_columns(database, trace_id)
        assert rows is not None
        assert columns is not None
        assert columns.row == {k: v for k, v in rows.items() if k in columns.row}
        assert columns.critical_path == rows["critical_path"]
        found = sorted(
            zip(columns.ids, columns.parents, columns.offsets, columns.durations, columns.names, columns.types,
                columns.statuses, strict=True), key=lambda span: span[0],
        )  # fmt: skip
        fields = ("span_id", "parent_span_id", "offset_ns", "duration_ns", "name", "type", "status")
        spans = sorted(rows["spans"], key=lambda span: span["span_id"])
        assert found == [tuple(span[field] for field in fields) for span in spans]  # type: ignore[literal-required]
        calls = {s["span_id"]: s for s in spans if "model" in s}
        assert calls.keys() == columns.calls.keys()
        for span_id, call in columns.calls.items():
            assert call.total_tokens == calls[span_id]["total_tokens"]
            assert call.estimated_cost == calls[span_id]["estimated_cost"]
            assert call.status == calls[span_id]["request_status"]
        assert (columns.content is not None) == any(s["has_content"] for s in spans)


def test_a_trace_that_is_not_there_is_none(database: Database) -> None:
    assert get_trace_columns(database, "0" * 32) is None
    assert get_trace_columns(database, "no trace") is None
