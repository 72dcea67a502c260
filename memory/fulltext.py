"""From a person's or a model's words to a full-text query that cannot fail, and to index facets.

Pure. Only words leave here, each between double quotes: no operator, column filter or wildcard of
FTS5 can be written. The index splits at ``-``, ``.`` and ``_``, so a quoted instrument name is the
phrase of its parts, and a strike or expiry inside it is found by itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

Facets = Sequence[Sequence[str]]
"""Index tokens: of each group a row must have one."""

WORDS_MAX = 24

_TERM = re.compile(r"[^\W_]+(?:[-._][^\W_]+)*")
_THOUSANDS = re.compile(r"(?<![\d.])(\d{1,3})((?:,\d{3})+)(?![\d,])")
_STOPPED = """
a an and any are as at be been but by can could did do does each ever every for from had has have
how i if in into is it its last me my no not of on or our please pick picking show since so tell
than that the their them then there these they this time times to us was we were what when where
which while who whose why will with would you your
"""
_STOPWORDS = frozenset(_STOPPED.split())


@dataclass(frozen=True)
class FullText:
    """What of a text can be searched for.

    Attributes:
        terms: Lower-case words and names, at most ``WORDS_MAX``, without doubles and stopwords.
        dropped: How many further terms did not fit.
    """

    terms: tuple[str, ...]
    dropped: int = 0

    def match_all(self, facets: Facets = ()) -> str:
        """Return the query for rows with every term and facet; empty when there is none."""
        return " AND ".join([*(f'"{term}"' for term in self.terms), *map(_any_of, facets)])

    def match_any(self, facets: Facets = ()) -> str:
        """Return the query for rows with any term and every facet; empty without a term."""
        return " AND ".join(map(_any_of, (self.terms, *facets))) if self.terms else ""


def parse_text(text: str | None) -> FullText:
    """Return the searchable terms of any text; none when it has no word that means something."""
    if not text:
        return FullText(())
    # Lone surrogates cannot be bound, and 97,000 is indexed as 97000.
    clean = text.encode("utf-8", "ignore").decode()
    clean = _THOUSANDS.sub(lambda found: found[1] + found[2].replace(",", ""), clean)
    terms: dict[str, None] = {}
    for found in _TERM.finditer(clean):
        word = found[0].lower()
        if word not in _STOPWORDS:
            terms.setdefault(word[:64])
    kept = tuple(terms)[:WORDS_MAX]
    return FullText(kept, len(terms) - len(kept))


@lru_cache(maxsize=4_096)
def facet(kind: str, value: str) -> str:
    """Return the one index token that stands for ``kind`` = ``value``."""
    return f"x{kind}" + re.sub(r"[\W_]", "", value).lower()


def _any_of(words: Sequence[str]) -> str:
    some = " OR ".join(f'"{word}"' for word in words)
    return f"({some})" if len(words) > 1 else some
