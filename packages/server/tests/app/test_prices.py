"""Own prices from a file and from the API: which one holds, what a bad file says, and that a good one is read again."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sentinelops_server.app.prices import OwnPrices, PriceFileError, read_prices
from sentinelops_server.app.server import Server, StartError
from sentinelops_server.model import LLMRequest
from sentinelops_server.pipeline.price import Pricer
from sentinelops_server.query.prices import add_price, delete_price
from sentinelops_server.settings import load
from sentinelops_server.storage.postgres.database import Database

NOW_NS = 1_795_000_000_000_000_000  # 2026-11-18
ROW = {"provider": "openai", "model": "gpt-4o", "prices": {"input": 1, "output": 2}}


def priced(pricer: Pricer, model: str = "gpt-4o", at_ns: int = NOW_NS) -> tuple[Decimal | None, str | None]:
    request = LLMRequest(
        trace_id=b"\1" * 16,
        span_id=b"\2" * 8,
        timestamp_ns=at_ns,
        provider="openai",
        model=model,
        application="shop",
        environment="test",
        operation="chat",
        status="ok",
        duration=1.0,
        prompt_tokens=1_000_000,
        completion_tokens=0,
    )
    pricer.price(request)
    return request.estimated_cost, request.price_version


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes the file as a person or a deployment would, each time with a time of its own."""
    times = iter(range(1_700_000_000, 1_700_001_000))

    def write(content: Any, name: str = "prices.json") -> Path:
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        os.utime(path, (at := next(times), at))
        return path

    return write


def test_a_json_and_a_toml_file_say_the_same(write: Callable[..., Path]) -> None:
    as_json = write([{**ROW, "prices": {"input": 0.1}, "valid_from": "2026-01-31"}])
    as_toml = write(
        '[[override]]\nprovider = "openai"\nmodel = "gpt-4o"\nprices = { input = 0.1 }\nvalid_from = 2026-01-31\n',
        "prices.toml",
    )
    [row] = read_prices(as_json)
    assert read_prices(as_toml) == [row]
    assert row["prices"]["input"] == Decimal("0.1")
    assert row["valid_from"] == datetime(2026, 1, 31, tzinfo=UTC)


def test_the_documented_files_are_read(tmp_path: Path) -> None:
    text = (Path(__file__).resolve().parents[4] / "docs" / "ingest.md").read_text()
    for kind in ("json", "toml"):
        path = tmp_path / f"prices.{kind}"
        path.write_text(text.split(f"```{kind}\n")[1].split("```")[0])
        assert read_prices(path)


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        ('[\n{"provider": }\n]', "p.json", "line 2 column"),
        ('[[override]]\nprovider = "openai"\nmodel = \n', "p.toml", "line 3"),
        (
            [ROW, {**ROW, "model": "o1", "prices": {"inptu": 1}}],
            "p.json",
            r"row 2: .*'inptu' is no price; those are input",
        ),
        ([{**ROW, "prices": {"input": "a lot"}}], "p.json", "row 1: .*input must be a number of dollars"),
        ([{**ROW, "prices": {"input": -1}}], "p.json", "row 1: .*must not be negative"),
        ([{**ROW, "prices": {}}], "p.json", "row 1: .*prices must be an object"),
        ([{"provider": "openai", "prices": {"input": 1}}], "p.json", "row 1: model is missing"),
        ([{**ROW, "provider": 7}], "p.json", "row 1: provider must be a text"),
        ([{**ROW, "valid_form": "2026-01-01"}], "p.json", "row 1: 'valid_form' is not known"),
        ([{**ROW, "valid_from": "soon"}], "p.json", "row 1: valid_from must be a date"),
        ([{**ROW, "valid_from": 2026}], "p.json", "row 1: valid_from must be a date"),
        ([ROW, ROW], "p.json", "row 2: it says the same as row 1"),
        (["gpt-4o"], "p.json", "row 1: it is no object"),
        ({"prices": []}, "p.json", "holds no list"),
        ("[" * 100_000, "p.json", "cannot be read"),
    ],
)
def test_a_bad_file_says_where(write: Callable[..., Path], content: Any, name: str, words: str) -> None:
    with pytest.raises(PriceFileError, match=words) as raised:
        read_prices(write(content, name))
    assert name in str(raised.value)


def test_a_file_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(PriceFileError, match="No such file"):
        read_prices(tmp_path / "none.json")
    (tmp_path / "p.json").write_bytes(b"[\n\xff]")
    with pytest.raises(PriceFileError, match="not UTF-8 in line 2"):
        read_prices(tmp_path / "p.json")


def test_a_server_does_not_start_on_a_bad_file(write: Callable[..., Path], tmp_path: Path) -> None:
    path = write([ROW, {**ROW, "prices": 3}])
    free = {"port": 0, "otlp_http_port": 0, "otlp_grpc_port": 0, "prometheus": "off"}
    server = Server(load({"SENTINELOPS_PRICES_FILE": str(path)}, {**free, "data_dir": tmp_path / "data"}))
    with pytest.raises(StartError, match=r"prices\.json, row 2: .*prices must be an object") as raised:
        server.start()
    assert "SENTINELOPS_PRICES_FILE" in raised.value.fix


def test_the_api_goes_before_the_file_for_the_same_model(write: Callable[..., Path], database: Database) -> None:
    pricer = Pricer()
    own = OwnPrices(pricer, database, write([{**ROW, "valid_from": "2026-06-01"}, {**ROW, "model": "gpt-4*"}]))
    assert priced(pricer) == (Decimal(1), "override file")
    row = add_price(database, "openai", "gpt-4o", {"input": 5})
    own.reload()
    assert priced(pricer) == (Decimal(5), f"override {row['id']}")
    # what is nearer to the call wins, wherever it is from
    add_price(database, "openai", "gpt*", {"input": 9})
    own.reload()
    assert priced(pricer, "gpt-4.1") == (Decimal(1), "override file")
    delete_price(database, row["id"])
    own.reload()
    assert priced(pricer) == (Decimal(1), "override file")


def test_until_the_apis_row_holds_the_file_does(write: Callable[..., Path], database: Database) -> None:
    pricer = Pricer()
    add_price(database, "openai", "gpt-4o", {"input": 5}, datetime(2026, 11, 10, tzinfo=UTC))
    OwnPrices(pricer, database, write([ROW]))
    assert priced(pricer)[0] == 5
    assert priced(pricer, at_ns=NOW_NS - 20 * 86_400 * 10**9)[0] == 1


def test_a_changed_file_is_read_again_and_a_bad_one_told_once(
    write: Callable[..., Path], database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    pricer = Pricer()
    path = write([ROW])
    own = OwnPrices(pricer, database, path)
    write([{**ROW, "prices": {"input": 3}}])
    own.reload()
    assert priced(pricer)[0] == 3

    write("[{")
    for _ in range(3):
        own.reload()
    path.unlink()
    for _ in range(3):
        own.reload()
    assert priced(pricer)[0] == 3
    assert len(caplog.records) == 2, caplog.text
    assert "line 1" in caplog.text and "No such file" in caplog.text and "stay in use" in caplog.text

    write([{**ROW, "prices": {"input": 4}}])
    own.reload()
    assert priced(pricer)[0] == 4
    assert len(caplog.records) == 2


def test_without_a_file_only_the_api_counts(database: Database) -> None:
    pricer = Pricer()
    OwnPrices(pricer, database)
    assert (priced(pricer)[1] or "").startswith("genai-prices")
