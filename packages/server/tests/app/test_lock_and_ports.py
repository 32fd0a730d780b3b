"""One data folder, one server; a port that is taken is named together with the way out."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from sentinelops_server.app.files import private_folder, read_private, write_private
from sentinelops_server.app.listen import PortInUse, bind
from sentinelops_server.app.lock import DataDirInUse, DataDirLock

HOLD = """
import sys, pathlib
from sentinelops_server.app.lock import DataDirLock
lock = DataDirLock(pathlib.Path(sys.argv[1])); lock.acquire(); print("held", flush=True); sys.stdin.read()
"""


def test_the_second_server_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    first = DataDirLock(tmp_path)
    first.acquire()
    assert DataDirLock(tmp_path).holder() == os.getpid()
    with pytest.raises(DataDirInUse, match=f"process id {os.getpid()}"):
        DataDirLock(tmp_path).acquire()
    first.release()
    first.release()
    assert DataDirLock(tmp_path).holder() is None


def test_a_killed_holder_leaves_no_lock(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == b"held\n"
        assert DataDirLock(tmp_path).holder() == process.pid
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert DataDirLock(tmp_path).holder() is None
    lock = DataDirLock(tmp_path)
    lock.acquire()
    lock.release()


def test_no_folder_has_no_holder(tmp_path: Path) -> None:
    assert DataDirLock(tmp_path / "none").holder() is None


def test_a_port_in_use_names_port_option_and_fix() -> None:
    with bind("127.0.0.1", 0, "--port") as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortInUse, match=f"port {port} .* already in use.*--otlp-http-port"):
            bind("127.0.0.1", port, "--otlp-http-port")


def test_an_address_of_no_interface_is_told() -> None:
    with pytest.raises(PortInUse, match=r"cannot listen on 203\.0\.113\.7"):
        bind("203.0.113.7", 0, "--port")


def test_ipv6_is_understood() -> None:
    try:
        with bind("::1", 0, "--port") as sock:
            assert sock.family == socket.AF_INET6
    except PortInUse as error:  # a container without IPv6 still compiles it in
        assert "cannot listen on ::1" in str(error)


def test_private_files_are_whole_and_private(tmp_path: Path) -> None:
    folder = private_folder(tmp_path / "a" / "b")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    path = folder / "secret.json"
    write_private(path, {"key": "value"})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_private(path) == {"key": "value"}
    with pytest.raises(TypeError):
        write_private(path, {"key": object()})
    assert read_private(path) == {"key": "value"}
    assert [each.name for each in folder.iterdir()] == ["secret.json"]
    path.write_text("not json")
    assert read_private(path) == {}
