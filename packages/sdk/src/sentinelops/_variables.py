"""The variables of the SDK's options: SENTINELOPS_* and the OTEL_* ones that mean the same, and how each is read."""

from __future__ import annotations

import urllib.parse
from collections.abc import Callable
from typing import Any

_ON, _OFF = ("1", "true", "on", "yes"), ("0", "false", "off", "no", "")


def _redact_actions(text: str) -> dict[str, str]:
    from .privacy import parse_actions

    return parse_actions(text)


def as_boolean(text: str) -> bool:
    lowered = text.strip().lower()
    if lowered in _ON or lowered in _OFF:
        return lowered in _ON
    raise ValueError("use on or off")


def _milliseconds(text: str) -> float:
    return float(text) / 1000


def _exporter_timeout(text: str) -> float:
    """Milliseconds by the specification; the Python exporter has always read seconds, so a small number means those."""
    number = float(text)
    return number if number < 1000 else number / 1000


def as_headers(text: str) -> dict[str, str]:
    """`a=1,b=2`, values URL-encoded, as OTEL_EXPORTER_OTLP_HEADERS."""
    parsed = {}
    for pair in filter(str.strip, text.split(",")):
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise ValueError("write it as name=value,name=value")
        parsed[key.strip()] = urllib.parse.unquote(value.strip())
    return parsed


def _models(text: str) -> dict[str, str]:
    """`a=b,c=d`; neither names of deployments nor ARNs hold a comma or an equals sign."""
    parsed = {}
    for pair in filter(str.strip, text.split(",")):
        name, _, model = pair.partition("=")
        if not name.strip() or not model.strip():
            raise ValueError("write it as name=model,name=model")
        parsed[name.strip()] = model.strip()
    return parsed


def _rules(given: Any) -> Any:
    from ._sampling import parse_rules

    return _parsed("sampling", parse_rules, given)


def _hosts(given: Any) -> Any:
    from .instrument._wire.hosts import parse_hosts

    return _parsed("hosts", parse_hosts, given)


def _formats(given: Any) -> Any:
    from .instrument._wire.mapping import parse_formats

    return _parsed("http_formats", parse_formats, given)


def _parsed(name: str, parse: Callable[[Any], Any], given: Any) -> Any:
    try:
        return parse(given)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


# option: (variable, how to read it). _ENDPOINT, _API_KEY and _DISABLED stand for several: _config reads the rest.
VARIABLES: dict[str, tuple[str, Callable[[str], Any]]] = {
    "application": ("SENTINELOPS_APPLICATION", str),
    "environment": ("SENTINELOPS_ENVIRONMENT", str),
    "endpoint": ("SENTINELOPS_ENDPOINT", str),
    "api_key": ("SENTINELOPS_API_KEY", str),
    "headers": ("SENTINELOPS_HEADERS", as_headers),
    "compression": ("SENTINELOPS_COMPRESSION", str),
    "certificate": ("SENTINELOPS_CERTIFICATE", str),
    "capture_content": ("SENTINELOPS_CAPTURE_CONTENT", str),
    "max_content_chars": ("SENTINELOPS_MAX_CONTENT_CHARS", int),
    "redact": ("SENTINELOPS_REDACT", _redact_actions),
    "redact_key": ("SENTINELOPS_REDACT_KEY", str),
    "capture_memory": ("SENTINELOPS_CAPTURE_MEMORY", as_boolean),
    "metrics": ("SENTINELOPS_METRICS", as_boolean),
    "metrics_interval_seconds": ("SENTINELOPS_METRICS_INTERVAL_SECONDS", float),
    "schedule_delay_seconds": ("SENTINELOPS_SCHEDULE_DELAY_SECONDS", float),
    "max_queue_spans": ("SENTINELOPS_MAX_QUEUE_SPANS", int),
    "max_queue_bytes": ("SENTINELOPS_MAX_QUEUE_BYTES", int),
    "max_batch_spans": ("SENTINELOPS_MAX_BATCH_SPANS", int),
    "timeout_seconds": ("SENTINELOPS_TIMEOUT_SECONDS", float),
    "exit_timeout_seconds": ("SENTINELOPS_EXIT_TIMEOUT_SECONDS", float),
    "retry_max_seconds": ("SENTINELOPS_RETRY_MAX_SECONDS", float),
    "spool_dir": ("SENTINELOPS_SPOOL_DIR", str),
    "spool_max_bytes": ("SENTINELOPS_SPOOL_MAX_BYTES", int),
    "models": ("SENTINELOPS_MODELS", _models),
    "propagate_mcp": ("SENTINELOPS_PROPAGATE_MCP", as_boolean),
    "hosts": ("SENTINELOPS_HOSTS", _hosts),
    "http_formats": ("SENTINELOPS_HTTP_FORMATS", _formats),
    "sample_detail": ("SENTINELOPS_SAMPLE_DETAIL", float),
    "sample_calls": ("SENTINELOPS_SAMPLE_CALLS", float),
    "sample_slow_seconds": ("SENTINELOPS_SAMPLE_SLOW_SECONDS", float),
    "sampling": ("SENTINELOPS_SAMPLING", _rules),
    "disabled": ("SENTINELOPS_DISABLED", as_boolean),
}
# options that are lists or the text of one
PARSED: dict[str, Callable[[Any], Any]] = {"sampling": _rules, "hosts": _hosts, "http_formats": _formats}
STANDARD: dict[str, tuple[tuple[str, Callable[[str], Any]], ...]] = {
    "disabled": (("OTEL_SDK_DISABLED", as_boolean),),
    "schedule_delay_seconds": (("OTEL_BSP_SCHEDULE_DELAY", _milliseconds),),
    "max_queue_spans": (("OTEL_BSP_MAX_QUEUE_SIZE", int),),
    "max_batch_spans": (("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", int),),
    "metrics_interval_seconds": (("OTEL_METRIC_EXPORT_INTERVAL", _milliseconds),),
    "timeout_seconds": (
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", _exporter_timeout),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", _exporter_timeout),
    ),
    "compression": (("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", str), ("OTEL_EXPORTER_OTLP_COMPRESSION", str)),
    "certificate": (("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", str), ("OTEL_EXPORTER_OTLP_CERTIFICATE", str)),
}
