"""Beside the line: a past that never happened, sent through the same OTLP door and marked environment `simulated`.

`simulate(plan)` makes the traffic, the same for the same plan; `send_history(plan, ...)` sends it.
"""

from sentinelops_server.demo.history.rhythm import Plan
from sentinelops_server.demo.history.scenes import simulate
from sentinelops_server.demo.history.send import HistoryReport, send_history

__all__ = ["HistoryReport", "Plan", "send_history", "simulate"]
