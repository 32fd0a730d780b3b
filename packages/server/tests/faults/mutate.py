"""Damage to OTLP bodies, the same for the same seed: what noise, a broken exporter or an attacker would send."""

from __future__ import annotations

import random
from collections.abc import Callable

Mutation = Callable[[random.Random, bytearray], None]


def _flip(rng: random.Random, body: bytearray) -> None:
    for _ in range(rng.randrange(1, 8)):
        body[rng.randrange(len(body))] ^= 1 << rng.randrange(8)


def _overwrite(rng: random.Random, body: bytearray) -> None:
    at = rng.randrange(len(body))
    body[at : at + rng.randrange(1, 24)] = rng.randbytes(rng.randrange(1, 24))


def _cut(rng: random.Random, body: bytearray) -> None:
    del body[rng.randrange(len(body)) :]


def _remove(rng: random.Random, body: bytearray) -> None:
    at = rng.randrange(len(body))
    del body[at : at + rng.randrange(1, 64)]


def _repeat(rng: random.Random, body: bytearray) -> None:
    at, size = rng.randrange(len(body)), rng.randrange(1, 256)
    body[at:at] = body[at : at + size] * rng.randrange(1, 20)


def _swell(rng: random.Random, body: bytearray) -> None:
    # a length that claims more than there is, up to 2^63
    at = rng.randrange(len(body))
    body[at : at + 1] = b"\xff" * rng.randrange(1, 9) + b"\x7f"


def _interesting(rng: random.Random, body: bytearray) -> None:
    at = rng.randrange(len(body))
    value = rng.choice(
        [b"\x00" * 8, b"\xff" * 8, b"\x00\x00\x00\x00\x00\x00\xf0\x7f", b"\x80\x80\x80\x80\x10", b"\xed\xa0\x80"]
    )
    body[at : at + len(value)] = value


MUTATIONS: tuple[Mutation, ...] = (_flip, _overwrite, _cut, _remove, _repeat, _swell, _interesting)


def mutate(rng: random.Random, body: bytes) -> bytes:
    """Return the body with one to three kinds of damage."""
    damaged = bytearray(body)
    for _ in range(rng.randrange(1, 4)):
        if damaged:
            rng.choice(MUTATIONS)(rng, damaged)
    return bytes(damaged)
