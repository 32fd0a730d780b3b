"""Foreign vocabularies, one module each; the first that recognises a span reads it, and `genai` reads all others."""

from __future__ import annotations

from .base import Dialect, Reading, ReportedScore
from .genai import GenAi
from .openinference import OpenInference
from .openllmetry import OpenLLMetry
from .pydantic_ai import PydanticAi
from .vercel import Vercel

__all__ = ["DIALECTS", "Dialect", "GenAi", "Reading", "ReportedScore"]

# asked in this order
DIALECTS: tuple[Dialect, ...] = (PydanticAi(), Vercel(), OpenInference(), OpenLLMetry(), GenAi())
