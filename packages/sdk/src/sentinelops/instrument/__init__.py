"""One module per client library; what they share stands once in `sentinelops._call`."""
