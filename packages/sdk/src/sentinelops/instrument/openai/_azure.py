"""Azure OpenAI: its addresses name deployments, not models, and the version of the API."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ... import _runtime, semconv

PROVIDERS = frozenset(("azure.ai.openai", "azure.ai.inference"))
_DEPLOYMENT = re.compile(r"/deployments/([^/?]+)")
_NAMESPACE = "Microsoft.CognitiveServices"


def deployment_of(path: str, named: Any) -> str | None:
    """Find what answers: the address says it, whatever the body names; else the body does."""
    found = _DEPLOYMENT.search(path)
    if found:
        from urllib.parse import unquote

        return unquote(found[1])
    return named if isinstance(named, str) and named else None


def facts(deployment: str | None, version: Any) -> tuple[str | None, dict[str, Any]]:
    """Give the model behind a deployment, as far as `configure(models=)` knows, and what else the span says."""
    runtime = _runtime.current
    known = (
        runtime.config.models.get(deployment) if runtime is not None and runtime.config.models and deployment else ""
    )
    extra: dict[str, Any] = {semconv.AZURE_NAMESPACE: _NAMESPACE}
    if isinstance(version, str) and version:
        extra[semconv.AZURE_API_VERSION] = version
    if known and known != deployment:
        extra[semconv.REQUEST_MODEL_SENT] = deployment
    return known or deployment, extra


def of_client(client: Any, options: Any, named: Any) -> tuple[str | None, dict[str, Any]]:
    """Model and facts of one request of the openai client."""
    version = None
    for given in (options.params, getattr(client, "_custom_query", None)):
        if isinstance(given, Mapping) and version is None:
            version = given.get("api-version")
    path = f"{client.base_url.path}{options.url}"
    return facts(deployment_of(path, named), version or getattr(client, "_api_version", None))
