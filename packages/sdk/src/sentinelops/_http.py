"""One kept-open HTTP connection to the server, and what its answers mean. Standard library only."""

from __future__ import annotations

import contextlib
import http.client
import random
import socket
import ssl
import time
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

RETRYABLE = (408, 429, 502, 503, 504)
_ANSWER_MAX = 64 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said. status 0: nothing (no connection, timeout), and `problem` says what went wrong."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    problem: str = ""

    @property
    def ok(self) -> bool:
        """Accepted, at least in part."""
        return 200 <= self.status < 300

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed later."""
        return self.status == 0 or self.status in RETRYABLE

    def retry_after_seconds(self, now: float) -> float | None:
        """What Retry-After asks for: seconds or a date; at most five minutes."""
        text = self.headers.get("retry-after", "").strip()
        if not text:
            return None
        try:
            wait = float(text)
        except ValueError:
            try:
                wait = parsedate_to_datetime(text).timestamp() - now
            except (ValueError, TypeError):
                return None
        return min(max(wait, 0.0), 300.0) if wait == wait else None  # noqa: PLR0124 - NaN


def backoff_seconds(attempt: int, chance: float) -> float:
    """How long to wait before attempt number `attempt` (from 1): from 0.5 s to 30 s, spread by chance in 0..1."""
    return float(min(30.0, 0.5 * 2 ** min(attempt - 1, 10)) * (0.5 + chance / 2))


class Connection:
    """POSTs to one host over one connection, opened when needed and after the server closed it. One thread uses it.

    `abort` may be called from another thread: it makes a hanging exchange fail at once.
    """

    def __init__(self, url: str, timeout_seconds: float, certificate: str | None = None) -> None:
        parts = urllib.parse.urlsplit(url)
        self._tls = parts.scheme == "https"
        self._host = parts.hostname or "localhost"
        self._port = parts.port or (443 if self._tls else 80)
        self._timeout = timeout_seconds
        self._certificate = certificate
        self._open: http.client.HTTPConnection | None = None
        self._aborted = False

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send and read the answer; never raises. A kept connection that turns out closed is opened once more."""
        fresh = self._open is None
        answer = self._exchange(path, body, headers)
        if answer.status == 0 and not fresh and answer.problem.startswith("closed") and not self._aborted:
            answer = self._exchange(path, body, headers)
        return answer

    def _exchange(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        try:
            connection = self._open or self._connect()
            connection.request("POST", path, body, dict(headers))
            response = connection.getresponse()
            content = response.read(_ANSWER_MAX)
            if not response.isclosed() or response.will_close:
                self.close()  # an answer longer than we read, or the server's wish
            return Answer(response.status, {key.lower(): value for key, value in response.getheaders()}, content)
        except (
            ConnectionResetError,
            BrokenPipeError,
            http.client.RemoteDisconnected,
            http.client.CannotSendRequest,
        ) as error:
            self.close()
            return Answer(0, problem=f"closed: {type(error).__name__}")
        except TimeoutError:
            self.close()
            return Answer(0, problem=f"no answer within {self._timeout:g} s")
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            return Answer(0, problem=str(error) or type(error).__name__)

    def _connect(self) -> http.client.HTTPConnection:
        proxy = self._proxy()
        host, port = (proxy.hostname or "", proxy.port or 80) if proxy else (self._host, self._port)
        connection: http.client.HTTPConnection
        if self._tls:
            tls = ssl.create_default_context(cafile=self._certificate)
            connection = http.client.HTTPSConnection(host, port, timeout=self._timeout, context=tls)
        else:
            connection = http.client.HTTPConnection(host, port, timeout=self._timeout)
        if proxy:
            connection.set_tunnel(self._host, self._port)
        self._open = connection
        connection.connect()
        return connection

    def _proxy(self) -> urllib.parse.SplitResult | None:
        """HTTPS_PROXY, HTTP_PROXY and NO_PROXY, as every Python client reads them; the proxy must allow CONNECT."""
        if urllib.request.proxy_bypass(f"{self._host}:{self._port}"):
            return None
        url = urllib.request.getproxies().get("https" if self._tls else "http")
        return urllib.parse.urlsplit(url if "://" in url else f"http://{url}") if url else None

    def close(self) -> None:
        """Close; the next post opens again."""
        connection, self._open = self._open, None
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.close()

    def abort(self) -> None:
        """End an exchange that hangs in another thread."""
        self._aborted = True
        connection = self._open
        sock = None if connection is None else connection.sock
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def abandon(self) -> None:
        """In a forked child: let go of the parent's connection without a word on it."""
        connection, self._open = self._open, None
        sock = None if connection is None else connection.sock
        if sock is not None:
            with contextlib.suppress(OSError):
                socket.close(sock.detach())


def jitter() -> float:
    """Chance in 0..1, by a generator of our own: the host's seed and sequence are the host's."""
    return _random.random()


_random = random.Random(time.time_ns())  # noqa: S311 - spreads retries, guards nothing
