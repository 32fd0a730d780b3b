"""The calls that benchmarks/wrappers.py measures: each client is its own, up to the connection, which answers in place.

`httpcore`'s pools (both generations) and botocore's sender are answered from memory, so no socket and no other process
is in what is measured. Every prompt is another, of 2 KB; an answer says so many tokens; a stream has 50 chunks of text.
"""

from __future__ import annotations

import io
import itertools
import json
import struct
import zlib
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

PROMPT = "The quick brown fox jumps over the lazy dog. " * 46
WORDS = 50
_number = itertools.count()
Run = Callable[[], Any]


def prompt() -> str:
    """One that was not asked before, so that no cache of texts helps."""
    return f"Question {next(_number)}. {PROMPT}"


def said() -> list[Any]:
    """The same as messages."""
    return [{"role": "user", "content": prompt()}]


def sse(*events: dict[str, Any], named: bool = False, done: bool = False) -> list[bytes]:
    """Server-sent events, one chunk of the body each."""
    head = (f"event: {event['type']}\n" if named else "" for event in events)
    out = [f"{name}data: {json.dumps(event)}\n\n".encode() for name, event in zip(head, events, strict=True)]
    return [*out, b"data: [DONE]\n\n"] if done else out


_USAGE = {"prompt_tokens": 500, "completion_tokens": WORDS, "total_tokens": 500 + WORDS}
_CHAT = {
    "id": "chatcmpl-1", "object": "chat.completion", "created": 1790000000, "model": "gpt-4o-2024-08-06",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "word " * WORDS, "refusal": None},
                 "finish_reason": "stop", "logprobs": None}],
    "usage": _USAGE, "service_tier": "default", "system_fingerprint": "fp_1",
}  # fmt: skip


def _chunk(delta: dict[str, Any] | None, reason: str | None = None, usage: Any = None) -> dict[str, Any]:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": reason, "logprobs": None}]
    return {**_CHAT, "object": "chat.completion.chunk", "choices": choices, "usage": usage}


_CHAT_STREAM = sse(
    _chunk({"role": "assistant", "content": ""}), *[_chunk({"content": "word "})] * WORDS, _chunk({}, "stop"),
    _chunk(None, None, _USAGE), done=True,
)  # fmt: skip
_RESPONSE = {
    "id": "resp_1", "object": "response", "created_at": 1790000000, "model": "gpt-4o-2024-08-06", "status": "completed",
    "output": [{"type": "message", "id": "msg_1", "status": "completed", "role": "assistant",
                "content": [{"type": "output_text", "text": "word " * WORDS, "annotations": []}]}],
    "usage": {"input_tokens": 500, "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
              "output_tokens": WORDS, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 500 + WORDS},
    "parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "error": None, "incomplete_details": None,
    "instructions": None, "metadata": {}, "temperature": 1.0, "top_p": 1.0,
}  # fmt: skip
_MESSAGE = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5-20250929",
    "content": [{"type": "text", "text": "word " * WORDS}], "stop_reason": "end_turn", "stop_sequence": None,
    "usage": {"input_tokens": 500, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0,
              "output_tokens": WORDS, "service_tier": "standard"},
}  # fmt: skip
_MESSAGE_STREAM = sse(
    {"type": "message_start", "message": {**_MESSAGE, "content": [], "stop_reason": None}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    *[{"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "word "}}] * WORDS,
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None},
     "usage": {"output_tokens": WORDS}},
    {"type": "message_stop"}, named=True,
)  # fmt: skip
_CONVERSE = {
    "output": {"message": {"role": "assistant", "content": [{"text": "word " * WORDS}]}}, "stopReason": "end_turn",
    "usage": {"inputTokens": 500, "outputTokens": WORDS, "totalTokens": 500 + WORDS}, "metrics": {"latencyMs": 1},
}  # fmt: skip


def _frame(kind: str, payload: dict[str, Any]) -> bytes:
    """One message of application/vnd.amazon.eventstream."""
    named = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    head = b"".join(
        bytes((len(name),)) + name.encode() + b"\x07" + struct.pack("!H", len(value)) + value.encode()
        for name, value in named.items()
    )
    body = json.dumps(payload).encode()
    prelude = struct.pack("!II", 16 + len(head) + len(body), len(head))
    message = prelude + struct.pack("!I", zlib.crc32(prelude)) + head + body
    return message + struct.pack("!I", zlib.crc32(message))


_CONVERSE_STREAM = b"".join([
    _frame("messageStart", {"role": "assistant"}),
    *[_frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "word "}})] * WORDS,
    _frame("contentBlockStop", {"contentBlockIndex": 0}),
    _frame("messageStop", {"stopReason": "end_turn"}),
    _frame("metadata", {"usage": _CONVERSE["usage"], "metrics": {"latencyMs": 1}}),
])  # fmt: skip


