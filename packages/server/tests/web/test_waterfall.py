"""A trace in tree order, with whatever came of it."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

from sentinelops_server.query.trace_columns import Call, TraceColumns
from sentinelops_server.web.waterfall import Waterfall


def trace(*spans: tuple[str, str | None, int, int], critical: tuple[str, ...] = (), **more: Any) -> Any:
    ids, parents, offsets, durations = zip(*spans, strict=True) if spans else ((), (), (), ())
    names = more.pop("names", None) or [f"n{i}" for i in ids]
    return TraceColumns(
        more.pop("row", None), ids, parents, offsets, durations, names, ["span"] * len(ids), ["ok"] * len(ids),
        critical_path=critical, **more,
    )  # fmt: skip


def test_parents_come_before_children_and_siblings_by_start() -> None:
    fall = Waterfall(
        trace(("b", "a", 50, 10), ("a", None, 0, 100), ("c", "a", 20, 10), ("d", "c", 22, 2), critical=("a", "b"))
    )
    rows = fall.rows(10)
    assert [(r.span_id, r.depth, r.children, r.critical) for r in rows] == [
        ("a", 0, 2, True), ("c", 1, 1, False), ("d", 2, 0, False), ("b", 1, 0, True),
    ]  # fmt: skip
    assert (rows[3].left, rows[3].width) == ("50.000%", "10.000%")


def test_orphans_circles_and_own_parents_are_shown() -> None:
    fall = Waterfall(trace(("a", "gone", 5, 1), ("b", "c", 1, 1), ("c", "b", 2, 1), ("d", "d", 0, 9)))
    assert sorted(r.span_id for r in fall.rows(9)) == ["a", "b", "c", "d"]
    assert fall.orphans == 2


def test_a_child_that_starts_before_its_parent_widens_the_axis() -> None:
    fall = Waterfall(trace(("a", None, 0, 100), ("b", "a", -100, 50)))
    assert fall.length == 200
    assert fall.rows(1)[0].left == "50.000%"


def test_no_span_and_no_time_are_no_fault() -> None:
    assert Waterfall(trace()).first_interesting() is None
    assert Waterfall(trace(("a", None, 0, 0))).rows(1)[0].duration == "0 ms"


def test_json_cannot_leave_its_script_element() -> None:
    hostile = "</script><script>alert(1)</script><!--"
    text = str(Waterfall(trace(("0a" * 8, None, 0, 1), names=[hostile])).json())
    assert "<" not in text
    assert json.loads(text)["names"] == [hostile]


def test_json_has_what_the_rows_have() -> None:
    ids = [f"{n:016x}" for n in (7, 255, 1 << 63)]
    fall = Waterfall(
        trace(
            (ids[0], None, 0, 9_000_000), (ids[2], ids[0], 2_000_000, 5_000), (ids[1], ids[0], 1_000_000, 3_000),
            calls={ids[2]: Call("cancelled", None, 0.01, None)}, critical=(ids[0], ids[2]),
        )
    )  # fmt: skip
    data, rows = json.loads(str(fall.json())), fall.rows(3)
    assert [b64decode(data["ids"])[n * 8 : n * 8 + 8].hex() for n in range(3)] == [r.span_id for r in rows]
    assert data["start"] == [0, 1000, 1000]  # each after the one before it
    assert data["length"] == [9000, 3, 5]
    assert data["critical"] == [r.number for r in rows if r.critical] == [0, 2]
    assert data["status"] == {"0": 1, "1": 1, "2": 3}
    assert data["notes"] == {"2": rows[2].note} == {"2": "$0.010"}
    assert rows[2].status == "cancelled"


def test_a_model_call_says_what_it_took() -> None:
    calls = {"a": Call("ok", 12_400, None, 0.5)}
    row = Waterfall(trace(("a", None, 0, 1), calls=calls)).rows(1)[0]
    assert row.note == "12.4k tok · cost unknown · first 500 ms"


def test_a_note_says_no_more_than_there_is_room_for() -> None:
    calls = {"b": Call("ok", 190, None, 0.5), "c": Call("ok", 7, None, None), "d": Call("ok", 83, None, 0.1)}
    spans = (
        ("a", None, 0, 1000),
        ("b", "a", 500, 500),  # half before it, half inside
        ("c", "a", 330, 330),  # a third on each side
        ("d", "a", 0, 250),  # three quarters behind it
    )
    rows = {row.span_id: (row.note, row.anchor) for row in Waterfall(trace(*spans, calls=calls)).rows(4)}
    assert rows["b"] == ("190 tok · cost unknown", "end")
    assert rows["c"] == ("7 tok", "start")
    assert rows["d"] == ("83 tok · cost unknown · first 100 ms", "start")
