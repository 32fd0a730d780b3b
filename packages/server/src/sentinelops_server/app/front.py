"""The front door's application: pages at /, the API at /api/v1, and /metrics and /health for machines."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version

from fastapi import FastAPI, Request
from fastapi.responses import Response

from sentinelops_server.api.app import api_app
from sentinelops_server.api.deps import ApiDeps
from sentinelops_server.api.routes.health import health_routes
from sentinelops_server.pipeline.redact import Redactor
from sentinelops_server.receiver.http import key_of
from sentinelops_server.settings import Settings
from sentinelops_server.web.app import install
from sentinelops_server.web.deps import WebConfig, WebDeps

from .line import Line
from .stores import Stores

__all__ = ["front_app"]


def front_app(settings: Settings, stores: Stores, line: Line, web: WebConfig) -> FastAPI:
    """Build it on the stores and the line. `web` is the setting with what only the start knows filled in."""
    redactor = Redactor(settings.redact)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    api = ApiDeps(
        stores.database,
        stores.payloads,
        line.keys,
        line.sessions,
        line.meter,
        clock=line.now,
        config=settings.api,
        reload_prices=line.prices.reload,
        redactor=redactor,
    )
    app.mount("/api/v1", api_app(api))
    app.include_router(health_routes(api))
    _add_metrics(app, settings, line)
    install(app, replace(_web_deps(settings, stores, line, web), redactor=redactor))
    return app


def _add_metrics(app: FastAPI, settings: Settings, line: Line) -> None:
    public = settings.server.metrics_public

    @app.get("/metrics", include_in_schema=False)
    def metrics(request: Request) -> Response:
        """Prometheus text, or OpenMetrics when it is asked for. A read key is needed where it is not public."""
        if not public:
            line.keys.authenticate(key_of(request.headers), "read")
        body, media_type = line.meter.exposition(request.headers.get("accept", ""))
        return Response(body, media_type=media_type)


def _web_deps(settings: Settings, stores: Stores, line: Line, web: WebConfig) -> WebDeps:
    try:
        installed = version("sentinelops-server")
    except PackageNotFoundError:
        installed = ""
    retention = settings.retention
    facts = {
        "Retention": {
            "Spans and requests": f"{retention.rows_days} days",
            "Prompts and completions": f"{retention.payloads_days} days",
            "Minute by minute numbers": f"{retention.minutes_days} days, hours and days as long as requests",
        },
        "Data": {
            "Database": "your own PostgreSQL" if settings.server.database_url else "embedded PostgreSQL",
            "Folder": str(settings.server.data_dir),
            "Payloads": settings.payloads.url,
            "Redaction": "secrets and personal data are replaced before they are stored"
            if settings.redact.mode == "redact"
            else "off",
        },
    }
    return WebDeps(
        stores.database,
        stores.payloads,
        line.keys,
        line.sessions,
        clock=line.now,
        config=web,
        facts=facts,
        version=installed,
        reload_prices=line.prices.reload,
    )
