"""Analysis: which spans a trace had to wait for; pure, n log n."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

__all__ = ["critical_path"]


def critical_path(spans: Iterable[tuple[str, str | None, int, int]]) -> list[str]:
    """Return the span ids on the critical path, in order of their start.

    Spans are (span_id, parent_span_id, start_ns, end_ns).

    From the root backwards: the child that finished last within the time still to explain is waited for; before it
    began, the child that finished last by then; and so within each child. A child that outlives its parent is cut at
    the parent's end. The root is the span without a parent in the trace that lasts longest (earliest, when equal).
    Cycles are not followed.
    """
    by_id: dict[str, tuple[int, int]] = {}
    parents: dict[str, str | None] = {}
    for span_id, parent, start, end in spans:
        by_id[span_id] = (start, max(start, end))
        parents[span_id] = parent
    children: dict[str, list[str]] = {}
    roots = []
    for span_id, parent in parents.items():
        if parent is not None and parent in by_id and parent != span_id:
            children.setdefault(parent, []).append(span_id)
        else:
            roots.append(span_id)
    if not roots:
        return []
    root = max(roots, key=lambda span_id: (by_id[span_id][1] - by_id[span_id][0], -by_id[span_id][0], span_id))
    path: list[str] = []
    stack = [(root, by_id[root][1])]
    while stack:
        span_id, until = stack.pop()
        path.append(span_id)
        left = until
        for child in _last_first(children.get(span_id, ()), by_id, until):
            start, end = by_id[child][0], min(by_id[child][1], until)
            began_too_late = start >= until and by_id[child][1] > until
            if start <= end <= left and not began_too_late:
                stack.append((child, end))
                left = start
    return sorted(path, key=lambda item: (by_id[item][0], -by_id[item][1]))


def _last_first(children: Iterable[str], by_id: Mapping[str, tuple[int, int]], until: int) -> list[str]:
    return sorted(children, key=lambda item: (min(by_id[item][1], until), by_id[item][0]), reverse=True)
