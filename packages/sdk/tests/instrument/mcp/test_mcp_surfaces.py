"""The page says of every request of a session whether it is captured."""

from __future__ import annotations

import inspect
import re

from client_venvs import ROOT
from mcp import ClientSession
from sentinelops.instrument.mcp._request import WATCHED

PAGE = (ROOT / "docs" / "instrument-mcp.md").read_text()
ROWS = {
    name: verdict
    for names, verdict in re.findall(r"^\| (`[^|]+`) \| (yes|no|not yet)", PAGE, re.MULTILINE)
    for name in re.findall(r"`([^`]+)`", names)
}


def test_every_method_of_a_session_is_on_the_page() -> None:
    methods = {
        name
        for name, value in inspect.getmembers(ClientSession, inspect.iscoroutinefunction)
        if not name.startswith("_")
    }
    assert len(methods) > 14
    assert methods - set(ROWS) == set()


def test_the_methods_of_the_protocol_are_those_that_are_watched() -> None:
    assert {name for name, verdict in ROWS.items() if "/" in name and verdict == "yes"} | {"initialize"} == WATCHED
