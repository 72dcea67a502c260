"""Free cover, by hand: cash less reserves, shorts, resting sells and unresolved sells."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from builders import a_coin_account, a_position, a_snapshot, an_account, dec, limits
from callwright.analytics.cover import free_cover_coin
from callwright.errors import DataInvalid
from situations import OTHER, SHORT, a_resting_order, an_unresolved_sell


def free(
    *, positions: Any = (), resting: Any = (), unresolved: Any = (), coin: Any = None, **limit: Any
) -> Decimal:
    account = an_account(
        btc=a_coin_account("BTC", 1, **(coin or {})), positions=positions, resting_orders=resting
    )
    snapshot = a_snapshot(account=account, unresolved=tuple(unresolved))
    return free_cover_coin(snapshot, "BTC", limits(**limit))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, "1", id="an-empty-account-is-all-free"),
        pytest.param({"coin": {"reserved_coin": dec("0.25")}}, "0.75", id="venue-reserve"),
        pytest.param({"cover_reserve_coin": {"BTC": dec("0.3")}}, "0.7", id="own-reserve"),
        pytest.param(
            {"cover_reserve_coin": {"ETH": dec("0.3")}}, "1", id="reserve-of-another-coin"
        ),
        # Equity of 5 coin is no cover: cash is 1.
        pytest.param({"coin": {"equity_coin": dec(5)}}, "1", id="equity-is-not-cover"),
        pytest.param({"positions": [a_position(SHORT, "-0.4")]}, "0.6", id="short-call"),
        pytest.param({"positions": [a_position(SHORT, "0.4")]}, "1", id="long-call-covers-nothing"),
        pytest.param(
            {"positions": [a_position("BTC-9JAN26-90000-P", "-0.4")]}, "1", id="short-put"
        ),
        pytest.param(
            {"positions": [a_position("ETH-9JAN26-4200-C", "-4")]}, "1", id="short-of-another-coin"
        ),
        pytest.param(
            {"positions": [a_position("BTC_USDC-9JAN26-104000-C", "-0.4")]}, "1", id="linear-short"
        ),
        pytest.param(
            {"positions": [a_position("BTC_USDC-9JAN26-104000-C", "0.4"), a_position(SHORT, "-1")]},
            "0",
            id="linear-long-covers-nothing",
        ),
        pytest.param(
            {"positions": [a_position("BTC-PERPETUAL", "-1000")]}, "1", id="a-future-is-no-call"
        ),
        pytest.param({"resting": [a_resting_order(OTHER, "0.4")]}, "0.6", id="resting-sell"),
        pytest.param(
            {"resting": [a_resting_order(OTHER, "0.4", filled_coin=dec("0.1"))]},
            "0.7",
            id="only-the-open-part-of-a-resting-sell",
        ),
        pytest.param({"resting": [a_resting_order(side="buy")]}, "1", id="resting-buy"),
        pytest.param({"unresolved": [an_unresolved_sell(OTHER, "0.2")]}, "0.8", id="unresolved"),
        pytest.param({"unresolved": [an_unresolved_sell(side="buy")]}, "1", id="unresolved-buy"),
        pytest.param(
            # 1 − 0.1 − 0.2 − 0.3 − 0.4 − 0.5
            {
                "coin": {"reserved_coin": dec("0.1")},
                "cover_reserve_coin": {"BTC": dec("0.2")},
                "positions": [a_position(SHORT, "-0.3")],
                "resting": [a_resting_order(OTHER, "0.4")],
                "unresolved": [an_unresolved_sell(OTHER, "0.5")],
            },
            "-0.5",
            id="everything-adds-up-and-may-be-negative",
        ),
    ],
)
def test_free_cover(changes: dict[str, Any], expected: str) -> None:
    assert free(**changes) == Decimal(expected)


def test_a_coin_that_the_account_does_not_show_is_unknown_not_zero() -> None:
    with pytest.raises(DataInvalid, match="SOL"):
        free_cover_coin(a_snapshot(), "SOL", limits())
