"""Zero code: `sentinelops-run` and SENTINELOPS_AUTO_INSTRUMENT, with real processes, a real provider and a real sink."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openai_support.fake import FakeOpenAI
from otlp_sink import Sink

SRC = Path(__file__).parents[1] / "src"
RUN = [sys.executable, "-c", "import sys; from sentinelops._auto import main; sys.exit(main())"]
APP = """
import os, sys
assert "openai" not in sys.modules and "opentelemetry.sdk" not in sys.modules, "loaded before it was asked for"
import openai
client = openai.OpenAI(api_key="none", base_url=os.environ["PROVIDER"], max_retries=0)
print(client.chat.completions.create(model="plain", messages=[{"role": "user", "content": "hi"}]).id)
"""


@pytest.fixture(scope="module")
def provider() -> Iterator[FakeOpenAI]:
    fake = FakeOpenAI()
    yield fake
    fake.stop()


@pytest.fixture
def environment(provider: FakeOpenAI, sink: Sink) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("SENTINELOPS_", "OTEL_", "PYTHON"))}
    return {
        **kept, "PYTHONPATH": str(SRC), "PROVIDER": provider.url, "SENTINELOPS_ENDPOINT": sink.url,
        "SENTINELOPS_METRICS": "off",
    }  # fmt: skip


def run(command: list[str], environment: dict[str, str], **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60, **options)


def calls(sink: Sink) -> list[Any]:
    return [span for span in sink.spans() if span["name"] == "chat plain"]


def test_a_script_is_seen_without_a_change(tmp_path: Path, environment: dict[str, str], sink: Sink) -> None:
    (tmp_path / "app.py").write_text(APP)
    options = ["--application", "shop", "--environment=tests"]
    done = run([*RUN, *options, sys.executable, "app.py", "--help"], environment, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("chatcmpl")
    assert len(calls(sink)) == 1
    assert {"service.name": "shop", "deployment.environment.name": "tests"}.items() <= calls(sink)[0][
        "resource"
    ].items()


def test_a_module_and_without_the_runner_nothing(tmp_path: Path, environment: dict[str, str], sink: Sink) -> None:
    (tmp_path / "shop_app.py").write_text(APP)
    assert run([sys.executable, "shop_app.py"], environment, cwd=tmp_path).returncode == 0
    assert calls(sink) == []
    environment["PYTHONPATH"] += os.pathsep + str(tmp_path)
    done = run([*RUN, "-m", "shop_app"], environment, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(calls(sink)) == 1


def test_the_variable_alone_where_the_sdk_is_installed(tmp_path: Path, environment: dict[str, str], sink: Sink) -> None:
    """As a wheel puts it: `sentinelops_auto.pth` in a folder of site-packages."""
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sentinelops_auto.pth").write_text((SRC / "sentinelops_auto.pth").read_text())
    start = f"import site, runpy; site.addsitedir({str(tmp_path / 'site')!r}); runpy.run_path('app.py')"
    for value, seen in (("", 0), ("0", 0), ("1", 1)):
        done = run([sys.executable, "-c", start], {**environment, "SENTINELOPS_AUTO_INSTRUMENT": value}, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, ""), value
        assert len(calls(sink)) == seen, value


@pytest.mark.parametrize("module", ["httpx", "httpx2", "requests"])
def test_plain_http_is_seen_from_the_import_on(module: str, environment: dict[str, str], sink: Sink) -> None:
    body = "{'model': 'plain', 'messages': [{'role': 'user', 'content': 'hi'}]}"
    script = f"import os, {module}; {module}.post(os.environ['PROVIDER'] + '/chat/completions', json={body})"
    hosts = environment["PROVIDER"].split("/")[2]
    done = run([*RUN, "--hosts", hosts, sys.executable, "-c", script], environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(calls(sink)) == 1


def test_a_broken_installation_does_not_stop_the_interpreter(tmp_path: Path, environment: dict[str, str]) -> None:
    (tmp_path / "sentinelops").mkdir()
    (tmp_path / "sentinelops" / "__init__.py").write_text("raise RuntimeError('half installed')")
    (tmp_path / "sentinelops_auto.pth").write_text((SRC / "sentinelops_auto.pth").read_text())
    start = f"import site, sys; sys.path.insert(0, {str(tmp_path)!r}); site.addsitedir({str(tmp_path)!r}); print('up')"
    environment = {**environment, "PYTHONPATH": "", "SENTINELOPS_AUTO_INSTRUMENT": "1"}
    done = run([sys.executable, "-c", start], environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, "up\n", "")


def test_children_of_every_kind_are_seen(tmp_path: Path, environment: dict[str, str], sink: Sink) -> None:
    (tmp_path / "app.py").write_text(
        APP.replace("import openai\n", "import multiprocessing, subprocess\n").replace("client =", "def call():\n    import openai\n    client =")
        .replace("\nprint(", "\n    print(")
        + """
