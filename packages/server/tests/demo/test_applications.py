"""Each scene of the demo's applications, played with the real model: the spans it makes are those its users caused."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator

import pytest
import sentinelops
from openai import APITimeoutError
from sentinelops.testing import Captured, capture
from sentinelops_server.demo import mail, support
from sentinelops_server.demo.desk import Conversation
from sentinelops_server.demo.model import MODEL, ModelAddresses
from sentinelops_server.demo.traffic import Options, Scene, play


@pytest.fixture(scope="module", autouse=True)
def instrumented() -> Iterator[None]:
    sentinelops.instrument("openai")
    yield
    sentinelops.uninstrument("openai")


@pytest.fixture(scope="module")
def options(model: ModelAddresses) -> Options:
    return Options(model.chat, model.embeddings, model.model)


@pytest.fixture(scope="module")
def customers(options: Options, instrumented: None) -> support.Customers:
    customers = support.scenes(options)[0].act.__self__
    customers.desk.read_handbook()
    return customers


@pytest.fixture
def office(options: Options) -> mail.Office:
    return mail.Office(options)


@pytest.fixture
def captured() -> Iterator[Captured]:
    with capture() as found:
        yield found


def calls(captured: Captured) -> list[dict]:
    return [span for span in captured.spans if "gen_ai.provider.name" in span["attributes"]]


def types(captured: Captured) -> list[str]:
    return sorted(kind for span in captured.spans if (kind := span["attributes"].get("sentinelops.span.type")))


def test_the_handbook_is_embedded_in_one_call(customers, captured):
    assert customers.desk.read_handbook() == 7
    [call] = calls(captured)
    assert call["name"] == f"embeddings {MODEL}"
    assert call["attributes"]["gen_ai.usage.input_tokens"] > 300
    assert call["parent_id"] == captured.named("read_handbook")["span_id"]


def test_the_handbook_is_read_when_it_is_first_looked_into_and_the_model_is_called_before(options, captured):
    desk = support.scenes(options)[0].act.__self__.desk
    assert captured.spans == []
    desk.answer(Conversation(), "What does a new sole cost?", patience=1)
    first, handbook, *_ = sorted(calls(captured), key=lambda span: span["start_ns"])
    assert first["attributes"]["gen_ai.operation.name"] == "chat"
    assert handbook["parent_id"] == captured.named("read_handbook")["span_id"]
    assert len(desk.pages) == 7


def test_a_question_becomes_one_trace_of_agent_route_retrieval_tool_and_streamed_answer(customers, captured):
    with sentinelops.context(session="visit-1", user="ana", metadata={"prompt_version": "v2"}):
        said = customers.desk.answer(Conversation(), "Where is my order A-1042?")
    agent = captured.named("support_agent")
    assert len({span["trace_id"] for span in captured.spans}) == 1
    assert types(captured) == ["agent", "retrieval", "tool"]
    tool, retrieval = captured.named("look_up_order"), captured.named("search_handbook")
    assert {tool["parent_id"], retrieval["parent_id"]} == {agent["span_id"]}
    assert "Ridge tent" in tool["attributes"]["sentinelops.output"]
    assert ".md" in retrieval["attributes"]["sentinelops.output"]
    route, embedding, answer = sorted(calls(captured), key=lambda span: span["start_ns"])
    assert route["attributes"]["gen_ai.output.type"] == "json"
    assert embedding["parent_id"] == retrieval["span_id"]
    assert answer["attributes"]["gen_ai.request.stream"] is True
    assert answer["attributes"]["gen_ai.response.time_to_first_chunk"] > 0
    assert answer["attributes"]["gen_ai.usage.output_tokens"] > 0
    assert said[:20] in captured_text(answer)
    for span in captured.spans:
        assert span["attributes"]["session.id"] == "visit-1"
        assert span["attributes"]["user.id"] == "ana"
        assert span["attributes"]["sentinelops.metadata.prompt_version"] == "v2"
    [brief] = captured.scores
    assert (brief["attributes"]["gen_ai.evaluation.name"], brief["span_id"]) == ("brief", agent["span_id"])


def captured_text(span: dict) -> str:
    import json

    [message] = json.loads(span["attributes"]["gen_ai.output.messages"])
    return "".join(part.get("content", "") for part in message["parts"])


def test_an_order_that_does_not_exist_fails_the_tool_not_the_conversation(customers, captured):
    assert customers.desk.answer(Conversation(), "I cannot find order A-9999 in my account!")
    assert captured.named("look_up_order")["status"] == "error"
    assert captured.named("support_agent")["status"] != "error"


def test_a_conversation_keeps_its_session_over_several_turns(customers, captured):
    customers.converse(random.Random(4))  # asks twice, and says how it was
    turns = [span for span in captured.spans if span["name"] == "support_agent"]
    assert len(turns) == 2
    assert len({span["trace_id"] for span in turns}) == 2
    [session] = {span["attributes"]["session.id"] for span in captured.spans}
    *brief, helpful = captured.scores
    assert [score["trace_id"] for score in brief] == [turn["trace_id"] for turn in turns]
    assert (helpful["trace_id"], helpful["attributes"]["session.id"]) == (None, session)


def test_a_customer_who_leaves_early_cancels_the_stream(customers, captured):
    customers.leave_early(random.Random(1))
    [streamed] = [span for span in calls(captured) if span["attributes"].get("gen_ai.request.stream")]
    assert streamed["attributes"]["sentinelops.outcome"] == "cancelled"
    assert streamed["status"] != "error"


def test_a_prompt_that_is_too_long_fails_for_real(customers, captured):
    customers.paste_too_much(random.Random(1))
    failed = [span for span in calls(captured) if span["status"] == "error"]
    assert [span["attributes"]["http.response.status_code"] for span in failed] == [400]
    assert "exceeds the available context size" in failed[0]["status_message"]
    assert len(calls(captured)) == 4


def test_a_client_in_a_hurry_times_out_for_real(customers, captured):
    with pytest.raises(APITimeoutError):
        customers.hurry(random.Random(1))
    [call] = calls(captured)
    assert call["status"] == "error"
    assert "APITimeoutError" in call["attributes"]["error.type"]


def test_a_letter_becomes_a_summary_in_the_form_asked_for(office, captured):
    summary = office.summarise("Dear team, the ridge tent arrived without pegs. I need them by Friday. Tomas")
    [call] = calls(captured)
    assert call["attributes"]["gen_ai.output.type"] == "json"
    assert summary is None or isinstance(summary.urgent, bool)
    assert call["parent_id"] == captured.named("summarise")["span_id"]


def test_three_subject_lines_are_asked_for_at_the_same_time(office, captured):
    office.subjects(random.Random(1))
    three = calls(captured)
    assert len(three) == 3
    assert {span["parent_id"] for span in three} == {captured.named("propose_subjects")["span_id"]}
    assert max(span["start_ns"] for span in three) < min(span["end_ns"] for span in three)


def test_the_digest_goes_through_the_responses_api(office, captured):
    office.digest(random.Random(1))
    [call] = calls(captured)
    assert call["attributes"]["openai.api.type"] == "responses"
    assert call["attributes"]["sentinelops.tags"] == ["batch", "digest"]


def test_play_draws_scenes_and_survives_what_a_model_call_raises(options, capsys):
    stop, acted = threading.Event(), []

    def fail(rng: random.Random) -> None:
        acted.append("fail")
        raise APITimeoutError(request=None)  # type: ignore[arg-type]

    def succeed(rng: random.Random) -> None:
        acted.append("succeed")
        if len(acted) > 5:
            stop.set()

    play([Scene(1, fail), Scene(1, succeed)], Options("", "", "", load=1.0, seed=4), stop)
    assert {"fail", "succeed"} == set(acted)
    assert acted[0] == "fail"  # the first of the list opens
    assert "APITimeoutError" in capsys.readouterr().err
