"""Replays recordings through real clients with the SDK on, and compares every span with what the provider said.

`python replay.py FOLDER`: FOLDER holds source distributions (*.tar.gz). Prints a table and each difference; exit code 1
when a call with known usage was not recorded right.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import drivers
import sentinelops
import transports
from cassettes import Exchange, exchanges
from oracle import Truth
from sentinelops.testing import capture

ATTRIBUTES = {
    "model": "gen_ai.response.model",
    "id": "gen_ai.response.id",
    "input": "gen_ai.usage.input_tokens",
    "output": "gen_ai.usage.output_tokens",
    "cache_read": "gen_ai.usage.cache_read.input_tokens",
    "cache_write": "gen_ai.usage.cache_write.input_tokens",
    "reasoning": "gen_ai.usage.reasoning.output_tokens",
    "finish": "gen_ai.response.finish_reasons",
}
# zero and unsaid mean the same for these
OPTIONAL = ("cache_read", "cache_write", "reasoning")
CLIENTS: dict[str, Any] = {
    "openai": drivers.openai_driver,
    "azure": drivers.azure_driver,
    "anthropic": drivers.anthropic_driver,
    "bedrock": drivers.bedrock_driver,
    "huggingface": drivers.huggingface_driver,
    "httpx": drivers.plain_driver("httpx"),
    "httpx2": drivers.plain_driver("httpx2"),
}


def differences(truth: Truth, spans: list[Any]) -> list[str]:
    """What a span says otherwise than the provider."""
    bearing = [span for span in spans if "gen_ai.operation.name" in span["attributes"]]
    if len(bearing) != 1:
        return [f"{len(bearing)} spans of a model call"]
    attributes = bearing[0]["attributes"]
    out = []
    if truth.status >= 400:
        if bearing[0]["status"] != "error" or not attributes.get("error.type"):
            out.append(f"status {truth.status} and no error")
        if attributes.get("http.response.status_code") != truth.status:
            out.append(f"status {attributes.get('http.response.status_code')}, not {truth.status}")
        return out
    for name, attribute in ATTRIBUTES.items():
        said, wanted = attributes.get(attribute), getattr(truth, name)
        wanted = list(wanted) if isinstance(wanted, tuple) else wanted
        if name in OPTIONAL:
            said, wanted = said or 0, wanted or 0
        if said != wanted and not (wanted is None and name not in ("input", "output")):
            out.append(f"{name}: {said!r}, not {wanted!r}")
    return out


def run(folder: Path, names: list[str], limit: int | None) -> tuple[dict[tuple[str, str], Counter[str]], list[str]]:
    """Counts by client and host, and every difference."""
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    wrong: list[str] = []
    sentinelops.instrument()
    for number, exchange in enumerate(exchanges(folder)):
        if limit is not None and number >= limit:
            break
        truth = drivers.truth_of(exchange) if exchange.method == "POST" else None
        if truth is None:
            continue
        for name in names:
            driver = CLIENTS[name](exchange)
            if driver is None:
                continue
            count = counts[name, exchange.host]
            failed, spans = _replayed(driver, exchange)
            found = differences(truth, spans)
            if failed and not transports.asked:
                count["not replayable"] += 1  # the client itself refuses: today's no longer takes yesterday's arguments
                wrong.append(f"NOT REPLAYED {name} {exchange.source} {failed}")
                continue
            count["calls"] += 1
            count["known usage"] += truth.input is not None or truth.output is not None
            count["wrong"] += bool(found)
            if found:
                wrong.append(
                    f"{name} {exchange.url} {exchange.source} ({drivers.mode_of(exchange)}): {'; '.join(found)} {failed}"
                )
    return counts, wrong


def _replayed(driver: drivers.Driver, exchange: Exchange) -> tuple[str, list[Any]]:
    transports.asked.clear()
    with capture(capture_content="redact") as captured:
        failed = ""
        try:
            driver(exchange)
        except Exception as error:  # the provider's refusal, or the client's of an old recording
            failed = f"{type(error).__name__}: {str(error)[:200]}"
        return failed, captured.spans


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clients", default=",".join(CLIENTS))
    parser.add_argument("--limit", type=int)
    parser.add_argument("--at-least", type=int, default=1, help="calls that must have been replayed")
    parser.add_argument("--show", type=int, default=40, help="differences to print")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    counts, wrong = run(arguments.folder, arguments.clients.split(","), arguments.limit)
    print(f"{'client':10} {'host':52} {'calls':>6} {'usage':>6} {'wrong':>6} {'refused':>8}")
    for (name, host), count in sorted(counts.items(), key=lambda item: (item[0][0], -item[1]["calls"])):
        print(
            f"{name:10} {host:52} {count['calls']:6} {count['known usage']:6} {count['wrong']:6}"
            f" {count['not replayable']:8}"
        )
    for line in wrong[: arguments.show]:
        print("-", line)
    bad, calls = (sum(count[what] for count in counts.values()) for what in ("wrong", "calls"))
    print(f"{calls} calls, {bad} wrong; at least {arguments.at_least} wanted")
    return 1 if bad or calls < arguments.at_least else 0


if __name__ == "__main__":
    sys.exit(main())
