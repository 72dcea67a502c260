"""How many decisions, by what: added up by SQL, never by counting hits.

The rollup by day answers wherever its columns suffice; else ``decisions`` does. Names of columns
come from the tables below, values are bound.
"""

from __future__ import annotations

from callwright.domain.base import iso_utc
from callwright.domain.history import (
    DecisionFilter,
    GroupName,
    StatsAnswer,
    StatsQuestion,
    StatsRow,
)
from callwright.errors import QueryInvalid
from callwright.memory.conditions import ANY_FAILURE, Conditions, conditions_of
from callwright.memory.decision_index import ROLLUP_KEYS, ROLLUP_SUMS
from callwright.memory.facets import NANO_USD
from callwright.memory.reader import DecisionReader

_GROUPS: dict[GroupName, str] = {
    "day": "d.day",
    # Monday's date; weeks of a year would split at New Year.
    "week": "date(d.day, 'weekday 0', '-6 days')",
    "month": "substr(d.day, 1, 7)",
    "action": "d.action",
    "proposed_action": "d.proposed_action",
    "verdict": "d.verdict",
    "code": "k.code",
    "failure": "d.failure",
    "source": "d.source",
    "status": "d.status",
    "model": "d.model",
    "underlying": "d.underlying",
    "symbol": "d.symbol",
    "strike": "d.strike_usd",
}
_BY_TIME = frozenset({"day", "week", "month"})
_ROLLED_UP = frozenset(ROLLUP_KEYS) | _BY_TIME
_ROLLUP_SUMS = (
    "sum(d.count), sum(d.model_decisions), sum(d.input_tokens), sum(d.output_tokens),"
    " sum(d.cost_known), sum(d.cost_nano_usd), sum(d.cost_unknown), min(d.first_seq),"
    " max(d.last_seq)"
)


def decision_stats(reader: DecisionReader, question: StatsQuestion) -> StatsAnswer:
    """Return the groups of the decisions that match, and their totals.

    Raises:
        QueryInvalid, QueryTooSlow, StorageError: There is no answer; never an empty one instead.
    """
    groups = question.group_by
    if len(set(groups)) != len(groups):
        raise QueryInvalid("a dimension to group by is named twice")
    by_days = _day_conditions(question.where)
    if by_days is not None and _ROLLED_UP.issuperset(groups):
        where, table, sums = by_days, "day_stats", _ROLLUP_SUMS
        keys = [f"nullif({_GROUPS[name]}, '')" for name in groups]
    else:
        where, table = conditions_of(reader, question.where), "decisions"
        sums = ", ".join(
            part.replace("(model", "(d.model").replace("(seq", "(d.seq") for part in ROLLUP_SUMS
        )
        keys = [_GROUPS[name] for name in groups]
    source = f"{table} d"
    total = _total(reader, by_days, where)
    if "code" in groups:
        source = "decision_codes k CROSS JOIN decisions d ON d.seq = k.seq"
        if question.where.code is not None:
            where = where.plus("k.code = ?", question.where.code.upper())
    selected = ", ".join([*keys, sums])
    grouped = ", ".join(str(place + 1) for place in range(len(keys)))
    by_time = [str(n + 1) for n, name in enumerate(groups) if name in _BY_TIME]
    order = ", ".join([*by_time, f"{len(keys) + 1} DESC", *(grouped.split(", ") if keys else [])])
    found = reader.rows(
        f"SELECT {selected} FROM {source} WHERE {where.sql}"
        + (f" GROUP BY {grouped} ORDER BY {order}" if keys else ""),
        where.values,
    )
    # Without a dimension an empty sum is one row of nothing.
    found = [row for row in found if row[len(keys)]]
    width = len(keys)
    rows = tuple(
        _row(dict(zip(groups, row[:width], strict=True)), row[width:], total)
        for row in found[: question.limit]
    )
    notes = []
    if len(found) > len(rows):
        notes.append(f"{len(found) - len(rows)} further groups are not shown.")
    if not total:
        notes.append("No decision matches.")
    if "code" in groups:
        notes.append("A decision denied with two codes stands in two groups.")
    unknown = sum(row.cost_unknown for row in rows)
    if unknown:
        notes.append(f"The cost of {unknown} model decisions is not known; they are in no sum.")
    return StatsAnswer(
        rows=rows,
        groups=len(found),
        total=total,
        where=question.where,
        table="day_stats" if table == "day_stats" else "decisions",
        notes=tuple(notes),
    )


def _total(reader: DecisionReader, by_days: Conditions | None, where: Conditions) -> int:
    if by_days is not None:
        sql = f"SELECT coalesce(sum(d.count), 0) FROM day_stats d WHERE {by_days.sql}"
        return int(reader.rows(sql, by_days.values)[0][0])
    return int(
        reader.rows(f"SELECT count(*) FROM decisions d WHERE {where.sql}", where.values)[0][0]
    )


def _row(keys: dict[str, str | float | None], sums: tuple[int, ...], total: int) -> StatsRow:
    count, asked, tokens_in, tokens_out, cost_known, nano_usd, unknown, first, last = sums
    return StatsRow(
        keys=keys,
        count=count,
        share=count / total,
        model_decisions=asked,
        input_tokens=tokens_in,
        output_tokens=tokens_out,
        cost_usd=nano_usd / NANO_USD if cost_known else None,
        cost_unknown=unknown,
        first_id=first,
        last_id=last,
    )


def _day_conditions(where: DecisionFilter) -> Conditions | None:
    """Return the filter on ``day_stats d``, or None when whole days cannot tell."""
    if where.symbol is not None or where.strike_usd is not None or where.code is not None:
        return None
    out = Conditions("1", ())
    for sign, at in ((">=", where.since), ("<", where.until)):
        if at is not None:
            text = iso_utc(at)
            if not text.endswith("T00:00:00.000Z"):
                return None
            out = out.plus(f"d.day {sign} ?", text[:10])
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
