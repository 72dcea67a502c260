"""Ticks, lots and fees."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from builders import a_spec, dec
from callwright.domain.contract import TickStep


@pytest.mark.parametrize(
    ("price", "floor", "ceil"),
    [
        pytest.param("0.00499", "0.0049", "0.005", id="fine-grid-below-0.005"),
        pytest.param("0.005", "0.005", "0.005", id="the-step-itself"),
        pytest.param("0.0051", "0.005", "0.0055", id="coarse-grid-above"),
        pytest.param("0.00004", "0", "0.0001", id="under-one-tick"),
        pytest.param("0.0512", "0.051", "0.0515", id="the-trap-of-price-to-precision"),
    ],
)
def test_rounding_to_the_tick_grid(price: str, floor: str, ceil: str) -> None:
    spec = a_spec()
    assert spec.floor_to_tick(dec(price)) == dec(floor)
    assert spec.ceil_to_tick(dec(price)) == dec(ceil)


@given(st.decimals(min_value="0.0001", max_value="0.9", places=6))
def test_a_rounded_price_is_on_the_grid(price: object) -> None:
    spec = a_spec()
    up = spec.ceil_to_tick(dec(price))
    down = spec.floor_to_tick(dec(price))
    assert down <= dec(price) <= up
    assert spec.is_on_tick(up)
    assert down == 0 or spec.is_on_tick(down)


@pytest.mark.parametrize(
    ("amount", "lots"),
    [("0.19", "0.1"), ("0.1", "0.1"), ("0.09", "0"), ("0", "0"), ("-1", "0"), ("2.37", "2.3")],
)
def test_lots_round_down_and_vanish_below_the_minimum(amount: str, lots: str) -> None:
    assert a_spec().floor_to_lot(dec(amount)) == dec(lots)


@pytest.mark.parametrize(
    ("price", "fee"),
    [
        # 0.0003 coin a coin; the cap of 12.5% bites below a price of 0.0003 / 0.125 = 0.0024.
        pytest.param("0.01", "0.0003", id="the-rate"),
        pytest.param("0.0024", "0.0003", id="where-rate-and-cap-meet"),
        pytest.param("0.0008", "0.0001", id="the-cap"),
    ],
)
def test_the_taker_fee_is_the_rate_or_the_cap(price: str, fee: str) -> None:
    assert a_spec().taker_fee_coin(dec(price), dec(1)) == dec(fee)
    assert a_spec().taker_fee_coin(dec(price), dec("0.3")) == dec(fee) * dec("0.3")


def test_tick_steps_out_of_order_are_refused() -> None:
    steps = (
        TickStep(above_price=dec("0.01"), tick=dec("0.001")),
        TickStep(above_price=dec("0.005"), tick=dec("0.0005")),
    )
    with pytest.raises(ValidationError, match="ascending"):
        a_spec(tick_steps=steps)
