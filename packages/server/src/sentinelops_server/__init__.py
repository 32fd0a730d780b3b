"""The SentinelOps server: receives telemetry of model calls, keeps it, and answers questions about it."""

__version__ = "0.1.0"
