"""What the name of a value says of it: in `{"password": "x"}` only the name tells that the value is private."""

from __future__ import annotations

import re
from functools import lru_cache

from ._identity import NATIONAL
from ._personal import FIRST, LAST

# no telephone: `tool.call.arguments`, `call_id`
_ALSO_ELSE = {"call", "ring", "portable"}
_NEAR = sorted({word for detector in (*FIRST, *NATIONAL, *LAST) for word in detector.near} - _ALSO_ELSE)
_SECRETS = (
    r"secret|token|credential|key|auth|passw|passphrase|_pass|\bpass\b|passcode|pwd|contrase|senha|passport|cookie"
)
PLACES = re.compile(r"(?:^|[^a-z])(?:lat|latitude|lng|lon|long|longitude|x_coord|y_coord)$")
_TELLING = re.compile(rf"{_SECRETS}|(?<![a-z])(?:{'|'.join(map(re.escape, _NEAR))})(?![a-z])|{PLACES.pattern}")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_LONGEST = 64


@lru_cache(maxsize=4096)
def lead_of(name: str) -> str:
    """What is to be read before the value of this name, `phone_Number: `; nothing if the name does not matter."""
    words = _HUMP.sub("_", name[-_LONGEST:])
    return f"{words}: " if _TELLING.search(words.lower()) else ""
