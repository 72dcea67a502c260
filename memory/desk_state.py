"""Trading state, breakers and the day's counters, as the database has them.

The trading state is read from the database every time, because ``callwright halt`` is another
process. Whatever cannot be read means HALTED: a kill switch that nobody can read is on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from callwright.domain.base import iso_utc
from callwright.domain.desk import Breaker, BreakerName, DeskState, TradingState
from callwright.domain.instrument import parse_option_name
from callwright.errors import DataInvalid, StorageError
from callwright.memory.database import DeskDatabase
from callwright.memory.rows import cells, columns, places, read_row, time_text

T = TypeVar("T")

UNREADABLE = "TRADING_STATE_UNREADABLE"

_OPENING = "purpose IN ('open', 'roll_sell')"

# Of each coin the newest opening, and the orders since a time. By steps down one index: grouping
# would read every intent there is. Cancelled without an order id is what surely never arrived; it
# took nothing of the day.
_ORDERS = f"""
WITH RECURSIVE coin (name) AS (
  SELECT min(underlying) FROM intents
  UNION ALL
  SELECT (SELECT min(underlying) FROM intents WHERE underlying > name) FROM coin
  WHERE name IS NOT NULL
)
SELECT name, (
  SELECT created_at FROM intents WHERE underlying = name AND {_OPENING}
  AND (CAST(filled_coin AS REAL) > 0 OR status IN ('pending', 'unknown', 'working'))
  ORDER BY created_at DESC LIMIT 1
), (
  SELECT count(*) FROM intents WHERE underlying = name AND created_at >= ?
  AND NOT (status = 'cancelled' AND order_id IS NULL)
) FROM coin WHERE name IS NOT NULL
"""


class SqliteDeskStateStore:
    """``ports.DeskStateStore`` on the desk database.

    A counter is read again only when its table was written, by us or by another process.
    """

    def __init__(self, database: DeskDatabase) -> None:
        self._db = database
        self._kept: dict[str, tuple[object, Any]] = {}
        self._openings = _Openings(database)
        self._day_noted: tuple[str, frozenset[str]] = ("", frozenset())

    def read(self, at: datetime) -> DeskState:
        """Return the state for a cycle at ``at``; unreadable means HALTED, never an error.

        ``orders_today`` counts intents since 00:00 UTC that were sent or may have been.
        ``last_open_at`` counts opening orders that filled, or may have. ``failures_in_a_row`` is
        the newest run of records with a failure since trading was last set ACTIVE; cycles without
        enough history (``INSUFFICIENT_HISTORY``) neither lengthen nor end it.
        """
        day = _day(at)
        try:
            state, reason, failures = self._state()
            # Another process (``callwright halt``) may write; then everything is read again.
            outside = self._db.outside()
            orders_today, last_open_at = self._keep(self._orders, "intents", outside, day)
            return DeskState(
                trading_state=state,
                trading_state_reason=reason,
                orders_today=orders_today,
                last_open_at=last_open_at,
                opened_at=self._openings.live(at, outside),
                day_open_equity_coin=self._keep(self._day_open, "day_open", outside, day),
                failures_in_a_row=failures,
                breakers=self._keep(self._breakers, "breakers", outside),
            )
        except (StorageError, ValueError, InvalidOperation) as exc:
            return DeskState(
                trading_state=TradingState.HALTED, trading_state_reason=f"{UNREADABLE}: {exc}"
            )

    def trading_state(self) -> TradingState:
        """Return the state again, right before a send; unreadable means HALTED."""
        try:
            return self._state()[0]
        except (StorageError, ValueError):
            return TradingState.HALTED

    def set_trading_state(self, state: TradingState, *, by: str, reason: str, at: datetime) -> None:
        """Store a new trading state; ACTIVE also releases breakers and forgets past failures."""
        with self._db.transaction():
            self._db.write(
                "trading_state",
                "INSERT INTO trading_state (state, set_by, reason, set_at) VALUES (?, ?, ?, ?)",
                (state.value, by, reason, time_text(at)),
            )
            if state is TradingState.ACTIVE:
                self._db.write("breakers", "DELETE FROM breakers")
                # Else the run that tripped the breaker would trip it again in the next cycle.
                self._db.write("failure_run", "UPDATE failure_run SET length = 0")

    def note_day_open(self, at: datetime, equity_coin: Mapping[str, Decimal]) -> None:
        """Keep what the UTC day of ``at`` began with; later calls of the day change nothing.

        The equity of the newest record before 00:00 UTC, at most a day older: a loss over midnight
        counts. Without one, ``equity_coin``, the first seen in the day.
        """
        noted = (_day(at), frozenset(equity_coin))
        if noted == self._day_noted:
            return
        before = self._equity_before(at)
        with self._db.transaction():
            for underlying, seen in equity_coin.items():
                equity = before.get(underlying, seen)
                self._db.write(
                    "day_open",
                    "INSERT INTO day_open (day, underlying, equity_coin) VALUES (?, ?, ?)"
                    " ON CONFLICT DO NOTHING",
                    (_day(at), underlying, str(equity)),
                )
        self._day_noted = noted

    def _equity_before(self, at: datetime) -> dict[str, Decimal]:
        midnight = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        rows = self._db.rows(
            "SELECT record_line(record) ->> '$.state.portfolio.by_underlying' FROM cycles"
            " WHERE as_of < ? AND as_of >= ?"
            " AND record_line(record) ->> '$.state.portfolio' IS NOT NULL"
            " ORDER BY seq DESC LIMIT 1",
            (iso_utc(midnight), iso_utc(midnight - timedelta(days=1))),
        )
        if not rows:
            return {}
        try:
            found = json.loads(rows[0][0])
            return {coin: Decimal(repr(row["equity_coin"])) for coin, row in found.items()}
        except (ValueError, TypeError, KeyError, ArithmeticError) as exc:
            raise StorageError(f"{self._db.path}: a record's portfolio cannot be read") from exc

    def trip(self, breaker: Breaker) -> None:
        """Store a tripped breaker; one that is tripped already keeps its first facts.

        One whose time was over at ``breaker.tripped_at`` had let go, so it is replaced.
        """
        self._db.write(
            "breakers",
            f"INSERT INTO breakers ({columns(Breaker)}) VALUES ({places(Breaker)})"
            " ON CONFLICT (name, underlying) DO UPDATE SET tripped_at = excluded.tripped_at,"
            " until = excluded.until, facts = excluded.facts"
            " WHERE breakers.until <= excluded.tripped_at",
            cells(breaker),
        )

    def release(self, name: BreakerName, underlying: str = "") -> None:
        """Forget a breaker."""
        self._db.write(
            "breakers",
            "DELETE FROM breakers WHERE name = ? AND underlying = ?",
            (name.value, underlying),
        )

    def _state(self) -> tuple[TradingState, str, int]:
        rows = self._db.rows(
            "SELECT state, set_by, reason, (SELECT length FROM failure_run) FROM trading_state"
            " ORDER BY id DESC LIMIT 1"
        )
        if not rows:
            raise StorageError(f"{self._db.path}: the trading state has no row")
        state, by, reason, failures = rows[0]
        if not isinstance(failures, int):
            raise StorageError(f"{self._db.path}: the run of failures has no row")
        return TradingState(state), f"{by}: {reason}", failures

    def _keep(self, read: Callable[..., T], table: str, outside: int, *asked: str) -> T:
        """Return what ``read`` says of ``asked``, read again when its table was written."""
        key = (outside, self._db.writes(table), asked)
        kept = self._kept.get(read.__name__)
        if kept is None or kept[0] != key:
            kept = self._kept[read.__name__] = (key, read(*asked))
        value: T = kept[1]
        return value

    def _orders(self, day: str) -> tuple[int, dict[str, datetime]]:
        rows = self._db.rows(_ORDERS, (day,))
        newest = {coin: datetime.fromisoformat(at) for coin, at, _ in rows if at is not None}
        return sum(count for _, _, count in rows), newest

    def _day_open(self, day: str) -> dict[str, Decimal]:
        rows = self._db.rows("SELECT underlying, equity_coin FROM day_open WHERE day = ?", (day,))
        return {underlying: Decimal(equity) for underlying, equity in rows}

    def _breakers(self) -> tuple[Breaker, ...]:
        rows = self._db.rows(
            f"SELECT {columns(Breaker)} FROM breakers ORDER BY tripped_at, name, underlying"
        )
        return tuple(read_row(Breaker, row) for row in rows)


class _Openings:
    """When each live option was last sold, or a short in it adopted, which counts as its sale.

    Fills are read once, then only what was booked since; adoptions are few.
    """

    def __init__(self, database: DeskDatabase) -> None:
        self._db = database
        self._newest: dict[str, datetime] = {}
        self._rowid = 0
        self._read_at: datetime | None = None
        self._version: tuple[int, ...] = (-1,)

    def live(self, at: datetime, outside: int) -> dict[str, datetime]:
        """Return the newest opening fill of each option that has not expired at ``at``."""
        if outside != self._version[0] or self._read_at is None or at < self._read_at:
            self._newest, self._rowid, self._version = {}, 0, (-1,)
        version = (outside, self._db.writes("fills"), self._db.writes("adoptions"))
        if version != self._version:
            for rowid, name, executed_at in self._db.rows(
                "SELECT rowid, instrument_name, executed_at FROM fills WHERE rowid > ? AND"
                f" EXISTS (SELECT 1 FROM intents WHERE label = fills.label AND {_OPENING})"
                " ORDER BY rowid",
                (self._rowid,),
            ):
                self._note(name, executed_at)
                self._rowid = rowid
            for name, adopted_at in self._db.rows(
                "SELECT instrument_name, at FROM adoptions WHERE CAST(amount_coin AS REAL) < 0"
            ):
                self._note(name, adopted_at)
            self._version = version
        self._newest = {name: sold for name, sold in self._newest.items() if _is_live(name, at)}
        self._read_at = at
        return self._newest

    def _note(self, name: str, at: str) -> None:
        sold = datetime.fromisoformat(at)
        self._newest[name] = max(self._newest.get(name, sold), sold)


def _day(at: datetime) -> str:
    return time_text(at)[:10]


def _is_live(name: str, at: datetime) -> bool:
    try:
        return parse_option_name(name).expiry > at
    except DataInvalid:
        return False
