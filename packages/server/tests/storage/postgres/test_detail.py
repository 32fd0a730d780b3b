from __future__ import annotations

import random
from hashlib import sha256
from typing import Any

import pytest
from sentinelops_server.errors import Permanent
from sentinelops_server.storage.postgres import detail as detail_module
from sentinelops_server.storage.postgres.detail import Detail, decode_detail, encode_detail
from storage.make import realistic_batch

EVENT = {"name": "exception", "time_ns": 17, "attributes": {"exception.type": "ValueError"}}
WRITTEN_BY_1 = "01380000850000486d696e65223a357d7d010064880410"
DIGEST_OF_1 = "14548268fee49f7e98d4649a3f709c1e5776ddd0ec1b01164b707ca01208a12e"
LINK = {"trace_id": "01" * 16, "span_id": "02" * 8, "attributes": {}}


@pytest.mark.parametrize(
    ("attributes", "events", "links"),
    [
        ({"a": 1, "b": [1.5, None, True, {"c": "ü\x00"}], "": ""}, [], []),
        ({}, [EVENT], []),
        ({}, [], [LINK]),
        ({"long": "x" * 300_000}, [EVENT] * 300, [LINK, LINK]),
    ],
)
def test_what_is_encoded_is_decoded(attributes: dict[str, Any], events: list[Any], links: list[Any]) -> None:
    assert decode_detail(encode_detail(attributes, events, links)) == Detail(attributes, events, links)


def test_nothing_said_is_nothing_kept() -> None:
    assert encode_detail({}, [], []) is None
    assert decode_detail(None) == Detail()


def test_a_model_call_is_small() -> None:
    values = [encode_detail(span.attributes, [], []) for span in realistic_batch(1, 50).spans]
    assert sum(len(value or b"") for value in values) < 50 * 130


def test_a_released_version_stays_readable() -> None:
    # written by version 1; if this fails, add a version instead of changing one
    value = bytes.fromhex(WRITTEN_BY_1)
    assert decode_detail(value).attributes == {"gen_ai.operation.name": "chat", "mine": 5}
    assert sha256(detail_module._TEXTS[1]).hexdigest() == DIGEST_OF_1


def test_what_json_cannot_hold_is_said() -> None:
    with pytest.raises(TypeError):
        encode_detail({"k": 10**30}, [], [])
    assert decode_detail(encode_detail({"k": b"\xff"}, [], [])).attributes == {"k": "ff"}


def test_an_unknown_version_is_named() -> None:
    with pytest.raises(Permanent, match="version 9, and this release knows 1"):
        decode_detail(b"\x09rest")
    with pytest.raises(Permanent, match="version 0"):
        decode_detail(b"")


def test_hostile_bytes_are_refused_and_never_large() -> None:
    chance = random.Random(4)
    good = encode_detail({"gen_ai.operation.name": "chat", "k": "v" * 500}, [EVENT], []) or b""
    hostile = [good[:cut] for cut in range(1, len(good))]
    hostile += [b"\x01" + chance.randbytes(chance.randrange(60)) for _ in range(3000)]
    hostile += [b"\x01\xff\xff\xff\xff\xff\x7f" + good[3:], b"\x01\x05" + good[3:], b"\x01" + b"\xff" * 100]
    for value in hostile:
        with pytest.raises(Permanent, match="damaged"):
            decode_detail(value)
