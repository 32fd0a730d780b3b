"""What redaction costs: CPU per KB of clean text of several kinds, and of text made to be slow, in one run.

    python benchmarks/privacy.py [--rounds 7] [--largest 10000000]

server is `Redactor.redact_value` (one google-re2 set, then only what it names), SDK is `privacy.find`, plain is every
pattern of the same detectors by itself with `re`. Thread CPU time, best of the rounds, microseconds per KB of UTF-8;
ratio: plain to the other. The second table repeats a unit up to 10 KB, 100 KB, 1 MB and 10 MB: the cost per KB of a
linear search stays. Nothing is found in the clean texts; the run says so if it is.
"""

# ruff: noqa: E501 - texts read better on one line
from __future__ import annotations

import argparse
import string
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from random import Random

from sentinelops import privacy
from sentinelops_server.pipeline.redact import Redactor

HERE = Path(__file__).resolve()
CHANCE = Random(7)
SIZE = 4_096
HOSTILE = {
    "a": "a", "1": "1", "a@a@": "a@", "1 1 1": "1 ", "1.1.1": "1.", "4-4-4": "4-", "[[[": "[", "[{[{": "[{", "(((": "(",
    "-----BEGIN": "-----BEGIN RSA PRIVATE KEY-----\nMIIE", "eyJ.": "eyJaaaaaaaaaaaaaaaa.", "a://b:": "a://b:", "::": "::",
    "deep JSON": '{"a":[', "token=": "token=", "password ": "password ", "+1": "+1", "lat 1.": "lat 1.", "a:a:": "a:",
    "4111 4111": "4111 ", "key=": "key=", "\\\\\\": "\\", "%40%40": "%40", "base64": "".join(CHANCE.choices(string.ascii_letters + string.digits + "+/", k=50_000)),
}  # fmt: skip


def clean() -> dict[str, str]:
    """Some 4 KB of each kind, in which there is nothing to find."""
    digits = CHANCE.randrange
    times = [f"2026-11-{digits(1, 29):02}T{digits(24):02}:{digits(60):02}:{digits(60):02}.{digits(1000):03}Z" for _ in range(99)]  # fmt: skip
    ids = [str(uuid.UUID(int=CHANCE.getrandbits(128))) for _ in range(99)]
    units = {
        "English prose": ["Dear all, the meeting on Tuesday went well. We agreed that the new release should ship before the end of March 2026, provided that the tests stay green; Anna will write the notes. "],
        "German prose": ["Sehr geehrte Damen und Herren, vielen Dank für Ihre Nachricht. Wir prüfen den Vorgang und melden uns spätestens am 12. März. Mit freundlichen Grüßen, das Team. "],
        "Chinese prose": ["您好，感谢您的来信。我们已经收到您的订单，预计三天内发货。如有任何问题，请随时与我们联系。祝您生活愉快。"],
        "Python code": [(HERE.parents[1] / "packages/server/src/sentinelops_server/pipeline/process.py").read_text(encoding="utf-8")],
        "chat": ["User: hey, can you fix my function? it says index out of range on line 42\nAssistant: Sure! The loop runs one time too many: use range(len(items)) and not range(len(items) + 1).\n"],
        "JSON full of numbers and times": [f'{{"id":"req_{i * 7919}","created":{1_700_000_000 + i * 977},"model":"gpt-4o-mini","usage":{{"prompt_tokens":120,"completion_tokens":88}},"items":[{{"sku":"A-1299","price":19.99,"qty":2}}],"ok":true,"at":"{times[i]}"}},' for i in range(99)],
        "log lines, each with a time": [f"{one[:10]} {one[11:19]},123 INFO [worker-3] request {CHANCE.getrandbits(128):032x} took 812.4 ms status=200 path=/v1/items/12998\n" for one in times],
        "UUIDs, versions and prices": [f"{one} is at version 10.{i}.19041.{i * 7}, costs EUR {i + 1},{digits(1000):03}.99 and 1.{i}.0rc1\n" for i, one in enumerate(ids)],
        "vectors of fractions": [f"{CHANCE.uniform(-1, 1):.8f}, " for _ in range(999)],
        "table of 13-digit times": [f"{1_700_000_000_000 + digits(10**10)};{digits(10_000)};ok\n" for _ in range(999)],
    }  # fmt: skip
    texts = {}
    for kind, parts in units.items():
        joined = "".join(parts)
        texts[kind] = (joined * (SIZE // len(joined) + 1))[:SIZE]
    return texts


def seconds(run: Callable[[], object], rounds: int, times: int = 1) -> float:
    """CPU of one run, the best of the rounds."""
    best = float("inf")
    for _ in range(rounds):
        began = time.thread_time()
        for _ in range(times):
            run()
        best = min(best, time.thread_time() - began)
    return best / times


def one_by_one(text: str) -> None:
    """What looking for each pattern by itself costs."""
    for detector in privacy.DETECTORS:
        for _ in detector.compiled.finditer(text):
            pass


def main() -> None:
    """Print both tables."""
    wanted = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    wanted.add_argument("--rounds", type=int, default=7)
    wanted.add_argument("--largest", type=int, default=10_000_000)
    given = wanted.parse_args()
    redactor = Redactor()
    print(f"{'clean text, us/KB':34}{'server':>8}{'SDK':>8}{'plain':>8}{'ratio':>12}")
    for kind, text in clean().items():
        kilobytes = len(text.encode()) / 1024
        found = privacy.find(text)
        server = seconds(lambda t=text: redactor.redact_value([t], {}), given.rounds, 20) * 1e6 / kilobytes  # type: ignore[misc]
        sdk = seconds(lambda t=text: privacy.find(t), given.rounds, 20) * 1e6 / kilobytes  # type: ignore[misc]
        plain = seconds(lambda t=text: one_by_one(t), 3) * 1e6 / kilobytes  # type: ignore[misc]
        print(
            f"{kind:34}{server:8.1f}{sdk:8.1f}{plain:8.0f}{plain / server:7.0f}/{plain / sdk:.0f}",
            "FOUND" if found else "",
        )
    sizes = [size for size in (10_000, 100_000, 1_000_000, 10_000_000) if size <= given.largest]
    print("\n" + f"{'hostile text, us/KB: server, SDK':34}" + "".join(f"{size:>18,}" for size in sizes))
    for name, unit in HOSTILE.items():
        cells = []
        for size in sizes:
            text = (unit * (size // len(unit) + 1))[:size]
            rounds = 3 if size <= 100_000 else 1
            server = seconds(lambda t=text: redactor.redact_value([t], {}), rounds) * 1e9 / size  # type: ignore[misc]
            sdk = seconds(lambda t=text: privacy.find(t), rounds) * 1e9 / size  # type: ignore[misc]
            cells.append(f"{server:9.1f}{sdk:9.1f}")
        print(f"{name:34}" + "".join(cells), flush=True)


if __name__ == "__main__":
    main()
