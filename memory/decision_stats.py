"""How many decisions, by what, and what they brought: added up by SQL, never by counting hits.

Whole months and days come from the rollups that have the columns asked for, the rest of the time
from ``decisions``. Names of columns come from the tables below, values are bound.

By option or strike, and of one option, cash is of that option's own fills and settlements: a roll
has two legs, and what one of them cost is not what the other brought.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from typing import Any, Literal

from callwright.domain.base import iso_utc
from callwright.domain.history import (
    ANY_FAILURE,
    CashSum,
    DecisionFilter,
    GroupName,
    StatsAnswer,
    StatsQuestion,
    StatsRow,
)
from callwright.errors import QueryInvalid
from callwright.memory.conditions import (
    Conditions,
    conditions_of,
    pruned_before,
    pruned_note,
    reaches_pruned,
)
from callwright.memory.facets import CASH_COLUMNS, MICRO, NANO, strike_of
from callwright.memory.reader import DecisionReader
from callwright.memory.rollups import (
    CALLS,
    DAYS,
    KEYS,
    MONTHS,
    NO_FIRST,
    NO_LAST,
    SUMS,
    Rollup,
)

_WEEK = "date({day}, 'weekday 0', '-6 days')"
"""Monday's date; weeks of a year would split at New Year."""

_BY_TIME = frozenset({"day", "week", "month"})
_DECISION_KEYS = {
    "day": "d.day", "week": _WEEK.format(day="d.day"), "month": "substr(d.day, 1, 7)",
    "code": "d.codes", "strike": "d.strike_usd",
}  # fmt: skip
_ROLLUP_KEYS: dict[str, dict[str, str]] = {
    DAYS.table: {
        "day": "d.day", "week": _WEEK.format(day="d.day"), "month": "substr(d.day, 1, 7)",
    },
    MONTHS.table: {"month": "d.month"},
    CALLS.table: {"month": "d.month", "code": "d.codes", "symbol": "d.symbol",
                  "strike": "d.symbol"},
}  # fmt: skip
_COUNT_SUMS = ["0" if name in CASH_COLUMNS else expression for name, expression in SUMS.items()]
_LEG_SUMS = [f"sum(u.{name})" if name in CASH_COLUMNS else "0" for name in SUMS]
_ROLLED_UP_SUMS = [f"sum(d.{name})" for name in SUMS]
_SUM_NAMES = (*SUMS, "first_seq", "last_seq", "simulated")

_FIRST, _LAST = len(SUMS), len(SUMS) + 1

_Sums = tuple[int, ...]
"""In the order of ``_SUM_NAMES``."""
_Key = tuple[Any, ...]
_Found = list[tuple[_Key, str, _Sums]]
"""Key, coin and sums; coins apart, because their cash does not add up."""


@dataclass(frozen=True)
class _Piece:
    """A table to add up, its expressions of the groups, and the conditions on it."""

    table: Literal["day_stats", "month_stats", "call_stats", "decisions"]
    keys: list[str]
    where: Conditions
    is_by_option: bool = False
    symbol: str | None = None
    begins: str = ""


def decision_stats(reader: DecisionReader, question: StatsQuestion) -> StatsAnswer:
    """Return the groups of the decisions that match, and their totals.

    Raises:
        QueryInvalid, QueryTooSlow, StorageError: There is no answer; never an empty one instead.
    """
    groups = question.group_by
    if len(set(groups)) != len(groups):
        raise QueryInvalid("a dimension to group by is named twice")
    with reader.one_view():
        pieces = _pieces(reader, question)
        found = [row for piece in pieces for row in _grouped(reader, piece)]
        total = _total(reader, question, found)
        pruned = pruned_before(reader)
        is_missing = any(piece.table == "decisions" and piece.begins < pruned for piece in pieces)
    merged = _merged(question, found)
    # An option that was only bought back, in rolls into others, has no decision of its own here.
    rows = [row for row in merged if any(sums[0] for sums in row[1].values())]
    shown = [_row(groups, key, coins, total) for key, coins in rows[: question.limit]]
    table = pieces[0].table
    return StatsAnswer(
        rows=tuple(shown),
        groups=len(rows),
        total=total,
        where=question.where,
        table=table,
        notes=(
            *_notes(question, found, shown, len(rows), total),
            *_cash_notes(question, shown, len(merged) - len(rows)),
            *_pruned_notes(question, pruned, is_missing=is_missing),
        ),
    )


