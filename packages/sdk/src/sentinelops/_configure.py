"""configure(), flush(), shutdown(), stats(): the life of the SDK in a process."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import weakref
from typing import TYPE_CHECKING, Any, Literal, Unpack

from . import _runtime
from ._config import Config, Options, load
from ._guard import forget_warnings, swallow
from ._stats import STATS, StatsSnapshot

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

    from ._processor import Collector

logger = logging.getLogger("sentinelops")
_lock = threading.Lock()
_registered = False
_collectors: weakref.WeakKeyDictionary[Any, Collector] = weakref.WeakKeyDictionary()


def configure(
    *,
    application: str | None = None,
    environment: str | None = None,
    endpoint: str | None = None,
    api_key: str | None = None,
    capture_content: Literal["on", "off", "redact"] | None = None,
    **options: Unpack[Options],
) -> None:
    """Start the SDK: say who the application is and where its telemetry goes.

    application, environment: names on every span (else OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES). endpoint: address
    of the OTLP/HTTP receiver without /v1/traces, default http://localhost:4318. api_key: ingest key. capture_content:
    "redact" (default), "on" or "off". The rest, with units and defaults: docs/sdk.md. Each option can also be set as
    SENTINELOPS_<OPTION>; explicit wins over SENTINELOPS_*, that over the standard OTEL_*.

    A TracerProvider that the application has set is kept and ours joins as a processor (call configure() after it is
    set); else one is created and set. Calling again with the same options changes nothing; with others, what is queued
    is sent the old way (at most exit_timeout_seconds), then the new options hold.

    Raises ValueError for an option that cannot be right, naming the cause and the fix. Nothing else, now or later.
    """
    given = {
        "application": application,
        "environment": environment,
        "endpoint": endpoint,
        "api_key": api_key,
        "capture_content": capture_content,
        **options,
    }
    config = load(os.environ, given)
    try:
        _start(config)
    except Exception as failure:
        swallow("configure", failure)


def _start(config: Config) -> None:
    with _lock:
        old = _runtime.current
        if old is not None and old.config == config and old.exporter is not None and not old.exporter.closed:
            return
        forget_warnings()
        _register()
        _runtime.current = None
        if old is not None and old.exporter is not None:
            old.exporter.shutdown()
        if not config.disabled:
            _runtime.current = _build(config)


def _build(config: Config) -> _runtime.Runtime:
    from ._export import SCOPE_NAME, Exporter

    provider = _provider()
    collector = _collector(provider)
    exporter = Exporter(config, lambda: provider.resource)
    collector.exporter = exporter
    return _runtime.Runtime(config, provider, provider.get_tracer(SCOPE_NAME, _version()), collector, exporter)


def _provider() -> TracerProvider:
    """The application's provider, or a new one, set as the global; a global that is not the SDK's is left alone."""
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider

    present = trace.get_tracer_provider()
    if isinstance(present, TracerProvider):
        return present
    created = TracerProvider(shutdown_on_exit=False)
    if isinstance(present, trace.ProxyTracerProvider | trace.NoOpTracerProvider):
        trace.set_tracer_provider(created)
    else:
        logger.warning(
            "sentinelops: the TracerProvider in place (%s) is not the OpenTelemetry SDK's; spans of other "
            "instrumentations do not reach SentinelOps, those made through sentinelops do.",
            type(present).__qualname__,
        )
    return created


def _collector(provider: TracerProvider) -> Collector:
    """Our processor in this provider; there is only ever one."""
    from ._processor import Collector

    collector = _collectors.get(provider)
    if collector is None:
        collector = _collectors[provider] = Collector()
        provider.add_span_processor(collector)
    return collector


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("sentinelops")
    except PackageNotFoundError:
        return "source"


def _register() -> None:
    global _registered  # noqa: PLW0603 - hooks of the interpreter can only be added once
    if not _registered:
        _registered = True
        atexit.register(_at_exit)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_forked)


def _at_exit() -> None:
    try:
        shutdown()
    except Exception as failure:
        swallow("exit", failure)


def _forked() -> None:
    """A child begins with empty hands: what the parent has queued is the parent's to send."""
    global _lock  # noqa: PLW0603
    try:
        _lock = threading.Lock()
        STATS.reset()
        for collector in list(_collectors.values()):
            collector.forked()
    except Exception as failure:
        swallow("fork", failure)


def flush(timeout_seconds: float = 10.0) -> bool:
    """Send what is queued now and wait for it; whether all was sent or dropped in time. True when the SDK is off."""
    runtime = _runtime.current
    if runtime is None or runtime.exporter is None:
        return True
    try:
        return runtime.exporter.flush(timeout_seconds)
    except Exception as failure:
        swallow("flush", failure)
        return False


def shutdown(timeout_seconds: float | None = None) -> None:
    """Send what is queued within the time given (default: exit_timeout_seconds), then stop. configure() starts anew."""
    with _lock:
        runtime, _runtime.current = _runtime.current, None
    if runtime is not None and runtime.exporter is not None:
        try:
            runtime.exporter.shutdown(timeout_seconds)
        except Exception as failure:
            swallow("shutdown", failure)


def stats() -> StatsSnapshot:
    """What this process made and what became of it: created == sent + dropped + sampled_out + queued, by reason."""
    return STATS.snapshot()
