"""The server as a program over stdio; watched when SENTINELOPS_ENDPOINT is set."""

from __future__ import annotations

import os

from mcp_support import make_server

if os.environ.get("SENTINELOPS_ENDPOINT"):
    import sentinelops

    sentinelops.configure(application="server", metrics=False, schedule_delay_seconds=0.01)
    sentinelops.instrument("mcp")

make_server().run()
