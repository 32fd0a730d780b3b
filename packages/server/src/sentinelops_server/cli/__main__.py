"""`python -m sentinelops_server.cli` is the same as `sentinelops`."""

from . import main

main()
