"""The house rules that a linter does not know: sizes, first lines, and names that must not be written down."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILE_LINES, FUNCTION_LINES, PARAMETERS = 400, 50, 7
TEST_FUNCTION_LINES = 80  # a test that compares a whole record holds that record

# path, or path::function: the reason it may be larger
EXCEPTIONS: dict[str, str] = {
    "packages/sdk/src/sentinelops/_call.py::start_call": "what one call is, by keyword only",
    "packages/sdk/src/sentinelops/_layer.py::start_layer": "as start_call",
    "packages/sdk/src/sentinelops/_score.py::score": "what a score says and is about, all but two by keyword only",
    "packages/server/src/sentinelops_server/cli/run.py::demo": "an option of the command line each",
}


def tracked(*patterns: str) -> list[Path]:
    """Files git knows of or would add: what a clone would hold."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def sources() -> list[Path]:
    return tracked("*.py")


def functions(path: Path) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{path.relative_to(ROOT)}::{node.name}", node


def is_test(path: Path) -> bool:
    return "tests" in path.relative_to(ROOT).parts


def test_no_file_is_longer_than_400_lines() -> None:
    own = [*sources(), *tracked("*.js", "*.css", "*.html", "*.sql", "Makefile", ".ci/*")]
    long = {str(p.relative_to(ROOT)): n for p in own if (n := len(p.read_text().splitlines())) > FILE_LINES}
    assert {name: n for name, n in long.items() if name not in EXCEPTIONS and ".min." not in name} == {}


def test_no_function_is_longer_than_50_lines() -> None:
    long = {
        name: (node.end_lineno or 0) - node.lineno + 1
        for path in sources()
        for name, node in functions(path)
        if (node.end_lineno or 0) - node.lineno + 1 > (TEST_FUNCTION_LINES if is_test(path) else FUNCTION_LINES)
    }
    assert {name: n for name, n in long.items() if name not in EXCEPTIONS} == {}


def test_no_function_takes_more_than_7_parameters() -> None:
    def count(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
        names = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
        return len([name for name in names if name not in ("self", "cls")])

    wide = {
        name: n
        for path in sources()
        if not is_test(path)
        for name, node in functions(path)
        if (n := count(node)) > PARAMETERS
    }
    assert {name: n for name, n in wide.items() if name not in EXCEPTIONS} == {}


def test_every_exception_is_still_needed() -> None:
    for name, reason in EXCEPTIONS.items():
        path, _, function = name.partition("::")
        assert reason
        assert (ROOT / path).exists(), f"{path} is gone: take it off the list"
        if function:
            assert function in {key.partition("::")[2] for key, _ in functions(ROOT / path)}


def test_every_module_opens_with_a_line_that_says_its_place() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in sources()
        if not is_test(path)
        if not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


def test_only_settings_reads_the_environment() -> None:
    readers = [
        str(path.relative_to(ROOT))
        for path in tracked("packages/server/src/*.py")
        if any(word in path.read_text() for word in ("os.environ", "os.getenv"))
        if path.name != "settings.py" and "/demo/" not in str(path)
    ]
    # the command line hands os.environ to settings.load
    assert readers in ([], ["packages/server/src/sentinelops_server/cli/common.py"])


def test_no_registry_is_named() -> None:
    hosts = ["pypi" + ".org", "files.pythonhosted" + ".org", "registry.npmjs" + ".org", "deb.debian" + ".org"]
    hosts += ["crates" + ".io", "proxy.golang" + ".org", "repo.maven.apache" + ".org", "repo1.maven" + ".org"]
    found = {}
    for path in tracked():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        named = [host for host in hosts if host in text]
        if named:
            found[str(path.relative_to(ROOT))] = named
    assert found == {}


def test_constraints_pin_every_version_and_no_package_of_ours() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")]
    assert all("==" in line for line in lines)
    assert [line for line in lines if line.startswith("sentinelops")] == []


@pytest.mark.parametrize("name", ["requirements-dev.txt"])
def test_every_tool_is_pinned(name: str) -> None:
    pinned = {
        line.partition("==")[0].lower().replace("_", "-") for line in (ROOT / "constraints.txt").read_text().split()
    }
    wanted = [line for line in (ROOT / name).read_text().splitlines() if line and not line.startswith("#")]
    assert [word for word in wanted if word.lower() not in pinned] == []