def _total(reader: DecisionReader, question: StatsQuestion, found: _Found) -> int:
    if "code" in question.group_by:
        # Only what has a code was added up.
        everything = question.model_copy(update={"group_by": ()})
        found = [row for piece in _pieces(reader, everything) for row in _grouped(reader, piece)]
    return sum(sums[0] for _, _, sums in found)


def _pieces(reader: DecisionReader, question: StatsQuestion) -> list[_Piece]:
    """Return what to add up: whole months and days by their rollups, the rest row by row."""
    where, groups = question.where, question.group_by
    found: list[_Piece] = []
    left: list[tuple[datetime | None, datetime | None]] = [(where.since, where.until)]
    for rollup in (MONTHS, CALLS, DAYS):
        names = _ROLLUP_KEYS[rollup.table]
        conditions = _rollup_conditions(rollup, where)
        if conditions is None or not all(name in names or name in KEYS for name in groups):
            continue
        if "code" in groups:
            conditions = conditions.plus("d.codes <> ''")
        keys = [names.get(name) or f"d.{name}" for name in groups]
        rest: list[tuple[datetime | None, datetime | None]] = []
        for since, until in left:
            first = None if since is None else _next_start(since, rollup)
            last = None if until is None else _start(until, rollup)
            if first is not None and last is not None and first >= last:
                rest.append((since, until))
                continue
            found.append(_Piece(rollup.table, keys, _within(conditions, rollup, first, last)))
            rest += [(a, b) for a, b in ((since, first), (last, until)) if a != b]
        left = rest
    keys = [_DECISION_KEYS.get(name) or f"d.{name}" for name in groups]
    for since, until in left:
        asked = where.model_copy(update={"since": since, "until": until})
        rows = conditions_of(reader, asked)
        if "code" in groups:
            rows = rows.plus("d.verdict = 'denied'")
        found.append(
            _Piece(
                "decisions",
                keys,
                rows,
                _is_by_option(question),
                symbol=where.symbol,
                begins="" if since is None else iso_utc(since),
            )
        )
    return found


def _is_by_option(question: StatsQuestion) -> bool:
    return question.where.symbol is not None or bool({"symbol", "strike"} & {*question.group_by})


def _start(at: datetime, rollup: Rollup) -> datetime:
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    return day if rollup.period == "day" else day.replace(day=1)


def _next_start(at: datetime, rollup: Rollup) -> datetime:
    """Return the first start of a period that is not before a time."""
    start = _start(at, rollup)
    if start == at:
        return at
    return _start(start + timedelta(days=1 if rollup.period == "day" else 32), rollup)


def _within(
    out: Conditions, rollup: Rollup, first: datetime | None, last: datetime | None
) -> Conditions:
    length = len("2026-01-05") if rollup.period == "day" else len("2026-01")
    for sign, at in ((">=", first), ("<", last)):
        if at is not None:
            out = out.plus(f"d.{rollup.period} {sign} ?", iso_utc(at)[:length])
    return out


def _grouped(reader: DecisionReader, piece: _Piece) -> _Found:
    if piece.table == "decisions":
        sums = [
            *(_COUNT_SUMS if piece.is_by_option else SUMS.values()),
            "min(d.seq)",
            "max(d.seq)",
            "coalesce(sum(d.status = 'simulated'), 0)",
        ]
    else:
        sums = [
            *_ROLLED_UP_SUMS, "min(d.first_seq)", "max(d.last_seq)",
            "sum(d.count * (d.status = 'simulated'))",
        ]  # fmt: skip
    width = len(piece.keys)
    grouped = ", ".join(str(place + 1) for place in range(width + 1))
    rows = reader.rows(
        f"SELECT {', '.join([*piece.keys, 'd.underlying', *sums])} FROM {piece.table} d"
        f" WHERE {piece.where.sql} GROUP BY {grouped}",
        piece.where.values,
    )
    if piece.is_by_option and piece.table == "decisions":
        rows += _legs(reader, piece, grouped)
    return [(row[:width], row[width] or "", row[width + 1 :]) for row in rows]


