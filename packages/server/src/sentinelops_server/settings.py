"""The only reader of the environment. Each room owns its Config; here is which variable fills which field."""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from sentinelops_server.api.config import ApiConfig
from sentinelops_server.jobs.retention import RetentionConfig
from sentinelops_server.pipeline.meter import MeterConfig
from sentinelops_server.pipeline.process import PipelineConfig
from sentinelops_server.pipeline.redact import RedactConfig
from sentinelops_server.receiver.group import GroupConfig
from sentinelops_server.receiver.grpc import GrpcConfig
from sentinelops_server.receiver.http import OtlpHttpConfig
from sentinelops_server.storage.payloads import PayloadConfig
from sentinelops_server.storage.postgres.database import PostgresConfig
from sentinelops_server.web.deps import WebConfig

__all__ = ["SETTINGS", "ServerConfig", "Setting", "Settings", "SettingsError", "load", "shown"]

# The SDK's own variables may stand in the same environment; they are no misspelling of ours. A test compares the lists.
SDK_NAMES = frozenset(
    f"SENTINELOPS_{name}"
    for name in [
        "API_KEY",
        "APPLICATION",
        "AUTO_INSTRUMENT",
        "CAPTURE_CONTENT",
        "CAPTURE_MEMORY",
        "CERTIFICATE",
        "COMPRESSION",
        "DISABLED",
        "ENDPOINT",
        "ENVIRONMENT",
        "EXIT_TIMEOUT_SECONDS",
        "HEADERS",
        "HOSTS",
        "HTTP_FORMATS",
        "MAX_BATCH_SPANS",
        "MAX_CONTENT_CHARS",
        "MAX_QUEUE_BYTES",
        "MAX_QUEUE_SPANS",
        "METRICS",
        "METRICS_INTERVAL_SECONDS",
        "MODELS",
        "PROPAGATE_MCP",
        "REDACT",
        "REDACT_KEY",
        "RETRY_MAX_SECONDS",
        "SAMPLER",
        "SAMPLE_CALLS",
        "SAMPLE_DETAIL",
        "SAMPLE_SLOW_SECONDS",
        "SAMPLING",
        "SCHEDULE_DELAY_SECONDS",
        "SPOOL_DIR",
        "SPOOL_MAX_BYTES",
        "STRICT",
        "TIMEOUT_SECONDS",
        "CI",
        "CACHE",
    ]
)


def _default_data_dir() -> Path:
    """Root keeps it where a system service would, everybody else at home."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib/sentinelops")
    return Path.home() / ".local" / "share" / "sentinelops"


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """The three doors, the data folder, logging and shutdown. Port 0: a free one. Raises ValueError with the cause."""

    host: str = "127.0.0.1"
    port: int = 8787
    otlp_http_port: int = 4318
    otlp_grpc_port: int = 4317
    data_dir: Path = field(default_factory=_default_data_dir)
    database_url: str | None = field(default=None, repr=False)
    prices_file: Path | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    metrics_access: Literal["auto", "public", "key"] = "auto"
    prometheus: Literal["auto", "off"] = "auto"
    prometheus_retention_days: int = 15
    shutdown_seconds: float = 20.0

    def __post_init__(self) -> None:
        for name in ("port", "otlp_http_port", "otlp_grpc_port"):
            if not 0 <= getattr(self, name) <= 65535:
                raise ValueError(f"{name} is {getattr(self, name)}: a port is 0 to 65535")
        fixed = [port for port in (self.port, self.otlp_http_port, self.otlp_grpc_port) if port]
        if len(set(fixed)) < len(fixed):
            raise ValueError("port, otlp_http_port and otlp_grpc_port must differ")
        for name, words in (
            ("log_level", ("debug", "info", "warning", "error")),
            ("metrics_access", ("auto", "public", "key")),
            ("prometheus", ("auto", "off")),
        ):
            if getattr(self, name) not in words:
                raise ValueError(f"{name} is {getattr(self, name)!r}: one of {', '.join(words)} is wanted")
        if self.database_url is not None and not self.database_url.startswith(("postgresql://", "postgres://")):
            raise ValueError("database_url must begin with postgresql://")
        if self.prometheus_retention_days < 1 or self.shutdown_seconds <= 0:
            raise ValueError("prometheus_retention_days and shutdown_seconds must be above 0")

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the doors."""
        return self.host in ("127.0.0.1", "::1", "localhost")

    @property
    def metrics_public(self) -> bool:
        """Whether /metrics answers without a key."""
        return self.metrics_access == "public" or (self.metrics_access == "auto" and self.loopback)


EMBEDDED = "postgresql:///embedded"  # stands for a url that is known only when the embedded database runs


