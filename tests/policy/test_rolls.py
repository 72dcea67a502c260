"""When a short call is rolled, into what, at which price, and when it is held instead."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal as D
from typing import Any

import pytest

from builders import NOW, a_candidate, a_short_call, a_vol_state

SHORT = "BTC-9JAN26-100000-C"
LATER = "BTC-16JAN26-106000-C"
LATER_HIGHER = "BTC-16JAN26-110000-C"
SAME_DAY_HIGHER = "BTC-9JAN26-104000-C"
SAME_DAY_LOWER = "BTC-9JAN26-98000-C"
EARLIER_HIGHER = "BTC-8JAN26-110000-C"

NAN = float("nan")
NO_VOL = {
    "BTC": a_vol_state("BTC", status="INSUFFICIENT_HISTORY", ivrv=None, rv_annual=None),
}
RICH_VOL = {"BTC": a_vol_state("BTC")}


def a_hot_short(**changes: Any) -> Any:
    """At the money with 3.98 days left, costing 0.012 + 0.0003 a coin to buy back."""
    return a_short_call(SHORT, **{"delta": 0.52, "ask_coin": D("0.012")} | changes)


def a_target(symbol: Any = LATER, net: Any = "0.0133", **changes: Any) -> Any:
    # A bid of 0.0136 less the fee of 0.0003.
    bid = D(net) + D("0.0003")
    return a_candidate(
        symbol,
        **{"premium_net_coin": D(net), "bid_coin": bid, "passes": False, "codes": ("X",)} | changes,
    )


def rolled(desk: Any) -> Any:
    proposal = desk.proposal()
    if proposal.action != "ROLL_COVERED_CALL":
        return None
    return proposal.params.from_symbol, proposal.params.symbol


def test_a_roll_states_trigger_target_and_price(a_desk: Any) -> None:
    # Net credit: 0.0133 - 0.012 - 0.0003 = 0.0010 a coin.
    proposal = a_desk(shorts=[a_hot_short()], vols=NO_VOL, candidates=[a_target()]).proposal()
    assert proposal.action == "ROLL_COVERED_CALL"
    assert proposal.reasoning == (
        f"Roll {SHORT}: delta 0.520 >= 0.500. Into {LATER}, delta 0.220 (target 0.220), 10.98 "
        "days: buy at 0.012, sell at 0.0136, net +0.00100 BTC a coin after both fees "
        "(least allowed -0.01000)."
    )


@pytest.mark.parametrize(
    ("changes", "is_rolled"),
    [
        pytest.param({"delta": 0.5}, True, id="delta-at-the-trigger"),
        pytest.param({"delta": 0.4999}, False, id="delta-just-under"),
        pytest.param({"delta": 0.3, "dte_days": 1.0}, True, id="dte-and-delta-at-the-trigger"),
        pytest.param({"delta": 0.3, "dte_days": 1.001}, False, id="a-little-early"),
        pytest.param({"delta": 0.2999, "dte_days": 1.0}, False, id="far-enough-to-expire"),
        pytest.param({"delta": 0.5, "dte_days": 0.0}, False, id="expired"),
        pytest.param({"delta": NAN}, False, id="unknown-delta"),
        pytest.param({"delta": NAN, "dte_days": 0.5}, False, id="unknown-delta-near-expiry"),
        pytest.param({"delta": 0.5, "dte_days": NAN}, False, id="unknown-dte"),
    ],
)
def test_delta_and_dte_trigger_a_roll_whatever_volatility_says(
    a_desk: Any, changes: Any, is_rolled: Any
) -> None:
    short = a_hot_short(ask_coin=D("0.005")).model_copy(update=changes)
    desk = a_desk(shorts=[short], vols=NO_VOL, candidates=[a_target()])
    assert rolled(desk) == ((SHORT, LATER) if is_rolled else None)


@pytest.mark.parametrize(
    ("changes", "is_rolled"),
    [
        pytest.param({"captured_frac": 0.8, "dte_days": 1.5}, True, id="both-at-the-trigger"),
        pytest.param({"captured_frac": 0.7999, "dte_days": 3.0}, False, id="not-yet-earned"),
        pytest.param({"captured_frac": 0.99, "dte_days": 1.499}, False, id="left-to-expire"),
        pytest.param({"captured_frac": None, "dte_days": 3.0}, False, id="unknown-premium"),
        pytest.param({"captured_frac": NAN, "dte_days": 3.0}, False, id="nan-premium"),
        pytest.param({"captured_frac": 0.9, "dte_days": NAN}, False, id="unknown-dte"),
    ],
)
def test_captured_profit_triggers_a_roll(a_desk: Any, changes: Any, is_rolled: Any) -> None:
    short = a_short_call(SHORT, delta=0.05, ask_coin=D("0.001")).model_copy(update=changes)
    desk = a_desk(shorts=[short], vols=RICH_VOL, candidates=[a_target()])
    assert rolled(desk) == ((SHORT, LATER) if is_rolled else None)


def test_a_harvest_states_its_numbers(a_desk: Any) -> None:
    # 0.0133 - 0.001 - 0.125 x 0.001 = 0.012175: the fee of a cheap call is capped.
    short = a_short_call(SHORT, delta=0.05, ask_coin=D("0.001"), captured_frac=0.85)
    desk = a_desk(shorts=[short], vols=RICH_VOL, candidates=[a_target()])
    assert desk.proposal().reasoning.startswith(
        f"Roll {SHORT}: 85.0% of the premium earned >= 80.0% with 3.98 days left. Into {LATER}, "
    )
    assert "net +0.01218 BTC a coin after both fees (least allowed +0.00000)." in (
        desk.proposal().reasoning
    )


@pytest.mark.parametrize(
    ("vol", "why"),
    [
        pytest.param({"ivrv": 1.0}, "no new sale, BTC: IVRV 1.000", id="poor-volatility"),
        pytest.param({"ivrv": None}, "no new sale, BTC: IVRV unknown", id="unknown-volatility"),
    ],
)
def test_a_harvest_needs_volatility_worth_selling(a_desk: Any, vol: Any, why: Any) -> None:
    short = a_short_call(SHORT, delta=0.05, ask_coin=D("0.001"), captured_frac=0.85)
    desk = a_desk(shorts=[short], vols={"BTC": a_vol_state(**vol)}, candidates=[a_target()])
    assert desk.proposal().action == "DO_NOTHING"
    assert why in desk.proposal().reasoning


def test_a_harvest_never_pays_to_roll(a_desk: Any) -> None:
    # 0.001025 - 0.001 - 0.000125 = -0.0001: a defence at this delta may pay it, a harvest may not.
    short = a_short_call(SHORT, delta=0.05, ask_coin=D("0.001"), captured_frac=0.85)
    desk = a_desk(
        shorts=[short],
        vols=RICH_VOL,
        candidates=[a_target(net="0.001025")],
        limit={"roll_defend_delta_min": 0.0},
    )
    assert desk.proposal().action == "DO_NOTHING"
    assert "best roll nets -0.00010 BTC a coin" in desk.proposal().reasoning


def test_a_harvest_needs_a_candidate_of_known_ivrv_and_a_defence_does_not(a_desk: Any) -> None:
    unknown = a_target(ivrv=None)
    harvest = a_short_call(SHORT, delta=0.05, ask_coin=D("0.001"), captured_frac=0.85)
    assert rolled(a_desk(shorts=[harvest], vols=RICH_VOL, candidates=[unknown])) is None
    assert rolled(a_desk(shorts=[a_hot_short()], vols=NO_VOL, candidates=[unknown])) is not None


@pytest.mark.parametrize(
    ("net", "delta", "credit_min", "is_rolled"),
    [
        # Buying back costs 0.0123 a coin.
        pytest.param("0.0123", 0.5, "0", True, id="credit-of-zero-at-the-floor"),
        pytest.param("0.0133", 0.5, "0.001", True, id="credit-at-a-higher-floor"),
        pytest.param("0.0023", 0.5, "0", True, id="debit-at-the-cap-defends"),
        pytest.param("0.0022", 0.5, "0", False, id="debit-over-the-cap"),
        pytest.param("0.0122", 0.45, "0", True, id="debit-at-the-defence-delta"),
        pytest.param("0.0122", 0.4499, "0", False, id="debit-under-the-defence-delta"),
        pytest.param("0.0123", 0.4499, "0", True, id="a-credit-needs-no-defence"),
        pytest.param("0.0132", 0.4499, "0.001", False, id="credit-under-a-higher-floor"),
        pytest.param("0.0123", 0.4499, "-0.001", True, id="above-a-floor-below-zero"),
    ],
)
def test_roll_economics(a_desk: Any, net: Any, delta: Any, credit_min: Any, is_rolled: Any) -> None:
    desk = a_desk(
        shorts=[a_hot_short(delta=delta)],
        vols=NO_VOL,
        candidates=[a_target(net=net)],
        settings={"roll_delta": 0.4},
        limit={"roll_credit_min_coin": D(credit_min)},
    )
    assert (rolled(desk) is not None) is is_rolled


def test_a_short_without_affordable_roll_is_held_with_its_numbers(a_desk: Any) -> None:
    # 0.001 - 0.0123 = -0.0113: worse than the 0.01 that a defence may cost.
    desk = a_desk(shorts=[a_hot_short()], vols=NO_VOL, candidates=[a_target(net="0.001")])
    assert desk.proposal().reasoning == (
        f"Hold {SHORT} (delta 0.520 >= 0.500): best roll nets -0.01130 BTC a coin after both "
        "fees, least allowed -0.01000. BTC: INSUFFICIENT_HISTORY (168 returns in 7 days)."
    )


@pytest.mark.parametrize(
    ("symbol", "is_target"),
    [
        pytest.param(LATER, True, id="later-and-higher"),
        pytest.param("BTC-16JAN26-100000-C", True, id="later-same-strike"),
        pytest.param("BTC-16JAN26-98000-C", True, id="later-lower-strike-after-a-fall"),
        pytest.param(SAME_DAY_HIGHER, True, id="same-day-higher"),
        pytest.param(SAME_DAY_LOWER, False, id="same-day-lower"),
        pytest.param(SHORT, False, id="itself"),
        pytest.param(EARLIER_HIGHER, False, id="earlier-even-if-higher"),
        pytest.param("ETH-16JAN26-4200-C", False, id="another-coin"),
    ],
)
def test_a_roll_goes_later_or_higher_on_the_same_coin(
    a_desk: Any, symbol: Any, is_target: Any
) -> None:
    desk = a_desk(shorts=[a_hot_short()], vols=NO_VOL, candidates=[a_target(symbol)])
    assert rolled(desk) == ((SHORT, symbol) if is_target else None)
    if not is_target:
        assert "no candidate later or higher" in desk.proposal().reasoning


@pytest.mark.parametrize("delta", [0.52, 0.6, NAN, -0.1])
def test_a_roll_forced_by_delta_lowers_the_delta(a_desk: Any, delta: Any) -> None:
    target = a_target().model_copy(update={"delta": delta})
    assert rolled(a_desk(shorts=[a_hot_short()], vols=NO_VOL, candidates=[target])) is None


@pytest.mark.parametrize(
    ("targets", "chosen"),
    [
        pytest.param(
            [a_target(LATER, delta=0.30), a_target(LATER_HIGHER, delta=0.17)],
            LATER_HIGHER,
            id="nearest-the-target-delta",
        ),
        pytest.param(
            [a_target(LATER, "0.0122"), a_target(LATER_HIGHER, delta=0.35)],
            LATER_HIGHER,
            id="a-credit-before-a-debit",
        ),
        pytest.param(
            [a_target(LATER, "0.0123"), a_target(LATER_HIGHER, delta=0.35)],
            LATER,
            id="a-credit-at-the-floor-is-a-credit",
        ),
        pytest.param(
            [
                a_target(LATER, codes=("COVER_EXCEEDED", "EXPIRY_EXPOSURE_ABOVE_MAXIMUM")),
                a_target(LATER_HIGHER, delta=0.35, codes=("COVER_EXCEEDED",)),
            ],
            LATER_HIGHER,
            id="an-expiry-with-room-before-a-full-one",
        ),
        pytest.param(
            [a_target(LATER, bid_amount_coin=D("0.05")), a_target(LATER_HIGHER, delta=0.35)],
            LATER_HIGHER,
            id="what-can-be-filled",
        ),
        pytest.param([a_target(LATER_HIGHER), a_target(LATER)], LATER, id="a-tie-goes-to-the-name"),
    ],
)
def test_which_target_is_chosen(a_desk: Any, targets: Any, chosen: Any) -> None:
    for order in (targets, targets[::-1]):
        desk = a_desk(shorts=[a_hot_short()], vols=NO_VOL, candidates=order)
        assert rolled(desk) == (SHORT, chosen)


@pytest.mark.parametrize(
    ("short", "balance", "why"),
    [
        pytest.param({"ask_coin": None}, 1, "no offer to buy it back", id="no-offer"),
        pytest.param({"ask_amount_coin": D("0.05")}, 1, "under the minimum order", id="thin-offer"),
        pytest.param({}, "0.1", "cover after the buy-back", id="no-cash-to-pay-the-buy-back"),
    ],
)
def test_a_roll_that_cannot_be_filled_is_not_proposed(
    a_desk: Any, short: Any, balance: Any, why: Any
) -> None:
    desk = a_desk(shorts=[a_hot_short(**short)], btc=balance, vols=NO_VOL, candidates=[a_target()])
    assert desk.proposal().action == "DO_NOTHING"
    assert why in desk.proposal().reasoning


def test_without_terms_nothing_is_rolled(a_desk: Any) -> None:
    desk = a_desk(
        shorts=[a_hot_short()], vols=NO_VOL, candidates=[a_target()], snapshot={"specs": {}}
    )
    assert desk.proposal().action == "DO_NOTHING"


def test_the_most_urgent_short_is_rolled_first(a_desk: Any) -> None:
    hot = a_hot_short()
    hotter = a_short_call("BTC-9JAN26-99000-C", delta=0.58, ask_coin=D("0.012"))
    late = a_short_call("BTC-6JAN26-99500-C", delta=0.45, dte_days=0.98, ask_coin=D("0.012"))
    won = a_short_call("BTC-9JAN26-112000-C", delta=0.02, captured_frac=0.95, ask_coin=D("0.001"))
    book = [won, late, hot, hotter]
    for expected in ("BTC-9JAN26-99000-C", SHORT, "BTC-6JAN26-99500-C", "BTC-9JAN26-112000-C"):
        desk = a_desk(shorts=book, vols=RICH_VOL, candidates=[a_target()])
        assert rolled(desk) == (expected, LATER)
        book = [s for s in book if s.symbol != expected]


def test_the_next_short_is_tried_when_the_first_cannot_be_rolled(a_desk: Any) -> None:
    stuck = a_short_call("BTC-9JAN26-99000-C", delta=0.58, ask_coin=D("0.05"))
    desk = a_desk(shorts=[stuck, a_hot_short()], vols=NO_VOL, candidates=[a_target()])
    assert rolled(desk) == (SHORT, LATER)


DAY_S = 86_400.0


@pytest.mark.parametrize(
    ("age", "dwell_s", "first"),
    [
        pytest.param(timedelta(hours=24), DAY_S, "ROLL_COVERED_CALL", id="the-dwell-is-over"),
        pytest.param(timedelta(hours=23), DAY_S, "OPEN_COVERED_CALL", id="it-still-dwells"),
        pytest.param(None, DAY_S, "OPEN_COVERED_CALL", id="adopted-counts-as-new"),
        pytest.param(None, 0.0, "ROLL_COVERED_CALL", id="adopted-without-a-dwell"),
        pytest.param(timedelta(0), 0.0, "ROLL_COVERED_CALL", id="sold-now-without-a-dwell"),
    ],
)
def test_a_roll_that_the_dwell_would_deny_lets_opens_go_first(
    a_desk: Any, age: Any, dwell_s: Any, first: Any
) -> None:
    short = a_hot_short(opened_at=None if age is None else NOW - age)
    dwell = {"roll_dwell_s": dwell_s}
    sellable = a_target(passes=True, codes=())
    desk = a_desk(shorts=[short], vols=RICH_VOL, candidates=[sellable], limit=dwell)
    assert desk.proposal().action == first
    # With nothing to open it is proposed all the same: the risk engine's denial is recorded.
    desk = a_desk(shorts=[short], vols=RICH_VOL, candidates=[a_target()], limit=dwell)
    assert desk.proposal().action == "ROLL_COVERED_CALL"


def test_a_harvest_lets_opens_go_first(a_desk: Any) -> None:
    short = a_short_call(SHORT, delta=0.05, captured_frac=0.9, ask_coin=D("0.001"))
    sellable = a_target(passes=True, codes=())
    desk = a_desk(shorts=[short], vols=RICH_VOL, candidates=[sellable])
    assert desk.proposal().action == "OPEN_COVERED_CALL"


def test_a_quiet_short_is_left_to_expire(a_desk: Any) -> None:
    desk = a_desk(shorts=[a_short_call(SHORT)], vols=NO_VOL, candidates=[a_target()])
    assert desk.proposal().reasoning == "BTC: INSUFFICIENT_HISTORY (168 returns in 7 days)."
