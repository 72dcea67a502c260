"""One contract for every venue: each record mapped, each fault the right error.

The paper exchange is asked in process and over HTTP; what it says must come out the same.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from builders import NOW, dec
from callwright import ports
from callwright.domain.orders import OrderRequest
from callwright.errors import (
    DataInvalid,
    MarketExhausted,
    OrderRejected,
    OrderStateUnknown,
    VenueUnavailable,
)
from callwright.venues.deribit.simulated import SimulatedDeribit
from callwright.venues.deribit.venue import DeribitVenue
from callwright.venues.paper import PaperVenue
from paper_exchange.steps import (
    CALL,
    DAILY,
    ETH_CALL,
    StepMarket,
    a_view,
    hours,
    steady,
)
from venues.rigs import Rig, a_rig

MakeRig = Callable[..., Rig]


@pytest.fixture(params=["in-process", "over-http"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeRig]:
    with ExitStack() as stack:
        yield lambda source=None: stack.enter_context(a_rig(request.param, tmp_path, source))


def a_request(**changes: Any) -> OrderRequest:
    fields = {
        "label": "cw-test-0",
        "instrument_name": CALL,
        "side": "sell",
        "amount_coin": dec("0.5"),
        "price_coin": dec("0.0055"),
        "valid_until": NOW + timedelta(seconds=10),
    }
    return OrderRequest(**(fields | changes))


RESTING = {"price_coin": dec("0.02"), "time_in_force": "good_til_cancelled"}


@pytest.mark.parametrize("kind", [PaperVenue, DeribitVenue, SimulatedDeribit])
def test_it_has_every_method_of_the_ports_with_the_same_parameters(kind: type) -> None:
    wanted: list[type] = [ports.MarketReader, ports.AccountReader, ports.OrderSender, ports.Venue]
    if kind is not DeribitVenue:
        wanted += [ports.Clock, ports.SteppedMarket]
    for port in wanted:
        for name, method in inspect.getmembers(port, inspect.isfunction):
            if not name.startswith("_"):
                ours = getattr(kind, name)
                assert inspect.signature(ours).parameters == inspect.signature(method).parameters
                assert get_type_hints(ours) == get_type_hints(method)


def test_it_is_a_clock_and_a_stepped_market(make: MakeRig) -> None:
    rig = make()
    venue: ports.Venue = rig.venue
    clock: ports.Clock = rig.venue
    assert isinstance(venue, ports.SteppedMarket)
    assert clock.now() == venue.step_time() == NOW


def test_the_account_is_complete(make: MakeRig) -> None:
    rig = make()
    rig.run(rig.venue.place(a_request()))
    rig.run(rig.venue.place(a_request(label="cw-rest", amount_coin=dec("0.2"), **RESTING)))
    account = rig.run(rig.venue.account())
    assert (account.account_id, account.as_of) == ("paper-test", NOW)
    btc = account.coins["BTC"]
    # 1 + 0.5 x (0.0055 - 0.0003); margin 0.106 a coin for the position and for the resting 0.2.
    assert btc.balance_coin == btc.margin_balance_coin == dec("1.0026")
    assert btc.reserved_coin == 0
    assert btc.options_value_coin == dec("-0.003")
    assert btc.equity_coin == dec("0.9996")
    assert btc.initial_margin_coin == dec("0.0742")
    assert btc.maintenance_margin_coin == dec("0.0405")
    assert account.coins["ETH"].balance_coin == 10
    (position,) = account.positions
    assert position.instrument_name == CALL
    assert (position.amount_coin, position.average_price_coin) == (dec("-0.5"), dec("0.0055"))
    assert (position.mark_price_coin, position.initial_margin_coin) == (dec("0.006"), dec("0.053"))
    (resting,) = account.resting_orders
    assert (resting.order_id, resting.label, resting.side) == ("BTC-2", "cw-rest", "sell")
    assert (resting.open_coin, resting.price_coin) == (dec("0.2"), dec("0.02"))


def test_orders_fills_and_settlements_are_mapped(make: MakeRig) -> None:
    rig = make(
        StepMarket(a_view(), a_view(hours(120), {}), delivery={"BTC": "120000", "ETH": "4000"})
    )
    order = rig.run(rig.venue.place(a_request(amount_coin=dec("1.5"))))
    assert (order.order_id, order.state, order.label) == ("BTC-1", "filled", "cw-test-0")
    assert (order.filled_coin, order.average_price_coin) == (dec("1.5"), dec("0.0055"))
    assert order.created_at == NOW
    # 1.5 x 0.0003.
    assert order.fee_coin == dec("0.00045")
    assert rig.run(rig.venue.orders_by_label("BTC", "cw-test-0")) == (order,)
    assert rig.run(rig.venue.orders_by_label("BTC", "other")) == ()
    cut = rig.run(rig.venue.place(a_request(amount_coin=dec("1"))))
    assert (cut.state, cut.filled_coin, cut.amount_coin) == ("cancelled", dec("0.5"), dec(1))

    fill, _ = rig.run(rig.venue.fills("BTC", since=NOW))
    assert (fill.trade_id, fill.order_id, fill.executed_at) == ("BTC-T-1", "BTC-1", NOW)
    assert (fill.fee_coin, fill.index_usd) == (dec("0.00045"), 100_000.0)
    assert fill.is_liquidation is False
    # 1.5 x 0.0055 - 0.00045.
    assert fill.cash_coin == dec("0.0078")
    assert rig.run(rig.venue.fills("BTC", since=NOW + timedelta(milliseconds=1))) == ()
    assert rig.run(rig.venue.fills("BTC", since=NOW - timedelta(days=40)))[0] == fill
    assert rig.run(rig.venue.fills("ETH", since=NOW)) == ()

    assert rig.run(rig.venue.advance()) == rig.venue.now() == hours(120)
    (event,) = rig.run(rig.venue.settlements("BTC", since=NOW))
    assert (event.settlement_id, event.position_coin) == ("BTC-S-1", dec(-2))
    assert (event.delivery_price_usd, event.delivery_price_source) == (dec(120_000), "twap_30m")
    # 2 x 0.11666667 and 2 x 0.00015.
    assert (event.payoff_coin, event.fee_coin) == (dec("0.23333334"), dec("0.0003"))
    assert event.cash_coin == dec("-0.23363334")
    assert rig.run(rig.venue.settlements("BTC", since=event.settled_at)) == (event,)
    assert rig.run(rig.venue.settlements("BTC", since=hours(120))) == ()


def test_numbers_keep_their_digits(make: MakeRig) -> None:
    rig = make()
    rig.run(rig.venue.place(a_request(amount_coin=dec("0.50"), price_coin=dec("0.00550"))))
    held = rig.ask(lambda exchange: exchange.account()["BTC"])
    btc = rig.run(rig.venue.account()).coins["BTC"]
    assert str(btc.balance_coin) == str(held.balance)
    assert str(btc.equity_coin) == str(held.equity)
    assert str(btc.reserved_coin) == "0"
    (fill,) = rig.run(rig.venue.fills("BTC", since=NOW))
    (trade,) = rig.ask(lambda exchange: exchange.trades("BTC"))
    assert (str(fill.price_coin), str(fill.fee_coin)) == (str(trade.price), str(trade.fee))


def test_two_orders_with_one_label_are_both_shown(make: MakeRig) -> None:
    rig = make()
    placed = [rig.run(rig.venue.place(a_request(amount_coin=dec("0.1")))) for _ in range(2)]
    assert rig.run(rig.venue.orders_by_label("BTC", "cw-test-0")) == tuple(placed)


def test_a_resting_order_is_cancelled_by_its_id(make: MakeRig) -> None:
    rig = make()
    order = rig.run(rig.venue.place(a_request(**RESTING)))
    assert (order.state, order.average_price_coin) == ("open", None)
    done = rig.run(rig.venue.cancel(order.order_id))
    assert (done.state, done.reason) == ("cancelled", "user_request")
    with pytest.raises(OrderRejected) as refused:
        rig.run(rig.venue.cancel(order.order_id))
    assert refused.value.venue_code == 11044


def test_the_market_is_the_exchanges_own(make: MakeRig) -> None:
    rig = make(steady(2))
    rig.run(rig.venue.sleep(20))
    view = rig.run(rig.venue.market(["BTC", "ETH"]))
    view = rig.run(rig.venue.with_tickers(view, [CALL, DAILY, ETH_CALL, CALL]))
    own = rig.ask(lambda exchange: exchange.view())
    assert (view.as_of, view.source, view.depth_model) == (NOW, "steps", "by hand")
    assert tuple(view.underlyings) == ("BTC", "ETH")
    for name in (CALL, DAILY, ETH_CALL):
        assert view.quote(name) == own.quote(name)
    for coin, market in view.underlyings.items():
        assert market.index_usd == own.underlyings[coin].index_usd
        assert market.index_as_of == own.underlyings[coin].index_as_of
        assert market.chain.listing.names == own.underlyings[coin].chain.listing.names
        for column in ("prices_usd", "times_ms"):
            ours, theirs = (getattr(m.history, column) for m in (market, own.underlyings[coin]))
            assert ours.tolist() == theirs.tolist()


def test_the_market_is_cut_to_the_underlyings_asked_for(make: MakeRig) -> None:
    rig = make()
    assert tuple(rig.run(rig.venue.market(["ETH"])).underlyings) == ("ETH",)
    with pytest.raises(DataInvalid, match=r"(?i)sol"):
        rig.run(rig.venue.market(["BTC", "SOL"]))


def test_specs_are_the_venues(make: MakeRig) -> None:
    rig = make()
    specs = rig.run(rig.venue.specs(["BTC", "ETH"]))
    assert (specs["BTC"].amount_min, specs["ETH"].amount_min) == (dec("0.1"), dec(1))
    assert specs["BTC"].tick_at(dec("0.005")) == dec("0.0005")
    assert specs["BTC"].taker_fee_coin(dec("0.01"), dec(1)) == dec("0.0003")
    assert specs["BTC"].taker_fee_coin(dec("0.001"), dec(1)) == dec("0.000125")
    with pytest.raises(DataInvalid, match=r"(?i)sol"):
        rig.run(rig.venue.specs(["SOL"]))


def test_initial_margin_per_coin(make: MakeRig) -> None:
    rig = make()
    margins = rig.run(rig.venue.initial_margin_per_coin([CALL, DAILY, ETH_CALL]))
    # 0.10 + 0.006; at the money 0.15 + 0.008; 5% out 0.10 + 0.0105.
    assert margins == {CALL: dec("0.106"), DAILY: dec("0.158"), ETH_CALL: dec("0.1105")}


def test_sleeping_is_simulated(make: MakeRig) -> None:
    rig = make()
    rig.run(rig.venue.sleep(0))
    assert rig.venue.now() == NOW
    rig.run(rig.venue.sleep(30))
    assert rig.venue.now() == rig.run(rig.venue.venue_time()) == NOW + timedelta(seconds=30)
    rig.run(rig.venue.sleep(0.1 + 0.2))
    assert rig.venue.now() == NOW + timedelta(seconds=30, milliseconds=300)
    assert rig.venue.step_time() == NOW
    with pytest.raises(ValueError, match="-1"):
        rig.run(rig.venue.sleep(-1))


def test_the_market_comes_to_its_end(make: MakeRig) -> None:
    rig = make(steady(2))
    assert rig.run(rig.venue.advance()) == rig.venue.step_time() == hours(1)
    with pytest.raises(MarketExhausted):
        rig.run(rig.venue.advance())
    assert rig.venue.step_time() == hours(1)


def test_a_market_that_cannot_be_trusted_is_no_market(make: MakeRig) -> None:
    class Torn(StepMarket):
        def view(self, at: Any) -> Any:
            if at == hours(1):
                raise DataInvalid("the snapshot is torn")
            return super().view(at)

    rig = make(Torn(a_view(), a_view(hours(1))))
    with pytest.raises(DataInvalid, match="torn"):
        rig.run(rig.venue.advance())
    assert rig.venue.step_time() == NOW


@pytest.mark.parametrize(
    ("kind", "code", "error", "accepted"),
    [
        pytest.param("unavailable", None, VenueUnavailable, 0, id="unavailable"),
        pytest.param("rate_limit", 10028, VenueUnavailable, 0, id="rate-limit"),
        pytest.param("timeout_before", None, OrderStateUnknown, 0, id="timeout"),
        pytest.param("lose_reply", None, OrderStateUnknown, 1, id="lost-reply"),
        pytest.param("error_after", None, OrderStateUnknown, 1, id="5xx"),
        pytest.param("reject", 10009, OrderRejected, 0, id="not-enough-funds"),
        pytest.param("reject", 13888, OrderRejected, 0, id="timed-out-is-a-refusal"),
        pytest.param("reject", 10040, OrderStateUnknown, 0, id="10040"),
        pytest.param("reject", 10041, OrderStateUnknown, 0, id="10041"),
        pytest.param("reject", 10047, OrderStateUnknown, 0, id="10047"),
        pytest.param("reject", 11051, OrderStateUnknown, 0, id="11051"),
        pytest.param("reject", 11094, OrderStateUnknown, 0, id="11094"),
        pytest.param("reject", 13028, OrderStateUnknown, 0, id="13028"),
    ],
)
def test_a_fault_of_an_order_says_what_to_do_next(
    make: MakeRig, kind: Any, code: Any, error: Any, accepted: Any
) -> None:
    rig = make()
    if kind == "unavailable" and rig.way == "over-http":
        # A 503 comes after the bytes of the order have left.
        error = OrderStateUnknown
    rig.faults.arm(kind, "sell", code=code or 0, seconds=0.1)
    with pytest.raises(error) as failed:
        rig.run(rig.venue.place(a_request()))
    assert type(failed.value) is error
    assert failed.value.venue_code == code
    assert "cw-test-0" in str(failed.value)
    assert len(rig.run(rig.venue.orders_by_label("BTC", "cw-test-0"))) == accepted


def test_a_lost_cancel_is_unknown(make: MakeRig) -> None:
    rig = make()
    order = rig.run(rig.venue.place(a_request(**RESTING)))
    rig.faults.arm("lose_reply", "cancel")
    with pytest.raises(OrderStateUnknown):
        rig.run(rig.venue.cancel(order.order_id))
    assert rig.run(rig.venue.account()).resting_orders == ()


@pytest.mark.parametrize(
    "kind", ["unavailable", "rate_limit", "timeout_before", "lose_reply", "error_after", "reject"]
)
@pytest.mark.parametrize(
    ("method", "read"),
    [
        ("time", lambda v: v.venue_time()),
        ("market", lambda v: v.market(["BTC"])),
        ("account", lambda v: v.account()),
        ("positions", lambda v: v.account()),
        ("open_orders", lambda v: v.account()),
        ("orders_by_label", lambda v: v.orders_by_label("BTC", "x")),
        ("trades", lambda v: v.fills("BTC", since=NOW)),
        ("settlements", lambda v: v.settlements("BTC", since=NOW)),
        ("margins", lambda v: v.initial_margin_per_coin([CALL])),
    ],
)
def test_a_read_that_fails_is_never_an_empty_answer(
    make: MakeRig, kind: Any, method: Any, read: Any
) -> None:
    rig = make()
    rig.faults.arm(kind, method, times=50, seconds=0.02)
    with pytest.raises(VenueUnavailable):
        rig.run(read(rig.venue))
    rig.faults.clear()
    rig.run(read(rig.venue))


def test_an_order_that_arrives_late_is_rejected(make: MakeRig) -> None:
    rig = make()
    rig.run(rig.venue.sleep(10.001))
    with pytest.raises(OrderRejected) as late:
        rig.run(rig.venue.place(a_request()))
    assert late.value.venue_code == 13888


def test_a_partial_fill_is_one(make: MakeRig) -> None:
    rig = make()
    rig.faults.arm("partial_fill", "sell", fraction=0.4)
    order = rig.run(rig.venue.place(a_request()))
    assert (order.state, order.filled_coin) == ("cancelled", dec("0.2"))


def test_a_hidden_order_is_shown_later(make: MakeRig) -> None:
    rig = make()
    rig.faults.arm("hide_order", "sell", seconds=20)
    rig.run(rig.venue.place(a_request()))
    assert rig.run(rig.venue.orders_by_label("BTC", "cw-test-0")) == ()
    assert rig.run(rig.venue.fills("BTC", since=NOW)) == ()
    rig.run(rig.venue.sleep(20))
    assert len(rig.run(rig.venue.orders_by_label("BTC", "cw-test-0"))) == 1


def test_a_stale_feed_shows_in_the_age_of_the_market(make: MakeRig) -> None:
    rig = make(steady())
    rig.run(rig.venue.market(["BTC"]))
    rig.faults.arm("stale_feed", "market", times=50)
    rig.run(rig.venue.advance())
    assert rig.run(rig.venue.market(["BTC"])).as_of == NOW
    assert rig.run(rig.venue.venue_time()) == hours(1)


def test_unlisted_options_have_no_margin(make: MakeRig) -> None:
    rig = make()
    with pytest.raises(VenueUnavailable) as failed:
        rig.run(rig.venue.initial_margin_per_coin(["BTC-9JAN26-107000-C"]))
    assert failed.value.venue_code == 13020


def test_it_can_be_closed_twice(make: MakeRig) -> None:
    rig = make()
    rig.run(rig.venue.account())
    rig.run(rig.venue.aclose())
    rig.run(rig.venue.aclose())
