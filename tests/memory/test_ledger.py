from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import CALL_9JAN_105, NOW, dec
from callwright.domain.orders import Fill, SettlementEvent
from callwright.domain.record import OrderUpdate
from callwright.errors import StorageError


def a_fill(trade: str = "t1", side: str = "sell", amount: str = "0.1", **changes: Any) -> Fill:
    fields = {
        "trade_id": trade,
        "order_id": "o1",
        "label": "cw-test-0",
        "instrument_name": CALL_9JAN_105,
        "side": side,
        "amount_coin": dec(amount),
        "price_coin": dec("0.005"),
        "fee_coin": dec("0.00003"),
        "index_usd": 100_000.0,
        "executed_at": NOW,
    }
    return Fill(**(fields | changes))


def a_settlement(key: str = "s1", position: str = "-0.1", **changes: Any) -> SettlementEvent:
    fields = {
        "settlement_id": key,
        "instrument_name": CALL_9JAN_105,
        "position_coin": dec(position),
        "delivery_price_usd": dec(107_000),
        "delivery_price_source": "twap_30m",
        "payoff_coin": dec("0.0009"),
        "fee_coin": dec("0.000015"),
        "cash_coin": dec("-0.000915"),
        "settled_at": NOW + timedelta(days=4),
    }
    return SettlementEvent(**(fields | changes))


def test_each_fill_and_settlement_counts_once(home: Any) -> None:
    assert home.ledger.book_fills([a_fill(), a_fill()]) == (a_fill(),)
    assert home.ledger.book_fills([a_fill(), a_fill("t2")]) == (a_fill("t2"),)
    assert home.ledger.positions() == {CALL_9JAN_105: Decimal("-0.2")}
    assert home.ledger.book_settlements([a_settlement(position="-0.2")] * 2) == (
        a_settlement(position="-0.2"),
    )
    assert home.ledger.book_settlements([a_settlement(position="-0.2")]) == ()
    assert home.ledger.positions() == {}


def test_positions_and_watermark_are_the_same_after_a_restart(home: Any) -> None:
    assert home.ledger.watermark() is None
    home.ledger.book_fills([a_fill(), a_fill("t2", "buy", "0.3", instrument_name="BTC-PERPETUAL")])
    home.ledger.book_settlements([a_settlement()])
    home.ledger.adopt("ETH-9JAN26-4000-C", dec(-2), NOW, "why")
    expected = {"BTC-PERPETUAL": dec("0.3"), "ETH-9JAN26-4000-C": dec(-2)}
    assert home.ledger.positions() == expected
    again = home.reopen()
    assert again.ledger.positions() == expected
    assert again.ledger.watermark() == NOW + timedelta(days=4)
    again.close()


def test_a_failed_booking_changes_neither_memory_nor_disk(home: Any) -> None:
    home.db.rows("PRAGMA query_only = ON")
    with pytest.raises(StorageError, match="readonly"):
        home.ledger.book_fills([a_fill()])
    home.db.rows("PRAGMA query_only = OFF")
    assert home.ledger.positions() == {}
    assert home.ledger.book_fills([a_fill()]) == (a_fill(),)


def test_what_no_record_has_told_is_told_after_a_restart(home: Any, a_record: Any) -> None:
    home.ledger.book_fills([a_fill(), a_fill("t2")])
    home.ledger.book_settlements([a_settlement()])
    told = OrderUpdate(
        kind="fill", cycle_id="c", symbol=CALL_9JAN_105, facts={"trade_id": "t1", "amount": 0.1}
    )
    home.cycle(a_record(order_updates=(told,)))
    again = home.reopen()
    assert again.ledger.unreported() == ((a_fill("t2"),), (a_settlement(),))
    again.close()


def test_captured_premium_is_what_trading_and_settlement_brought(home: Any) -> None:
    # Sold 0.1 at 0.005 less fee: 0.0005 - 0.00003 = 0.00047. Assigned: -0.000915.
    home.ledger.book_fills([a_fill()])
    assert home.ledger.captured_coin(CALL_9JAN_105) is None, "still open"
    home.ledger.book_settlements([a_settlement()])
    assert home.ledger.captured_coin(CALL_9JAN_105) == Decimal("-0.000445")
    assert home.ledger.opening_label(CALL_9JAN_105) == "cw-test-0"
    assert home.ledger.opening_label("ETH-9JAN26-4000-C") is None


def test_an_adopted_position_captures_nothing_known(home: Any) -> None:
    home.ledger.adopt(CALL_9JAN_105, dec("-0.1"), NOW, "why")
    home.ledger.book_settlements([a_settlement()])
    assert home.ledger.positions() == {}
    assert home.ledger.captured_coin(CALL_9JAN_105) is None


_trades = st.lists(
    st.tuples(
        st.integers(0, 8),
        st.sampled_from(["buy", "sell"]),
        st.decimals("0.1", "3", places=1),
        st.sampled_from([CALL_9JAN_105, "ETH-9JAN26-4000-C"]),
    ),
    max_size=12,
)


@settings(max_examples=30, deadline=None)
@given(_trades, st.randoms(use_true_random=False))
def test_replayed_and_reordered_history_gives_the_same_positions(
    tmp_path_factory: pytest.TempPathFactory, rows: Any, random: Any
) -> None:
    from callwright.memory.database import open_desk_database
    from callwright.memory.ledger import SqliteLedger

    by_id = {n: a_fill(str(n), side, str(amount), instrument_name=s) for n, side, amount, s in rows}
    fills = list(by_id.values())
    expected: dict[str, Decimal] = {}
    for fill in fills:
        sign = 1 if fill.side == "buy" else -1
        expected[fill.instrument_name] = (
            expected.get(fill.instrument_name, Decimal(0)) + sign * fill.amount_coin
        )
    with open_desk_database(tmp_path_factory.mktemp("l") / "desk.db", durable=False) as db:
        ledger = SqliteLedger(db)
        for _ in range(3):
            random.shuffle(fills)
            ledger.book_fills(fills[: len(fills) // 2])
            ledger.book_fills(fills)
        assert ledger.positions() == {k: v for k, v in expected.items() if v}
        assert SqliteLedger(db).positions() == ledger.positions()


def test_history_that_is_known_writes_nothing(home: Any) -> None:
    home.ledger.book_fills([a_fill()])
    home.ledger.book_settlements([a_settlement()])
    again = home.reopen()
    again.db.rows("PRAGMA query_only = ON")
    assert again.ledger.book_fills([a_fill()]) == ()
    assert again.ledger.book_settlements([a_settlement()]) == ()
    again.close()