def _legs(reader: DecisionReader, piece: _Piece, grouped: str) -> list[Any]:
    """Return what each option's own fills and settlements moved, in groups without decisions."""
    own = {"d.symbol": "u.symbol", "d.strike_usd": "u.symbol"}
    keys = [own.get(key, key) for key in piece.keys]
    where = piece.where.plus("u.fills IS NOT NULL")
    if piece.symbol is not None:
        where = where.plus("u.symbol = ?", piece.symbol)
    return reader.rows(
        f"SELECT {', '.join([*keys, 'd.underlying', *_LEG_SUMS])}, {NO_FIRST}, {NO_LAST}, 0"
        " FROM decisions d CROSS JOIN decision_updates u ON u.sent_by = d.seq"
        f" WHERE {where.sql} GROUP BY {grouped}",
        where.values,
    )


def _merged(question: StatsQuestion, found: _Found) -> list[tuple[_Key, dict[str, _Sums]]]:
    """Return the groups as asked for, in order, each with its sums by coin."""
    merged: dict[_Key, dict[str, _Sums]] = {}
    counts: dict[_Key, int] = {}
    is_plain = not {"code", "strike"} & set(question.group_by)
    for raw, coin, sums in found:
        # What is absent is the empty text in a rollup.
        plain = tuple([None if part == "" else part for part in raw])
        for key in (plain,) if is_plain else _keys(question, plain):
            counts[key] = counts.get(key, 0) + sums[0]
            coins = merged.setdefault(key, {})
            coins[coin] = _added(coins[coin], sums) if coin in coins else sums
    by_time = [n for n, name in enumerate(question.group_by) if name in _BY_TIME]

    # Stable: among equals the order of the rows, which is that of the keys.
    order = sorted(merged, key=lambda key: (*[key[n] for n in by_time], -counts[key]))
    return [(key, merged[key]) for key in order]


def _keys(question: StatsQuestion, raw: _Key) -> list[_Key]:
    """Return the groups in which a row stands: one, or one for each of its codes."""
    keys: list[list[Any]] = [[]]
    for name, value in zip(question.group_by, raw, strict=True):
        parts: Sequence[Any] = [value]
        if name == "code":
            codes = (value or "").split(",")
            asked = question.where.code
            parts = [c for c in codes if c and (asked is None or c == asked.upper())]
        elif name == "strike" and isinstance(value, str):
            parts = [strike_of(value)]
        keys = [[*key, part] for key in keys for part in parts]
    return [tuple(key) for key in keys]


def _added(one: _Sums, other: _Sums) -> _Sums:
    added = [a + b for a, b in zip(one, other, strict=True)]
    added[_FIRST] = min(one[_FIRST], other[_FIRST])
    added[_LAST] = max(one[_LAST], other[_LAST])
    return tuple(added)


def _row(groups: Sequence[GroupName], key: _Key, coins: dict[str, _Sums], total: int) -> StatsRow:
    sums = _named(reduce(_added, coins.values()))
    sold = sums["calls_sold"]

    is_one_coin = sum(_named(each)["calls_sold"] > 0 for each in coins.values()) == 1

    def mean(name: str) -> float | None:
        return sums[name] / MICRO / sold if sold else None

    return StatsRow(
        keys=dict(zip(groups, key, strict=True)),
        count=sums["count"],
        share=sums["count"] / total,
        model_decisions=sums["model_decisions"],
        input_tokens=sums["input_tokens"],
        output_tokens=sums["output_tokens"],
        cost_usd=sums["cost_nano_usd"] / NANO if sums["cost_known"] else None,
        cost_unknown=sums["cost_unknown"],
        first_id=sums["first_seq"],
        last_id=sums["last_seq"],
        cash={
            coin: _cash(each)
            for coin, each in ((coin, _named(coins[coin])) for coin in sorted(coins))
            if each["fills"] or each["settlements"]
        },
        calls_sold=sold,
        # A mean over strikes of several coins would be the price of nothing.
        mean_strike_usd=mean("strike_micro") if is_one_coin else None,
        mean_delta=mean("delta_micro"),
        mean_premium_yield_annual=mean("yield_micro"),
    )


