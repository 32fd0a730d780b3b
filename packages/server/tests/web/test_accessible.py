"""Pages for everyone: contrast of the tokens, landmarks, captions, labels, motion."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from web.conftest import Site
from web.test_pages import ROOMS, Page

CSS = files("sentinelops_server.web") / "static" / "css"
TEXT = [
    *((ink, ground) for ink in ("ink", "ink-2", "ink-3")
      for ground in ("ground", "panel", "raised", "inset", "hover", "chosen")),
    *((ink, ground) for ink in ("accent", "error", "ok", "warn") for ground in ("ground", "panel", "raised", "hover")),
    ("accent", "accent-soft"), ("accent-ink", "accent"), ("ok", "ok-soft"), ("warn", "warn-soft"),
    ("error", "error-soft"), ("ink", "error-soft"), ("ink", "warn-soft"), ("ink", "ok-soft"), ("ink", "accent-soft"),
]  # fmt: skip
SHAPES = [*(f"c{n}" for n in range(8)), "p50", "p95", "p99", "error", "accent"]


def tokens() -> dict[str, dict[str, str]]:
    text = (CSS / "tokens.css").read_text()
    light, dark = re.split(r'\n:root\[data-theme="dark"\]', text)
    system = light[light.index("@media") :]
    found = re.compile(r"--([\w-]+): (#[0-9a-f]{6})[;\n ]")
    base = dict(found.findall(light[: light.index("@media")]))
    assert dict(found.findall(system)) == dict(found.findall(dark))  # the two ways to dark are one
    return {"light": base, "dark": base | dict(found.findall(dark))}


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_has_contrast_on_every_ground(theme: str) -> None:
    values = tokens()[theme]
    weak = [(a, b, round(contrast(values[a], values[b]), 2)) for a, b in TEXT if contrast(values[a], values[b]) < 4.5]
    assert weak == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_shapes_are_seen_on_a_panel(theme: str) -> None:
    values = tokens()[theme]
    assert [name for name in SHAPES if contrast(values[name], values["panel"]) < 3] == []


def test_pages_have_landmarks_captions_scopes_and_labels(site: Site) -> None:
    ids = site.ids
    for path in [*ROOMS, f"/requests/{ids['request']}", f"/traces/{ids['trace']}", "/sessions/chat-4711",
                 "/users/ada@example.org", "/signin", "/nope"]:  # fmt: skip
        html = site.get(path).text
        page = Page(html)
        names = [tag for tag, _ in page.tags]
        assert names.count("main") == 1, path
        assert names.count("h1") == 1, path
        assert html.count("<table") == html.count("<caption"), path
        for tag, attrs in page.tags:
            assert tag != "th" or attrs.get("scope"), (path, attrs)
            assert tag not in ("nav", "aside") or attrs.get("aria-label"), (path, tag)
            assert tag != "svg" or attrs.get("aria-hidden") or attrs.get("aria-label"), (path, attrs)
        labelled = set(re.findall(r'<label[^>]* for="([^"]+)"', html))
        inside = "".join(re.findall(r"<label.*?</label>", html, re.S))
        for field in re.findall(r"<(?:input|select|textarea)\b[^>]*>", html):
            named = "aria-label=" in field or 'type="hidden"' in field or field in inside
            assert named or any(f'id="{name}"' in field for name in labelled), (path, field)
        for button in re.findall(r"<button\b[^>]*>.*?</button>", html, re.S):
            said = re.sub(r"<[^>]+>", "", button).strip()
            assert said or "aria-label=" in button, (path, button)


def test_nothing_moves_for_who_asked_for_stillness() -> None:
    for sheet in (entry for entry in CSS.iterdir() if entry.name.endswith(".css")):
        text = sheet.read_text()
        outside = re.sub(
            r"@media \(prefers-reduced-motion: no-preference\) \{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}", "", text
        )
        assert not re.search(r"\b(animation|transition):", outside), sheet.name
