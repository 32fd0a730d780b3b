"""A retrieval pipeline: embed the question, retrieve, fill the prompt, generate.

pip install sentinelops haystack-ai
sentinelops demo --app "python examples/haystack_search.py"
"""

from __future__ import annotations

import os

os.environ.setdefault("HAYSTACK_TELEMETRY_ENABLED", "False")

import sentinelops
from haystack import Document, Pipeline
from haystack.components.builders import ChatPromptBuilder
from haystack.components.embedders import OpenAIDocumentEmbedder, OpenAITextEmbedder
from haystack.components.generators.chat import OpenAIChatGenerator
from haystack.components.retrievers.in_memory import InMemoryEmbeddingRetriever
from haystack.dataclasses import ChatMessage
from haystack.document_stores.in_memory import InMemoryDocumentStore
from haystack.utils import Secret
from shop import HANDBOOK, model, run

# the two lines that make it seen: everything below is as it would be without them
sentinelops.configure(application="handbook-pipeline", environment="production")
sentinelops.instrument("haystack", "openai")

served = model()
key = Secret.from_token(served.key)
store = InMemoryDocumentStore()
documents = [Document(id=name, content=text, meta={"page": name}) for name, text in HANDBOOK.items()]
embedder = OpenAIDocumentEmbedder(api_key=key, model=served.name, api_base_url=served.embeddings, progress_bar=False)
store.write_documents(embedder.run(documents)["documents"])

prompt = [
    ChatMessage.from_system("You answer customers of an outdoor shop in one or two sentences."),
    ChatMessage.from_user("{% for d in documents %}{{ d.content }}\n{% endfor %}\nQuestion: {{ question }}"),
]
pipeline = Pipeline()
pipeline.add_component("embedder", OpenAITextEmbedder(api_key=key, model=served.name, api_base_url=served.embeddings))
pipeline.add_component("retriever", InMemoryEmbeddingRetriever(store, top_k=2))
pipeline.add_component("prompt", ChatPromptBuilder(prompt, required_variables=["documents", "question"]))
pipeline.add_component(
    "writer",
    OpenAIChatGenerator(
        api_key=key,
        model=served.name,
        api_base_url=served.chat,
        generation_kwargs={"max_tokens": 60, "temperature": 0.3},
    ),
)
pipeline.connect("embedder.embedding", "retriever.query_embedding")
pipeline.connect("retriever.documents", "prompt.documents")
pipeline.connect("prompt.prompt", "writer.messages")


def ask(question: str) -> str:
    """One question."""
    answer = pipeline.run({"embedder": {"text": question}, "prompt": {"question": question}})
    return str(answer["writer"]["replies"][0].text)


if __name__ == "__main__":
    run(ask, "haystack_search.py")
