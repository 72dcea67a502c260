"""What the desk believes it holds: fills, settlements and adoptions, each counted once.

Fills are unique by trade id and settlements by id, so replaying a venue's history changes nothing.
Positions are sums of these rows and of nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from callwright.domain.orders import Fill, SettlementEvent
from callwright.memory.database import DeskDatabase
from callwright.memory.rows import cells, columns, places, read_row, time_text

_ZERO = Decimal(0)
_FILL_COLUMNS = columns(Fill)
_SETTLEMENT_COLUMNS = columns(SettlementEvent)
_INSERT_FILL = f"INSERT INTO fills ({_FILL_COLUMNS}) VALUES ({places(Fill)}) ON CONFLICT DO NOTHING"
_INSERT_SETTLEMENT = (
    f"INSERT INTO settlements ({_SETTLEMENT_COLUMNS}) VALUES ({places(SettlementEvent)})"
    " ON CONFLICT DO NOTHING"
)


class SqliteLedger:
    """``ports.Ledger`` on the desk database, and what the records need to know of the fills."""

    def __init__(self, database: DeskDatabase) -> None:
        self._db = database
        self._positions: dict[str, Decimal] = {}
        self._fills: set[str] = set()
        self._settlements: set[str] = set()
        for trade_id, name, side, amount in database.rows(
            "SELECT trade_id, instrument_name, side, amount_coin FROM fills"
        ):
            self._fills.add(trade_id)
            self._add(name, Decimal(amount) if side == "buy" else -Decimal(amount))
        for settlement_id, name, position in database.rows(
            "SELECT settlement_id, instrument_name, position_coin FROM settlements"
        ):
            self._settlements.add(settlement_id)
            self._add(name, -Decimal(position))
        for name, amount in database.rows("SELECT instrument_name, amount_coin FROM adoptions"):
            self._add(name, Decimal(amount))
        newest = database.rows(
            "SELECT max(at) FROM (SELECT max(executed_at) AS at FROM fills"
            " UNION ALL SELECT max(settled_at) FROM settlements)"
        )[0][0]
        self._watermark = datetime.fromisoformat(newest) if newest else None

    def book_fills(self, fills: Sequence[Fill]) -> tuple[Fill, ...]:
        """Store fills by trade id and return those that were new."""
        # History is read with an overlap, so most of it is known: no transaction for that.
        new = [fill for fill in fills if fill.trade_id not in self._fills]
        if new:
            with self._db.transaction():
                new = [f for f in new if self._db.write("fills", _INSERT_FILL, cells(f)) == 1]
        # Only after the commit: a failed one must leave memory and disk agreeing.
        for fill in new:
            signed = fill.amount_coin if fill.side == "buy" else -fill.amount_coin
            self._add(fill.instrument_name, signed)
            self._see(fill.executed_at)
            self._fills.add(fill.trade_id)
        return tuple(new)

    def book_settlements(
        self, settlements: Sequence[SettlementEvent]
    ) -> tuple[SettlementEvent, ...]:
        """Store settlements by id and return those that were new."""
        new = [event for event in settlements if event.settlement_id not in self._settlements]
        if new:
            with self._db.transaction():
                new = [
                    event
                    for event in new
                    if self._db.write("settlements", _INSERT_SETTLEMENT, cells(event)) == 1
                ]
        for event in new:
            self._add(event.instrument_name, -event.position_coin)
            self._see(event.settled_at)
            self._settlements.add(event.settlement_id)
        return tuple(new)

    def adopt(self, instrument_name: str, amount_coin: Decimal, at: datetime, why: str) -> None:
        """Add a signed amount that the venue holds and no fill of ours explains."""
        self._db.write(
            "adoptions",
            "INSERT INTO adoptions (instrument_name, amount_coin, at, why) VALUES (?, ?, ?, ?)",
            (instrument_name, str(amount_coin), time_text(at), why),
        )
        self._add(instrument_name, amount_coin)

    def positions(self) -> Mapping[str, Decimal]:
        """Return the signed open amount of each instrument; flat ones are left out."""
        return dict(self._positions)

    def watermark(self) -> datetime | None:
        """Return the time of the newest fill or settlement booked, or None."""
        return self._watermark

    def unreported(self) -> tuple[tuple[Fill, ...], tuple[SettlementEvent, ...]]:
        """Return fills and settlements that stand in no record yet, oldest first.

        A crash between booking and recording leaves some; the next record reports them.
        """
        fills = self._db.rows(
            f"SELECT {_FILL_COLUMNS} FROM fills WHERE reported = 0 ORDER BY executed_at, rowid"
        )
        settlements = self._db.rows(
            f"SELECT {_SETTLEMENT_COLUMNS} FROM settlements WHERE reported = 0"
            " ORDER BY settled_at, rowid"
        )
        return (
            tuple(read_row(Fill, row) for row in fills),
            tuple(read_row(SettlementEvent, row) for row in settlements),
        )

    def opening_label(self, instrument_name: str) -> str | None:
        """Return the label of the newest sale of an instrument, or None."""
        rows = self._db.rows(
            "SELECT label FROM fills WHERE instrument_name = ? AND side = 'sell'"
            " ORDER BY executed_at DESC, rowid DESC LIMIT 1",
            (instrument_name,),
        )
        return rows[0][0] if rows else None

    def captured_coin(self, instrument_name: str) -> Decimal | None:
        """Return what the last round trip in an instrument brought, fees and settlement included.

        In coin, from when the position was last flat. None while a position is open, and for one
        that was adopted: its price is not known.
        """
        adopted = self._db.rows(
            "SELECT 1 FROM adoptions WHERE instrument_name = ? LIMIT 1", (instrument_name,)
        )
        if instrument_name in self._positions or adopted:
            return None
        fills = self._db.rows(
            f"SELECT {_FILL_COLUMNS} FROM fills WHERE instrument_name = ?"
            " ORDER BY executed_at, rowid",
            (instrument_name,),
        )
        settled = self._db.rows(
            "SELECT cash_coin FROM settlements WHERE instrument_name = ?", (instrument_name,)
        )
        held = cash = _ZERO
        for row in fills:
            fill = read_row(Fill, row)
            if not held:
                cash = _ZERO
            held += fill.amount_coin if fill.side == "buy" else -fill.amount_coin
            cash += fill.cash_coin
        # An option settles once, at the end of its last round trip.
        return cash + sum((Decimal(coin) for (coin,) in settled), _ZERO)

    def _add(self, name: str, signed_coin: Decimal) -> None:
        total = self._positions.get(name, _ZERO) + signed_coin
        if total:
            self._positions[name] = total
        else:
            self._positions.pop(name, None)

    def _see(self, at: datetime) -> None:
        if self._watermark is None or at > self._watermark:
            self._watermark = at
