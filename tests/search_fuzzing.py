"""Texts that try to break a search or to write SQL or FTS5 with it, and what becomes of them."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from callwright.domain.history import DecisionFilter, DecisionSearch
from callwright.errors import CallwrightError
from callwright.memory.decision_detail import get_decision
from callwright.memory.reader import DecisionReader
from callwright.memory.search import search_decisions

_PIECES = (
    '"', "'", "*", "^", ":", "(", ")", "{", "}", "+", "-", "~", "@", "#", ";", "--", "/*", "\\",
    "\x00", "\n", "\x1b[31m", "%", "_", "||", "AND", "OR", "NOT", "NEAR(", "NEAR/2", "MATCH",
    "reasoning:", "{reasoning facets}:", "xactrollcoveredcall", "rank", "bm25(", "delete-all",
    "'); DROP TABLE cycles; --", "UNION SELECT", "ATTACH DATABASE", "PRAGMA", "sqlite_master",
    "load_extension('x')", "integrity-check", "97k", "$97,000", "premium", "roll", "BTC", "delta",
    "BTC-6FEB26-97500-C", "ROLL_DWELL", "a" * 300, "\u202e", "\u0301", "日本", "ﬀ", "²", "🚀",
    "İ", "ß", "\ufeff",
)  # fmt: skip
# A word may hold any letter, but neither a quote, which would end it, nor a space.
_QUERY = re.compile(r'\(?"[^"\s\x00]+"(?: OR "[^"\s\x00]+")*\)?')
_FIELDS = ("underlying", "symbol", "code", "failure", "model")


@dataclass
class SearchFuzz:
    """What became of the texts.

    Attributes:
        refused: Clean errors: refused before or by the memory, in words.
        crashes: Everything else that was raised.
        queries: FTS5 queries that were more than quoted words.
        statements: Every SQL text that was run; values are bound, so these are few.
    """

    total: int = 0
    answered: int = 0
    refused: int = 0
    crashes: list[str] = field(default_factory=list)
    queries: list[str] = field(default_factory=list)
    statements: set[str] = field(default_factory=set)


class WatchedReader:
    """A reader that notes what it is asked."""

    def __init__(self, reader: DecisionReader, report: SearchFuzz) -> None:
        self._reader, self._report = reader, report

    def one_view(self) -> AbstractContextManager[None]:
        return self._reader.one_view()

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        # Lists of numbers differ in length only.
        self._report.statements.add(re.sub(r"\?(?:, \?)+", "?", sql))
        if "MATCH" in sql and not all(
            _QUERY.fullmatch(part) for part in str(parameters[0]).split(" AND ")
        ):
            self._report.queries.append(str(parameters[0]))
        return self._reader.rows(sql, parameters)


def hostile_text(chance: random.Random) -> str:
    """Return a text of syntax, words, and any characters at all, lone surrogates included."""
    parts = []
    for _ in range(chance.randrange(12)):
        if chance.random() < 0.7:
            parts.append(chance.choice(_PIECES))
        else:
            # Halves of surrogates are refused before anything is searched: only a few, below.
            codes = (chance.randrange(0x11000) for _ in range(4))
            parts.append("".join(chr(c) for c in codes if not 0xD800 <= c < 0xE000))
    text = chance.choice(("", " ")).join(parts)
    return text + chr(0xD800 + chance.randrange(0x7FF)) if chance.random() < 0.02 else text


def fuzz_search(reader: DecisionReader, *, total: int, seed: int) -> SearchFuzz:
    """Ask that many hostile texts, as words, as values of filters and as keys."""
    chance, report = random.Random(seed), SearchFuzz()
    watched: Any = WatchedReader(reader, report)
    for _ in range(total):
        text = hostile_text(chance)
        report.total += 1
        try:
            if chance.random() < 0.1:
                get_decision(watched, text)
            else:
                filters = {}
                if chance.random() < 0.2:
                    filters[chance.choice(_FIELDS)] = hostile_text(chance)
                where = DecisionFilter(**filters)
                search = DecisionSearch(text=text, where=where, limit=3)
                page = search_decisions(watched, search)
                page.model_dump_json()
            report.answered += 1
        except (CallwrightError, ValidationError):
            report.refused += 1
        except Exception as exc:  # noqa: BLE001 - a crash is what is looked for
            report.crashes.append(f"{type(exc).__name__}: {exc}: {text!r}")
    return report
