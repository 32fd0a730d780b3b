"""The static files of the pages: addressed by content, compressed once at start, cached for ever by the browser."""

from __future__ import annotations

import gzip
import re
from dataclasses import dataclass
from hashlib import blake2b
from importlib.resources import files
from importlib.resources.abc import Traversable

__all__ = ["Asset", "Assets"]

_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
}
_IMPORT = re.compile(r'(\bfrom\s+|\bimport\s*\(?\s*)"\./([\w-]+)\.js"')
_CSS_ORDER = ("tokens", "layout", "components", "tables", "charts", "conversation", "trace", "print")


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is sent: `name` carries the digest of its content."""

    name: str
    media_type: str
    body: bytes
    zipped: bytes


class Assets:
    """All static files. `url("app.css")` is the address of the newest content; `find(name)` what to send for it.

    The style sheets are sent as one file, and modules name the modules they import by digest too, so that no page
    ever mixes two releases.
    """

    def __init__(self) -> None:
        root = files(__package__) / "static"
        self._by_name: dict[str, Asset] = {}
        self._current: dict[str, Asset] = {}
        css = b"\n".join((root / "css" / f"{name}.css").read_bytes() for name in _CSS_ORDER)
        self._add("app.css", css)
        for entry in root.iterdir():
            if entry.is_file() and entry.name.rsplit(".", 1)[-1] in _TYPES:
                self._add(entry.name, entry.read_bytes())
        modules = {entry.name: entry for entry in (root / "js").iterdir() if entry.name.endswith(".js")}
        for name in sorted(modules):
            self._add_module(name, modules, ())

    def _add(self, name: str, body: bytes) -> Asset:
        stem, _, extension = name.rpartition(".")
        digest = blake2b(body, digest_size=6).hexdigest()
        asset = Asset(f"{stem}.{digest}.{extension}", _TYPES[extension], body, gzip.compress(body, 9, mtime=0))
        self._by_name[asset.name] = self._current[name] = asset
        return asset

    def _add_module(self, name: str, modules: dict[str, Traversable], parents: tuple[str, ...]) -> Asset:
        if name in self._current:
            return self._current[name]
        if name in parents:
            raise ValueError(f"the modules import each other in a circle: {' > '.join((*parents, name))}")

        def rename(match: re.Match[str]) -> str:
            imported = self._add_module(f"{match[2]}.js", modules, (*parents, name))
            return f'{match[1]}"./{imported.name}"'

        return self._add(name, _IMPORT.sub(rename, modules[name].read_text(encoding="utf-8")).encode())

    def url(self, name: str) -> str:
        """Where the file is, by its own name (`app.css`, `main.js`); KeyError when there is none."""
        return f"/static/{self._current[name].name}"

    def find(self, name: str) -> Asset | None:
        """Give the file of this digest, or None."""
        return self._by_name.get(name)
