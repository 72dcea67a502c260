"""Sums of decisions by day and by month, kept up to date with every record.

All-time questions add up thousands of these rows instead of millions of decisions. Amounts are
whole billionths and millionths, so that sums are exact and can be compared. Cash of ``call_stats``
stands with the option that it was paid for, which in a roll need not be the one that is sold.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from callwright.memory.facets import CASH_COLUMNS, Cash, DecisionFacets

NO_FIRST, NO_LAST = 2**62, 0
"""Outermost numbers of a group without a decision: what an option brought in rolls of others."""

KEYS = (
    "underlying", "action", "proposed_action", "verdict", "status", "source", "failure", "model",
)  # fmt: skip
"""Dimensions of every rollup; what is absent is the empty text there."""

SUMS: dict[str, str] = {
    "count": "count(*)",
    "model_decisions": "count(d.model)",
    "input_tokens": "coalesce(sum(d.input_tokens), 0)",
    "output_tokens": "coalesce(sum(d.output_tokens), 0)",
    "cost_known": "count(d.cost_nano_usd)",
    "cost_nano_usd": "coalesce(sum(d.cost_nano_usd), 0)",
    "cost_unknown": "coalesce(sum(d.is_cost_unknown), 0)",
    "calls_sold": "count(d.delta_micro)",
    "strike_micro": "coalesce(sum(CASE WHEN d.delta_micro IS NOT NULL"
    " THEN CAST(round(d.strike_usd * 1000000) AS INTEGER) END), 0)",
    "delta_micro": "coalesce(sum(d.delta_micro), 0)",
    "yield_micro": "coalesce(sum(d.yield_micro), 0)",
    "fills": "coalesce(sum(d.fills), 0)",
    "premium_nano": "coalesce(sum(d.premium_nano), 0)",
    "fees_known": "coalesce(sum(d.fees_known), 0)",
    "fees_nano": "coalesce(sum(d.fees_nano), 0)",
    "settlements": "coalesce(sum(d.settlements), 0)",
    "settlement_nano": "coalesce(sum(d.settlement_nano), 0)",
}
"""Columns of a rollup, and how ``decisions d`` add up to them."""


@dataclass(frozen=True)
class Rollup:
    """One table: what a row of it stands for, and how ``decisions d`` say so."""

    table: Literal["day_stats", "month_stats", "call_stats"]
    period: Literal["day", "month"]
    period_of_row: str

    @property
    def keys(self) -> tuple[str, ...]:
        """Its dimensions in the order of the primary key: what is grouped by most comes first."""
        if self.table == "call_stats":
            return ("symbol", *KEYS, "codes", self.period)
        return (self.period, *KEYS)

    def key_of_decisions(self) -> str:
        """Return the keys as columns over ``decisions d``."""
        return ", ".join(
            f"{self.period_of_row} AS {name}"
            if name == self.period
            else f"coalesce(d.{name}, '') AS {name}"
            for name in self.keys
        )

    def upsert(self) -> str:
        """Return the statement that adds one decision: keys, amounts, strike, first and last."""
        names = (*self.keys, *SUMS, "first_seq", "last_seq")
        added = ", ".join(f"{name} = {name} + excluded.{name}" for name in SUMS)
        return (
            f"INSERT INTO {self.table} ({', '.join(names)}) VALUES"
            f" ({', '.join('?' * len(names))}) ON CONFLICT ({', '.join(self.keys)})"
            f" DO UPDATE SET {added}, first_seq = min(first_seq, excluded.first_seq),"
            " last_seq = max(last_seq, excluded.last_seq)"
        )

    def summed(self, since_day: str) -> str:
        """Return the query over decisions and what they moved that gives its rows again."""
        keys = ", ".join(str(n + 1) for n in range(len(self.keys)))
        of_decisions = (
            f"SELECT {self.key_of_decisions()}, {', '.join(_sums_of(self))},"
            " min(d.seq) AS first_seq, max(d.seq) AS last_seq"
            f" FROM decisions d WHERE d.day >= '{since_day}' GROUP BY {keys}"
        )
        if self.table != "call_stats":
            return of_decisions
        moved = ", ".join(
            f"sum(u.{name}) AS {name}" if name in CASH_COLUMNS else f"0 AS {name}" for name in SUMS
        )
        of_legs = (
            f"SELECT {self.key_of_decisions().replace('d.symbol', 'u.symbol', 1)}, {moved},"
            f" {NO_FIRST} AS first_seq, {NO_LAST} AS last_seq"
            " FROM decision_updates u CROSS JOIN decisions d ON d.seq = u.sent_by"
            f" WHERE u.fills IS NOT NULL AND d.day >= '{since_day}' GROUP BY {keys}"
        )
        names = ", ".join(self.keys)
        added = ", ".join(f"sum({name})" for name in SUMS)
        return (
            f"SELECT {names}, {added}, min(first_seq), max(last_seq)"
            f" FROM ({of_decisions} UNION ALL {of_legs}) GROUP BY {keys}"
        )

    def add_cash(self) -> str:
        """Return the statement that adds to the cash of one group."""
        return (
            f"UPDATE {self.table} SET {', '.join(f'{c} = {c} + ?' for c in CASH_COLUMNS)}"
            f" WHERE {' AND '.join(f'{name} = ?' for name in self.keys)}"
        )


DAYS = Rollup("day_stats", "day", "d.day")
MONTHS = Rollup("month_stats", "month", "substr(d.day, 1, 7)")
CALLS = Rollup("call_stats", "month", "substr(d.day, 1, 7)")
ROLLUPS = (DAYS, MONTHS, CALLS)


class Group(NamedTuple):
    """The values by which a decision is added up."""

    day: str
    common: tuple[str, ...]
    symbol: str
    codes: str

    def keys(self, rollup: Rollup) -> tuple[str, ...]:
        """Return them in the order of the rollup's keys."""
        when = self.day if rollup.period == "day" else self.day[:7]
        if rollup.table == "call_stats":
            return (self.symbol, *self.common, self.codes, when)
        return (when, *self.common)


