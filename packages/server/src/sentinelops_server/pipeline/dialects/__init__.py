"""Foreign vocabularies, one module each; the first that recognises a span reads it, and `genai` reads all others."""

from __future__ import annotations

from .anthropic import AnthropicNative
from .base import Dialect, Reading, ReportedScore
from .genai import GenAi, Native
from .haystack import Haystack
from .langfuse import Langfuse
from .langsmith import LangSmith
from .litellm import LiteLLM
from .mlflow import MLflow
from .openinference import OpenInference
from .openlit import OpenLIT
from .openllmetry import OpenLLMetry
from .pydantic_ai import PydanticAi
from .vercel import Vercel

__all__ = ["DIALECTS", "Dialect", "GenAi", "Reading", "ReportedScore"]

# asked in this order
DIALECTS: tuple[Dialect, ...] = (
    Native(),
    PydanticAi(),
    Vercel(),
    OpenInference(),
    AnthropicNative(),
    OpenLIT(),
    MLflow(),
    Langfuse(),
    LangSmith(),
    Haystack(),
    LiteLLM(),
    OpenLLMetry(),
    GenAi(),
)
