"""A trace in tree order, with whatever came of it."""

from __future__ import annotations

import json
from typing import Any

from sentinelops_server.web.waterfall import Waterfall


def trace(*spans: tuple[str, str | None, int, int], critical: tuple[str, ...] = (), **more: Any) -> Any:
    rows = [
        {
            "span_id": i,
            "parent_span_id": p,
            "name": f"n{i}",
            "type": "span",
            "status": "ok",
            "offset_ns": o,
            "duration_ns": d,
            **more,
        }
        for i, p, o, d in spans
    ]
    return {"spans": rows, "critical_path": list(critical)}


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
    spans = trace(("a", None, 0, 1))
    spans["spans"][0]["name"] = "</script><script>alert(1)</script><!--"
    text = str(Waterfall(spans).json())
    assert "<" not in text
    assert json.loads(text)["names"] == ["</script><script>alert(1)</script><!--"]


def test_a_model_call_says_what_it_took() -> None:
    more = {"model": "m", "total_tokens": 12_400, "estimated_cost": None, "time_to_first_token_seconds": 0.5}
    assert Waterfall(trace(("a", None, 0, 1), **more)).rows(1)[0].note == "12.4k tok · cost unknown · first 500 ms"
