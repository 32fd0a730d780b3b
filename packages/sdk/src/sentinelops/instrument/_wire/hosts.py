"""Which hosts serve models: the providers we know, Ollama's port, and those that `hosts` names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

from .provider import _PORTS, UNKNOWN, Endpoint, provider_of

_MAX_KNOWN = 1_024
_SPELLING = re.compile(r"^(\[[0-9a-f:.]+\]|[^\[\]/:=\s]+)(?::(\d{1,5}|\*))?(?:=([\w.-]+))?$")
_BY_DEFAULT = frozenset(port for port, provider in _PORTS.items() if provider == "ollama")


def parse_hosts(given: str | Iterable[str]) -> tuple[str, ...]:
    """`"gpu-box:8000, *.models.example, 10.0.0.7:8080=vllm"`, or a list of such; ValueError says what is wrong."""
    listed = given.split(",") if isinstance(given, str) else list(given)
    parsed = []
    for item in listed:
        if not isinstance(item, str):
            raise ValueError(f"{item!r} is a {type(item).__name__}: give host, host:port or *.domain")
        text = item.strip().lower()
        if not text:
            continue
        text = re.sub(r"^https?://", "", text).rstrip("/")
        matched = _SPELLING.match(text)
        if matched is None or (matched[2] or "1") == "0":
            raise ValueError(
                f"{item!r} is not an address: give host, host:port or *.domain, with =provider if you like"
            )
        if set(matched[1]) <= set("*."):
            raise ValueError(f"{item!r} is every host: name those that serve models")
        parsed.append(text)
    return tuple(dict.fromkeys(parsed))


class Hosts:
    """Answers for an address, and remembers: what is asked twice costs a look into a dict."""

    def __init__(self, allowed: Iterable[str]) -> None:
        self._patterns: list[tuple[str, int | None, str | None]] = []
        for text in allowed:
            matched = _SPELLING.match(text)
            if matched is not None:
                port = int(matched[2]) if (matched[2] or "*") != "*" else None
                self._patterns.append((matched[1].strip("[]"), port, matched[3]))
        self._known: dict[tuple[str, int | None], Endpoint | None] = {}

    def endpoint(self, host: str, port: int | None) -> Endpoint | None:
        """Who answers there; None when nobody said that it serves models."""
        key = (host, port)
        try:
            return self._known[key]
        except KeyError:
            if len(self._known) >= _MAX_KNOWN:  # a crawler asks thousands of hosts, none of which we need to remember
                self._known.clear()
            found = self._known[key] = self._find(host.lower().strip("[]"), port)
            return found

    def names(self, host: str, port: int | None) -> bool:
        """Whether one of the patterns is this address."""
        bare = host.lower().strip("[]")
        return any(wanted in (None, port) and fnmatchcase(bare, pattern) for pattern, wanted, _ in self._patterns)

    def _find(self, host: str, port: int | None) -> Endpoint | None:
        provider = provider_of(host, port)
        for pattern, wanted, named in self._patterns:
            if (wanted is None or wanted == port) and fnmatchcase(host, pattern):
                return Endpoint(named or provider, host, port)
        if provider_of(host, None) != UNKNOWN or port in _BY_DEFAULT:
            return Endpoint(provider, host, port)
        return None
