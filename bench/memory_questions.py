"""The questions of ``make bench-memory``: to the memory, and to the lines of a flight recorder.

One of each class that an explainer asks. Those with a ``scan`` are also answered by reading every
line with orjson, as somebody without the memory would.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from callwright.domain.decision import Action
from callwright.domain.history import DecisionFilter, DecisionSearch, StatsQuestion
from callwright.memory.decision_detail import get_decision
from callwright.memory.decision_stats import decision_stats
from callwright.memory.reader import DecisionReader
from callwright.memory.search import search_decisions

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Question:
    """A question, how the memory is asked it, and how its answer is counted from the lines."""

    name: str
    ask: Callable[[DecisionReader], object]
    scan: Callable[[Iterable[Record]], object] | None = None


def questions(start: datetime, count: int, step: timedelta) -> Iterator[Question]:
    """Yield the questions about a history that starts then and has so many decisions."""
    half = start + step * (count // 2)
    month: dict[str, Any] = {"since": half, "until": half + timedelta(days=30)}
    since, until = half.isoformat()[:10], (half + timedelta(days=30)).isoformat()[:10]
    roll, opened = (Action.ROLL_COVERED_CALL,), (Action.OPEN_COVERED_CALL,)

    def in_month(record: Record) -> bool:
        return since <= str(record["state"]["as_of"])[:10] < until

    def rolled(record: Record) -> bool:
        return bool(record["final_action"]["action"] == "ROLL_COVERED_CALL")

    def codes(record: Record) -> Iterator[str]:
        for gate in ("guardrail", "risk_check"):
            yield from (reason["code"] for reason in record[gate]["reasons"])

    def said(record: Record) -> str:
        return str(record["proposed_action"]["reasoning"]).lower()

    def newest(records: Iterable[Record], wanted: Callable[[Record], bool]) -> list[Record]:
        return [record for record in records if wanted(record)][-20:]

    def search(name: str, text: str | None = None, scan: Any = None, **where: Any) -> Question:
        asked = DecisionSearch(text=text, where=DecisionFilter(**where))
        wanted = None if scan is None else lambda records: newest(records, scan)
        return Question(f"search: {name}", lambda reader: search_decisions(reader, asked), wanted)

    def stats(name: str, *by: Any, scan: Any = None, **where: Any) -> Question:
        asked = StatsQuestion(group_by=by, where=DecisionFilter(**where))
        return Question(f"stats: {name}", lambda reader: decision_stats(reader, asked), scan)

    yield search("newest 20")
    yield search("a common word", "premium", scan=lambda r: "premium" in said(r))
    yield search("three common words", "premium delta spot")
    yield search("no decision has all the words", "premium zebra delta squeeze")
    yield search("a rare word", "squeeze reset refused")
    yield search("a strike as a word, and roll", "97k roll")
    yield search("an instrument", "BTC-6FEB26-97500-C")
    yield search("rolls of a month", action=roll, **month, scan=lambda r: rolled(r) and in_month(r))
    yield search("rolls of a month with a word", "premium", action=roll, **month)
    yield search("last denied", verdict="denied", scan=lambda r: any(codes(r)))
    yield search("one code", code="ROLL_DWELL", scan=lambda r: "ROLL_DWELL" in codes(r))
    yield search("one strike", strike_usd=97_000.0)
    yield search("one strike, denied rolls", strike_usd=99_000.0, proposed_action=roll,
                 verdict="denied")  # fmt: skip
    yield search("failed, ETH", underlying="ETH", failure="ANY")
    yield search("of a model that is not there", model="none-such")
    yield search("holds of the rules", source="rule_based", action=(Action.DO_NOTHING,))
    yield stats("by action, all time", "action", scan=lambda records: Counter(
        record["final_action"]["action"] for record in records
    ))  # fmt: skip
    yield stats("by month and action, all time", "month", "action")
    yield stats("by day, all time", "day")
    yield stats("by code, all time", "code", scan=lambda records: Counter(
        code for record in records for code in codes(record)
    ))  # fmt: skip
    yield stats("by strike, opens, all time", "strike", action=opened)
    yield stats("by symbol, all time", "symbol")
    yield stats("by model, all time", "model")
    yield stats("rolls of a month, and what they cost", "action", action=roll, **month,
                scan=lambda lines: _cost(filter(in_month, filter(rolled, lines))))  # fmt: skip
    yield stats("by day and action, a month", "day", "action", **month)
    yield stats("one strike by month", "month", "action", strike_usd=97_000.0)
    yield Question("get one decision", lambda reader: get_decision(reader, count // 2))
    yield Question("get the last close", _last_close)


def _cost(records: Iterable[Record]) -> tuple[int, float]:
    # Without what later records tell of their orders: a scan would have to join.
    found = list(records)
    fees = sum(order["fee"] or 0 for r in found for order in r["execution"]["orders"])
    return len(found), fees


def _last_close(reader: DecisionReader) -> object:
    where = DecisionFilter(action=(Action.CLOSE_COVERED_CALL,))
    page = search_decisions(reader, DecisionSearch(where=where, limit=1))
    return get_decision(reader, page.hits[0].id)