def _answer(path: str, body: bytes) -> tuple[bytes, Any]:
    """Content type and body, whole or in parts."""
    streamed = b'"stream":true' in body or b'"stream": true' in body
    for end, whole, stream in (
        ("/chat/completions", _CHAT, _CHAT_STREAM),
        ("/responses", _RESPONSE, None),
        ("/messages", _MESSAGE, _MESSAGE_STREAM),
    ):
        if path.partition("?")[0].endswith(end):
            return (b"text/event-stream", stream) if streamed else (b"application/json", json.dumps(whole).encode())
    raise ValueError(path)


def without_sockets() -> None:
    """From here on every httpx and httpx2 client of this process is answered from memory, below its own transport."""

    def response(library: Any, request: Any, asked: bytes) -> Any:
        kind, body = _answer(request.url.target.decode(), asked)
        headers = [(b"content-type", kind), (b"x-request-id", b"req_1")]
        if isinstance(body, bytes):
            headers.append((b"content-length", str(len(body)).encode()))
        return library.Response(200, headers=headers, content=body, extensions={"http_version": b"HTTP/1.1"})

    def replace(library: Any) -> None:
        def handle_request(self: Any, request: Any) -> Any:
            return response(library, request, b"".join(request.stream))

        async def handle_async_request(self: Any, request: Any) -> Any:
            return response(library, request, b"".join([part async for part in request.stream]))

        library.ConnectionPool.handle_request = handle_request
        library.AsyncConnectionPool.handle_async_request = handle_async_request

    for name in ("httpcore", "httpcore2"):
        if find_spec(name) is not None:
            replace(import_module(name))


def _openai() -> dict[str, Run]:
    import openai

    client = openai.OpenAI(api_key="sk-bench", max_retries=0)

    def stream() -> None:
        usage: Any = {"include_usage": True}
        for _ in client.chat.completions.create(model="gpt-4o", messages=said(), stream=True, stream_options=usage):
            pass

    return {
        "chat": lambda: client.chat.completions.create(model="gpt-4o", messages=said()),
        "stream": stream,
        "responses": lambda: client.responses.create(model="gpt-4o", input=prompt()),
    }


def _anthropic() -> dict[str, Run]:
    import anthropic

    client = anthropic.Anthropic(api_key="sk-bench", max_retries=0)

    def stream() -> None:
        for _ in client.messages.create(model="claude-sonnet-4-5", max_tokens=99, messages=said(), stream=True):
            pass

    return {
        "messages": lambda: client.messages.create(model="claude-sonnet-4-5", max_tokens=99, messages=said()),
        "stream": stream,
    }


def _bedrock() -> dict[str, Run]:
    import boto3
    from botocore.awsrequest import AWSResponse
    from urllib3 import HTTPResponse

    client = boto3.client(
        "bedrock-runtime", region_name="eu-west-1", aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="none"
    )
    whole = json.dumps(_CONVERSE).encode()

    def answer(request: Any, **_: Any) -> Any:
        streamed = request.url.endswith("-stream")
        kind = "application/vnd.amazon.eventstream" if streamed else "application/json"
        headers = {"content-type": kind, "x-amzn-RequestId": "req-1"}
        raw = HTTPResponse(io.BytesIO(_CONVERSE_STREAM if streamed else whole), headers, preload_content=False)
        return AWSResponse(request.url, 200, raw.headers, raw)

    client.meta.events.register("before-send.bedrock-runtime", answer)

    def asked() -> dict[str, Any]:
        messages = [{"role": "user", "content": [{"text": prompt()}]}]
        return {"modelId": "anthropic.claude-3-haiku-20240307-v1:0", "messages": messages}

    def stream() -> None:
        for _ in client.converse_stream(**asked())["stream"]:
            pass

    return {"converse": lambda: client.converse(**asked()), "stream": stream}


def _http() -> dict[str, Run]:
    import httpx

    client = httpx.Client()
    url = "https://api.openai.com/v1/chat/completions"

    def stream() -> None:
        with client.stream("POST", url, json={"model": "gpt-4o", "messages": said(), "stream": True}) as response:
            for _ in response.iter_lines():
                pass

    return {"post": lambda: client.post(url, json={"model": "gpt-4o", "messages": said()}).json(), "stream": stream}


def _huggingface() -> dict[str, Run]:
    from huggingface_hub import InferenceClient

    client = InferenceClient(base_url="https://router.huggingface.co/v1", api_key="hf_bench")

    def stream() -> None:
        for _ in client.chat_completion(said(), model="m/m", stream=True):
            pass

    return {"chat": lambda: client.chat_completion(said(), model="m/m"), "stream": stream}


