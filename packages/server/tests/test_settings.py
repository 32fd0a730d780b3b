"""Settings: one table, clear errors, and a hint at misspellings."""

from __future__ import annotations

from pathlib import Path

import pytest
from sentinelops_server.settings import SETTINGS, SettingsError, load, shown


def test_nothing_set_runs_on_this_machine_only() -> None:
    server = load({}).server
    assert (server.host, server.port, server.otlp_http_port, server.otlp_grpc_port) == ("127.0.0.1", 8787, 4318, 4317)
    assert server.database_url is None
    assert server.metrics_public


def test_a_flag_wins_over_the_environment_and_none_is_no_flag() -> None:
    environ = {"SENTINELOPS_PORT": "9000", "SENTINELOPS_HOST": "0.0.0.0"}
    server = load(environ, {"port": 0, "host": None}).server
    assert (server.port, server.host) == (0, "0.0.0.0")


def test_an_empty_variable_is_not_set() -> None:
    assert load({"SENTINELOPS_PORT": ""}).server.port == 8787


def test_a_folder_may_begin_at_home() -> None:
    assert load({"SENTINELOPS_DATA_DIR": "~/so"}).server.data_dir == Path.home() / "so"


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("SENTINELOPS_PORT", "http", "a whole number"),
        ("SENTINELOPS_PORT", "70000", "0 to 65535"),
        ("SENTINELOPS_LOG_LEVEL", "loud", "one of debug, info"),
        ("SENTINELOPS_DATABASE_URL", "mysql://x", "postgresql://"),
        ("SENTINELOPS_SHUTDOWN_SECONDS", "0", "above 0"),
        ("SENTINELOPS_OTLP_HTTP_PORT", "8787", "must differ"),
    ],
)
def test_a_value_that_will_not_do_names_its_variable_and_what_would(variable: str, value: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said) as error:
        load({variable: value})
    assert variable in str(error.value)


def test_a_misspelt_variable_is_told() -> None:
    warnings = load({"SENTINELOPS_DATABSE_URL": "x", "SENTINELOPS_API_KEY": "y", "SENTINELOPS_ZEBRA": "z"}).warnings
    assert warnings == ("SENTINELOPS_DATABSE_URL is not a setting; did you mean SENTINELOPS_DATABASE_URL?",)


def test_metrics_are_open_on_loopback_only_unless_told() -> None:
    assert not load({"SENTINELOPS_HOST": "0.0.0.0"}).server.metrics_public
    assert load({"SENTINELOPS_HOST": "0.0.0.0", "SENTINELOPS_METRICS_ACCESS": "public"}).server.metrics_public
    assert not load({"SENTINELOPS_METRICS_ACCESS": "key"}).server.metrics_public


def test_passwords_are_not_shown() -> None:
    settings = load({"SENTINELOPS_DATABASE_URL": "postgresql://me:hunter2@db/so"})
    assert "hunter2" not in repr(settings)
    [url] = [s for s in SETTINGS if s.name == "DATABASE_URL"]
    assert shown(settings, url) == "postgresql://me:***@db/so"


def test_every_setting_fills_a_field_and_says_what_it_is_for() -> None:
    settings = load({})
    for setting in SETTINGS:
        assert hasattr(getattr(settings, setting.room), setting.field), setting.name
        assert setting.help
    assert len({s.name for s in SETTINGS}) == len(SETTINGS)
