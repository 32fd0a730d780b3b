"""Videos are made later and tell no usage: what was asked for is recorded."""

from __future__ import annotations

import openai
import pytest
from openai_support.answers import ANSWERS
from openai_support.fake import Spans


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_video(client: openai.OpenAI, spans: Spans, monkeypatch: pytest.MonkeyPatch) -> None:
    made = {"id": "video_1", "object": "video", "model": "sora-2", "status": "queued", "seconds": "8",
            "size": "720x1280", "progress": 0, "created_at": 1}  # fmt: skip
    monkeypatch.setitem(ANSWERS, ("/videos", "sora-2"), made)
    monkeypatch.setitem(ANSWERS, ("/videos", ""), made)
    assert client.videos.create(model="sora-2", prompt="A cat", seconds="8", size="720x1280").id == "video_1"
    (span,) = spans(1)
    ours = span["attributes"]
    assert span["name"] == "video_generation sora-2"
    assert (ours["gen_ai.request.seconds"], ours["gen_ai.request.size"]) == ("8", "720x1280")
    assert ours["gen_ai.response.status"] == "queued"
    assert not [name for name in ours if "usage" in name]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_remix_says_its_model_in_the_answer(
    client: openai.OpenAI, spans: Spans, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = {"id": "video_2", "object": "video", "model": "sora-2", "status": "queued", "remixed_from_video_id": "video_1",
            "seconds": "8", "size": "720x1280", "progress": 0, "created_at": 1}  # fmt: skip
    monkeypatch.setitem(ANSWERS, ("/videos/video_1/remix", ""), made)
    assert client.videos.remix("video_1", prompt="At night").id == "video_2"
    (span,) = spans(1)
    assert span["name"] == "video_generation"
    wanted = {"gen_ai.response.model": "sora-2", "gen_ai.response.status": "queued", "gen_ai.response.id": "video_2"}
    assert wanted.items() <= span["attributes"].items()
    assert "At night" in span["attributes"]["gen_ai.input.messages"]