class SettingsError(ValueError):
    """A setting cannot be used; the message names the variable, the value's fault and what would do."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One variable: `SENTINELOPS_<name>` fills `field` of the Config of `room`."""

    name: str
    room: str
    field: str
    help: str

    @property
    def variable(self) -> str:
        """The environment variable."""
        return f"SENTINELOPS_{self.name}"

    @property
    def default(self) -> Any:
        """What holds when nothing is set; None where it depends on the machine."""
        return _defaults(_ROOMS[self.room]).get(self.field)

    @property
    def default_text(self) -> str | None:
        """The default as it would be written in the environment; None where it depends on the machine."""
        if self.default is None:
            return None
        if isinstance(self.default, bool):
            return "yes" if self.default else "no"
        return ", ".join(map(str, self.default)) if isinstance(self.default, tuple) else str(self.default)


@dataclass(frozen=True, slots=True)
class Settings:
    """Every room's Config. `warnings` are for who started the server, `given` the variables that were set."""

    server: ServerConfig
    postgres: PostgresConfig
    payloads: PayloadConfig
    redact: RedactConfig
    meter: MeterConfig
    group: GroupConfig
    http: OtlpHttpConfig
    grpc: GrpcConfig
    pipeline: PipelineConfig
    retention: RetentionConfig
    api: ApiConfig
    web: WebConfig
    warnings: tuple[str, ...] = field(default=())
    given: frozenset[str] = field(default=frozenset())


_ROOMS: dict[str, type[Any]] = {
    "server": ServerConfig,
    "postgres": PostgresConfig,
    "payloads": PayloadConfig,
    "redact": RedactConfig,
    "meter": MeterConfig,
    "group": GroupConfig,
    "http": OtlpHttpConfig,
    "grpc": GrpcConfig,
    "pipeline": PipelineConfig,
    "retention": RetentionConfig,
    "api": ApiConfig,
    "web": WebConfig,
}

SETTINGS: tuple[Setting, ...] = (
    Setting("DATA_DIR", "server", "data_dir", "folder of the embedded database, payloads and keys"),
    Setting("HOST", "server", "host", "address the three doors listen on"),
    Setting("PORT", "server", "port", "port of pages and API; 0 means a free one"),
    Setting("OTLP_HTTP_PORT", "server", "otlp_http_port", "port of OTLP over HTTP; 0 means a free one"),
    Setting("OTLP_GRPC_PORT", "server", "otlp_grpc_port", "port of OTLP over gRPC; 0 means a free one"),
    Setting("LOG_LEVEL", "server", "log_level", "debug, info, warning or error"),
    Setting("METRICS_ACCESS", "server", "metrics_access", "who may read /metrics: public, key (a read key), or auto"),
    Setting("PROMETHEUS", "server", "prometheus", "auto: run a Prometheus beside the server where one is on PATH; off"),
    Setting("PROMETHEUS_RETENTION_DAYS", "server", "prometheus_retention_days", "days that Prometheus keeps series"),
    Setting(
        "SHUTDOWN_SECONDS", "server", "shutdown_seconds", "seconds that calls under way have when the server stops"
    ),
    Setting("DATABASE_URL", "server", "database_url", "PostgreSQL 12 or newer to use in place of the embedded one"),
    Setting("DATABASE_POOL_MAX", "postgres", "pool_max", "connections to PostgreSQL at most"),
    Setting("STATEMENT_TIMEOUT_SECONDS", "postgres", "statement_timeout_seconds", "after which a question is ended"),
    Setting(
        "PAYLOAD_URL", "payloads", "url", "where payloads are kept: a folder, s3://bucket/prefix, gs://..., az://..."
    ),
    Setting("RETENTION_DAYS", "retention", "rows_days", "days that spans and requests are kept"),
    Setting("PAYLOAD_RETENTION_DAYS", "retention", "payloads_days", "days that prompts and completions are kept"),
    Setting("REDACTION", "redact", "mode", "redact: replace secrets and personal data before anything is stored; off"),
    Setting("REDACTION_ACTIONS", "redact", "actions", "what becomes of a type: email=hash, ip=keep ...; else masked"),
    Setting("REDACTION_KEY", "redact", "key", "key of the hash, at least 16 characters, the SDK's too"),
    Setting("REDACTION_ENTITIES", "redact", "entities", "also names: person, place, organisation; wants an extra"),
    Setting("PRICES_FILE", "server", "prices_file", "JSON or TOML file of own prices, read again when it changes"),
    Setting("METRICS_MAX_SERIES", "meter", "max_label_sets", "label sets of /metrics; more are counted as other"),
    Setting(
        "QUEUE_MAX_BATCHES", "group", "max_queued_batches", "batches that wait for a commit; beyond, senders get 429"
    ),
    Setting("QUEUE_MAX_BYTES", "group", "max_queued_bytes", "bytes that wait for a commit; beyond, senders get 429"),
    Setting("OTLP_MAX_BODY_BYTES", "http", "max_body_bytes", "size of one OTLP/HTTP request, as it is sent"),
    Setting("OTLP_MAX_DECOMPRESSED_BYTES", "http", "max_decompressed_bytes", "the same, decompressed"),
    Setting("OTLP_CORS_ORIGINS", "http", "cors_origins", "origins, with commas between, whose pages may send spans"),
    Setting("OTLP_GRPC_MAX_BYTES", "grpc", "max_message_bytes", "size of one OTLP/gRPC message"),
    Setting("API_RATE_PER_SECOND", "api", "rate_per_second", "API requests a second and key; 0 is no limit"),
    Setting("API_RATE_BURST", "api", "rate_burst", "how many of them may come at once"),
    Setting("SECURE_COOKIES", "web", "secure_cookies", "yes behind TLS: the browser never sends the session in clear"),
    Setting("SESSION_DAYS", "web", "session_days", "days that a browser stays signed in"),
    Setting("PUBLIC_OTLP_ENDPOINT", "web", "otlp_endpoint", "OTLP/HTTP address that pages tell; empty: this one"),
)


