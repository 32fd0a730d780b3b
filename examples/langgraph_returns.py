"""A support agent as a graph: understand the question, look things up side by side, draft, review.

pip install sentinelops langgraph langchain-openai
sentinelops demo --app "python examples/langgraph_returns.py"
"""

from __future__ import annotations

import re
import uuid
from typing import Annotated, TypedDict

import sentinelops
from langchain_core.documents import Document
from langchain_core.messages import HumanMessage, SystemMessage
from langchain_core.tools import tool
from langchain_core.vectorstores import InMemoryVectorStore
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from langgraph.graph import END, START, StateGraph
from shop import HANDBOOK, ORDERS, model, run

# the two lines that make it seen: everything below is as it would be without them
sentinelops.configure(application="returns-graph", environment="production")
sentinelops.instrument("langchain", "openai")

served = model()
chat = ChatOpenAI(
    model=served.name, base_url=served.chat, api_key=served.key, temperature=0.3, max_tokens=60, stream_usage=True
)
embeddings = OpenAIEmbeddings(
    model=served.name, base_url=served.embeddings, api_key=served.key, check_embedding_ctx_length=False
)
pages = [Document(text, id=name, metadata={"page": name}) for name, text in HANDBOOK.items()]
handbook = InMemoryVectorStore.from_documents(pages, embeddings).as_retriever(search_kwargs={"k": 2})


def _joined(left: list[str], right: list[str]) -> list[str]:
    return left + right


class Case(TypedDict, total=False):
    """What is known of one question."""

    question: str
    topic: str
    facts: Annotated[list[str], _joined]
    draft: str
    answer: str


@tool
def look_up_order(number: str) -> dict[str, object]:
    """Find an order by its number."""
    return {"number": number, **ORDERS[number]}


def understand(case: Case) -> Case:
    """Say in one word what it is about."""
    asked = f"One word only, order, return, repair or other. What is this about?\n{case['question']}"
    return {"topic": str(chat.invoke([HumanMessage(asked)]).content)[:40]}


def read_handbook(case: Case) -> Case:
    """The two nearest pages."""
    return {"facts": [page.page_content for page in handbook.invoke(case["question"])]}


def find_orders(case: Case) -> Case:
    """Every order that is named; one that is not there is a fact too."""
    facts = []
    for number in re.findall(r"\b[A-Z]-\d{4}\b", case["question"]):
        try:
            facts.append(str(look_up_order.invoke({"number": number})))
        except KeyError:
            facts.append(f"There is no order {number}.")
    return {"facts": facts}


def draft(case: Case) -> Case:
    """Answer from the facts."""
    system = "You answer customers of an outdoor shop in one or two sentences. Facts:\n" + "\n".join(case["facts"])
    return {"draft": str(chat.invoke([SystemMessage(system), HumanMessage(case["question"])]).content)}


def review(case: Case) -> Case:
    """Make it friendlier, as it is streamed to the customer."""
    asked = HumanMessage(f"Say this in a friendlier way, in one sentence: {case['draft']}")
    return {"answer": "".join(str(piece.content) for piece in chat.stream([asked]))}


graph = StateGraph(Case)
for step in (understand, read_handbook, find_orders, draft, review):
    graph.add_node(step.__name__, step)
graph.add_edge(START, "understand")
graph.add_edge("understand", "read_handbook")
graph.add_edge("understand", "find_orders")  # both side by side
graph.add_edge(["read_handbook", "find_orders"], "draft")
graph.add_conditional_edges("draft", lambda case: "review" if len(case["draft"]) > 40 else END)
graph.add_edge("review", END)
agent = graph.compile(name="returns_agent")


def ask(question: str) -> str:
    """One question, in a thread of its own."""
    thread = {"configurable": {"thread_id": f"visit-{uuid.uuid4().hex[:10]}"}}
    case = agent.invoke({"question": question, "facts": []}, thread)
    return str(case.get("answer") or case["draft"])


if __name__ == "__main__":
    run(ask, "langgraph_returns.py")