if __name__ == "__main__":
    call()
    if not os.fork():
        call()
        sys.stdout.flush()
        import sentinelops; sentinelops.flush(); os._exit(0)
    os.wait()
    child = multiprocessing.get_context("spawn").Process(target=call)
    child.start(); child.join(); assert child.exitcode == 0
    subprocess.run([sys.executable, "-c", "import app; app.call()"], check=True)
"""
    )  # fmt: skip
    done = run([*RUN, sys.executable, "app.py"], environment, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(calls(sink)) == 4
    assert len({span["trace_id"] for span in calls(sink)}) == 4


def test_an_existing_sitecustomize_runs_first(tmp_path: Path, environment: dict[str, str], sink: Sink) -> None:
    (tmp_path / "sitecustomize.py").write_text("import builtins; builtins.theirs = __file__")
    (tmp_path / "app.py").write_text(APP + "\nprint(theirs)\nimport sitecustomize; print(sitecustomize.__file__)")
    environment["PYTHONPATH"] += os.pathsep + str(tmp_path)
    done = run([*RUN, sys.executable, "app.py"], environment, cwd=tmp_path)
    assert done.stdout.splitlines()[1:] == [str(tmp_path / "sitecustomize.py")] * 2
    assert len(calls(sink)) == 1


@pytest.mark.parametrize("code", [0, 3])
def test_exit_codes_standard_input_and_arguments_are_the_commands_own(code: int, environment: dict[str, str]) -> None:
    script = f"import sys; print(sys.stdin.read(), sys.argv[1:]); sys.exit({code})"
    done = run([*RUN, "--", sys.executable, "-c", script, "-m", "--application"], environment, input="typed")
    assert (done.returncode, done.stdout) == (code, "typed ['-m', '--application']\n")


def test_a_signal_reaches_the_program_itself(environment: dict[str, str]) -> None:
    script = "import os, signal; print(os.getpid(), flush=True); signal.pause()"
    with subprocess.Popen(
        [*RUN, sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert int(process.stdout.readline()) == process.pid
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == -signal.SIGTERM


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["no-such-command"], 127, "sentinelops-run: no such command: no-such-command\n"),
        ([], 2, "sentinelops-run: no command given; try: sentinelops-run python app.py\n"),
        (["--aplication", "x", "python"], 2, "there is no option --aplication; see sentinelops-run --help\n"),
        (["--application"], 2, "--application needs a value; see sentinelops-run --help\n"),
        (["/etc/passwd"], 126, "sentinelops-run: /etc/passwd cannot be executed (python /etc/passwd?)\n"),
    ],
    ids=["command", "none", "option", "value", "executable"],
)
def test_mistakes_are_said(arguments: list[str], code: int, said: str, environment: dict[str, str]) -> None:
    done = run([*RUN, *arguments], environment)
    assert (done.returncode, done.stderr.endswith(said)) == (code, True), done.stderr


def test_help_shows_examples_and_is_the_page(environment: dict[str, str]) -> None:
    shown = run([*RUN, "--help"], environment).stdout
    assert "sentinelops-run python app.py" in shown
    assert shown in (SRC.parents[2] / "docs" / "zero-code.md").read_text()


def test_no_server_and_a_wrong_setting_cost_the_telemetry_only(tmp_path: Path, environment: dict[str, str]) -> None:
    (tmp_path / "app.py").write_text(APP)
    for wrong, said in (
        ({"SENTINELOPS_ENDPOINT": "http://127.0.0.1:1"}, ""),
        ({"SENTINELOPS_COMPRESSION": "zip"}, 'sentinelops: not watching: compression is'),
    ):  # fmt: skip
        done = run([*RUN, sys.executable, "app.py"], {**environment, **wrong}, cwd=tmp_path)
        assert done.returncode == 0
        assert done.stdout.startswith("chatcmpl")
        assert said in done.stderr


def test_what_the_application_configures_itself_stands(tmp_path: Path, environment: dict[str, str], sink: Sink) -> None:
    own = "import sentinelops; sentinelops.configure(application='own'); sentinelops.instrument()\n"
    (tmp_path / "app.py").write_text(own + APP.replace(' and "opentelemetry.sdk" not in sys.modules', ""))
    done = run([*RUN, "--application", "shop", sys.executable, "app.py"], environment, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(calls(sink)) == 1
    assert calls(sink)[0]["resource"]["service.name"] == "own"
