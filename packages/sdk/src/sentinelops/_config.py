"""What the SDK was told: options, then SENTINELOPS_*, then OTEL_*; checked once, frozen."""

from __future__ import annotations

import math
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal, TypedDict, cast

from ._variables import PARSED, STANDARD, VARIABLES, as_boolean, as_headers

if TYPE_CHECKING:
    from ._content import ContentPolicy
    from ._sampling import Rule
    from .instrument._wire.mapping import Format

DEFAULT_ENDPOINT = "http://localhost:4318"


class Options(TypedDict, total=False):
    """The options of configure() beyond the first five; each is described in docs/sdk.md."""

    headers: Mapping[str, str]
    compression: Literal["gzip", "none"]
    certificate: str
    max_content_chars: int
    redact: Mapping[str, str]
    redact_key: str
    capture_memory: bool
    metrics: bool
    metrics_interval_seconds: float
    schedule_delay_seconds: float
    max_queue_spans: int
    max_queue_bytes: int
    max_batch_spans: int
    timeout_seconds: float
    exit_timeout_seconds: float
    retry_max_seconds: float
    spool_dir: str
    spool_max_bytes: int
    models: Mapping[str, str]
    propagate_mcp: bool
    hosts: Sequence[str] | str
    http_formats: Sequence[Mapping[str, Any]] | str
    sample_detail: float
    sample_calls: float
    sample_slow_seconds: float
    sampling: Sequence[Mapping[str, Any]] | str
    sampler: Callable[[dict[str, Any]], float | Mapping[str, float] | None]
    disabled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Settings of the SDK, valid by construction; ValueError says what is wrong and how to put it right.

    application, environment: None leaves what the OpenTelemetry resource says. traces_url, metrics_url: full addresses.
    *_seconds: seconds. max_queue_bytes: what waits to be sent, before (estimated) and after encoding. spool_dir: None =
    no spool. models: what a call names (an Azure deployment, an ARN of Bedrock) -> the model behind it.
    """

    application: str | None = None
    environment: str | None = None
    traces_url: str = DEFAULT_ENDPOINT + "/v1/traces"
    metrics_url: str = DEFAULT_ENDPOINT + "/v1/metrics"
    api_key: str | None = field(default=None, repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    compression: str = "gzip"
    certificate: str | None = None
    capture_content: str = "redact"
    max_content_chars: int = 16_384
    redact: Mapping[str, str] = field(default_factory=dict)
    redact_key: str | None = field(default=None, repr=False)
    capture_memory: bool = True
    metrics: bool = True
    metrics_interval_seconds: float = 60.0
    schedule_delay_seconds: float = 0.5
    max_queue_spans: int = 4_096
    max_queue_bytes: int = 32 * 1024 * 1024
    max_batch_spans: int = 512
    timeout_seconds: float = 10.0
    exit_timeout_seconds: float = 1.5
    retry_max_seconds: float = 600.0
    spool_dir: str | None = None
    spool_max_bytes: int = 64 * 1024 * 1024
    models: Mapping[str, str] = field(default_factory=dict)
    propagate_mcp: bool = True
    hosts: tuple[str, ...] = ()
    http_formats: tuple[Format, ...] = ()
    sample_detail: float = 1.0
    sample_calls: float = 1.0
    sample_slow_seconds: float = 30.0
    sampling: tuple[Rule, ...] = ()
    sampler: Callable[[dict[str, Any]], float | Mapping[str, float] | None] | None = None
    disabled: bool = False

    def __post_init__(self) -> None:
        for name in ("traces_url", "metrics_url"):
            _check_url(name, getattr(self, name))
        if self.capture_content not in ("on", "off", "redact"):
            raise ValueError(f'capture_content is {self.capture_content!r}: choose "on", "off" or "redact"')
        if self.redact or self.redact_key is not None:
            _redact_rules(self.redact, self.redact_key)
        if self.compression not in ("gzip", "none"):
            raise ValueError(f'compression is {self.compression!r}: choose "gzip" or "none"')
        for name in _POSITIVE:
            if not getattr(self, name) > 0 or math.isinf(getattr(self, name)):
                raise ValueError(f"{name} is {getattr(self, name)!r}: give a finite number above 0")
        if self.samples:
            from ._sampling import check_rate

            check_rate("sample_detail", self.sample_detail, nothing=True)
            check_rate("sample_calls", self.sample_calls, nothing=False)
        _check_models(self.models)
        if self.api_key is not None:
            _check_header("api_key", self.api_key)
        for key, value in self.headers:
            _check_header(f"header {key!r}", key)
            _check_header(f"header {key!r}", value)

    def __repr__(self) -> str:
        shown = [f"{item.name}={getattr(self, item.name)!r}" for item in fields(self) if item.repr]
        shown.append(f"api_key={'None' if self.api_key is None else repr('***')}")
        shown += [f"headers={{{', '.join(f'{key}: ***' for key, _ in self.headers)}}}"]
        return f"Config({', '.join(shown)})"

    @property
    def samples(self) -> bool:
        """Whether anything is to be sampled."""
        return bool(self.sample_detail != 1 or self.sample_calls != 1 or self.sampling or self.sampler is not None)

    @property
    def logs_url(self) -> str:
        """Where scores go: beside the traces."""
        return self.traces_url.removesuffix("/v1/traces") + "/v1/logs"

    def request_headers(self) -> dict[str, str]:
        """What every export carries, key included."""
        sent = dict(self.headers)
        if self.api_key is not None:
            sent["Authorization"] = f"Bearer {self.api_key}"
        return sent

    def content_policy(self) -> ContentPolicy:
        """How message bodies are treated."""
        from ._content import ContentPolicy

        return ContentPolicy(self.capture_content, self.max_content_chars, _redact_rules(self.redact, self.redact_key))


_POSITIVE = (
    "max_content_chars", "metrics_interval_seconds", "schedule_delay_seconds", "max_queue_spans", "max_queue_bytes",
    "max_batch_spans", "timeout_seconds", "exit_timeout_seconds", "retry_max_seconds", "spool_max_bytes",
    "sample_slow_seconds",
)  # fmt: skip


def _check_url(name: str, url: str) -> None:
    parts = urllib.parse.urlsplit(url)
    try:
        port_ok = parts.port is None or parts.port > 0
    except ValueError:
        port_ok = False
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_ok:
        raise ValueError(f'{name} is {url!r}: give an address such as "http://localhost:4318" (OTLP over HTTP)')
    if parts.username or parts.password:
        raise ValueError(f"{name} holds a user name or password: give the key as api_key instead")


def _check_models(models: Mapping[str, str]) -> None:
    for name, model in models.items():
        if not (isinstance(name, str) and isinstance(model, str) and name and model):
            raise ValueError(f"models holds {name!r}: {model!r}: give what a call names and the model behind it")


def _check_header(name: str, value: str) -> None:
    if not value or not value.isascii() or not value.isprintable() or value != value.strip():
        raise ValueError(
            f"{name} is empty or holds spaces at its ends, line breaks or non-ASCII characters: check how it was copied"
        )


def _redact_rules(actions: Mapping[str, str], key: str | None) -> Any:
    from .privacy import Rules

    try:
        return Rules(actions, key)
    except ValueError as error:
        raise ValueError(f"redact: {error}") from None


def _read(environ: Mapping[str, str], variable: str, convert: Callable[[str], Any]) -> Any:
    text = environ.get(variable, "").strip()
    if not text:
        return None
    try:
        return convert(text)
    except ValueError as error:
        shown = "***" if "HEADERS" in variable or "KEY" in variable else repr(text)
        raise ValueError(f"{variable} is {shown}: {error}") from None


def _addresses(environ: Mapping[str, str], endpoint: str | None) -> tuple[str, str, bool]:
    """Where traces and metrics go, and whether the standard variables said so (only then do their headers go along)."""
    if endpoint:
        base = endpoint.rstrip("/")
        base = base.removesuffix("/v1/traces")
        return f"{base}/v1/traces", f"{base}/v1/metrics", False
    base = (environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").strip() or DEFAULT_ENDPOINT).rstrip("/")
    traces = environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "").strip()
    metrics = environ.get("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "").strip()
    if not metrics and traces.endswith("/v1/traces"):
        metrics = traces.removesuffix("/v1/traces") + "/v1/metrics"
    return traces or f"{base}/v1/traces", metrics or f"{base}/v1/metrics", True


def _checked_types(given: Mapping[str, Any]) -> dict[str, Any]:
    """Explicit options that were given, of the right type."""
    options = {*VARIABLES, "sampler"}  # a function is in no variable
    unknown = sorted(set(given) - options)
    if unknown:
        raise ValueError(f"unknown option {', '.join(unknown)}: the options are {', '.join(sorted(options))}")
    kept = {name: value for name, value in given.items() if value is not None}
    for name, value in kept.items():
        expected = _expected(name)
        if not isinstance(value, expected) or (isinstance(value, bool) and bool not in expected):
            names = " or ".join(kind.__name__ for kind in expected)
            raise ValueError(f"{name} is a {type(value).__name__}: give a {names}")
    for name, parse in PARSED.items():
        if name in kept:
            kept[name] = parse(kept[name])
    if "models" in kept:
        kept["models"] = dict(kept["models"])
    return kept


def _expected(name: str) -> tuple[type, ...]:
    """What an option may be."""
    if name == "spool_dir":
        return (str, _path_type())
    if name in PARSED:
        return (list, tuple, str)
    if name == "sampler":
        return (_callable_type(),)
    kinds: dict[Any, tuple[type, ...]] = {int: (int,), float: (int, float), as_boolean: (bool,), str: (str,)}
    return kinds.get(VARIABLES[name][1], (Mapping,))


def _callable_type() -> type:
    return cast("type", Callable)


def _path_type() -> type:
    import os

    return cast("type", os.PathLike)


def load(environ: Mapping[str, str], given: Mapping[str, Any]) -> Config:
    """The settings in force: explicit over SENTINELOPS_* over OTEL_*. ValueError names the variable or the option."""
    chosen: dict[str, Any] = {}
    for name, choices in STANDARD.items():
        for variable, convert in reversed(choices):
            value = _read(environ, variable, convert)
            if value is not None:
                chosen[name] = value
    for name, (variable, convert) in VARIABLES.items():
        value = _read(environ, variable, convert)
        if value is not None:
            chosen[name] = value
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        chosen["disabled"] = True
    chosen |= _checked_types(given)
    traces_url, metrics_url, standard = _addresses(environ, chosen.pop("endpoint", None))
    headers: dict[str, str] = dict(chosen.pop("headers", None) or {})
    if standard:
        for variable in ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"):
            headers = (_read(environ, variable, as_headers) or {}) | headers
    if "spool_dir" in chosen:
        chosen["spool_dir"] = str(chosen["spool_dir"])
    return Config(traces_url=traces_url, metrics_url=metrics_url, headers=tuple(sorted(headers.items())), **chosen)
