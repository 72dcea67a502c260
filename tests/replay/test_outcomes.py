"""What a leg earns: by hand for each end, and unknown where the recording does not say."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from builders import (
    INDEX_USD,
    NOW,
    a_market,
    a_position,
    a_snapshot,
    an_account,
    an_underlying_market,
    with_quote,
)
from callwright.domain.base import to_ms
from callwright.domain.market import IndexHistory
from callwright.domain.record import ActionRecord, CycleRecord, OrderUpdate
from callwright.domain.snapshot import Snapshot
from callwright.journal import failed_record
from callwright.replaying.legs import Legs, legs_of
from callwright.replaying.outcomes import Future, Outcome

CALL, LATER = "BTC-9JAN26-104000-C", "BTC-16JAN26-104000-C"
"""Two calls of the builders' market, both delivered on a Friday."""
EXPIRY = datetime.fromisoformat("2026-01-09T08:00:00+00:00")


def action(kind: str, **params: Any) -> ActionRecord:
    return ActionRecord(action=kind, params={"underlying": "BTC", **params}, reasoning="")


HOLD = ActionRecord(action="DO_NOTHING", params={}, reasoning="")
OPEN = action("OPEN_COVERED_CALL", symbol=CALL, size=0.2)
CLOSE = action("CLOSE_COVERED_CALL", symbol=CALL, size=0.2)
ROLL = action("ROLL_COVERED_CALL", from_symbol=CALL, symbol=LATER, size=0.1)


def seen(at: datetime = NOW, *, index_usd: float | None = None, **columns: float) -> Snapshot:
    """The builders' market, its two calls quoted 0.0050 to 0.0060, marked 0.0055, a short held."""
    # Later markets of the builders list other expiries.
    extra = (CALL, LATER) if NOW < at < EXPIRY else ()
    btc = an_underlying_market("BTC", at=at, index_usd=index_usd, extra_names=extra)
    market = a_market(btc, at=at)
    quoted = {
        "bid_coin": 0.005, "ask_coin": 0.006, "mark_coin": 0.0055, "bid_amount_coin": 3.0,
        "ask_amount_coin": 3.0,
    }  # fmt: skip
    for name in (CALL, LATER):
        if market.underlyings["BTC"].chain.listing.row(name) is not None:
            market = with_quote(market, name, **(quoted | columns))
    account = an_account(at=at, positions=[a_position(CALL, "-0.2")])
    return a_snapshot(market=market, account=account)


def watched(*later: Snapshot, record: CycleRecord | None = None) -> tuple[Future, Legs]:
    future = Future()
    future.watch(legs_of(OPEN, seen()))
    if record is not None:
        future.note(record)
    for snapshot in later:
        future.see(snapshot)
    return future, legs_of(OPEN, seen())


def outcome_of(act: ActionRecord, *later: Snapshot, record: CycleRecord | None = None) -> Outcome:
    future, legs = Future(), legs_of(act, seen())
    future.watch(legs)
    if record is not None:
        future.note(record)
    for snapshot in later:
        future.see(snapshot)
    return future.outcome(legs, NOW)


def settled(price_usd: Any, symbol: str = "BTC-9JAN26-90000-C") -> CycleRecord:
    """A record that tells of a delivery, of another strike of the same day."""
    update = OrderUpdate(
        kind="settlement", cycle_id=None, symbol=symbol, facts={"delivery_price_usd": price_usd}
    )
    return failed_record(
        cycle_id="test-1", log_time=NOW, as_of=NOW, failure="VENUE_UNAVAILABLE", message="",
        dry_run=True, config_snapshot={}, updates=(update,),
    )  # fmt: skip


def near(*numbers: float | None) -> Any:
    return pytest.approx(numbers, abs=1e-9)


def test_the_calls_are_listed() -> None:
    assert seen().market.quote(CALL) is not None
    assert seen().market.quote(LATER) is not None
    assert INDEX_USD["BTC"] < 104_000


def test_holding_earns_nothing_and_that_is_known() -> None:
    outcome = outcome_of(HOLD)
    assert (outcome.coin, outcome.earned_coin, outcome.earned_usd) == (None, 0.0, 0.0)
    assert outcome.unknown == ""


def test_a_call_that_expires_worthless_leaves_the_premium_after_its_fee() -> None:
    outcome = outcome_of(OPEN, seen(EXPIRY, index_usd=100_000.0))
    (leg,) = outcome.legs
    assert (leg.ended, leg.index_source) == ("expired", "index")
    assert (leg.worth_coin, leg.delivery_fee_coin) == (0.0, 0.0)
    coin = 0.2 * 0.005 - 0.2 * 0.0003
    assert (outcome.earned_coin, outcome.earned_usd) == near(coin, coin * 100_000)


