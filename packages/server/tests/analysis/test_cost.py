from __future__ import annotations

from typing import Any

import pytest
from sentinelops_server.analysis.cost import expand_cost

REQUEST = {"prompt_tokens": 1000, "completion_tokens": 500, "cache_read_tokens": 400, "reasoning_tokens": None}


def test_a_price_and_a_column_are_a_class_in_full() -> None:
    assert expand_cost({"cache_read": "1.25", "input": [600, "2.5"], "output": "10"}, REQUEST) == {
        "cache_read": {"tokens": 400, "usd_per_million": "1.25", "usd": "0.0005"},
        "input": {"tokens": 600, "usd_per_million": "2.5", "usd": "0.0015"},
        "output": {"tokens": 500, "usd_per_million": "10", "usd": "0.005"},
    }


@pytest.mark.parametrize(
    "stored",
    [
        {"unknown": "no_price"},
        {"pages": {"count": 3, "usd_per": "0.1", "per": 1000, "usd": "0.0003"}},
        {"input": {"tokens": 10, "usd_per_million": "2.5", "usd": "0.000025"}},
        {"input": "free", "output": ["x", "y"], "odd": [1]},
        {"input": None, "output": 5},
    ],
)
def test_what_is_of_another_shape_stays(stored: dict[str, Any]) -> None:
    assert expand_cost(stored, REQUEST) == stored


def test_nothing_is_nothing_and_unknown_stays_unknown() -> None:
    assert expand_cost(None, REQUEST) == {}
    assert expand_cost({"reasoning": "8"}, REQUEST) == {
        "reasoning": {"tokens": None, "usd_per_million": "8", "usd": None}
    }
