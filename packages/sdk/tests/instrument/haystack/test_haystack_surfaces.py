"""Every component that Haystack has is of a kind, and the page says which."""

from __future__ import annotations

import importlib
import pkgutil
import re
import subprocess
import sys
from typing import Any

import haystack.components
import pytest
from client_venvs import ROOT
from haystack.core.component import component
from haystack_support import HAYSTACK_2
from sentinelops.instrument.haystack import _kinds
from sentinelops.instrument.haystack._usage import usage_attributes

PAGE = (ROOT / "docs" / "instrument-haystack.md").read_text()


def installed() -> dict[str, str]:
    """Class -> qualified name, of every component that can be imported here."""
    for module in pkgutil.walk_packages(haystack.components.__path__, "haystack.components."):
        try:
            importlib.import_module(module.name)
        except ImportError:
            continue  # an optional part of Haystack, not installed
    return {name.rpartition(".")[2]: name for name in component.registry if name.startswith("haystack.components.")}


def documented() -> dict[str, str]:
    rows = re.findall(r"^\| (`[^|]+`) \| (\w+)[^|]*\|", PAGE, re.MULTILINE)
    return {name: kind for names, kind in rows for name in re.findall(r"`([^`]+)`", names)}


def test_the_page_lists_every_component_by_its_kind() -> None:
    kinds = {name: _kinds.kind_of(name, qualified) for name, qualified in installed().items()}
    assert len(kinds) > 60
    listed = documented()
    assert {name: kind for name, kind in kinds.items() if listed.get(name) != kind} == {}


@pytest.mark.parametrize(
    ("name", "qualified", "kind"),
    [
        (
            "AnthropicChatGenerator",
            "haystack_integrations.components.generators.anthropic.chat.AnthropicChatGenerator",
            "generator",
        ),
        ("OllamaTextEmbedder", "haystack_integrations.components.embedders.ollama.text.OllamaTextEmbedder", "embedder"),
        (
            "QdrantEmbeddingRetriever",
            "haystack_integrations.components.retrievers.qdrant.retriever.QdrantEmbeddingRetriever",
            "retriever",
        ),
        ("CohereRanker", "haystack_integrations.components.rankers.cohere.ranker.CohereRanker", "ranker"),
        ("MyGenerator", "app.parts.MyGenerator", "generator"),
        ("Mine", "app.components.generators.Mine", "step"),
        ("Newcomer", "haystack.components.novelties.new.Newcomer", None),
    ],
    ids=lambda value: str(value).rpartition(".")[2],
)
def test_components_of_others(name: str, qualified: str, kind: str | None) -> None:
    assert _kinds.kind_of(name, qualified) == kind


class Component:
    def __init__(self, **options: Any) -> None:
        self.__dict__.update(options)


@pytest.mark.parametrize(
    ("name", "instance", "provider", "model"),
    [
        ("OpenAIChatGenerator", Component(model="m"), "openai", "m"),
        ("OpenAIGenerator", Component(model="m", api_base_url="https://api.groq.com/v1"), "groq", "m"),
        ("AzureOpenAIChatGenerator", Component(azure_deployment="d"), "azure.ai.openai", "d"),
        ("AmazonBedrockChatGenerator", Component(model="m"), "aws.bedrock", "m"),
        ("HuggingFaceAPIChatGenerator", Component(api_params={"model": "m"}), "huggingface", "m"),
        ("HuggingFaceLocalGenerator", Component(huggingface_pipeline_kwargs={"model": "m"}), "local", "m"),
        ("Own", Component(), "custom", None),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_who_answers(name: str, instance: Any, provider: str, model: str | None) -> None:
    assert (_kinds.provider_name(name, instance), _kinds.model_name(instance)) == (provider, model)


INPUT, OUTPUT = "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"
READ, WRITE = "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_write.input_tokens"


@pytest.mark.parametrize(
    ("usages", "expected"),
    [
        ([None], {}),
        ([{}], {}),
        ([{"prompt_tokens": 5, "completion_tokens": 2}] * 2, {INPUT: 5, OUTPUT: 2}),
        (
            [{"prompt_tokens": 5, "completion_tokens": 2, "cache_creation_input_tokens": 100, "cache_read_input_tokens": 30}],
            {INPUT: 135, OUTPUT: 2, READ: 30, WRITE: 100},
        ),
        (
            [{"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 37, "cache_read_input_tokens": 30, "cache_write_input_tokens": 0}],
            {INPUT: 35, OUTPUT: 2, READ: 30, WRITE: 0},
        ),
        (
            [{"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 17, "thoughts_token_count": 10}],
            {INPUT: 5, OUTPUT: 12, "gen_ai.usage.reasoning.output_tokens": 10},
        ),
    ],
    ids=["none", "empty", "two replies", "anthropic", "bedrock", "google"],
)  # fmt: skip
def test_tokens_as_integrations_hand_them_on(usages: list[Any], expected: dict[str, int]) -> None:
    assert usage_attributes(usages) == expected


def test_what_runs_here_counts_reply_by_reply() -> None:
    usages = [{"prompt_tokens": 5, "completion_tokens": 2}, {"prompt_tokens": 5, "completion_tokens": 3}]
    assert usage_attributes(usages, each=True) == {INPUT: 5, OUTPUT: 5}


def test_which_major_this_is() -> None:
    assert hasattr(haystack, "AsyncPipeline") == HAYSTACK_2


def test_agents_are_not_imported_before_the_application_does() -> None:
    program = (
        "import sys; from sentinelops.instrument import instrument; instrument('haystack'); "
        "name = 'haystack.components.agents.agent'; assert name not in sys.modules; "
        "from haystack.components.agents import Agent; "
        "assert Agent._create_agent_span.__module__.startswith('sentinelops'); print('seen')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout == "seen\n", done.stderr