def group_of(row: DecisionFacets) -> Group:
    """Return the group of a decision."""
    common = tuple(getattr(row, name) or "" for name in KEYS)
    return Group(row.day, common, row.symbol or "", row.codes or "")


def stored_group(connection: sqlite3.Connection, seq: int) -> Group | None:
    """Return the group of a decision that is on record, or None when there is none."""
    found = connection.execute(
        f"SELECT day, {', '.join(KEYS)}, symbol, codes FROM decisions WHERE seq = ?", (seq,)
    ).fetchone()
    if found is None:
        return None
    day, *rest = (value or "" for value in found)
    return Group(day, tuple(rest[:-2]), rest[-2], rest[-1])


def add_decision(connection: sqlite3.Connection, seq: int, row: DecisionFacets) -> Group:
    """Count a decision in every rollup; return its group."""
    group = group_of(row)
    amounts = _amounts(row)
    for rollup in ROLLUPS:
        connection.execute(_UPSERTS[rollup], (*group.keys(rollup), *amounts, seq, seq))
    return group


def _sums_of(rollup: Rollup) -> list[str]:
    is_calls = rollup.table == "call_stats"
    return [
        f"{0 if is_calls and name in CASH_COLUMNS else expression} AS {name}"
        for name, expression in SUMS.items()
    ]


def add_cash(
    connection: sqlite3.Connection, seq: int, group: Group, cash: Cash, symbol: str
) -> None:
    """Count what an event moved to the decision whose order it was, and to its groups.

    Args:
        symbol: The option that it was paid for.
    """
    moved = cash.amounts()
    connection.execute(
        "UPDATE decisions SET "
        + ", ".join(f"{name} = coalesce({name}, 0) + ?" for name in CASH_COLUMNS)
        + " WHERE seq = ?",
        (*moved, seq),
    )
    for rollup in (DAYS, MONTHS):
        connection.execute(_ADD_CASH[rollup], (*moved, *group.keys(rollup)))
    leg = group._replace(symbol=symbol).keys(CALLS)
    nothing = (0,) * (len(SUMS) - len(CASH_COLUMNS))
    connection.execute(_UPSERTS[CALLS], (*leg, *nothing, *moved, NO_FIRST, NO_LAST))


def _amounts(row: DecisionFacets) -> tuple[Any, ...]:
    sold = row.delta_micro is not None
    return (
        1,
        int(row.model is not None),
        row.input_tokens or 0,
        row.output_tokens or 0,
        int(row.cost_nano_usd is not None),
        row.cost_nano_usd or 0,
        row.is_cost_unknown,
        int(sold),
        round((row.strike_usd or 0.0) * 1_000_000) if sold else 0,
        row.delta_micro or 0,
        row.yield_micro or 0,
        *(0 for _ in CASH_COLUMNS),
    )


_UPSERTS = {rollup: rollup.upsert() for rollup in ROLLUPS}
_ADD_CASH = {rollup: rollup.add_cash() for rollup in ROLLUPS}
