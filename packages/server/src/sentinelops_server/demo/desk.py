"""The demo's support desk: an assistant with a handbook and an order book, watched by the SDK as a user would do it."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, Literal

import sentinelops
from openai import OpenAI
from pydantic import BaseModel

__all__ = ["Conversation", "Desk", "Page", "Route"]

_ORDER = re.compile(r"\b[A-Z]-\d{4}\b")
_SYSTEM = "You answer customers of an outdoor shop in one or two short sentences. Use only what is written here.\n"


class Route(BaseModel):
    """What a question is about, as the model sees it."""

    topic: Literal["order", "return", "repair", "payment", "other"]
    urgent: bool


@dataclass(frozen=True)
class Page:
    """A page of the handbook, with its place in the space of meanings."""

    id: str
    text: str
    vector: list[float] = field(repr=False)


@dataclass
class Conversation:
    """What a customer and the desk have said so far."""

    messages: list[dict[str, str]] = field(default_factory=list)


def _likeness(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


class Desk:
    """Answers questions: look into the handbook, look up the order, ask the model."""

    def __init__(self, chat: OpenAI, embeddings: OpenAI, model: str) -> None:
        """Take clients for the two halves of the model server; the handbook is read when it is first looked into."""
        self.chat, self.embeddings, self.model = chat, embeddings, model
        folder = resources.files("sentinelops_server.demo")
        self.orders: dict[str, dict[str, Any]] = json.loads((folder / "orders.json").read_text("utf-8"))
        self.pages: list[Page] = []

    @sentinelops.observe(name="read_handbook", type="chain")
    def read_handbook(self) -> int:
        """Embed the handbook's pages, all in one call; returns how many there are."""
        folder = resources.files("sentinelops_server.demo") / "handbook"
        texts = {page.name: page.read_text("utf-8") for page in folder.iterdir() if page.name.endswith(".md")}
        names = sorted(texts)
        answer = self.embeddings.embeddings.create(model=self.model, input=[texts[name] for name in names])
        found = zip(names, answer.data, strict=True)
        self.pages = [Page(name, texts[name], item.embedding) for name, item in found]
        return len(self.pages)

    @sentinelops.observe(name="search_handbook", type="retrieval")
    def search_handbook(self, question: str, limit: int = 2) -> list[dict[str, Any]]:
        """Find the pages nearest to a question: [{id, score, content}], best first."""
        if not self.pages:
            self.read_handbook()
        vector = self.embeddings.embeddings.create(model=self.model, input=question).data[0].embedding
        scored = sorted(((_likeness(vector, page.vector), page) for page in self.pages), key=lambda pair: -pair[0])
        return [{"id": page.id, "score": round(score, 4), "content": page.text} for score, page in scored[:limit]]

    @sentinelops.observe(name="look_up_order", type="tool")
    def look_up_order(self, order_number: str) -> dict[str, Any]:
        """Find an order; raises KeyError when there is none."""
        if order_number not in self.orders:
            raise KeyError(f"no such order: {order_number}")
        return {"order_number": order_number, **self.orders[order_number]}

    def route(self, question: str) -> Route | None:
        """Let the model say what a question is about, in a form it cannot leave."""
        answer = self.chat.chat.completions.parse(
            model=self.model,
            messages=[{"role": "user", "content": f"Classify this question of a customer.\n\n{question}"}],
            response_format=Route,
            max_tokens=60,
            temperature=0,
        )
        return answer.choices[0].message.parsed

    @sentinelops.observe(name="support_agent", type="agent")
    def answer(self, conversation: Conversation, question: str, patience: int | None = None) -> str:
        """Answer one question of a conversation; `patience`: pieces of it the customer waits for."""
        route = self.route(question)
        known = [page["content"] for page in self.search_handbook(question, 1)]
        for number in _ORDER.findall(question):
            try:
                known.append(f"Order: {json.dumps(self.look_up_order(number))}")
            except KeyError as error:
                known.append(str(error))
        if route is not None and route.urgent:
            known.append("The customer is in a hurry: say first what happens now.")
        system = {"role": "system", "content": _SYSTEM + "\n".join(known)}
        conversation.messages.append({"role": "user", "content": question})
        said = self._stream([system, *conversation.messages[-5:]], patience)
        if patience is None:  # the instruction was one or two sentences; an answer that was left is no answer
            sentinelops.score("brief", len(re.findall(r"[.!?](?:\s|$)", said)) <= 2, source="rule")
        conversation.messages.append({"role": "assistant", "content": said})
        return said

    def _stream(self, messages: list[Any], patience: int | None) -> str:
        stream = self.chat.chat.completions.create(
            model=self.model,
            messages=messages,
            stream=True,
            stream_options={"include_usage": True},
            max_tokens=70,
            temperature=0.4,
        )
        said: list[str] = []
        for chunk in stream:
            if chunk.choices and chunk.choices[0].delta.content:
                said.append(chunk.choices[0].delta.content)
            if patience is not None and len(said) >= patience:
                stream.close()
                break
        return "".join(said)
