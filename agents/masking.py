"""The key must not come back: a server that knows it may write it into anything that it answers."""

from __future__ import annotations

PIECE_LENGTH = 12
"""Of a longer key, every piece of this length is masked: texts are cut, and lengths are unknown."""
KEY_LENGTH_MIN = 8
"""A shorter key is no secret but a word, as ``no-key``, that may stand in any text."""
MASK = "[secret]"


def masked(text: str, key: str) -> str:
    """Return ``text`` with the key, and every piece of it, replaced, in capitals or not.

    Whoever spells the key otherwise (backwards, in base64) is not caught: the server has it anyway.
    """
    if len(key) < KEY_LENGTH_MIN or not text:
        return text
    # Not casefold: it changes lengths, and the places found here are cut out of the text itself.
    low, secret = _low(text), _low(key)
    length = min(PIECE_LENGTH, len(secret))
    pieces = {secret[i : i + length] for i in range(len(secret) - length + 1)}
    out: list[str] = []
    kept_to = hidden_to = 0
    for i in range(len(low) - length + 1):
        if low[i : i + length] in pieces:
            if i > hidden_to or hidden_to == 0:
                out += (text[kept_to:i], MASK)
            kept_to = hidden_to = i + length
    return "".join((*out, text[kept_to:]))


def _low(text: str) -> str:
    return "".join(c.lower() if c.isascii() else c for c in text)
