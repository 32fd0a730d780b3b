"""APIs that the user describes, hosts that he names, and what is said about mistakes in both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from sentinelops import _config
from sentinelops._config import load
from sentinelops.instrument._wire.hosts import Hosts, parse_hosts
from sentinelops.instrument._wire.mapping import parse_formats, path_of

FORMAT: dict[str, Any] = {
    "host": "models.example",
    "path": "/v1/run/*",
    "provider": "acme",
    "request": {"model": "$.engine", "messages": "$.turns", "max_tokens": "$.limit", "stream": "$.live"},
    "response": {
        "text": "$.result.pieces[*].text", "model": "$.result.engine", "input_tokens": "$.cost.read",
        "output_tokens": "$.cost.written", "cached_tokens": "$.cost.kept", "finish_reason": "$.result.why", "id": "$.id",
        "error": "$.fault",
    },
    "stream": {"framing": "sse", "text": "$.piece"},
}  # fmt: skip
ASKED = {"engine": "e1", "turns": [{"role": "user", "content": "q"}], "limit": 9}
DESCRIBED = {
    "name": "chat e1", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "acme", "gen_ai.request.model": "e1",
    "gen_ai.request.max_tokens": 9, "http.response.status_code": 200, "gen_ai.response.id": "r1",
    "gen_ai.response.model": "e1-b", "gen_ai.usage.input_tokens": 4, "gen_ai.usage.output_tokens": 2,
    "gen_ai.usage.cache_read.input_tokens": 1, "gen_ai.response.finish_reasons": ["end"],
    "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": "q"}]}],
    "gen_ai.output.messages": [
        {"role": "assistant", "parts": [{"type": "text", "content": "hi"}], "finish_reason": "end"}
    ],
}  # fmt: skip
COST = {"read": 4, "written": 2, "kept": 1}


def described(fake: Any, **changed: Any) -> list[dict[str, Any]]:
    return [{**FORMAT, "host": f"127.0.0.1:{fake.port}", **changed}]


def test_a_described_answer(fake: Any, watched: Any, attributes: Any) -> None:
    watched.configure(hosts=[], http_formats=described(fake))
    result = {"engine": "e1-b", "pieces": [{"text": "h"}, {"text": "i"}], "why": "end"}
    fake.says("/v1/run/now", {"id": "r1", "result": result, "cost": COST})
    httpx.post(fake.url + "/v1/run/now", json=ASKED)
    httpx.post(fake.url + "/v2/other", json=ASKED)
    assert attributes() == DESCRIBED


@pytest.mark.parametrize("framing", ["sse", "ndjson", "json"])
def test_a_described_stream(framing: str, fake: Any, watched: Any, attributes: Any) -> None:
    watched.configure(hosts=[], http_formats=described(fake, stream={"framing": framing, "text": "$.piece"}))
    events = [{"id": "r1", "piece": "h"}, {"piece": "i"}, {"result": {"engine": "e1-b", "why": "end"}, "cost": COST}]
    if framing == "sse":
        fake.sse("/v1/run/now", *events)
    elif framing == "ndjson":
        fake.lines("/v1/run/now", *events, content_type="application/json")
    else:
        fake.says("/v1/run/now", events and [json.dumps(events).encode()])
    httpx.post(fake.url + "/v1/run/now", json={**ASKED, "live": True})
    assert attributes() == {**DESCRIBED, "gen_ai.request.stream": True}


def test_a_described_failure(fake: Any, watched: Any) -> None:
    watched.configure(hosts=[], http_formats=described(fake))
    fake.says("/v1/run/now", {"fault": "no engine"})
    httpx.post(fake.url + "/v1/run/now", json=ASKED)
    (span,) = watched.spans()
    assert (span["status"], span["status_message"]) == ("error", "no engine")


TOML = """
[[formats]]
host = "models.example"
path = "/v1/run/*"
response = { text = "$.out" }
"""


def test_formats_from_files_and_variables(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(TOML)
    (tmp_path / "a.json").write_text(json.dumps([FORMAT]))
    assert load({"SENTINELOPS_HTTP_FORMATS": str(tmp_path / "a.toml")}, {}).http_formats[0].path == "/v1/run/*"
    from_file = load({"SENTINELOPS_HTTP_FORMATS": str(tmp_path / "a.json")}, {}).http_formats
    assert from_file == load({}, {"http_formats": [FORMAT]}).http_formats
    assert load({}, {"http_formats": [FORMAT]}) == load({}, {"http_formats": [FORMAT]})


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"host": ""}, "format 1 has no host"),
        ({"hosts": "x"}, "format 1 has hosts: it may have host, path"),
        ({"path": "run"}, "format 1: path is 'run': begin it with / or *"),
        ({"operation": "talk"}, "format 1: operation is 'talk': choose chat,"),
        ({"response": {"words": "$.a"}}, "format 1: response has words: it may have text"),
        ({"response": {"text": "$.a..b"}}, "format 1: response.text: '$.a..b' is no path"),
        ({"response": {"text": 1}}, "format 1: response.text is a int: give a path"),
        ({"response": []}, "format 1 has no response"),
        ({"stream": {"framing": "xml"}}, "format 1: framing is 'xml': choose sse, ndjson, json"),
        ({"stream": True}, "format 1: stream is a bool"),
        ({"host": "*"}, "'*' is every host"),
    ],
    ids=lambda value: "" if isinstance(value, str) else next(iter(value)),
)
def test_mistakes_are_said_at_the_start(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match="http_formats: ") as raised:
        load({}, {"http_formats": [{**FORMAT, **changed}]})
    assert said in str(raised.value)


def test_a_file_that_is_not_there_is_said() -> None:
    with pytest.raises(ValueError, match=r"SENTINELOPS_HTTP_FORMATS is .*cannot be read"):
        load({"SENTINELOPS_HTTP_FORMATS": "/no/such.toml"}, {})
    assert parse_formats("[]") == ()
    assert "http_formats" in _config.VARIABLES


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$.a.b[1].c", 2), ("a.b[-1].c", 2), ("$.a.b.0.c", 1), ("$.a.b[*].c", [1, 2]), ("$.t[*]", "xy"), ("$.no.b", None),
        ("$.a.b[7].c", None), ("$.a[*]", None), ("$", {"a": {"b": [{"c": 1}, {"c": 2}]}, "t": ["x", "y"]}),
    ],
)  # fmt: skip
def test_paths(path: str, found: Any) -> None:
    assert path_of(path)({"a": {"b": [{"c": 1}, {"c": 2}]}, "t": ["x", "y"]}) == found


@pytest.mark.parametrize(
    ("host", "port", "provider"),
    [
        ("api.openai.com", 443, "openai"), ("generativelanguage.googleapis.com", 443, "gcp.gemini"),
        ("europe-west1-aiplatform.googleapis.com", 443, "gcp.vertex_ai"), ("localhost", 11434, "ollama"),
        ("gpu-box", 8000, "vllm"), ("GPU-BOX", 8000, "vllm"), ("gpu-box", 8001, None), ("a.models.example", 1, "openai_compatible"),
        ("models.example", 1, None), ("localhost", 8000, None), ("localhost", 8080, None), ("::1", 9000, "openai_compatible"),
        ("notopenai.com", 443, None),
    ],
)  # fmt: skip
def test_hosts(host: str, port: int, provider: str | None) -> None:
    hosts = Hosts(parse_hosts("http://gpu-box:8000=vllm, *.models.example, [::1]:9000"))
    for _ in range(2):
        endpoint = hosts.endpoint(host, port)
        assert (endpoint and endpoint.provider) == provider


@pytest.mark.parametrize("wrong", ["*", "a b", "host:port", "host:0", "a/b", 7])
def test_hosts_that_cannot_be(wrong: Any) -> None:
    with pytest.raises(ValueError, match="hosts: "):
        load({}, {"hosts": [wrong]})
