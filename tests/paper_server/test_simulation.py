"""Methods that only a simulated exchange has, and the header that arms faults."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import pytest

from builders import NOW
from callwright.domain.base import to_ms
from callwright.errors import DataInvalid, StorageError
from callwright.paper.faults import ReplyLost, RequestTimedOut, TransportFault
from callwright.paper.server.dispatch import METHODS
from callwright.paper.server.switches import CALLS
from paper_exchange.steps import CALL, StepMarket, a_view, hours, steady
from paper_server.clients import KEY, Wire, exact

SELL: dict[str, Any] = {
    "instrument_name": CALL,
    "amount": 0.5,
    "price": 0.0055,
    "time_in_force": "immediate_or_cancel",
    "label": "cw-1",
}
BY_LABEL = {"currency": "BTC", "label": "cw-1"}


def test_info_says_what_is_played() -> None:
    assert Wire().result("paper/info") == {
        "market": "steps",
        "depth_model": "by hand",
        "stepped": True,
        "underlyings": ["BTC", "ETH"],
        "start_ms": to_ms(NOW),
        "step_time_ms": to_ms(NOW),
        "now_ms": to_ms(NOW),
        "is_fresh": True,
        "dropped_rows": {"BTC": {}, "ETH": {}},
    }


def test_info_says_which_rows_were_refused() -> None:
    view = a_view()
    btc = view.underlyings["BTC"]
    chain = replace(btc.chain, dropped_rows=MappingProxyType({"bad_name": 2}))
    shown = {**view.underlyings, "BTC": replace(btc, chain=chain)}
    wire = Wire(StepMarket(replace(view, underlyings=shown)))
    assert wire.result("paper/info")["dropped_rows"] == {"BTC": {"bad_name": 2}, "ETH": {}}


def test_a_market_is_fresh_until_it_moves_or_trades() -> None:
    moved, passed, traded = Wire(), Wire(), Wire()
    assert moved.result("paper/advance", from_ms=to_ms(NOW))["is_fresh"] is False
    assert passed.result("paper/pass_time", seconds=1)["is_fresh"] is False
    traded.result("private/sell", **SELL)
    assert traded.result("paper/info")["is_fresh"] is False


def test_advancing_twice_from_the_same_step_moves_once() -> None:
    wire = Wire()
    for _ in range(2):
        info = wire.result("paper/advance", from_ms=to_ms(NOW))
        assert info["step_time_ms"] == info["now_ms"] == to_ms(hours(1))
    assert wire.result("paper/advance", from_ms=to_ms(hours(1)))["now_ms"] == to_ms(hours(2))


def test_time_passes_within_the_step() -> None:
    wire = Wire()
    info = wire.result("paper/pass_time", seconds="90.5")
    assert info["now_ms"] == to_ms(NOW + timedelta(seconds=90.5))
    assert info["step_time_ms"] == to_ms(NOW)
    assert wire.result("public/get_time") == info["now_ms"]


def test_a_recording_ends_with_a_code_of_its_own() -> None:
    wire = Wire(steady(1))
    error = wire.error("paper/advance", from_ms=to_ms(NOW))
    assert (error["code"], error["message"]) == (-32099, "market_exhausted")
    assert wire.result("paper/info")["step_time_ms"] == to_ms(NOW)


def test_a_snapshot_that_cannot_be_trusted_has_one_too(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire()

    def refuse(*args: object) -> None:
        raise DataInvalid("the file is torn")

    monkeypatch.setattr(wire.exchange.source, "view", refuse)
    error = wire.error("paper/advance", from_ms=to_ms(NOW))
    assert error == {
        "code": -32098,
        "message": "market_data_invalid",
        "data": {"reason": "the file is torn"},
    }
    assert wire.exchange.step_time == NOW


def test_books_that_cannot_be_kept_are_a_server_error(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire()
    wire.authenticated()

    def full(*args: object) -> None:
        raise StorageError("the disk is full")

    monkeypatch.setattr(wire.exchange, "place", full)
    response = wire.rpc("private/sell", **SELL)
    assert response.status_code == 500
    assert exact(response)["error"]["code"] == 11094


@pytest.mark.parametrize(
    ("fault", "raised", "orders"),
    [
        ("lose_reply", ReplyLost, 1),
        ("timeout_before;seconds=0.1", RequestTimedOut, 0),
    ],
)
def test_a_fault_breaks_the_connection(
    fault: str, raised: type[TransportFault], orders: int
) -> None:
    wire = Wire()
    with pytest.raises(raised):
        wire.rpc("private/sell", fault=fault, **SELL)
    assert len(wire.result("private/get_order_state_by_label", **BY_LABEL)) == orders
    # It was armed for one request only.
    wire.result("private/sell", **SELL)


@pytest.mark.parametrize(
    ("fault", "status", "orders"), [("error_after", 502, 1), ("unavailable", 503, 0)]
)
def test_a_fault_answers_as_a_proxy_would(fault: str, status: int, orders: int) -> None:
    wire = Wire()
    response = wire.rpc("private/sell", fault=fault, **SELL)
    assert response.status_code == status
    assert "json" not in response.headers["content-type"]
    assert len(wire.result("private/get_order_state_by_label", **BY_LABEL)) == orders


@pytest.mark.parametrize(
    ("fault", "code"),
    [("rate_limit", 10028), ("reject", 11030), ("reject; code=13028", 13028)],
)
def test_a_fault_answers_with_a_code(fault: str, code: int) -> None:
    wire = Wire()
    assert wire.error("private/sell", fault=fault, **SELL)["code"] == code
    assert wire.result("private/get_order_state_by_label", **BY_LABEL) == []


def test_a_refused_token_can_be_armed() -> None:
    response = Wire().rpc("private/get_positions", fault="reject;code=13009")
    assert (response.status_code, response.json()["error"]["code"]) == (401, 13009)


def test_part_of_an_order_fills() -> None:
    wire = Wire()
    order = wire.result("private/sell", fault="partial_fill;fraction=0.4", **SELL)["order"]
    assert (order["order_state"], str(order["filled_amount"])) == ("cancelled", "0.2")


def test_an_order_hides_for_a_while() -> None:
    wire = Wire()
    wire.result("private/sell", fault="hide_order;seconds=30", **SELL)
    assert wire.result("private/get_order_state_by_label", **BY_LABEL) == []
    wire.result("paper/pass_time", seconds=30)
    assert len(wire.result("private/get_order_state_by_label", **BY_LABEL)) == 1


def test_a_feed_goes_stale() -> None:
    wire = Wire(steady(3))
    ask = {"instrument_name": CALL}
    first = wire.result("public/ticker", **ask)["timestamp"]
    wire.result("paper/advance", from_ms=to_ms(NOW))
    assert wire.result("public/ticker", fault="stale_feed", **ask)["timestamp"] == first
    assert wire.result("public/ticker", **ask)["timestamp"] == to_ms(hours(1))


def test_a_fault_may_last_for_several_requests() -> None:
    wire = Wire()
    codes = [wire.error("public/get_time", fault="rate_limit;times=3")["code"]]
    codes += [wire.error("public/get_time")["code"] for _ in range(2)]
    assert codes == [10028] * 3
    wire.result("public/get_time")


@pytest.mark.parametrize("method", ["paper/advance", "paper/pass_time", "public/auth"])
def test_the_servers_own_methods_can_fail_too(method: str) -> None:
    wire = Wire()
    params: dict[str, Any] = {"from_ms": to_ms(NOW), "seconds": 1, **KEY}
    with pytest.raises(ReplyLost):
        wire.rpc(method, fault="lose_reply", **params)
    assert (wire.exchange.now > NOW) is method.startswith("paper/")
    assert wire.rpc(method, fault="unavailable", **params).status_code == 503


@pytest.mark.parametrize(
    ("method", "fault"),
    [
        ("private/sell", "explode"),
        ("private/sell", "lose_reply;times=0"),
        ("private/sell", "lose_reply;times=x"),
        ("private/sell", "partial_fill;fraction=2"),
        ("public/get_time", "partial_fill"),
        ("public/test", "lose_reply"),
    ],
)
def test_a_header_that_makes_no_sense_is_refused(method: str, fault: str) -> None:
    wire = Wire()
    error = wire.error(method, fault=fault, **SELL)
    assert error["code"] == -32602
    assert error["data"]["param"] in ("x-callwright-fault", "times")
    assert wire.exchange.positions() == ()


def test_without_the_switch_the_header_is_ignored() -> None:
    wire = Wire(with_faults=False)
    wire.result("private/sell", fault="lose_reply", **SELL)
    wire.result("private/get_positions", fault="nonsense")


def test_without_a_token_nothing_is_armed() -> None:
    wire = Wire()
    headers = {"X-Callwright-Fault": "unavailable"}
    assert wire.send("/api/v2/private/get_positions", headers=headers).status_code == 401
    assert wire.result("private/get_positions") == []


def test_every_switch_belongs_to_a_method() -> None:
    assert set(CALLS) <= METHODS
