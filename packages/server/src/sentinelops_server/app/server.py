"""The server: starts every room in order, hands each the next one, watches its children, and stops them in reverse."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from sentinelops_server.errors import SentinelOpsError
from sentinelops_server.settings import Settings

from .bootstrap import BootstrapKeys, ensure_keys
from .doors import Doors, open_doors, url_of
from .files import private_folder, write_private
from .line import Line, start_line
from .listen import PortInUse
from .lock import DataDirInUse, DataDirLock
from .prices import PriceFileError
from .rounds import start_rounds
from .stores import connect

__all__ = ["Addresses", "Server", "StartError"]

logger = logging.getLogger(__name__)
STATE_FILE = "server.json"  # for whoever wants to talk to the server that runs on a data folder
Progress = Callable[[str], None]


class StartError(Exception):
    """The server cannot start; the message names the cause, `fix` what to do."""

    def __init__(self, cause: str, fix: str = "") -> None:
        super().__init__(cause)
        self.fix = fix


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the server listens: two URLs, and host:port for gRPC."""

    api: str
    otlp_http: str
    otlp_grpc: str


class Server:
    """All of SentinelOps in one process, and the PostgreSQL it supervises.

    start() returns when every door answers; stop() when what was acknowledged is committed and every child ended.
    """

    def __init__(
        self, settings: Settings, on_progress: Progress = lambda _: None, clock: Callable[[], int] = time.time_ns
    ) -> None:
        self.settings = settings
        self.addresses: Addresses | None = None
        self.keys: BootstrapKeys | None = None
        self._say = on_progress
        self._clock = clock
        self._started = ExitStack()
        self._line: Line | None = None

    def start(self) -> Addresses:
        """Start everything. Raises StartError, having undone what was done."""
        try:
            self._start()
        except (DataDirInUse, PortInUse) as error:
            self.stop()
            raise StartError(str(error)) from error
        except PriceFileError as error:
            self.stop()
            raise StartError(
                str(error), "correct what SENTINELOPS_PRICES_FILE names; docs/ingest.md has examples"
            ) from error
        except (OSError, SentinelOpsError, RuntimeError) as error:
            self.stop()
            raise StartError(str(error), "run `sentinelops doctor`, it looks for the cause") from error
        except BaseException:
            self.stop()
            raise
        assert self.addresses is not None
        return self.addresses

    def _start(self) -> None:
        data_dir = private_folder(self.settings.server.data_dir)
        lock = DataDirLock(data_dir)
        lock.acquire()
        self._started.callback(lock.release)
        url = self._start_postgres(data_dir)
        stores = connect(self.settings, url)
        self._started.callback(stores.close)
        self._line = line = start_line(self.settings, stores, self._clock)
        self._started.callback(line.stop)
        self._started.callback(start_rounds(self.settings, stores, line).stop)
        doors = open_doors(self.settings, stores, line)
        self._started.callback(doors.stop)
        self.keys = ensure_keys(line.keys, data_dir)
        self.addresses = self._addresses(doors)
        write_private(data_dir / STATE_FILE, {"pid": os.getpid(), **asdict(self.addresses)})
        self._started.callback((data_dir / STATE_FILE).unlink, missing_ok=True)
        self._start_prometheus(data_dir)

    def _start_postgres(self, data_dir: Path) -> str:
        if self.settings.server.database_url:
            return self.settings.server.database_url
        from sentinelops_server.storage.embedded import EmbeddedPostgres

        postgres = EmbeddedPostgres(data_dir)
        self._started.callback(postgres.stop)
        return postgres.start(on_progress=self._say)  # from here on it watches itself, and its url stays the same

    def _start_prometheus(self, data_dir: Path) -> None:
        server = self.settings.server
        if server.prometheus == "off" or not server.metrics_public:
            return
        from sentinelops_server.storage.prometheus import Prometheus

        assert self.addresses is not None
        prometheus = Prometheus(data_dir / "prometheus", self.addresses.api, server.prometheus_retention_days)
        if not prometheus.available:
            return
        self._started.callback(prometheus.stop)
        prometheus.start()
        self._say(f"Prometheus keeps the metrics: {prometheus.url}")

    def _addresses(self, doors: Doors) -> Addresses:
        host = self.settings.server.host
        return Addresses(
            api=f"http://{url_of(host, doors.api.port)}",
            otlp_http=f"http://{url_of(host, doors.otlp_http.port)}",
            otlp_grpc=url_of(host, doors.otlp_grpc_port),
        )

    def sign_in_link(self) -> str:
        """Make a link that opens the pages once, for whoever started the server."""
        assert self._line is not None and self.addresses is not None
        token = self._line.sessions.create_link(("admin", "read"))
        return f"{self.addresses.api}/signin?token={token}"

    def stop(self) -> None:
        """Stop in reverse order: doors, commits under way, connections, PostgreSQL. Safe to call twice."""
        self._started.close()
