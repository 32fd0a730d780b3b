"""LlamaIndex watched, a provider for its models, and trees of spans to compare."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from llamaindex_support.fake import Provider
from sentinelops import _guard
from sentinelops.instrument._wire import watch
from sentinelops.testing import Captured, capture

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the oldest versions with the newest pydantic
    import llama_index.core
    from llama_index.core import set_global_tokenizer
    from llama_index.embeddings.openai import OpenAIEmbedding
    from llama_index.llms.openai import OpenAI

# handlers, agents and workflows as they are since 0.13
collect_ignore = (
    [] if llama_index.core.__version__ >= "0.13" else ["test_llamaindex_agents.py", "test_llamaindex_surface.py"]
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "/llamaindex/" in str(item.path):
            # of LlamaIndex and what it stands on, not of ours
            for module in ("pydantic", "llama_index", "wrapt", "networkx", "nltk", "deprecated", "asyncio"):
                item.add_marker(pytest.mark.filterwarnings(f"ignore:::{module}"))
            item.add_marker(pytest.mark.filterwarnings("ignore::DeprecationWarning"))
            item.add_marker(pytest.mark.filterwarnings("ignore::ResourceWarning"))
            item.add_marker(pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"))


@pytest.fixture(scope="session")
def server() -> Iterator[Provider]:
    set_global_tokenizer(str.split)  # the default one is fetched from the network
    made = Provider()
    gc.collect()
    gc.freeze()  # the libraries' own objects: the collector looks at what tests make
    yield made
    gc.unfreeze()
    made.stop()


@pytest.fixture(autouse=True)
def collected_between_tests() -> Iterator[None]:
    """The collector runs where a test says so, and after it, when sockets of forgotten clients may be complained of.

    A stream of the openai client that is forgotten half way is a cycle; collected while httpcore holds the lock of
    its pool, the same thread waits for that lock for ever, watched or not.
    """
    gc.disable()
    yield
    gc.collect()
    gc.enable()


@pytest.fixture
def provider(server: Provider) -> Provider:
    server.forget()
    return server


@pytest.fixture
def captured(monkeypatch: pytest.MonkeyPatch) -> Iterator[Captured]:
    """LlamaIndex watched and nothing else; failures of ours are raised."""
    from sentinelops.instrument import llamaindex

    monkeypatch.setattr(_guard, "strict", True)
    watch.drain()
    with capture() as made:
        assert llamaindex.instrument()
        yield made
        llamaindex.uninstrument()
    watch._end_all()
    watch._live.clear()


@pytest.fixture
def llm(provider: Provider) -> Iterator[Any]:
    made = OpenAI(model="gpt-4o-mini", api_key="sk-test-0123456789abcdef", api_base=provider.url, max_retries=0)
    yield made
    made._client = made._aclient = None  # pytest keeps the model until after the test


@pytest.fixture
def embedding(provider: Provider) -> Iterator[Any]:
    made = OpenAIEmbedding(
        model="text-embedding-3-small", api_key="sk-test-0123456789abcdef", api_base=provider.url, max_retries=0
    )
    yield made
    made._client = made._aclient = None


@pytest.fixture
def spans(captured: Captured) -> Callable[[], list[dict[str, Any]]]:
    """Every span that ended, forgotten streams too."""

    def all_of_them() -> list[dict[str, Any]]:
        watch.drain()
        return captured.spans

    return all_of_them


@pytest.fixture
def tree(spans: Callable[[], list[dict[str, Any]]]) -> Callable[[], list[Any]]:
    """The spans as `[name, [children]]`, in the order they began; `name*` bears tokens."""

    def nested() -> list[Any]:
        found = sorted(spans(), key=lambda span: span["start_ns"])
        nodes: dict[str, list[Any]] = {}
        for span in found:
            bears = any(name.startswith("gen_ai.usage.") for name in span["attributes"])
            nodes[span["span_id"]] = [span["name"] + "*" * bears, []]
        roots = []
        for span in found:
            above = nodes.get(span["parent_id"] or "")
            (roots if above is None else above[1]).append(nodes[span["span_id"]])
        return roots

    return nested


@pytest.fixture
def client_watched(captured: Captured) -> Iterator[None]:
    """The provider's client is watched too."""
    from sentinelops.instrument import instrument, uninstrument

    assert instrument("openai") == ("openai",)
    yield
    uninstrument("openai")
