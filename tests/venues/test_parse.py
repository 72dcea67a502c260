"""Rows of the wire into the domain: exact digits, and nothing that cannot be trusted."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NOW, dec
from callwright.domain.base import to_ms
from callwright.domain.instrument import parse_option_name
from callwright.domain.market import OptionChain
from callwright.errors import DataInvalid
from callwright.venues.deribit.envelope import decode_result
from callwright.venues.deribit.parse_account import (
    account_of,
    fill_of,
    settlement_of,
    venue_order,
)
from callwright.venues.deribit.parse_market import (
    Terms,
    chain_of,
    fraction,
    fractions,
    history_of,
    terms_of,
    with_ticker_rows,
)
from callwright.venues.deribit.rows import (
    AccountSummary,
    BookSummary,
    Instrument,
    LogRow,
    OrderRow,
    PositionRow,
    Ticker,
    TradeRow,
)

CALL, PUT, FAR = "BTC-9JAN26-106000-C", "BTC-9JAN26-95000-P", "BTC-27MAR26-120000-C"
NAMES = (CALL, PUT, FAR)
NOW_MS = to_ms(NOW)


def instrument(name: str = CALL, **changes: Any) -> dict[str, Any]:
    option = parse_option_name(name)
    fields = {
        "instrument_name": name,
        "instrument_type": "reversed",
        "strike": float(option.strike_usd),
        "expiration_timestamp": to_ms(option.expiry),
        "option_type": option.option_type,
        "contract_size": 1,
        "min_trade_amount": dec("0.1"),
        "tick_size": dec("0.0001"),
        "tick_size_steps": [{"above_price": dec("0.005"), "tick_size": dec("0.0005")}],
        "maker_commission": dec("0.0003"),
        "taker_commission": dec("0.0003"),
    }
    return fields | changes


def decoded(rows: Any, kind: Any) -> Any:
    return decode_result(msgspec.json.Encoder(decimal_format="number").encode(rows), kind)


def terms(*rows: dict[str, Any]) -> Terms:
    listed = rows or tuple(map(instrument, NAMES))
    return terms_of("BTC", decoded(list(listed), list[Instrument]), read_at=NOW)


def summary(name: str = CALL, **changes: Any) -> dict[str, Any]:
    fields = {
        "instrument_name": name,
        "bid_price": 0.0055,
        "ask_price": 0.0065,
        "mark_price": 0.006,
        "mark_iv": dec("51.23456789012345"),
        "underlying_price": 100_000.5,
        "open_interest": 12.5,
        "creation_timestamp": NOW_MS,
        "volume": 3.0,
    }
    return fields | changes


def chain(*rows: dict[str, Any], known: Terms | None = None) -> OptionChain:
    return chain_of("BTC", decoded(list(rows), list[BookSummary]), known or terms())


def test_a_chain_has_the_venues_rows_in_their_order_and_no_sizes() -> None:
    made = chain(summary(FAR), summary(CALL, bid_price=None), summary(PUT, ask_price=None))
    assert made.listing.names == (FAR, CALL, PUT)
    quote = made.quote(CALL)
    assert quote is not None
    assert (quote.bid_coin, quote.ask_coin, quote.mark_coin) == (None, dec("0.0065"), dec("0.006"))
    assert (quote.mark_iv_annual, quote.forward_usd) == (0.5123456789012345, 100_000.5)
    assert quote.as_of == NOW
    assert made.bid_amount_coin.tolist() == made.ask_amount_coin.tolist() == [0, 0, 0]
    assert made.open_interest_coin.tolist() == [12.5] * 3
    assert made.dropped_rows == {}


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"mark_price": None}, "not_finite"),
        ({"mark_iv": None}, "not_finite"),
        ({"underlying_price": None}, "not_finite"),
        ({"open_interest": None}, "not_finite"),
        ({"mark_price": -0.1}, "out_of_range"),
        ({"mark_iv": dec(0)}, "out_of_range"),
        ({"underlying_price": 0.0}, "out_of_range"),
        ({"open_interest": -1.0}, "out_of_range"),
        ({"bid_price": 0.0}, "out_of_range"),
        ({"ask_price": -0.1}, "out_of_range"),
        ({"instrument_name": "BTC-30FEB26-1-C"}, "bad_name"),
        ({"instrument_name": "BTC-PERPETUAL"}, "bad_name"),
        ({"instrument_name": "BTC-9JAN26-107000-C"}, "not_listed"),
        ({"instrument_name": "BTC_USDC-9JAN26-106000-C"}, "not_listed"),
        ({"instrument_name": PUT}, "duplicate"),
    ],
)
def test_a_row_that_cannot_be_trusted_is_left_out_and_counted(
    row: dict[str, Any], why: str
) -> None:
    made = chain(summary(CALL, **row), summary(PUT), summary(FAR))
    assert made.dropped_rows == {why: 2 if why == "duplicate" else 1}
    assert FAR in made.listing.names
    assert CALL not in made.listing.names


def test_crossed_quotes_are_kept_for_the_gates_to_judge() -> None:
    quote = chain(summary(bid_price=0.007)).quote(CALL)
    assert quote is not None
    assert quote.is_crossed


def test_a_chain_without_a_usable_row_is_invalid() -> None:
    with pytest.raises(DataInvalid, match="not_finite 1"):
        chain(summary(mark_price=None))
    with pytest.raises(DataInvalid, match="none listed"):
        chain()


def test_terms_are_those_of_most_instruments() -> None:
    odd = instrument(FAR, min_trade_amount=dec(1))
    known = terms(instrument(CALL), instrument(PUT), odd)
    assert known.spec.amount_min == dec("0.1")
    assert known.spec.tick_at(dec("0.005")) == dec("0.0005")
    assert str(known.spec.taker_fee_frac) == "0.0003"
    assert known.spec.schedule_date == "2026-01-05"
    assert known.others == {FAR}
    made = chain(summary(CALL), summary(FAR), known=known)
    assert made.dropped_rows == {"other_terms": 1}


@pytest.mark.parametrize(
    "changes",
    [
        {"instrument_type": "linear"},
        {"contract_size": 10},
        {"strike": 106_001.0},
        {"expiration_timestamp": NOW_MS},
        {"option_type": "put"},
    ],
)
def test_an_instrument_that_contradicts_its_name_is_not_traded(changes: dict[str, Any]) -> None:
    assert terms(instrument(PUT), instrument(CALL, **changes)).listed == {PUT}
    with pytest.raises(DataInvalid, match="no inverse options on BTC"):
        terms(instrument(CALL, **changes))


@given(st.floats(1e-4, 10.0))
def test_a_percentage_is_read_as_the_fraction_it_stands_for(iv: float) -> None:
    percent = Decimal(f"{iv!r}e2")
    assert fraction(percent) == iv
    encoded = msgspec.json.Encoder(decimal_format="number").encode(percent)
    # Also beside what is no number, where the column is read one by one.
    for others in ([], [b"null"]):
        assert fractions([msgspec.Raw(text) for text in (encoded, *others)])[0] == iv


@pytest.mark.parametrize("text", [b"null", b'"NaN"', b"{}", b"true", b'"x"'])
def test_a_percentage_that_is_no_number_is_not_known(text: bytes) -> None:
    read = fractions([msgspec.Raw(b"50"), msgspec.Raw(text), msgspec.Raw(b"5.25e1")])
    assert read[0] == 0.5
    assert read[1] != read[1]
    assert read[2] == 0.525


def ticker(name: str = CALL, **changes: Any) -> Ticker:
    fields = {
        "instrument_name": name,
        "timestamp": NOW_MS + 5,
        "state": "open",
        "best_bid_price": 0.006,
        "best_ask_price": 0.007,
        "best_bid_amount": 2.5,
        "best_ask_amount": 3.5,
        "mark_price": 0.0065,
        "mark_iv": dec("52.5"),
        "underlying_price": 100_001.0,
        "open_interest": 13.0,
    }
    row: Ticker = decoded(fields | changes, Ticker)
    return row


def test_a_ticker_replaces_its_row() -> None:
    made = with_ticker_rows(chain(summary(CALL), summary(PUT)), {CALL: ticker()})
    quote, other = made.quote(CALL), made.quote(PUT)
    assert quote is not None
    assert other is not None
    assert (quote.bid_coin, quote.ask_coin) == (dec("0.006"), dec("0.007"))
    assert (quote.bid_amount_coin, quote.ask_amount_coin) == (dec("2.5"), dec("3.5"))
    assert (quote.mark_iv_annual, quote.forward_usd) == (0.525, 100_001.0)
    assert to_ms(quote.as_of) == NOW_MS + 5
    assert other.bid_amount_coin == 0
    assert other.as_of == NOW


@pytest.mark.parametrize("empty", [None, 0.0])
def test_an_empty_side_of_a_ticker_shows_no_size(empty: float | None) -> None:
    made = with_ticker_rows(chain(summary()), {CALL: ticker(best_bid_price=empty)})
    quote = made.quote(CALL)
    assert quote is not None
    assert (quote.bid_coin, quote.bid_amount_coin) == (None, dec(0))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        (None, "ticker_gone"),
        ({"instrument_name": PUT}, "ticker_of_another"),
        ({"state": "closed"}, "ticker_not_open"),
        ({"mark_price": None}, "not_finite"),
        ({"best_bid_amount": None}, "not_finite"),
        ({"mark_iv": dec(-1)}, "out_of_range"),
        ({"best_ask_price": -1.0}, "out_of_range"),
        ({"best_ask_amount": -1.0}, "out_of_range"),
    ],
)
def test_a_ticker_that_cannot_be_trusted_takes_its_row_out(
    changes: dict[str, Any] | None, why: str
) -> None:
    given_ticker = None if changes is None else ticker(**changes)
    made = with_ticker_rows(
        chain(summary(CALL), summary(PUT), summary(FAR, mark_price=None)), {CALL: given_ticker}
    )
    assert made.quote(CALL) is None
    assert made.listing.names == (PUT,)
    expected = {"not_finite": 1}
    expected[why] = expected.get(why, 0) + 1
    assert made.dropped_rows == expected


def test_history_ends_where_the_answer_was_given() -> None:
    history = history_of("BTC", [(1, 5.0), (2, 6.0), (3, 7.0)], until_ms=2)
    assert history.times_ms.tolist() == [1, 2]
    with pytest.raises(DataInvalid):
        history_of("BTC", [(1, 5.0), (1, 6.0)])


# The account.


def coin(**changes: Any) -> AccountSummary:
    fields = {"currency": "BTC"} | {
        name: dec("1.50")
        for name in (
            *("balance", "margin_balance", "options_value", "equity", "initial_margin"),
            *("maintenance_margin", "spot_reserve", "additional_reserve"),
        )
    }
    row: AccountSummary = decoded(fields | changes, AccountSummary)
    return row


def an_order(**changes: Any) -> OrderRow:
    fields = {
        "order_id": "7",
        "instrument_name": CALL,
        "direction": "sell",
        "order_state": "open",
        "amount": dec("0.50"),
        "filled_amount": dec(0),
        "creation_timestamp": NOW_MS,
        "price": dec("0.00550"),
        "average_price": 0,
        "label": "cw-1",
    }
    row: OrderRow = decoded(fields | changes, OrderRow)
    return row


def position(**changes: Any) -> PositionRow:
    fields = {
        "instrument_name": CALL,
        "kind": "option",
        "size": dec("-0.5"),
        "average_price": dec("0.01"),
        "mark_price": dec("0.02"),
        "initial_margin": dec("0.1"),
    }
    row: PositionRow = decoded(fields | changes, PositionRow)
    return row


def an_account(**changes: Any) -> Any:
    parts: dict[str, Any] = {"summaries": [coin()], "positions": [], "orders": []}
    return account_of("x", as_of_ms=NOW_MS, **(parts | changes))


def test_what_is_reserved_is_the_sum_of_both_reserves() -> None:
    assert an_account().coins["BTC"].reserved_coin == dec("3.00")


def test_a_foreign_future_is_kept_at_its_size_in_coin() -> None:
    future = position(
        instrument_name="BTC-PERPETUAL", kind="future", size=-50_000, size_currency=dec("-0.5")
    )
    flat = position(size=0)
    (kept,) = an_account(positions=[future, flat]).positions
    assert (kept.instrument_name, kept.amount_coin) == ("BTC-PERPETUAL", dec("-0.5"))


@pytest.mark.parametrize("price", ["market_price", None])
def test_a_resting_order_without_a_price_stops_the_reader(price: Any) -> None:
    with pytest.raises(DataInvalid, match="without a price") as failed:
        an_account(orders=[an_order(price=price)])
    assert "cancel it" in failed.value.remedy


def test_a_missing_number_of_the_account_is_no_zero() -> None:
    with pytest.raises(msgspec.ValidationError):
        coin(equity=None)


@pytest.mark.parametrize(
    ("state", "ours"), [("open", "open"), ("untriggered", "open"), ("rejected", "rejected")]
)
def test_states_of_orders(state: str, ours: str) -> None:
    assert venue_order(an_order(order_state=state)).state == ours


def test_an_order_keeps_its_digits_and_an_unfilled_one_has_no_average() -> None:
    order = venue_order(an_order())
    assert (str(order.price_coin), str(order.amount_coin)) == ("0.00550", "0.50")
    assert (order.average_price_coin, order.fee_coin) == (None, None)
    assert venue_order(an_order(price=5)).price_coin == 5
    assert venue_order(an_order(price="market_price")).price_coin is None


@pytest.mark.parametrize(
    "wrong",
    [{"order_state": "archived"}, {"amount": 0}, {"amount": dec("1e400")}, {"filled_amount": -1}],
)
def test_an_impossible_order_is_invalid(wrong: dict[str, Any]) -> None:
    with pytest.raises(DataInvalid):
        venue_order(an_order(**wrong))


def test_a_liquidation_is_one_whoever_was_the_maker() -> None:
    fields = {
        "trade_id": "BTC-1",
        "order_id": "7",
        "instrument_name": CALL,
        "direction": "buy",
        "amount": dec("0.5"),
        "price": dec("0.0055"),
        "fee": dec("0.00015"),
        "index_price": 100_000.0,
        "timestamp": NOW_MS,
    }
    assert fill_of(decoded(fields, TradeRow)).is_liquidation is False
    assert fill_of(decoded(fields | {"liquidation": "T"}, TradeRow)).is_liquidation is True


def delivery(**changes: Any) -> LogRow:
    fields = {
        "id": 12,
        "type": "delivery",
        "timestamp": NOW_MS,
        "instrument_name": CALL,
        "side": "close buy",
        "amount": dec("2"),
        "index_price": dec("120000.50"),
        "commission": dec("0.0003"),
        "cashflow": dec("-0.2"),
        "change": dec("-0.2003"),
        "info": None,
    }
    row: LogRow = decoded(fields | changes, LogRow)
    return row


def test_deliveries_of_shorts_and_longs() -> None:
    short = settlement_of(delivery())
    assert (short.settlement_id, short.position_coin) == ("12", dec(-2))
    assert (short.payoff_coin, short.cash_coin) == (dec("0.2"), dec("-0.2003"))
    assert short.delivery_price_source == "venue"
    long = settlement_of(delivery(side="close sell", cashflow=None, change=dec("0.1997")))
    assert (long.position_coin, long.payoff_coin) == (dec(2), dec("0.2000"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"side": "open sell"},
        {"side": None},
        {"amount": None},
        {"index_price": None},
        {"change": None},
        {"instrument_name": None},
    ],
)
def test_a_delivery_that_does_not_say_what_it_was_is_invalid(wrong: dict[str, Any]) -> None:
    with pytest.raises(DataInvalid, match="delivery 12"):
        settlement_of(delivery(**wrong))