def test_a_call_in_the_money_pays_out_and_pays_its_delivery_fee() -> None:
    outcome = outcome_of(OPEN, seen(EXPIRY, index_usd=130_000.0))
    payoff, fee = 0.2 * (1 - 104_000 / 130_000), 0.2 * 0.00015
    coin = 0.2 * 0.005 - 0.2 * 0.0003 - payoff - fee
    assert (outcome.earned_coin, outcome.earned_usd) == near(coin, coin * 130_000)
    assert outcome.legs[0].delivery_fee_coin == pytest.approx(fee)


def test_closing_it_spares_what_it_would_have_cost() -> None:
    outcome = outcome_of(CLOSE, seen(EXPIRY, index_usd=130_000.0))
    spared = 0.2 * (1 - 104_000 / 130_000) + 0.2 * 0.00015
    coin = spared - 0.2 * 0.006 - 0.2 * 0.0003
    assert (outcome.earned_coin, outcome.earned_usd) == near(coin, coin * 130_000)


def test_a_roll_is_both_and_each_leg_has_its_own_end() -> None:
    second = datetime.fromisoformat("2026-01-16T08:00:00+00:00")
    outcome = outcome_of(ROLL, seen(EXPIRY, index_usd=130_000.0), seen(second, index_usd=90_000.0))
    bought, sold = outcome.legs
    assert (bought.side, bought.symbol, bought.amount_coin) == ("buy", CALL, 0.2)
    assert (sold.side, sold.symbol, sold.amount_coin) == ("sell", LATER, 0.1)
    first_coin = 0.2 * (1 - 104_000 / 130_000 + 0.00015 - 0.006 - 0.0003)
    second_coin = 0.1 * (0.005 - 0.0003)
    assert (bought.earned_coin, sold.earned_coin) == near(first_coin, second_coin)
    assert (outcome.earned_coin, outcome.earned_usd) == near(
        first_coin + second_coin, first_coin * 130_000 + second_coin * 90_000
    )


def test_before_its_expiry_the_last_mark_counts_and_says_so() -> None:
    day = timedelta(days=1)
    outcome = outcome_of(
        OPEN,
        seen(NOW + day, mark_coin=0.004),
        seen(NOW + 2 * day, index_usd=99_000.0, mark_coin=0.007),
    )
    (leg,) = outcome.legs
    assert (leg.ended, leg.index_source, leg.worth_coin) == ("marked", "snapshot", 0.007)
    assert leg.ended_at == (NOW + 2 * day).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    coin = 0.2 * (0.005 - 0.007 - 0.0003)
    assert (outcome.earned_coin, outcome.earned_usd) == near(coin, coin * 99_000)


def test_a_venue_s_delivery_price_goes_before_the_index() -> None:
    at = EXPIRY + timedelta(hours=4)
    outcome = outcome_of(OPEN, seen(at, index_usd=100_000.0), record=settled(120_000.0))
    (leg,) = outcome.legs
    assert (leg.index_source, leg.index_usd) == ("venue", 120_000.0)
    assert leg.worth_coin == pytest.approx(1 - 104_000 / 120_000)


@pytest.mark.parametrize(
    "symbol",
    [
        pytest.param("ETH-9JAN26-3000-C", id="another-coin"),
        pytest.param("BTC-10JAN26-104000-C", id="another-day"),
        pytest.param("BTC_USDC-9JAN26-104000-C", id="linear"),
        pytest.param("BTC-9JAN26", id="a-future"),
    ],
)
def test_another_delivery_is_not_taken_for_it(symbol: str) -> None:
    later = seen(EXPIRY, index_usd=100_000.0)
    outcome = outcome_of(OPEN, later, record=settled(200_000.0, symbol))
    assert outcome.legs[0].index_usd == 100_000.0


NO_PRICE = [
    pytest.param(0.0, id="zero"),
    pytest.param(-120_000.0, id="negative"),
    pytest.param(float("nan"), id="nan"),
    pytest.param(float("inf"), id="infinite"),
    pytest.param(10**400, id="larger-than-any-float"),
    pytest.param(True, id="a-truth"),
    pytest.param("120000", id="a-text"),
    pytest.param([120_000.0], id="a-list"),
]
"""What a damaged or foreign record may state in the place of a delivery price."""


