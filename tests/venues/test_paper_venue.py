"""The paper exchange behind the ports: every record mapped, every fault the right error."""

from __future__ import annotations

import asyncio
import inspect
from datetime import timedelta
from typing import Any, get_type_hints

import pytest

from builders import NOW, dec
from callwright import ports
from callwright.domain.orders import OrderRequest
from callwright.errors import DataInvalid, OrderRejected, OrderStateUnknown, VenueUnavailable
from callwright.paper.faults import FaultPlan
from callwright.venues.paper import PaperVenue
from paper_exchange.steps import (
    CALL,
    DAILY,
    ETH_CALL,
    StepMarket,
    a_view,
    an_exchange,
    hours,
    steady,
)


def a_venue(source: Any = None, faults: Any = None) -> PaperVenue:
    return PaperVenue(an_exchange(source, faults=faults), "paper-test")


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


def run(awaitable: Any) -> Any:
    return asyncio.run(awaitable)


def test_it_has_every_method_of_the_ports_with_the_same_parameters() -> None:
    venue: ports.Venue = a_venue()
    clock: ports.Clock = a_venue()
    assert isinstance(venue, ports.SteppedMarket)
    assert clock.now() == NOW
    for port in (ports.MarketReader, ports.AccountReader, ports.OrderSender, ports.Clock):
        for name, method in inspect.getmembers(port, inspect.isfunction):
            if not name.startswith("_"):
                ours = getattr(PaperVenue, name)
                assert inspect.signature(ours).parameters == inspect.signature(method).parameters
                assert get_type_hints(ours) == get_type_hints(method)


def test_the_account_is_complete() -> None:
    venue = a_venue()
    run(venue.place(a_request()))
    run(
        venue.place(
            a_request(
                label="cw-rest",
                amount_coin=dec("0.2"),
                price_coin=dec("0.02"),
                time_in_force="good_til_cancelled",
            )
        )
    )
    account = run(venue.account())
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


def test_orders_fills_and_settlements_are_mapped() -> None:
    venue = a_venue(
        StepMarket(a_view(), a_view(hours(120), {}), delivery={"BTC": "120000", "ETH": "4000"})
    )
    order = run(venue.place(a_request(amount_coin=dec("1.5"))))
    assert (order.order_id, order.state, order.label) == ("BTC-1", "filled", "cw-test-0")
    assert (order.filled_coin, order.average_price_coin) == (dec("1.5"), dec("0.0055"))
    assert order.created_at == NOW
    # 1.5 x 0.0003.
    assert order.fee_coin == dec("0.00045")
    assert run(venue.orders_by_label("BTC", "cw-test-0")) == (order,)
    assert run(venue.orders_by_label("BTC", "other")) == ()
    cut = run(venue.place(a_request(amount_coin=dec("1"))))
    assert (cut.state, cut.filled_coin, cut.amount_coin) == ("cancelled", dec("0.5"), dec(1))

    fill, _ = run(venue.fills("BTC", since=NOW))
    assert (fill.trade_id, fill.order_id, fill.executed_at) == ("BTC-T-1", "BTC-1", NOW)
    assert (fill.fee_coin, fill.index_usd) == (dec("0.00045"), 100_000.0)
    # 1.5 x 0.0055 - 0.00045.
    assert fill.cash_coin == dec("0.0078")
    assert run(venue.fills("BTC", since=NOW + timedelta(milliseconds=1))) == ()

    assert run(venue.advance()) == venue.now() == hours(120)
    (event,) = run(venue.settlements("BTC", since=NOW))
    assert (event.settlement_id, event.position_coin) == ("BTC-S-1", dec(-2))
    assert (event.delivery_price_usd, event.delivery_price_source) == (dec(120_000), "twap_30m")
    # 2 x 0.11666667 and 2 x 0.00015.
    assert (event.payoff_coin, event.fee_coin) == (dec("0.23333334"), dec("0.0003"))
    assert event.cash_coin == dec("-0.23363334")


