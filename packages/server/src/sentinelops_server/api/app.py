"""API: the REST application, mounted at /api/v1."""

from __future__ import annotations

from fastapi import FastAPI

from .deps import ApiDeps
from .guards import Envelope, Guard
from .problems import install
from .routes.admin import keys_routes, prices_routes
from .routes.anomalies import anomalies_routes
from .routes.catalog import catalog_routes
from .routes.health import health_routes
from .routes.metrics import metrics_routes
from .routes.people import people_routes
from .routes.requests import requests_routes
from .routes.scores import scores_routes
from .routes.traces import traces_routes

__all__ = ["api_app"]

_PROBLEM = {
    "description": "A problem (RFC 9457)",
    "content": {"application/problem+json": {"schema": {"type": "object"}}},
}


def api_app(deps: ApiDeps) -> FastAPI:
    """Return the application; /openapi.json describes it (no page that would load scripts from elsewhere)."""
    app = FastAPI(
        title="SentinelOps",
        version="1",
        summary="Requests, traces, metrics and costs of applications that call language models",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        responses={status: _PROBLEM for status in (400, 401, 403, 422, 429, 503)},
        redirect_slashes=False,
    )
    install(app)
    guard = Guard(deps)
    app.include_router(health_routes(deps))
    for routes in (
        metrics_routes,
        requests_routes,
        traces_routes,
        people_routes,
        scores_routes,
        anomalies_routes,
        catalog_routes,
        keys_routes,
        prices_routes,
    ):
        app.include_router(routes(deps, guard))
    app.add_middleware(Envelope, config=deps.config)
    return app
