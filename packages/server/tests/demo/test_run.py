"""The demo as a whole: a model, two applications and their spans at an OTLP door, until it is told to stop."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace

import psutil
import pytest
from demo.door import Door
from sentinelops_server.demo import run
from sentinelops_server.demo.run import AppFailed, DemoOptions, parse_days, run_demo
from serving import wait_for


@pytest.fixture
def door() -> Iterator[Door]:
    with Door() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def options(door: Door) -> DemoOptions:
    return DemoOptions(f"http://127.0.0.1:{door.server_port}", "k-1", seconds=120, load=1.0)


def heard(door: Door) -> set[tuple[str, str]]:
    found = set()
    for request in list(door.taken):
        for resource in request.resource_spans:
            known = {item.key: item.value.string_value for item in resource.resource.attributes}
            found.add((known["service.name"], known["deployment.environment.name"]))
    return found


def children() -> list[psutil.Process]:
    return [c for c in psutil.Process().children(recursive=True) if "sentinelops_server.demo" in _command(c)]


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:  # it is gone meanwhile
        return ""


def test_both_applications_and_the_past_arrive_and_nothing_is_left_behind(door, options):
    stop, words, shares = threading.Event(), [], []
    before = {child.pid for child in children()}
    running = threading.Thread(
        target=run_demo, args=(replace(options, history_days=0.1), stop, words.append, shares.append)
    )
    running.start()
    real = {("support-desk", "production"), ("mail-summaries", "staging")}
    wait_for(
        lambda: heard(door), lambda known: known >= real and shares[-1:] == [1.0], 90, "all applications are heard"
    )
    stop.set()
    running.join(30)
    assert not running.is_alive()
    assert ("checkout-assistant", "simulated") in heard(door)
    assert door.keys == {"Bearer k-1"}
    assert any("requests in" in said for said in words)
    assert not any("k-1" in said for said in words)
    assert {child.pid for child in children()} <= before


def test_an_application_that_ends_early_ends_the_demo_with_its_name(options, monkeypatch):
    real = run._start

    def broken(name: str, *rest: object) -> subprocess.Popen[bytes]:
        child = real(name, *rest)
        if name == "mail":
            child.kill()
        return child

    monkeypatch.setattr(run, "_start", broken)
    with pytest.raises(RuntimeError, match="'mail' ended early with status -9"):
        run_demo(options, threading.Event(), lambda _: None)


def test_it_ends_by_itself_when_its_time_is_over(options):
    run_demo(replace(options, seconds=0.1), threading.Event(), lambda _: None)


def test_the_key_is_not_shown():
    assert "k-1" not in repr(DemoOptions("http://x", "k-1"))


@pytest.mark.parametrize(("text", "days"), [("7d", 7), ("24h", 1), ("90m", 0.0625), ("1.5d", 1.5)])
def test_lengths_of_time_are_read(text, days):
    assert parse_days(text) == days


@pytest.mark.parametrize("text", ["", "7", "d", "-1d", "0d", "7w", "abc"])
def test_what_is_no_length_of_time_is_refused(text):
    with pytest.raises(ValueError, match="7d or 24h"):
        parse_days(text)


@pytest.mark.parametrize("change", [{"load": 0}, {"load": 1.1}, {"history_days": 0}, {"history_days": 91}])
def test_impossible_options_are_refused(options, change):
    with pytest.raises(ValueError, match="more than 0"):
        replace(options, **change)


TELLS = """
import json, os, sys
names = ("SENTINELOPS_ENDPOINT", "SENTINELOPS_API_KEY", "OPENAI_BASE_URL", "EMBEDDINGS_BASE_URL", "OPENAI_MODEL")
with open(sys.argv[1], "w") as file:
    json.dump({name: os.environ[name] for name in names}, file)
"""


def test_a_further_application_is_told_where_server_and_model_are(options, tmp_path):
    told, stop = tmp_path / "told.json", threading.Event()
    (tmp_path / "app.py").write_text(TELLS)
    command = shlex.join([sys.executable, str(tmp_path / "app.py"), str(told)])
    running = threading.Thread(target=run_demo, args=(replace(options, apps=(command,)), stop, lambda _: None))
    running.start()
    known = wait_for(lambda: told.exists() and told.read_text(), bool, 90, "the application has written")
    stop.set()
    running.join(30)
    assert not running.is_alive()
    known = json.loads(known)
    assert known["SENTINELOPS_ENDPOINT"] == options.endpoint
    assert known["SENTINELOPS_API_KEY"] == "k-1"
    assert known["OPENAI_BASE_URL"].endswith("/v1") and known["EMBEDDINGS_BASE_URL"].endswith("/v1")
    assert known["OPENAI_MODEL"] == "smollm2-135m-instruct"


@pytest.mark.parametrize(
    ("command", "said"), [("/no/such/program", "cannot be started"), ("sh -c 'exit 3'", "ended early with status 3")]
)
def test_a_further_application_that_fails_is_named(options, command, said):
    with pytest.raises(AppFailed, match=said):
        run_demo(replace(options, apps=(command,)), threading.Event(), lambda _: None)
