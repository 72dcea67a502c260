"""The policy as a whole: its order, what it may name, and that it never surprises."""

from __future__ import annotations

import random
from decimal import Decimal as D
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from builders import a_candidate, a_short_call, a_vol_state
from callwright.domain.decision import parse_proposal
from callwright.domain.desk import DeskState, TradingState
from callwright.domain.scan import FunnelStep
from callwright.policy.rules import REASONING_CHARACTERS_MAX

SHORT = "BTC-9JAN26-100000-C"
LATER = "BTC-16JAN26-106000-C"


def test_what_limits_force_comes_before_everything(a_desk: Any) -> None:
    # Half the cover is gone: the calls are closed although a roll and a sale are both at hand.
    desk = a_desk(
        shorts=[a_short_call(SHORT, "0.5", delta=0.55)],
        btc="0.25",
        candidates=[a_candidate(LATER), a_candidate("ETH-9JAN26-4200-C")],
    )
    proposal = desk.proposal()
    assert proposal.action == "CLOSE_COVERED_CALL"
    assert proposal == desk.forced_close()


def test_a_defence_comes_before_a_sale(a_desk: Any) -> None:
    desk = a_desk(
        shorts=[a_short_call(SHORT, delta=0.55)],
        candidates=[a_candidate(LATER), a_candidate("ETH-9JAN26-4200-C")],
    )
    assert desk.proposal().action == "ROLL_COVERED_CALL"


def test_a_call_in_danger_is_closed_while_nothing_may_be_sold(a_desk: Any) -> None:
    # A roll sells as well: it would be denied cycle after cycle, and the call left to itself.
    desk = a_desk(
        shorts=[a_short_call(SHORT, delta=0.55)],
        candidates=[a_candidate(LATER), a_candidate("ETH-9JAN26-4200-C")],
        snapshot={"desk": DeskState(trading_state=TradingState.REDUCING)},
    )
    proposal = desk.proposal()
    assert proposal.action == "CLOSE_COVERED_CALL"
    assert proposal.params.symbol == SHORT
    assert "while REDUCING no roll is permitted" in proposal.reasoning


def test_a_call_that_only_earned_its_premium_is_not_closed_while_reducing(a_desk: Any) -> None:
    desk = a_desk(
        shorts=[a_short_call(SHORT, delta=0.05, captured_frac=0.95)],
        snapshot={"desk": DeskState(trading_state=TradingState.REDUCING)},
    )
    assert desk.proposal().action != "CLOSE_COVERED_CALL"


def test_a_held_short_does_not_stop_a_sale_elsewhere(a_desk: Any) -> None:
    desk = a_desk(
        shorts=[a_short_call(SHORT, delta=0.55, ask_coin=D("0.09"))],
        candidates=[a_candidate("ETH-9JAN26-4200-C")],
    )
    assert desk.proposal().params.symbol == "ETH-9JAN26-4200-C"


def test_an_empty_world_is_held_with_a_reason(a_desk: Any) -> None:
    desk = a_desk()
    desk.scan.vols.clear()
    assert desk.proposal().reasoning == "No underlying to trade."


def test_a_long_reason_is_cut(a_desk: Any) -> None:
    shorts = [
        a_short_call(f"BTC-9JAN26-{99_000 + 500 * n}-C", delta=0.55, ask_coin=None)
        for n in range(12)
    ]
    reasoning = a_desk(shorts=shorts, btc=9).proposal().reasoning
    assert len(reasoning) == REASONING_CHARACTERS_MAX
    assert reasoning.endswith("…")


EXPIRIES = ("6JAN26", "9JAN26", "16JAN26", "30JAN26")
names = st.builds(
    "{}-{}-{}-C".format,
    st.sampled_from(["BTC", "ETH"]),
    st.sampled_from(EXPIRIES),
    st.sampled_from([100_000, 104_000, 108_000]),
)
prices = st.integers(1, 600).map(lambda n: D(n) / 10_000)
deltas = st.floats(0, 1)
maybe = st.none() | st.floats(-2, 3)
candidates = st.builds(
    a_candidate,
    names,
    delta=deltas,
    ivrv=maybe,
    passes=st.booleans(),
    codes=st.sampled_from([(), ("A",), ("A", "B")]),
    bid_amount_coin=st.decimals(0, 5, places=2),
    premium_net_coin=prices,
)
shorts = st.builds(
    a_short_call,
    names,
    st.integers(1, 20).map(lambda n: D(n) / 10),
    delta=deltas,
    ask_coin=st.none() | prices,
    ask_amount_coin=st.decimals(0, 5, places=2),
    captured_frac=maybe,
)
vol_states = st.builds(
    a_vol_state,
    st.sampled_from(["BTC", "ETH"]),
    status=st.sampled_from(["OK", "OK", "OK", "INSUFFICIENT_HISTORY", "NO_SURFACE"]),
    ivrv=maybe,
    iv_annual=maybe,
    rv_annual=maybe,
)


@settings(max_examples=300)
@given(
    candidates=st.lists(candidates, max_size=5, unique_by=lambda c: c.symbol),
    shorts=st.lists(shorts, max_size=4, unique_by=lambda s: s.symbol),
    vols=st.lists(vol_states, max_size=2, unique_by=lambda v: v.underlying),
    btc=st.decimals(-1, 5, places=3),
    eth=st.decimals(-1, 20, places=3),
    with_funnel=st.booleans(),
    order=st.randoms(use_true_random=False),
)
def test_any_world_gives_a_legal_and_repeatable_proposal(
    a_desk: Any,
    candidates: Any,
    shorts: Any,
    vols: Any,
    btc: Any,
    eth: Any,
    with_funnel: Any,
    order: random.Random,
) -> None:
    # An empty mapping would make the builder fall back on its defaults.
    by_name = {v.underlying: v for v in vols} or {"XRP": a_vol_state("XRP")}
    desk = a_desk(candidates=candidates, shorts=shorts, vols=by_name, btc=btc, eth=eth)
    if with_funnel:
        desk.scan.funnels["BTC"] = (FunnelStep(filter="listed", dropped=0, left=0),)
    proposal = desk.proposal()

    assert parse_proposal(proposal.model_dump()) == proposal
    assert 0 < len(proposal.reasoning) <= REASONING_CHARACTERS_MAX
    candidate_names = {c.symbol: c.underlying for c in candidates}
    short_names = {s.symbol: s.underlying for s in shorts}
    params, sizing = proposal.params, desk.size(proposal)
    match proposal.action:
        case "OPEN_COVERED_CALL":
            assert candidate_names[params.symbol] == params.underlying
            sold = desk.scan.candidate(params.symbol)
            assert sold.passes
            assert sold.ivrv is not None
            assert by_name[params.underlying].ivrv >= 1.05
        case "ROLL_COVERED_CALL":
            assert short_names[params.from_symbol] == params.underlying
            assert candidate_names[params.symbol] == params.underlying
            assert params.symbol != params.from_symbol
            assert 0 < sizing.sell_coin <= sizing.buy_coin
        case "CLOSE_COVERED_CALL":
            assert short_names[params.symbol] == params.underlying
            assert sizing.buy_coin > 0

    shuffled = order.sample(candidates, len(candidates))
    reordered = a_desk(
        candidates=shuffled,
        shorts=order.sample(shorts, len(shorts)),
        vols=dict(reversed(by_name.items())),
        btc=btc,
        eth=eth,
    )
    reordered.scan.funnels.update(desk.scan.funnels)
    assert reordered.proposal() == proposal
