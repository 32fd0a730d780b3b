"""Questions to an index: embed the handbook, retrieve, rerank by hand, answer; and a small workflow around it.

pip install sentinelops llama-index-core llama-index-llms-openai-like llama-index-embeddings-openai-like
sentinelops demo --app "python examples/llamaindex_handbook.py"
"""

from __future__ import annotations

import asyncio

import sentinelops
from llama_index.core import Document, Settings, VectorStoreIndex
from llama_index.core.postprocessor import SimilarityPostprocessor
from llama_index.core.workflow import Context, Event, StartEvent, StopEvent, Workflow, step
from llama_index.embeddings.openai_like import OpenAILikeEmbedding
from llama_index.llms.openai_like import OpenAILike
from shop import HANDBOOK, ORDERS, model, run

# the two lines that make it seen: everything below is as it would be without them
sentinelops.configure(application="handbook-index", environment="production")
sentinelops.instrument("llamaindex", "openai")

served = model()
Settings.tokenizer = str.split  # the default one is fetched from the network
Settings.llm = OpenAILike(
    model=served.name, api_base=served.chat, api_key=served.key, is_chat_model=True, max_tokens=60, temperature=0.3,
    context_window=2048, tokenizer=None,
)  # fmt: skip
Settings.embed_model = OpenAILikeEmbedding(model_name=served.name, api_base=served.embeddings, api_key=served.key)
documents = [Document(text=text, doc_id=name, metadata={"page": name}) for name, text in HANDBOOK.items()]
index = VectorStoreIndex.from_documents(documents)
engine = index.as_query_engine(similarity_top_k=3, node_postprocessors=[SimilarityPostprocessor(similarity_cutoff=0.1)])


class Looked(Event):
    """What is known so far."""

    question: str
    known: str


class Desk(Workflow):
    """Two steps: look the order up, then ask the index."""

    @step
    async def look_up(self, context: Context, started: StartEvent) -> Looked:
        """The orders that the question names."""
        found = [f"Order {number}: {order}" for number, order in ORDERS.items() if number in started.question]
        return Looked(question=started.question, known="\n".join(found))

    @step
    async def answer(self, context: Context, looked: Looked) -> StopEvent:
        """Retrieve and synthesise."""
        response = await engine.aquery(f"{looked.question}\n{looked.known}".strip())
        return StopEvent(result=str(response))


async def _ask(question: str) -> str:
    return str(await Desk(timeout=600).run(question=question))


def ask(question: str) -> str:
    """One question."""
    return asyncio.run(_ask(question))


if __name__ == "__main__":
    run(ask, "llamaindex_handbook.py")