def load(environ: Mapping[str, str], overrides: Mapping[str, Any] | None = None) -> Settings:
    """Read the settings. `overrides` win; they are by name without the prefix, in lower case (`port=0`); None is none.

    Raises SettingsError naming the variable.
    """
    chosen: dict[str, dict[str, Any]] = {room: {} for room in _ROOMS}
    given = {name: value for name, value in (overrides or {}).items() if value is not None}
    unknown = sorted(set(given) - {setting.name.lower() for setting in SETTINGS})
    if unknown:
        raise SettingsError(f"there is no setting {unknown[0]!r}")
    for setting in SETTINGS:
        hint = get_type_hints(_ROOMS[setting.room])[setting.field]
        if setting.name.lower() in given:
            value = given[setting.name.lower()]
            chosen[setting.room][setting.field] = _convert(setting, value, hint) if isinstance(value, str) else value
        elif environ.get(setting.variable, "") != "":
            chosen[setting.room][setting.field] = _convert(setting, environ[setting.variable], hint)
    server = _build("server", chosen["server"])
    # what another setting decides
    chosen["postgres"]["url"] = server.database_url or EMBEDDED
    chosen["payloads"].setdefault("url", str(server.data_dir / "payloads"))
    chosen["grpc"] |= {"host": server.host, "port": server.otlp_grpc_port}
    configs = {room: _build(room, values) for room, values in chosen.items()}
    set_ = frozenset(setting.variable for setting in SETTINGS if environ.get(setting.variable))
    return Settings(**configs, warnings=tuple(_misspelt(environ)), given=set_)


def shown(settings: Settings, setting: Setting) -> Any:
    """Say what holds now, as it may be printed: a password in a URL is masked."""
    value = getattr(getattr(settings, setting.room), setting.field)
    if setting.name.endswith("_KEY") and value:
        return "***"
    if isinstance(value, str) and "://" in value:
        return re.sub(r"(://[^:/@]*:)[^@]*@", r"\1***@", value)
    return str(value) if isinstance(value, Path) else value


def _build(room: str, values: dict[str, Any]) -> Any:
    try:
        return _ROOMS[room](**values)
    except ValueError as error:
        names = ", ".join(s.variable for s in SETTINGS if s.room == room and s.field in values)
        raise SettingsError(f"{error} (set by {names})" if names else str(error)) from error


def _misspelt(environ: Mapping[str, str]) -> list[str]:
    known = [setting.variable for setting in SETTINGS]
    found = []
    for variable in sorted(environ):
        if not variable.startswith("SENTINELOPS_") or variable in known or variable in SDK_NAMES:
            continue
        near = difflib.get_close_matches(variable, known, n=1, cutoff=0.8)
        if near:
            found.append(f"{variable} is not a setting; did you mean {near[0]}?")
    return found


def _convert(setting: Setting, text: str, hint: Any) -> Any:
    kind = _plain(hint)
    try:
        return _parse(text.strip(), kind)
    except ValueError as error:
        wanted = {int: "a whole number", float: "a number", bool: "yes or no"}.get(kind, str(error))
        raise SettingsError(f"{setting.variable}={text!r}: {wanted} is wanted") from error


def _parse(text: str, kind: Any) -> Any:
    if kind is bool:
        if text.lower() in ("1", "true", "yes", "on"):
            return True
        if text.lower() in ("0", "false", "no", "off"):
            return False
        raise ValueError("yes or no")
    if kind in (int, float):
        return kind(text)
    if kind is Path:
        return Path(text).expanduser()
    if get_origin(kind) is tuple or kind is tuple:
        return tuple(word.strip() for word in text.split(",") if word.strip())
    return text


def _plain(hint: Any) -> Any:
    """`int | None` is read as int; a Literal as str (its Config checks it)."""
    if get_origin(hint) in (typing.Union, types.UnionType):
        return next(arm for arm in get_args(hint) if arm is not type(None))
    return str if get_origin(hint) is Literal else hint


def _defaults(config: type[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in dataclasses.fields(config):
        if each.default is not dataclasses.MISSING:
            found[each.name] = each.default
    return found
