"""Whatever a venue puts into a field, a reader answers or raises one of the desk's errors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest

from builders import NOW
from callwright.errors import CallwrightError, OrderStateUnknown
from venues.stubs import StubDeribit, a_deribit
from venues.test_client import a_request, an_order
from venues.test_deribit_venue import METHOD, TICKER, a_market, delivery, trade
from venues.test_parse import CALL, NOW_MS

STRANGE: tuple[Any, ...] = (
    *(None, True, "", "x", "NaN", "Infinity", [], {}, [[]], "1e999999999"),
    *(0, -1, 2**63, 10**30, -(10**30), 253_402_300_800_000, 1e308, -1e308, 5e-324),
    *(Decimal("1e400"), Decimal("1e-400")),
)

COIN = dict.fromkeys(
    (
        *("balance", "margin_balance", "options_value", "equity", "initial_margin"),
        *("maintenance_margin", "spot_reserve", "additional_reserve"),
    ),
    Decimal(1),
)
POSITION = {
    "instrument_name": CALL,
    "kind": "option",
    "size": -1,
    "average_price": 1,
    "mark_price": 1,
    "initial_margin": 1,
    "size_currency": None,
}


def answers() -> dict[str, Any]:
    found = dict(a_market().answers)
    found.update(
        {
            "public/get_time": NOW_MS,
            "public/ticker": dict(TICKER),
            "private/get_account_summaries": {"summaries": [{"currency": "BTC", **COIN}]},
            "private/get_positions": [dict(POSITION)],
            "private/get_open_orders": [an_order(order_state="open")],
            "private/get_order_state_by_label": [an_order()],
            METHOD: {"trades": [trade(1, NOW_MS)], "has_more": False},
            "private/get_transaction_log": {"logs": [delivery(1, NOW_MS)], "continuation": None},
            "private/get_margins": {"buy": 1, "sell": 1},
            "private/sell": {"order": an_order(), "trades": []},
        }
    )
    return found


async def everything(venue: Any) -> None:
    """Make every read, each whatever became of the one before."""
    for read in (
        lambda: venue.venue_time(),
        lambda: with_tickers(venue),
        lambda: venue.specs(["BTC"]),
        lambda: venue.account(),
        lambda: venue.orders_by_label("BTC", "cw-test-0"),
        lambda: venue.fills("BTC", since=NOW),
        lambda: venue.settlements("BTC", since=NOW),
        lambda: venue.initial_margin_per_coin([CALL]),
    ):
        try:
            await read()
        except CallwrightError:
            continue


async def with_tickers(venue: Any) -> None:
    view = await venue.market(["BTC"])
    view = await venue.with_tickers(view, [CALL])
    for market in view.underlyings.values():
        for name in market.chain.listing.names:
            view.quote(name)


def places(value: Any) -> Iterator[Callable[[Any], Any]]:
    """Yield, for each spot inside a value, a function that puts something else there."""
    yield lambda strange: strange
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, inner in items:
        for put in places(inner):

            def outer(strange: Any, key: Any = key, inner: Any = inner, put: Any = put) -> Any:
                changed = deepcopy(value)
                changed[key] = put(strange)
                return changed

            yield outer


@pytest.mark.parametrize("method", [name for name in answers() if name != "public/auth"])
def test_a_strange_field_is_an_answer_or_an_error_of_ours(method: str) -> None:
    async def try_all() -> None:
        for put in places(answers()[method]):
            for strange in STRANGE:
                stub = StubDeribit(answers() | {method: put(strange)})
                if method != "private/sell":
                    await everything(a_deribit(stub))
                    continue
                try:
                    await a_deribit(stub).place(a_request())
                except OrderStateUnknown:
                    continue

    asyncio.run(try_all())


@pytest.mark.parametrize("moment", [0, -(10**15), 10**30, 253_402_300_800_000])
def test_a_strange_clock_is_an_answer_or_an_error_of_ours(moment: int) -> None:
    asyncio.run(everything(a_deribit(StubDeribit(answers(), now_ms=moment))))
