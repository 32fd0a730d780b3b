"""A client library's tests run where it is installed: here, or in the environment that test_*_clients.py names."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent
# folder -> package whose presence means that its tests can run; every one is run by a test_<folder>_clients.py
PACKAGES = {
    "anthropic": "anthropic",
    "azure": "azure.ai.inference",
    "bedrock": "botocore",
    "haystack": "haystack",
    "http": "aiohttp",
    "huggingface": "huggingface_hub",
    "langchain": "langchain_core",
    "llamaindex": "llama_index.core",
    "mcp": "mcp",
    "openai": "openai",
    "openai_agents": "agents",
    "openai_realtime": "websockets",
    "stacks": "langchain_core",
    "transformers": "transformers",
}


def _there(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ImportError:
        return False


collect_ignore = [folder for folder, package in PACKAGES.items() if (HERE / folder).is_dir() and not _there(package)]