def _langchain() -> dict[str, Run]:
    from langchain_core.output_parsers import StrOutputParser
    from langchain_core.prompts import ChatPromptTemplate
    from langchain_openai import ChatOpenAI

    model: Any = ChatOpenAI(model="gpt-4o", api_key="sk-bench", max_retries=0, stream_usage=True)  # type: ignore[arg-type]
    chain = ChatPromptTemplate.from_messages([("human", "{question}")]) | model | StrOutputParser()

    def stream() -> None:
        for _ in chain.stream({"question": prompt()}):
            pass

    return {"chain": lambda: chain.invoke({"question": prompt()}), "stream": stream}


def _llamaindex() -> dict[str, Run]:
    from llama_index.core import Document, SummaryIndex
    from llama_index.core.llms import ChatMessage
    from llama_index.llms.openai import OpenAI

    model = OpenAI(model="gpt-4o", api_key="sk-bench", max_retries=0)
    engine = SummaryIndex.from_documents([Document(text="Oslo is in Norway.")]).as_query_engine(llm=model)
    return {
        "chat": lambda: model.chat([ChatMessage(role="user", content=prompt())]),
        "query": lambda: engine.query(prompt()),
    }


def _haystack() -> dict[str, Run]:
    from haystack import Pipeline
    from haystack.components.builders import ChatPromptBuilder
    from haystack.components.generators.chat import OpenAIChatGenerator
    from haystack.dataclasses import ChatMessage
    from haystack.utils import Secret

    pipeline = Pipeline()
    template = [ChatMessage.from_user("{{question}}")]
    pipeline.add_component("prompt", ChatPromptBuilder(template=template, required_variables=["question"]))
    pipeline.add_component("llm", OpenAIChatGenerator(Secret.from_token("sk-bench"), "gpt-4o", max_retries=0))
    pipeline.connect("prompt.prompt", "llm.messages")
    return {"pipeline": lambda: pipeline.run({"prompt": {"question": prompt()}})}


def _mcp() -> dict[str, Run]:
    """One tool call over memory streams: both sides are in this process, and so both are watched."""
    import asyncio

    import anyio
    from mcp import ClientSession
    from mcp.server.mcpserver import MCPServer
    from mcp.shared.memory import create_client_server_memory_streams

    server = MCPServer("bench")

    @server.tool()
    def look_up(question: str) -> str:
        """Look something up."""
        return question[:200]

    loop = asyncio.new_event_loop()
    ready: asyncio.Future[ClientSession] = loop.create_future()

    async def connected() -> None:
        inner: Any = server._lowlevel_server  # noqa: SLF001 - as MCPServer's own transports run it
        async with create_client_server_memory_streams() as (client, other), anyio.create_task_group() as tasks:
            tasks.start_soon(inner.run, *other, inner.create_initialization_options())
            async with ClientSession(*client) as session:
                await session.initialize()
                ready.set_result(session)
                await anyio.sleep_forever()

    held = loop.create_task(connected())
    session = loop.run_until_complete(ready)

    def call(task: asyncio.Task[None] = held) -> Any:  # the loop itself holds its tasks weakly
        return loop.run_until_complete(session.call_tool("look_up", {"question": prompt()}))

    return {"tool": call}


def _openai_agents() -> dict[str, Run]:
    import asyncio

    import agents
    from openai import AsyncOpenAI

    agents.set_default_openai_client(AsyncOpenAI(api_key="sk-bench", max_retries=0), use_for_tracing=False)
    agent = agents.Agent(name="bench", instructions="Be brief.", model="gpt-4o")
    loop = asyncio.new_event_loop()
    return {"run": lambda: loop.run_until_complete(agents.Runner.run(agent, prompt()))}


def _transformers() -> dict[str, Run]:
    """A model of random weights that writes 4 tokens: what a model of use adds to that is not ours."""
    import tokenizers
    import transformers

    learned = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token="?"))
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=300, special_tokens=["?", "."], show_progress=False)
    learned.train_from_iterator([PROMPT], trainer)
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=learned, unk_token="?", eos_token=".")
    sizes = {"n_positions": 4_096, "n_embd": 16, "n_layer": 1, "n_head": 1, "bos_token_id": 1, "eos_token_id": 1}
    model = transformers.GPT2LMHeadModel(transformers.GPT2Config(vocab_size=300, **sizes))
    pipe = transformers.pipeline("text-generation", model=model, tokenizer=tokenizer)
    return {"generate": lambda: pipe(prompt(), max_new_tokens=4, do_sample=False)}


# library, as `sentinelops.instrument` calls it -> its cases
LIBRARIES: dict[str, Callable[[], dict[str, Run]]] = {
    "openai": _openai,
    "anthropic": _anthropic,
    "bedrock": _bedrock,
    "http": _http,
    "huggingface": _huggingface,
    "langchain": _langchain,
    "llamaindex": _llamaindex,
    "haystack": _haystack,
    "mcp": _mcp,
    "openai_agents": _openai_agents,
    "transformers": _transformers,
}
# what they need does not go with the peers of the others: `--here`, with the interpreter of .ci/clients
ALONE = ("openai_agents", "transformers")
