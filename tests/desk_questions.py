"""Questions to a desk with known answers: what to call, what must come back, how it may be said.

The right rows and numbers are found here by reading the records, never by asking the memory. Each
answer is written in several styles, all of them right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

Json = Mapping[str, Any]
Kind = Literal["structured", "keyword", "paraphrase", "aggregate", "unanswerable", "trick"]

OPEN, ROLL, HOLD = "OPEN_COVERED_CALL", "ROLL_COVERED_CALL", "DO_NOTHING"
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip


class Call(NamedTuple):
    """A tool call as a model should make it, and what the records say must come back.

    Attributes:
        ids: Decisions of the hits in order, or of the one decision.
        total: Decisions that match.
        counts: Of each group, by its keys in order.
    """

    tool: str
    arguments: Json
    ids: tuple[int, ...] | None = None
    total: int | None = None
    counts: Mapping[tuple[Any, ...], int] | None = None
    error: str | None = None


class Question(NamedTuple):
    """A question, the calls that find its answer, and right answers to it."""

    name: str
    kind: Kind
    asked: str
    calls: tuple[Call, ...]
    answers: tuple[str, ...]


class Records:
    """All records of a home by their number, oldest first, as JSON values."""

    def __init__(self, records: Sequence[Json]) -> None:
        self._all = dict(enumerate(records, start=1))

    def __getitem__(self, number: int) -> Json:
        return self._all[number]

    def ids(self, wanted: Callable[[Json], bool]) -> tuple[int, ...]:
        """Return the numbers of the records that are wanted, newest first."""
        return tuple(n for n in sorted(self._all, reverse=True) if wanted(self._all[n]))

    def counts(self, wanted: Callable[[Json], bool], *keys: Callable[[Json], Any]) -> Counter[Any]:
        """Return how many of the wanted records have which keys."""
        return Counter(tuple(key(r) for key in keys) for r in self._all.values() if wanted(r))

    def __iter__(self) -> Iterator[Json]:
        return iter(self._all.values())

    def __len__(self) -> int:
        return len(self._all)


def every(record: Json) -> bool:
    return True


def done(record: Json) -> str:
    return str(record["final_action"]["action"])


def proposed(record: Json) -> str:
    return str(record["proposed_action"]["action"])


def month(record: Json) -> str:
    return str(record["state"]["as_of"][:7])


def day(record: Json) -> str:
    return str(record["state"]["as_of"][:10])


def coin(record: Json) -> str | None:
    name = record["proposed_action"]["params"].get("underlying")
    return None if name is None else str(name)


def sold(record: Json) -> str:
    return str(record["proposed_action"]["params"]["symbol"])


def is_denied(record: Json) -> bool:
    return record["guardrail"]["allowed"] is False or record["risk_check"]["allowed"] is False


def codes(record: Json) -> list[str]:
    reasons = [*record["guardrail"]["reasons"], *record["risk_check"]["reasons"]]
    return [reason["code"] for reason in reasons]


def candidate(record: Json, symbol: str) -> Json:
    found: Json = next(c for c in record["state"]["candidates"] if c["symbol"] == symbol)
    return found


def short_call(record: Json, symbol: str) -> Json:
    books = record["state"]["portfolio"]["by_underlying"]
    found: Json = next(c for c in books[symbol[:3]]["short_calls"] if c["symbol"] == symbol)
    return found


def day_words(as_of: str) -> str:
    """Return ``5 January 2026`` of an ISO time."""
    return f"{int(as_of[8:10])} {MONTHS[int(as_of[5:7]) - 1]} {as_of[:4]}"


def month_words(key: str) -> str:
    """Return ``January`` of ``2026-01``."""
    return MONTHS[int(key[5:7]) - 1]


def clock(as_of: str) -> str:
    return as_of[11:16]


def k(strike_usd: float) -> str:
    """Return ``97k`` or ``94.5k``."""
    return f"{strike_usd / 1000:g}k"


def pct(fraction: float, digits: int = 1) -> str:
    return f"{fraction * 100:.{digits}f}%"


def signed(number: float, digits: int = 2) -> str:
    return f"{number:.{digits}f}".replace("-", "\u2212")