@pytest.mark.parametrize("stated", NO_PRICE)
def test_what_cannot_be_a_delivery_price_is_not_taken_for_one(stated: Any) -> None:
    later = seen(EXPIRY, index_usd=100_000.0)
    (leg,) = outcome_of(OPEN, later, record=settled(stated)).legs
    assert (leg.index_source, leg.index_usd) == ("index", 100_000.0)


class TestUnknown:
    """Never taken for zero."""

    def check(self, outcome: Outcome, about: str) -> None:
        assert about in outcome.unknown
        assert (outcome.earned_coin, outcome.earned_usd, outcome.legs) == (None, None, ())

    def test_without_a_later_snapshot(self) -> None:
        self.check(outcome_of(OPEN), f"no later snapshot shows {CALL}")

    def test_the_decision_s_own_mark_is_no_future(self) -> None:
        self.check(outcome_of(OPEN, seen()), f"no later snapshot shows {CALL}")

    def test_without_a_price_to_trade_at(self) -> None:
        no_bid = seen(bid_coin=float("nan"), bid_amount_coin=0.0)
        future, legs = Future(), legs_of(OPEN, no_bid)
        future.watch(legs)
        future.see(seen(EXPIRY))
        self.check(future.outcome(legs, NOW), f"{CALL} had no price to sell at")

    @pytest.mark.parametrize("stated", NO_PRICE)
    def test_what_cannot_be_a_delivery_price_tells_nothing(self, stated: Any) -> None:
        outcome = outcome_of(OPEN, record=settled(stated))
        self.check(outcome, f"no later snapshot shows {CALL}")

    def test_a_delivery_price_that_nothing_can_be_divided_by(self) -> None:
        outcome = outcome_of(OPEN, seen(EXPIRY), record=settled(5e-324))
        self.check(outcome, f"{CALL} cannot be delivered at 5E-324 USD")

    def test_a_gap_in_the_index_over_the_expiry(self) -> None:
        at = EXPIRY + timedelta(days=2)
        after = seen(at, index_usd=100_000.0)
        btc = after.market.underlyings["BTC"]
        gap = IndexHistory(
            "BTC",
            np.array([to_ms(EXPIRY - timedelta(hours=1)), to_ms(at)]),
            np.array([100_000.0, 100_000.0]),
        )
        market = dataclasses.replace(
            after.market, underlyings={"BTC": dataclasses.replace(btc, history=gap)}
        )
        outcome = outcome_of(OPEN, dataclasses.replace(after, market=market))
        self.check(outcome, f"the index at the expiry of {CALL} is not recorded")

    @pytest.mark.parametrize(
        ("act", "about"),
        [
            pytest.param(action("OPEN_COVERED_CALL"), "without what it trades", id="no-symbol"),
            pytest.param(
                action("CLOSE_COVERED_CALL", symbol="nonsense", size=1.0), "nonsense", id="no-name"
            ),
            pytest.param(
                action("ROLL_COVERED_CALL", from_symbol=LATER, symbol=CALL, size=0.1),
                "is not held",
                id="not-held",
            ),
            pytest.param(action("BUY_PUT", symbol=CALL), "no action of this", id="no-action"),
        ],
    )
    def test_what_cannot_be_traded(self, act: ActionRecord, about: str) -> None:
        self.check(outcome_of(act, seen(EXPIRY)), about)


def test_the_index_at_the_expiry_is_on_the_line_between_its_neighbours() -> None:
    at = EXPIRY + timedelta(hours=6)
    after = seen(at, index_usd=110_000.0)
    btc = after.market.underlyings["BTC"]
    sparse = IndexHistory(
        "BTC", np.array([to_ms(EXPIRY - timedelta(hours=2))]), np.array([106_000.0])
    )
    market = dataclasses.replace(
        after.market, underlyings={"BTC": dataclasses.replace(btc, history=sparse)}
    )
    outcome = outcome_of(OPEN, dataclasses.replace(after, market=market))
    assert outcome.legs[0].index_usd == pytest.approx(107_000.0)


def test_prices_off_the_grid_are_taken_to_it_against_the_desk() -> None:
    odd = seen(bid_coin=0.00507, ask_coin=0.00607)
    for act, price in ((OPEN, "0.005"), (CLOSE, "0.0065")):
        legs = legs_of(act, odd)
        assert not isinstance(legs, str)
        assert [leg.price_coin for leg in legs] == [Decimal(price)]


def test_nothing_more_is_waited_for_once_all_is_over() -> None:
    future, _ = watched()
    assert future.is_waiting
    future, _ = watched(seen(EXPIRY))
    assert not future.is_waiting
