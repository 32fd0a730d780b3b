"""Every wire format, whole and streamed: what the server said is what the span says."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

USER = [{"role": "user", "parts": [{"type": "text", "content": "q"}]}]


def said(text: str, reason: str | None, **more: Any) -> list[dict[str, Any]]:
    message = {"role": "assistant", "parts": [{"type": "text", "content": text}], **more}
    return [{**message, "finish_reason": reason} if reason else message]


OLLAMA_END = {
    "model": "qwen3:0.6b", "created_at": "2026-11-24T20:00:00Z", "done": True, "done_reason": "stop",
    "total_duration": 5_000_000_000, "load_duration": 2_000_000_000, "prompt_eval_count": 11,
    "prompt_eval_duration": 500_000_000, "eval_count": 7, "eval_duration": 1_000_000_000,
}  # fmt: skip
OLLAMA = {
    "name": "chat qwen3", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "ollama",
    "gen_ai.request.model": "qwen3", "gen_ai.request.temperature": 0.5, "gen_ai.request.max_tokens": 20,
    "http.response.status_code": 200, "gen_ai.response.model": "qwen3:0.6b", "gen_ai.usage.input_tokens": 11,
    "gen_ai.usage.output_tokens": 7, "llm.inference.duration_seconds": 1.5, "gen_ai.input.messages": USER,
    "gen_ai.response.finish_reasons": ["stop"],
    "gen_ai.tool.definitions": [{"type": "function", "name": "rain"}],
    "gen_ai.output.messages": [{"role": "assistant", "finish_reason": "stop", "parts": [
        {"type": "reasoning", "content": "well"}, {"type": "text", "content": "hi"},
        {"type": "tool_call", "id": None, "name": "rain", "arguments": {"city": "Oslo"}},
    ]}],
}  # fmt: skip
OLLAMA_ASKED = {
    "model": "qwen3", "messages": [{"role": "user", "content": "q"}], "options": {"temperature": 0.5, "num_predict": 20},
    "tools": [{"type": "function", "function": {"name": "rain"}}],
}  # fmt: skip
CALL = {"function": {"name": "rain", "arguments": {"city": "Oslo"}}}


def test_ollama_chat(fake: Any, attributes: Any) -> None:
    message = {"role": "assistant", "content": "hi", "thinking": "well", "tool_calls": [CALL]}
    fake.says("/api/chat", {**OLLAMA_END, "message": message})
    httpx.post(fake.url + "/api/chat", json={**OLLAMA_ASKED, "stream": False})
    assert attributes() == OLLAMA


def test_ollama_chat_streams_unless_told_not_to(fake: Any, attributes: Any) -> None:
    fake.lines(
        "/api/chat",
        {"model": "qwen3:0.6b", "message": {"role": "assistant", "content": "", "thinking": "we"}, "done": False},
        {"model": "qwen3:0.6b", "message": {"role": "assistant", "content": "", "thinking": "ll"}, "done": False},
        {"model": "qwen3:0.6b", "message": {"role": "assistant", "content": "h"}, "done": False},
        {"model": "qwen3:0.6b", "message": {"role": "assistant", "content": "i", "tool_calls": [CALL]}, "done": False},
        {**OLLAMA_END, "message": {"role": "assistant", "content": ""}},
    )
    with httpx.stream("POST", fake.url + "/api/chat", json=OLLAMA_ASKED) as response:
        assert len(list(response.iter_lines())) == 5
    assert attributes() == {**OLLAMA, "gen_ai.request.stream": True}


def test_ollama_generate_and_a_prompt_that_was_cached(fake: Any, attributes: Any) -> None:
    end = {key: value for key, value in OLLAMA_END.items() if key != "prompt_eval_count"}
    fake.lines("/api/generate", {"model": "q", "response": "h", "done": False}, {**end, "response": "i"})
    httpx.post(fake.url + "/api/generate", json={"model": "q", "prompt": "q", "system": "be brief", "format": "json"})
    assert attributes() == {
        "name": "text_completion q", "gen_ai.operation.name": "text_completion", "gen_ai.provider.name": "ollama",
        "gen_ai.request.model": "q", "gen_ai.request.stream": True, "http.response.status_code": 200,
        "gen_ai.output.type": "json", "gen_ai.response.model": "qwen3:0.6b", "gen_ai.usage.output_tokens": 7,
        "llm.inference.duration_seconds": 1.5, "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.system_instructions": [{"type": "text", "content": "be brief"}],
        "gen_ai.input.messages": USER, "gen_ai.output.messages": said("hi", "stop"),
    }  # fmt: skip


def test_ollama_embeddings_keep_no_vectors(fake: Any, attributes: Any) -> None:
    vectors = [[0.25] * 40_000, [0.5] * 40_000]
    fake.says("/api/embed", {"model": "e", "embeddings": vectors, "total_duration": 3_000_000, "prompt_eval_count": 9})
    httpx.post(fake.url + "/api/embed", json={"model": "e", "input": ["q", "r"]})
    assert attributes() == {
        "name": "embeddings e", "gen_ai.operation.name": "embeddings", "gen_ai.provider.name": "ollama",
        "gen_ai.request.model": "e", "http.response.status_code": 200, "gen_ai.response.model": "e",
        "gen_ai.usage.input_tokens": 9, "llm.inference.duration_seconds": 0.003,
        "gen_ai.input.messages": [*USER, {"role": "user", "parts": [{"type": "text", "content": "r"}]}],
    }  # fmt: skip


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
def test_ollama_errors(streamed: bool, fake: Any, watched: Any) -> None:
    if streamed:
        fake.lines("/api/chat", {"error": "out of memory"})
    else:
        fake.says("/api/chat", {"error": "out of memory"}, 500)
    httpx.post(fake.url + "/api/chat", json=OLLAMA_ASKED)
    (span,) = watched.spans()
    assert (span["status"], span["status_message"]) == ("error", "out of memory")
    assert span["attributes"]["error.type"] == ("error" if streamed else "500")


TGI = {
    "name": "text_completion", "gen_ai.operation.name": "text_completion", "gen_ai.provider.name": "tgi",
    "http.response.status_code": 200, "gen_ai.request.max_tokens": 5, "gen_ai.usage.input_tokens": 4,
    "gen_ai.usage.output_tokens": 2, "gen_ai.response.finish_reasons": ["length"], "gen_ai.input.messages": USER,
    "gen_ai.output.messages": said("hi", "length"),
}  # fmt: skip
TGI_ASKED = {"inputs": "q", "parameters": {"max_new_tokens": 5, "details": True, "decoder_input_details": True}}


@pytest.mark.parametrize(("path", "listed"), [("/generate", False), ("/", True)])
def test_tgi(path: str, listed: bool, fake: Any, attributes: Any) -> None:
    details = {"finish_reason": "length", "generated_tokens": 2, "prefill": [{"id": n} for n in range(4)]}
    answer = {"generated_text": "hi", "details": details}
    fake.says(path, [json.dumps([answer] if listed else answer).encode()])
    fake.headers = {"x-inference-time": "125"}
    httpx.post(fake.url + path, json=TGI_ASKED)
    assert attributes() == {**TGI, "llm.inference.duration_seconds": 0.125}


def test_tgi_stream(fake: Any, attributes: Any) -> None:
    fake.sse(
        "/generate_stream",
        {"index": 1, "token": {"id": 1, "text": "h", "special": False}, "generated_text": None, "details": None},
        {"index": 2, "token": {"id": 2, "text": "i", "special": False}, "generated_text": "hi",
         "details": {"finish_reason": "length", "generated_tokens": 2, "input_length": 4}},
    )  # fmt: skip
    httpx.post(fake.url + "/generate_stream", json=TGI_ASKED)
    assert attributes() == {**TGI, "gen_ai.request.stream": True}


LLAMA_END = {
    "index": 0, "content": "", "stop": True, "model": "smol", "tokens_predicted": 3, "tokens_evaluated": 12,
    "tokens_cached": 14, "stop_type": "limit",
    "timings": {"cache_n": 5, "prompt_n": 7, "prompt_ms": 100.0, "predicted_n": 3, "predicted_ms": 150.0},
}  # fmt: skip
LLAMA = {
    "name": "text_completion", "gen_ai.operation.name": "text_completion", "gen_ai.provider.name": "llama_cpp",
    "http.response.status_code": 200, "gen_ai.request.max_tokens": 3, "gen_ai.response.model": "smol",
    "gen_ai.usage.input_tokens": 12, "gen_ai.usage.output_tokens": 3, "gen_ai.usage.cache_read.input_tokens": 5,
    "llm.inference.duration_seconds": 0.25, "gen_ai.response.finish_reasons": ["length"],
    "gen_ai.input.messages": USER, "gen_ai.output.messages": said("hi", "length"),
}  # fmt: skip


@pytest.mark.parametrize("path", ["/completion", "/completions"])
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
def test_llama_cpp(path: str, streamed: bool, fake: Any, attributes: Any) -> None:
    if streamed:
        fake.sse(path, {"content": "h", "stop": False}, {"content": "i", "stop": False}, LLAMA_END)
    else:
        fake.says(path, {**LLAMA_END, "content": "hi"})
    httpx.post(fake.url + path, json={"prompt": "q", "n_predict": 3, "stream": streamed})
    assert attributes() == ({**LLAMA, "gen_ai.request.stream": True} if streamed else LLAMA)


GEMINI_PATH = "/v1beta/models/gemini-3-flash:"
GEMINI_ASKED = {
    "contents": [{"role": "user", "parts": [{"text": "q"}]}],
    "systemInstruction": {"parts": [{"text": "be brief"}]},
    "tools": [{"functionDeclarations": [{"name": "rain"}]}, {"googleSearch": {}}],
    "generationConfig": {"temperature": 1, "maxOutputTokens": 9, "responseMimeType": "application/json"},
}
GEMINI_USAGE = {
    "promptTokenCount": 30, "cachedContentTokenCount": 10, "candidatesTokenCount": 4, "thoughtsTokenCount": 6,
    "toolUsePromptTokenCount": 5, "totalTokenCount": 45,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 22}, {"modality": "AUDIO", "tokenCount": 8}],
}  # fmt: skip
GEMINI = {
    "name": "generate_content gemini-3-flash", "gen_ai.operation.name": "generate_content",
    "gen_ai.provider.name": "gcp.gemini", "gen_ai.request.model": "gemini-3-flash", "http.response.status_code": 200,
    "gen_ai.request.temperature": 1.0, "gen_ai.request.max_tokens": 9, "gen_ai.output.type": "json",
    "gen_ai.response.id": "g1", "gen_ai.response.model": "gemini-3-flash-001", "gen_ai.usage.input_tokens": 35,
    "gen_ai.usage.output_tokens": 10, "gen_ai.usage.cache_read.input_tokens": 10,
    "gen_ai.usage.reasoning.output_tokens": 6, "gen_ai.usage.audio.input_tokens": 8,
    "gen_ai.system_instructions": [{"type": "text", "content": "be brief"}], "gen_ai.input.messages": USER,
    "gen_ai.tool.definitions": [{"type": "function", "name": "rain"}, {"type": "googleSearch"}],
    "gen_ai.response.finish_reasons": ["STOP"],
    "gen_ai.output.messages": [{"role": "assistant", "finish_reason": "STOP", "parts": [
        {"type": "reasoning", "content": "well, well"}, {"type": "text", "content": "hi"},
        {"type": "tool_call", "id": "f1", "name": "rain", "arguments": {"city": "Oslo"}},
    ]}],
}  # fmt: skip
GEMINI_TOP = {"modelVersion": "gemini-3-flash-001", "responseId": "g1"}


def _candidate(*parts: Any, **more: Any) -> dict[str, Any]:
    return {**GEMINI_TOP, "candidates": [{"content": {"role": "model", "parts": list(parts)}, "index": 0, **more}]}


GEMINI_CALL = {"functionCall": {"id": "f1", "name": "rain", "args": {"city": "Oslo"}}}
GEMINI_CHUNKS = [
    _candidate({"text": "well, ", "thought": True}),
    _candidate({"text": "well", "thought": True}, {"text": "h"}),
    {**_candidate({"text": "i"}, GEMINI_CALL, finishReason="STOP"), "usageMetadata": GEMINI_USAGE},
]


def test_gemini(fake: Any, attributes: Any) -> None:
    parts = ({"text": "well, well", "thought": True}, {"text": "hi"}, GEMINI_CALL)
    answer = {**_candidate(*parts, finishReason="STOP"), "usageMetadata": GEMINI_USAGE}
    fake.says(GEMINI_PATH + "generateContent", answer)
    httpx.post(fake.url + GEMINI_PATH + "generateContent", json=GEMINI_ASKED)
    assert attributes() == GEMINI


@pytest.mark.parametrize("array", [False, True], ids=["sse", "array"])
def test_gemini_streams(array: bool, fake: Any, attributes: Any) -> None:
    path = GEMINI_PATH + "streamGenerateContent"
    if array:
        text = json.dumps(GEMINI_CHUNKS, indent=2, ensure_ascii=False).replace("},\n  {", "}\n,\r\n{").encode()
        fake.says(path, [text[at : at + 31] for at in range(0, len(text), 31)])
    else:
        fake.sse(path, *GEMINI_CHUNKS)
    with httpx.stream("POST", fake.url + path + ("" if array else "?alt=sse"), json=GEMINI_ASKED) as response:
        list(response.iter_bytes())
    assert attributes() == {**GEMINI, "gen_ai.request.stream": True}


def test_gemini_refuses(fake: Any, watched: Any) -> None:
    error = {"error": {"code": 400, "message": "too long", "status": "INVALID_ARGUMENT"}}
    fake.says(GEMINI_PATH + "streamGenerateContent", [json.dumps([error]).encode()], 400)
    httpx.post(fake.url + GEMINI_PATH + "streamGenerateContent", json=GEMINI_ASKED)
    (span,) = watched.spans()
    assert (span["status_message"], span["attributes"]["error.type"]) == ("too long", "INVALID_ARGUMENT")


@pytest.mark.parametrize(
    ("verb", "asked", "answer", "tokens"),
    [
        ("embedContent", {"content": {"parts": [{"text": "q"}]}},
         {"embedding": {"values": [1.0]}, "usageMetadata": {"promptTokenCount": 3}}, 3),
        ("batchEmbedContents", {"requests": [{"content": {"parts": [{"text": "q"}]}}]},
         {"embeddings": [{"values": [1.0]}]}, None),
        ("predict", {"instances": [{"content": "q"}]},
         {"predictions": [{"embeddings": {"values": [1.0], "statistics": {"token_count": 4}}}]}, 4),
    ],
)  # fmt: skip
def test_google_embeddings(verb: str, asked: Any, answer: Any, tokens: Any, fake: Any, attributes: Any) -> None:
    fake.says(GEMINI_PATH + verb, answer)
    httpx.post(fake.url + GEMINI_PATH + verb, json=asked)
    found = attributes()
    assert (found["name"], found.get("gen_ai.usage.input_tokens")) == ("embeddings gemini-3-flash", tokens)
    assert found["gen_ai.input.messages"] == USER


def test_counting_tokens_is_no_call(fake: Any, watched: Any) -> None:
    fake.says(GEMINI_PATH + "countTokens", {"totalTokens": 3})
    httpx.post(fake.url + GEMINI_PATH + "countTokens", json=GEMINI_ASKED)
    assert watched.spans(0) == []


COHERE_USAGE = {
    "billed_units": {"input_tokens": 5, "output_tokens": 4},
    "tokens": {"input_tokens": 70, "output_tokens": 9},
}
COHERE = {
    "name": "chat command", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "cohere",
    "gen_ai.request.model": "command", "gen_ai.request.top_p": 0.5, "http.response.status_code": 200,
    "gen_ai.response.id": "k1", "gen_ai.usage.input_tokens": 5, "gen_ai.usage.output_tokens": 4,
    "gen_ai.input.messages": USER, "gen_ai.response.finish_reasons": ["TOOL_CALL"],
    "gen_ai.output.messages": [{"role": "assistant", "finish_reason": "TOOL_CALL", "parts": [
        {"type": "reasoning", "content": "I look"}, {"type": "text", "content": "hi"},
        {"type": "tool_call", "id": "t1", "name": "rain", "arguments": {"city": "Oslo"}},
    ]}],
}  # fmt: skip
COHERE_ASKED = {"model": "command", "messages": [{"role": "user", "content": "q"}], "p": 0.5}


def test_cohere_bills_what_it_bills(fake: Any, attributes: Any) -> None:
    call = {"id": "t1", "type": "function", "function": {"name": "rain", "arguments": '{"city":"Oslo"}'}}
    message = {
        "role": "assistant",
        "tool_plan": "I look",
        "content": [{"type": "text", "text": "hi"}],
        "tool_calls": [call],
    }
    fake.says("/v2/chat", {"id": "k1", "finish_reason": "TOOL_CALL", "message": message, "usage": COHERE_USAGE})
    httpx.post(fake.url + "/v2/chat", json=COHERE_ASKED)
    assert attributes() == COHERE


def test_cohere_stream(fake: Any, attributes: Any) -> None:
    start = {"id": "t1", "type": "function", "function": {"name": "rain", "arguments": ""}}
    fake.sse(
        "/v2/chat",
        {"type": "message-start", "id": "k1", "delta": {"message": {"role": "assistant"}}},
        {"type": "tool-plan-delta", "delta": {"message": {"tool_plan": "I look"}}},
        {"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "text", "text": ""}}}},
        {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "h"}}}},
        {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "i"}}}},
        {"type": "tool-call-start", "index": 0, "delta": {"message": {"tool_calls": start}}},
        {"type": "tool-call-delta", "index": 0,
         "delta": {"message": {"tool_calls": {"function": {"arguments": '{"city":"Oslo"}'}}}}},
        {"type": "message-end", "delta": {"finish_reason": "TOOL_CALL", "usage": COHERE_USAGE}},
    )  # fmt: skip
    httpx.post(fake.url + "/v2/chat", json={**COHERE_ASKED, "stream": True})
    assert attributes() == {**COHERE, "gen_ai.request.stream": True}


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
def test_cohere_version_1(streamed: bool, fake: Any, attributes: Any) -> None:
    whole = {"text": "hi", "generation_id": "k1", "finish_reason": "COMPLETE", "meta": COHERE_USAGE}
    if streamed:
        fake.lines(
            "/v1/chat",
            {"event_type": "stream-start", "generation_id": "k1"},
            {"event_type": "text-generation", "text": "hi"},
            {"event_type": "stream-end", "finish_reason": "COMPLETE", "response": whole},
            content_type="application/stream+json",
        )
    else:
        fake.says("/v1/chat", whole)
    httpx.post(fake.url + "/v1/chat", json={"model": "command", "message": "q", "stream": streamed})
    found = attributes()
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (5, 4)
    assert (found["gen_ai.input.messages"], found["gen_ai.output.messages"]) == (USER, said("hi", "COMPLETE"))


def test_cohere_rerank_counts_searches(fake: Any, attributes: Any) -> None:
    results = [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.1}]
    fake.says("/v2/rerank", {"id": "r1", "results": results, "meta": {"billed_units": {"search_units": 1}}})
    httpx.post(fake.url + "/v2/rerank", json={"model": "rerank-4", "query": "q", "documents": ["a", "b"]})
    assert attributes() == {
        "name": "rerank rerank-4", "gen_ai.operation.name": "rerank", "gen_ai.provider.name": "cohere",
        "gen_ai.request.model": "rerank-4", "http.response.status_code": 200, "gen_ai.response.id": "r1",
        "sentinelops.metadata.search_units": 1, "gen_ai.input.messages": USER,
        "gen_ai.retrieval.documents": [{"id": "1", "score": 0.9}, {"id": "0", "score": 0.1}],
    }  # fmt: skip


def test_cohere_embeddings(fake: Any, attributes: Any) -> None:
    vectors = {"float": [[0.125] * 40_000]}
    fake.says("/v2/embed", {"id": "e1", "embeddings": vectors, "meta": {"billed_units": {"input_tokens": 2}}})
    httpx.post(fake.url + "/v2/embed", json={"model": "embed-5", "texts": ["q"], "embedding_types": ["float"]})
    found = attributes()
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.request.encoding_formats"]) == (2, ["float"])


def test_mistral_fills_in_the_middle(fake: Any, attributes: Any) -> None:
    choice = {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
    answer = {
        "id": "m1",
        "model": "codestral",
        "choices": [choice],
        "usage": {"prompt_tokens": 2, "completion_tokens": 1},
    }
    fake.says("/v1/fim/completions", answer)
    httpx.post(fake.url + "/v1/fim/completions", json={"model": "codestral", "prompt": "q", "suffix": "r"})
    found = attributes()
    assert (found["name"], found["gen_ai.provider.name"]) == ("text_completion codestral", "mistral_ai")
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.output.messages"]) == (2, said("hi", "stop"))
    assert [message["parts"][0]["content"] for message in found["gen_ai.input.messages"]] == ["q", "r"]


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
def test_mistral_conversations(streamed: bool, fake: Any, attributes: Any) -> None:
    usage = {"prompt_tokens": 8, "completion_tokens": 3, "total_tokens": 11}
    if streamed:
        fake.sse(
            "/v1/conversations",
            {"type": "conversation.response.started", "conversation_id": "conv1"},
            {"type": "message.output.delta", "id": "o1", "model": "mistral-medium", "content": "h"},
            {"type": "message.output.delta", "id": "o1", "model": "mistral-medium", "content": "i"},
            {"type": "conversation.response.done", "usage": usage},
        )
    else:
        entry = {"type": "message.output", "id": "o1", "model": "mistral-medium", "role": "assistant", "content": "hi"}
        fake.says("/v1/conversations", {"conversation_id": "conv1", "outputs": [entry], "usage": usage})
    httpx.post(fake.url + "/v1/conversations", json={"model": "mistral-medium", "inputs": "q", "stream": streamed})
    found = attributes()
    assert found["gen_ai.conversation.id"] == "conv1"
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (8, 3)
    assert (found["gen_ai.input.messages"], found["gen_ai.output.messages"]) == (USER, said("hi", None))


def test_mistral_reads_documents_by_the_page(fake: Any, attributes: Any) -> None:
    fake.says("/v1/ocr", {"model": "ocr", "pages": [{"markdown": "# T"}], "usage_info": {"pages_processed": 1}})
    httpx.post(fake.url + "/v1/ocr", json={"model": "ocr", "document": {"document_url": "https://x.example/a.pdf"}})
    assert attributes()["sentinelops.metadata.pages"] == 1


@pytest.mark.parametrize(
    "prefix", ["/v1", "/v1/projects/p/locations/l/publishers/anthropic/models/claude-5:rawPredict"]
)
def test_anthropic_at_its_own_address_and_at_vertex(prefix: str, fake: Any, attributes: Any) -> None:
    path = prefix + ("/messages" if prefix == "/v1" else "")
    usage = {"input_tokens": 2, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 0, "output_tokens": 3}
    fake.says(path, {
        "id": "a1", "type": "message", "role": "assistant", "model": "claude-5", "stop_reason": "end_turn",
        "content": [{"type": "text", "text": "hi"}], "usage": usage,
    })  # fmt: skip
    asked = {"messages": [{"role": "user", "content": "q"}], "max_tokens": 9}
    httpx.post(fake.url + path, json=asked if "Predict" in path else {**asked, "model": "claude-5"})
    found = attributes()
    assert (found["name"], found["gen_ai.usage.input_tokens"]) == ("chat claude-5", 7)
    assert found["gen_ai.usage.output_tokens"] == 3