def test_a_resting_order_is_cancelled_by_its_id() -> None:
    venue = a_venue()
    order = run(venue.place(a_request(price_coin=dec("0.02"), time_in_force="good_til_cancelled")))
    assert order.state == "open"
    done = run(venue.cancel(order.order_id))
    assert (done.state, done.reason) == ("cancelled", "user_request")
    with pytest.raises(OrderRejected) as refused:
        run(venue.cancel(order.order_id))
    assert refused.value.venue_code == 11044


def test_the_market_is_cut_to_the_underlyings_asked_for() -> None:
    venue = a_venue()
    assert tuple(run(venue.market(["ETH"])).underlyings) == ("ETH",)
    both = run(venue.market(["BTC", "ETH"]))
    assert tuple(both.underlyings) == ("BTC", "ETH")
    assert both.as_of == NOW
    with pytest.raises(DataInvalid, match="SOL"):
        run(venue.market(["BTC", "SOL"]))


def test_specs_come_from_the_dated_schedule() -> None:
    venue = a_venue()
    specs = run(venue.specs(["BTC", "ETH"]))
    assert (specs["BTC"].amount_min, specs["ETH"].amount_min) == (dec("0.1"), dec(1))
    assert specs["BTC"].schedule_date == "2026-07-31"
    with pytest.raises(DataInvalid, match="SOL"):
        run(venue.specs(["SOL"]))


def test_initial_margin_per_coin() -> None:
    margins = run(a_venue().initial_margin_per_coin([CALL, DAILY, ETH_CALL]))
    # 0.10 + 0.006; at the money 0.15 + 0.008; 5% out 0.10 + 0.0105.
    assert margins == {CALL: dec("0.106"), DAILY: dec("0.158"), ETH_CALL: dec("0.1105")}


def test_sleeping_is_simulated() -> None:
    venue = a_venue()
    run(venue.sleep(30))
    assert venue.now() == run(venue.venue_time()) == NOW + timedelta(seconds=30)


@pytest.mark.parametrize(
    ("kind", "code", "error", "accepted"),
    [
        pytest.param("unavailable", None, VenueUnavailable, 0, id="connection-refused"),
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
    kind: Any, code: Any, error: Any, accepted: Any
) -> None:
    plan = FaultPlan()
    plan.arm(kind, "sell", code=code or 0)
    venue = a_venue(faults=plan)
    with pytest.raises(error) as failed:
        run(venue.place(a_request()))
    assert type(failed.value) is error
    assert failed.value.venue_code == code
    assert "cw-test-0" in str(failed.value)
    assert len(run(venue.orders_by_label("BTC", "cw-test-0"))) == accepted


def test_a_lost_cancel_is_unknown() -> None:
    plan = FaultPlan()
    plan.arm("lose_reply", "cancel")
    venue = a_venue(faults=plan)
    order = run(venue.place(a_request(price_coin=dec("0.02"), time_in_force="good_til_cancelled")))
    with pytest.raises(OrderStateUnknown):
        run(venue.cancel(order.order_id))
    assert run(venue.account()).resting_orders == ()


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
def test_a_read_that_fails_is_never_an_empty_answer(kind: Any, method: Any, read: Any) -> None:
    plan = FaultPlan()
    plan.arm(kind, method)
    venue = a_venue(faults=plan)
    with pytest.raises(VenueUnavailable):
        run(read(venue))
    run(read(venue))


def test_an_order_that_arrives_late_is_rejected() -> None:
    venue = a_venue()
    run(venue.sleep(10.001))
    with pytest.raises(OrderRejected) as late:
        run(venue.place(a_request()))
    assert late.value.venue_code == 13888


def test_a_stale_feed_shows_in_the_age_of_the_market() -> None:
    plan = FaultPlan()
    venue = a_venue(steady(), plan)
    run(venue.market(["BTC"]))
    plan.arm("stale_feed", "market")
    run(venue.advance())
    assert run(venue.market(["BTC"])).as_of == NOW
    assert run(venue.venue_time()) == hours(1)


def test_unlisted_options_have_no_margin() -> None:
    with pytest.raises(VenueUnavailable) as failed:
        run(a_venue().initial_margin_per_coin(["BTC-9JAN26-107000-C"]))
    assert failed.value.venue_code == 13020
