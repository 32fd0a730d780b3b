"""What a run of digits looks like, each digit a 0 and each letter an A: by it a pattern is ruled out once for all."""

from __future__ import annotations

import re

_AS_SHAPE = bytes(
    48 if 48 <= byte <= 57 else 65 if 65 <= byte <= 90 else 97 if 97 <= byte <= 122 else byte for byte in range(256)
)
_PART = re.compile(r"\\.|\[[^\]]*\]|\{[0-9,]+\}|\(\?[a-z]*:|.", re.DOTALL)


def shape_of(text: str) -> str:
    """`AB 12-x` is `AA 00-a`."""
    return text.encode("ascii", "replace").translate(_AS_SHAPE).decode("ascii")


def shape_pattern(pattern: str) -> str:
    """A pattern that matches the shape of everything that the pattern matches."""
    return "".join(_part(part) for part in _PART.findall(pattern))


def _part(part: str) -> str:
    if part[0] == "[" and part[1] != "^":
        added = {"0" if c.isdigit() else "A" if c.isupper() else "a" for c in part[1:-1] if c.isalnum() and c.isascii()}
        dash = "-" if part[1] == "-" else ""  # first, or it would mean a range
        return f"[{dash}{''.join(sorted(added))}{part[1:].removeprefix('-')}"
    if len(part) == 1 and part.isalnum() and part.isascii():
        return "0" if part.isdigit() else "A" if part.isupper() else "a"
    return part
