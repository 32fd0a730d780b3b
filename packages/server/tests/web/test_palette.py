"""Colours of models: eight for eight, and none changes because another model comes."""

from __future__ import annotations

from sentinelops_server.web.palette import COLOURS, Palette

from web.conftest import Site


def test_eight_models_have_eight_colours_and_keep_them() -> None:
    known, now = ["a", "b"], [0.0]
    palette = Palette(lambda: known, clock=lambda: now[0])
    before = {name: palette.colour(name) for name in ("a", "b")}
    known[:0] = ["older", "c", "d", "e", "f", "g"]  # an earlier one may arrive late, from a backlog
    now[0] = 60
    after = {name: palette.colour(name) for name in known}
    assert {name: after[name] for name in before} == before
    assert sorted(after.values()) == sorted(COLOURS)


def test_a_name_beyond_the_catalogue_is_stable_and_asks_seldom() -> None:
    asked, now = [], [0.0]
    palette = Palette(lambda: asked.append(1) or [], clock=lambda: now[0])  # type: ignore[func-returns-value]
    assert {palette.colour("nobody") for _ in range(50)} <= set(COLOURS)
    assert len(asked) == 1
    now[0] = 6
    palette.colour("nobody")
    assert len(asked) == 2


def test_a_model_has_one_colour_on_every_page(site: Site) -> None:
    import re

    found: dict[str, set[str]] = {}
    for path in ("/", "/costs", "/performance", "/requests"):
        for colour, name in re.findall(
            r'class="dot (c\d)" aria-hidden="true"></span><span dir="auto">([^<]+)<', site.get(path).text
        ):
            found.setdefault(name, set()).add(colour)
    assert len(found) > 3
    assert all(len(colours) == 1 for colours in found.values()), found
    if len(found) <= 8:
        assert len(set.union(*found.values())) == len(found)