def _named(sums: _Sums) -> dict[str, int]:
    return dict(zip(_SUM_NAMES, sums, strict=True))


def _cash(sums: dict[str, int]) -> CashSum:
    unknown = sums["fills"] + sums["settlements"] - sums["fees_known"]
    net = sums["premium_nano"] - sums["fees_nano"] + sums["settlement_nano"]
    return CashSum(
        premium_coin=sums["premium_nano"] / NANO,
        fees_coin=sums["fees_nano"] / NANO if sums["fees_known"] else None,
        settlement_coin=sums["settlement_nano"] / NANO,
        net_coin=None if unknown else net / NANO,
        fills=sums["fills"],
        settlements=sums["settlements"],
        fees_unknown=unknown,
    )


def _notes(
    question: StatsQuestion,
    found: _Found,
    shown: Sequence[StatsRow],
    groups: int,
    total: int,
) -> list[str]:
    notes = []
    if groups > len(shown):
        notes.append(f"{groups - len(shown)} further groups are not shown.")
    if not total:
        notes.append("No decision matches.")
    elif not found:
        notes.append("None of them was denied.")
    if "code" in question.group_by:
        notes.append("A decision denied with two codes stands in two groups.")
    unknown = sum(row.cost_unknown for row in shown)
    if unknown:
        notes.append(f"The cost of {unknown} model decisions is not known; they are in no sum.")
    fees = sum(cash.fees_unknown for row in shown for cash in row.cash.values())
    if fees:
        notes.append(f"The fee of {fees} trades is not known; it is in no sum.")
    simulated = sum(sums[-1] for _, _, sums in found)
    if simulated:
        notes.append(
            f"{simulated} decisions only simulated their trades (dry run); those moved no cash."
        )
    return notes


def _pruned_notes(question: StatsQuestion, pruned: str, *, is_missing: bool) -> list[str]:
    if not reaches_pruned(question.where, pruned):
        return []
    left = "are not in this answer, which asks for more" if is_missing else "are in this answer"
    return [f"{pruned_note(pruned)} Those {left}."]


def _cash_notes(question: StatsQuestion, shown: Sequence[StatsRow], bought_only: int) -> list[str]:
    if not any(row.cash for row in shown):
        return []
    if _is_by_option(question):
        notes = ["Cash is of the option's own trades alone, not of the other leg of its rolls."]
        if bought_only:
            notes.append(f"{bought_only} groups only bought back, in rolls into others; not shown.")
        return notes
    if question.where.strike_usd is not None:
        return ["Cash is of whole decisions: of a roll it has both legs, whatever their strikes."]
    return []


def _rollup_conditions(rollup: Rollup, where: DecisionFilter) -> Conditions | None:
    """Return the filter on a rollup, time left out, or None when its columns cannot tell."""
    if where.symbol is not None or where.strike_usd is not None:
        return None
    if where.code is not None and rollup.table != "call_stats":
        return None
    out = Conditions("1", ())
    if where.code is not None:
        out = out.plus("instr(',' || d.codes || ',', ?) > 0", f",{where.code.upper()},")
    for column, actions in (
        ("action", where.action), ("proposed_action", where.proposed_action)
    ):  # fmt: skip
        if actions:
            marks = ", ".join("?" * len(actions))
            out = out.plus(f"d.{column} IN ({marks})", *(action.value for action in actions))
    for column in ("verdict", "underlying", "source", "status", "model", "failure"):
        value = getattr(where, column)
        if column == "failure" and value == ANY_FAILURE:
            out = out.plus("d.failure <> ''")
        elif value is not None:
            out = out.plus(f"d.{column} = ?", value)
    return out
