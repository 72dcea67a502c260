"""What of a model's words reaches a reader: no secret, no escape, no address to follow.

A text that came out of the memory may have told the model to show a link or a picture. Readers get
words: whatever would load or point somewhere is taken out, before anything is checked or shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

ANSWER_LENGTH_MAX = 20_000
WORD_LENGTH_MAX = 4_000
"""Of a streamed text: what has no space for so long is shown at the end only."""

ADDRESS = "(address left out)"

_ADDRESSES = re.compile(
    r"(?:\b[a-z][a-z0-9+.-]{0,20}:)?[\\/]{2,}[^\s\\/][^\s]*"
    r"|\b(?:javascript|vbscript|data|file|mailto|tel):[^\s]+"
    r"|\bwww\.[^\s]+",
    re.IGNORECASE,
)
_TAGS = re.compile(r"<(?=[A-Za-z/!?|\uff5c])")
"""Of HTML, and of the chat templates whose role tokens some servers read in any text."""
_THOUSANDS = re.compile(r"(?<=\d)[\u00a0\u2009\u202f](?=\d{3}(?!\d))")
"""Spaces that part thousands; as plain spaces they would make two numbers of one."""
_SPACES = re.compile(r"\s")


def safe_text(text: str, mask: Callable[[str], str]) -> str:
    """Return a model's text as it may be shown and kept; markdown stays, links and markup go.

    Args:
        mask: Hides secrets in a text.
    """
    text = _THOUSANDS.sub(",", text)
    plain = mask("".join(c for c in map(_plain, text) if c.isprintable() or c == "\n"))
    plain = _ADDRESSES.sub(ADDRESS, plain)
    # Neither a link, an image nor the definition of one is left, nor a tag.
    plain = plain.replace("](", "] (").replace("][", "] [").replace("]:", "] :")
    return _TAGS.sub("‹", plain)


def _plain(char: str) -> str:
    """Return a typographer's space or hyphen as the plain one: what it parts stays apart."""
    if char.isspace() and char != "\n":
        return " "
    return "-" if char in "\u2010\u2011" else char


class SafeStream:
    """A text that comes in pieces, made safe word by word: a secret is never shown by halves."""

    def __init__(self, mask: Callable[[str], str]) -> None:
        self._mask = mask
        self._held = ""

    def add(self, piece: str) -> str:
        """Take a piece and return what may be shown now; the last word waits for its end."""
        self._held += piece
        if not _SPACES.search(piece):
            return ""
        cut = max(match.end() for match in _SPACES.finditer(self._held))
        whole, self._held = self._held[:cut], self._held[cut:]
        return safe_text(whole, self._mask)

    def end(self) -> str:
        """Return what was still held."""
        rest, self._held = self._held[:WORD_LENGTH_MAX], ""
        return safe_text(rest, self._mask)


_SENTENCE_ENDS = re.compile(r"(?<=[.!?])(?=\s+[A-Z\"])")


_CITE = re.compile(r"\[(#?[a-z0-9-]+)\]")
_WORD = re.compile(r"\w+")


def cited_throughout(text: str, cite: str, found: Sequence[str] = ()) -> str:
    """Return the text with a cite at the end of each sentence that names no source.

    For an answer that has looked at one thing only: a small model forgets to say so.

    Args:
        cite: Of what was looked at.
        found: Sentences that it was told: the cite of the likest one stands for ``cite``, since a
            search names the decision that each of its lines is from.
    """
    return "".join(
        part if not part.strip() or "[" in part else _with_cite(part, _likest(part, found) or cite)
        for part in _SENTENCE_ENDS.split(text)
    )


def _likest(sentence: str, found: Sequence[str]) -> str:
    """Return the cite in the line that shares most words with a sentence; "" without one."""
    words = set(_WORD.findall(sentence.lower()))
    line = max(found, key=lambda line: len(words & set(_WORD.findall(line.lower()))), default="")
    cite = _CITE.search(line)
    return "" if cite is None else cite[1]


def _with_cite(sentence: str, cite: str) -> str:
    words = sentence.rstrip(".!?")
    return f"{words} [{cite}]{sentence[len(words) :]}"
