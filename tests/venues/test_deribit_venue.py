"""The testnet's side of the venue: what is asked how often, paging, and whose time counts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import stamina

from builders import NOW, dec
from callwright.domain.base import to_ms
from callwright.errors import DataInvalid, VenueUnavailable
from callwright.venues.deribit.client import READ_ATTEMPTS
from venues.stubs import NOW_MS, Refusal, StubDeribit, a_deribit
from venues.test_parse import CALL, FAR, PUT, instrument, summary

TICKER = {
    "instrument_name": CALL,
    "timestamp": NOW_MS,
    "state": "open",
    "best_bid_price": 0.006,
    "best_ask_price": 0.007,
    "best_bid_amount": 2.5,
    "best_ask_amount": 3.5,
    "mark_price": 0.0065,
    "mark_iv": 52.5,
    "underlying_price": 100_001.0,
    "open_interest": 13.0,
}


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=READ_ATTEMPTS, cap=True):
        yield


def a_market(**answers: Any) -> StubDeribit:
    return StubDeribit(
        {
            "public/get_book_summary_by_currency": [summary(CALL), summary(PUT)],
            "public/get_index_price": {"index_price": 100_000.0},
            "public/get_index_chart_data": [[NOW_MS - 60_000, 99_999.0], [NOW_MS, 100_000.0]],
            "public/get_instruments": [instrument(CALL), instrument(PUT)],
        }
        | {f"public/{name}": answer for name, answer in answers.items()}
    )


def test_a_market_is_two_requests_once_terms_and_history_are_known() -> None:
    stub = a_market()
    venue = a_deribit(stub)
    view = asyncio.run(venue.market(["BTC"]))
    assert (view.source, view.depth_model) == ("deribit-testnet", "venue")
    assert view.underlyings["BTC"].index_usd == 100_000.0
    assert len(stub.asked) == 4
    asyncio.run(venue.market(["BTC"]))
    assert len(stub.asked) == 6
    stub.now_ms += 301_000
    # The venue's clock is known from its answers, so the second look at the latest is due.
    for _ in range(2):
        asyncio.run(venue.market(["BTC"]))
    assert stub.count("public/get_index_chart_data") == 2
    stub.now_ms += 3_600_000
    asyncio.run(venue.market(["BTC"]))
    assert stub.count("public/get_instruments") == 2


def test_a_new_listing_is_looked_for_once() -> None:
    stub = a_market()
    venue = a_deribit(stub)
    asyncio.run(venue.market(["BTC"]))
    stub.answers["public/get_book_summary_by_currency"] = [summary(CALL), summary(FAR)]
    for _ in range(3):
        view = asyncio.run(venue.market(["BTC"]))
        assert view.underlyings["BTC"].chain.dropped_rows == {"not_listed": 1}
    assert stub.count("public/get_instruments") == 2


def test_the_view_is_as_old_as_its_oldest_part() -> None:
    old = NOW_MS - 90_000
    stub = a_market(
        get_book_summary_by_currency=lambda params: [
            summary(CALL, creation_timestamp=old - 5_000),
            summary(PUT, creation_timestamp=old),
        ]
    )
    assert to_ms(asyncio.run(a_deribit(stub).market(["BTC"])).as_of) == old
    stub = a_market()
    stub.now_ms = NOW_MS - 1_000
    assert to_ms(asyncio.run(a_deribit(stub).market(["BTC"])).as_of) == NOW_MS - 1_000


def test_sizes_are_zero_until_tickers_are_asked_for() -> None:
    stub = a_market(ticker=TICKER)
    venue = a_deribit(stub)
    view = asyncio.run(venue.market(["BTC"]))
    before = view.quote(CALL)
    assert before is not None
    assert (before.bid_amount_coin, before.ask_amount_coin) == (dec(0), dec(0))
    assert asyncio.run(venue.with_tickers(view, [])) is view
    seen = asyncio.run(venue.with_tickers(view, [CALL, CALL, FAR])).quote(CALL)
    assert seen is not None
    assert (seen.bid_amount_coin, seen.ask_amount_coin) == (dec("2.5"), dec("3.5"))
    assert stub.count("public/ticker") == 1


def test_an_option_that_is_gone_leaves_the_chain_and_one_that_is_not_known_stops() -> None:
    def gone(params: dict[str, Any]) -> Any:
        raise Refusal(13020, "not_found")

    stub = a_market(ticker=gone)
    venue = a_deribit(stub)
    view = asyncio.run(venue.market(["BTC"]))
    after = asyncio.run(venue.with_tickers(view, [CALL]))
    assert after.quote(CALL) is None
    assert after.underlyings["BTC"].chain.dropped_rows == {"ticker_gone": 1}

    def busy(params: dict[str, Any]) -> Any:
        raise Refusal(13028)

    stub.answers["public/ticker"] = busy
    with pytest.raises(VenueUnavailable):
        asyncio.run(venue.with_tickers(view, [CALL, PUT]))


@pytest.mark.parametrize("reason", ["wrong value", ""])
def test_a_coin_without_options_is_invalid(reason: str) -> None:
    def unknown(params: dict[str, Any]) -> Any:
        raise Refusal(-32602, "Invalid params", param="currency", reason=reason)

    stub = a_market(get_instruments=unknown)
    with pytest.raises(DataInvalid, match="BTC"):
        asyncio.run(a_deribit(stub).specs(["BTC"]))


def test_the_venues_time_is_that_of_the_moment_of_return() -> None:
    stub = StubDeribit({"public/get_time": NOW_MS})
    found = asyncio.run(a_deribit(stub).venue_time())
    assert NOW <= found < NOW + timedelta(seconds=30)


def test_the_account_is_as_old_as_its_oldest_part() -> None:
    stub = StubDeribit(
        {
            "private/get_account_summaries": {"summaries": []},
            "private/get_positions": [],
            "private/get_open_orders": [],
        }
    )
    account = asyncio.run(a_deribit(stub).account())
    assert (account.account_id, account.as_of, account.coins) == ("deribit-test", NOW, {})


# History.


def trade(number: int, at_ms: int) -> dict[str, Any]:
    return {
        "trade_id": f"BTC-{number}",
        "order_id": "7",
        "instrument_name": CALL,
        "direction": "sell",
        "amount": dec("0.1"),
        "price": dec("0.0055"),
        "fee": dec("0.00003"),
        "index_price": 100_000.0,
        "timestamp": at_ms,
        "label": "cw-1",
    }


def of_trades(trades: list[dict[str, Any]], page: int) -> Any:
    def answer(params: dict[str, Any]) -> dict[str, Any]:
        found = [
            row
            for row in trades
            if params["start_timestamp"] <= row["timestamp"] <= params["end_timestamp"]
        ]
        return {"trades": found[:page], "has_more": len(found) > page}

    return answer


METHOD = "private/get_user_trades_by_currency_and_time"


def test_fills_are_read_page_by_page_and_each_once() -> None:
    # The third and fourth share a millisecond, which lies across two pages.
    times = [NOW_MS, NOW_MS, NOW_MS + 1, NOW_MS + 1, NOW_MS + 2]
    trades = [trade(number, at_ms) for number, at_ms in enumerate(times)]
    stub = StubDeribit({METHOD: of_trades(trades, 3), "public/get_time": NOW_MS})
    fills = asyncio.run(a_deribit(stub).fills("BTC", since=NOW))
    assert [fill.trade_id for fill in fills] == [f"BTC-{n}" for n in range(5)]
    assert all(params["historical"] is False for name, params in stub.asked if name == METHOD)


def test_trades_that_do_not_come_to_an_end_are_an_error() -> None:
    trades = [trade(number, NOW_MS) for number in range(5)]
    stub = StubDeribit({METHOD: of_trades(trades, 2), "public/get_time": NOW_MS})
    with pytest.raises(DataInvalid, match="come to an end"):
        asyncio.run(a_deribit(stub).fills("BTC", since=NOW))


def test_older_trades_are_asked_for_as_history_and_each_is_counted_once() -> None:
    old, both, new = trade(1, NOW_MS - 3 * 86_400_000), trade(2, NOW_MS - 5), trade(3, NOW_MS)

    def answer(params: dict[str, Any]) -> dict[str, Any]:
        rows = [old, both] if params["historical"] else [both, new]
        return {"trades": rows, "has_more": False}

    stub = StubDeribit({METHOD: answer, "public/get_time": NOW_MS})
    fills = asyncio.run(a_deribit(stub).fills("BTC", since=NOW - timedelta(days=30)))
    assert [fill.trade_id for fill in fills] == ["BTC-1", "BTC-2", "BTC-3"]
    assert stub.count(METHOD) == 2


def delivery(number: int, at_ms: int, **changes: Any) -> dict[str, Any]:
    fields = {
        "id": number,
        "type": "delivery",
        "timestamp": at_ms,
        "instrument_name": CALL,
        "side": "close buy",
        "amount": dec("2"),
        "index_price": dec("120000"),
        "commission": dec(0),
        "cashflow": dec(0),
        "change": dec(0),
    }
    return fields | changes


def test_settlements_are_read_to_the_end_and_turned_oldest_first() -> None:
    newest_first = [
        delivery(5, NOW_MS + 9),
        delivery(4, NOW_MS + 5),
        delivery(3, NOW_MS + 5, type="trade"),
        delivery(2, NOW_MS + 5),
        delivery(1, NOW_MS, instrument_name="BTC-9JAN26"),
        delivery(0, NOW_MS),
    ]

    def answer(params: dict[str, Any]) -> dict[str, Any]:
        start = params.get("continuation", 0)
        rows = newest_first[start : start + 2]
        return {"logs": rows, "continuation": start + 2 if start + 2 < 6 else None}

    stub = StubDeribit({"private/get_transaction_log": answer, "public/get_time": NOW_MS})
    events = asyncio.run(a_deribit(stub).settlements("BTC", since=NOW))
    assert [event.settlement_id for event in events] == ["0", "2", "4", "5"]
    assert stub.count("private/get_transaction_log") == 3


def test_a_margin_is_scaled_where_one_coin_is_less_than_the_least_order() -> None:
    stub = a_market(get_instruments=[instrument(CALL, min_trade_amount=dec(10))])
    stub.answers["private/get_margins"] = lambda params: {"buy": 0, "sell": dec("1.06")}
    margins = asyncio.run(a_deribit(stub).initial_margin_per_coin([CALL, CALL]))
    assert margins == {CALL: dec("0.106")}
    assert stub.count("private/get_margins") == 1
    assert stub.asked[-1][1]["amount"] == 10


def test_a_margin_below_zero_is_none() -> None:
    stub = a_market()
    stub.answers["private/get_margins"] = {"buy": 0, "sell": -1}
    with pytest.raises(DataInvalid):
        asyncio.run(a_deribit(stub).initial_margin_per_coin([CALL]))


def test_labels_of_others_are_not_ours() -> None:
    stub = StubDeribit({"private/get_order_state_by_label": []})
    assert asyncio.run(a_deribit(stub).orders_by_label("BTC", "cw-1")) == ()
