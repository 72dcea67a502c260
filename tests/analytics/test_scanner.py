"""The scanner: what each filter takes out, what the funnel adds up to, and who comes first."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from math import sqrt
from typing import Any

import numpy as np
import pytest

from builders import (
    NOW,
    a_candidate,
    a_market,
    a_position,
    a_scan,
    a_snapshot,
    a_spec,
    an_account,
    an_underlying_market,
    black76_coin,
    dec,
    scan_settings,
    with_quote,
)
from callwright.analytics.scanner import scan, why_no_candidate, with_prechecks
from callwright.domain.scan import FunnelStep

CALL = "BTC-9JAN26-104000-C"
NAN = float("nan")

FILTERS = (
    "calls", "not_expired", "dte_window", "two_sided", "not_crossed", "fresh_quote",
    "out_of_the_money", "delta_window", "spread", "open_interest", "premium_yield", "inverse",
    "ranked",
)  # fmt: skip


def one_call_market() -> Any:
    """One call and one put, 3.98 days: delta 0.23, quoted 0.0040 at 0.0050, marked 0.0045."""
    market = a_market(an_underlying_market("BTC", dte_days=(4,), strikes_frac=(1.04,)))
    return with_quote(market, CALL, bid_coin=0.0040, ask_coin=0.0050, mark_coin=0.0045)


def scan_of(market: Any, **settings: Any) -> Any:
    return scan(a_snapshot(market=market), scan_settings(**settings))


def fell_at(result: Any, underlying: Any = "BTC") -> Any:
    """The filter that took the last instrument, or None when one is left."""
    funnel = result.funnels[underlying]
    return next((step.filter for step in funnel if not step.left), None)


def test_the_call_of_the_tables_below_passes() -> None:
    result = scan_of(one_call_market())
    assert [c.symbol for c in result.candidates] == [CALL]
    assert fell_at(result) is None


@pytest.mark.parametrize(
    ("quote", "step"),
    [
        pytest.param({"bid_coin": NAN}, "two_sided", id="no-bid"),
        pytest.param({"ask_coin": NAN}, "two_sided", id="no-ask"),
        pytest.param({"bid_coin": NAN, "ask_coin": NAN}, "two_sided", id="no-quote"),
        pytest.param({"bid_coin": 0.0051}, "not_crossed", id="crossed"),
        pytest.param({"bid_coin": 0.0050}, None, id="locked-is-not-crossed"),
        pytest.param({"as_of_ms": 60_000}, None, id="as-old-as-allowed"),
        pytest.param({"as_of_ms": 60_001}, "fresh_quote", id="older"),
        pytest.param({"as_of_ms": -60_001}, "fresh_quote", id="from-the-future"),
        pytest.param({"forward_usd": 104_000.0}, "out_of_the_money", id="at-the-money"),
        pytest.param({"mark_iv_annual": 0.2}, "delta_window", id="delta-too-low"),
        pytest.param({"mark_coin": 0.0}, "spread", id="worthless-mark"),
        pytest.param({"mark_coin": 0.0039}, "spread", id="wide"),
        pytest.param({"mark_coin": 0.0041}, None, id="just-narrow-enough"),
        pytest.param({"open_interest_coin": 9.9}, "open_interest", id="little-interest"),
        pytest.param({"open_interest_coin": 10.0}, None, id="enough-interest"),
        # (0.0008 - 0.0001 fee at the cap of 12.5%) * 365 / 3.979 = 6.4%
        pytest.param({"bid_coin": 0.0008, "ask_coin": 0.0009}, "premium_yield", id="thin-premium"),
    ],
)
def test_a_quote_falls_at_its_filter(quote: Any, step: Any) -> None:
    if "as_of_ms" in quote:
        at_ms = int(NOW.timestamp() * 1000)
        quote = {"as_of_ms": at_ms - quote["as_of_ms"]}
    market = with_quote(one_call_market(), CALL, **quote)
    settings = {"open_interest_min_coin": 10.0, "premium_yield_min_annual": 0.07}
    assert fell_at(scan_of(market, **settings)) == step


@pytest.mark.parametrize(
    ("settings", "step"),
    [
        pytest.param({"dte_min_days": 3.9792}, "dte_window", id="too-near"),
        pytest.param({"dte_min_days": 3.9791}, None, id="near-enough"),
        pytest.param({"dte_max_days": 3.9791}, "dte_window", id="too-far"),
        pytest.param({"dte_max_days": 3.9792}, None, id="not-too-far"),
        pytest.param({"delta_min": 0.24, "delta_max": 0.4}, "delta_window", id="delta-below"),
        pytest.param({"delta_min": 0.0, "delta_max": 0.22}, "delta_window", id="delta-above"),
        pytest.param({"spread_frac_max": 0.222}, "spread", id="spread-0.2222-above"),
        pytest.param({"spread_frac_max": 0.223}, None, id="spread-0.2222-within"),
        # (0.0040 - 0.0003) * 365 / 3.9791667 = 0.339393...
        pytest.param({"premium_yield_min_annual": 0.3394}, "premium_yield", id="yield-below"),
        pytest.param({"premium_yield_min_annual": 0.3393}, None, id="yield-above"),
    ],
)
def test_a_setting_takes_the_call_out(settings: Any, step: Any) -> None:
    assert fell_at(scan_of(one_call_market(), **settings)) == step


@pytest.mark.parametrize(
    ("market", "step"),
    [
        pytest.param(
            a_market(an_underlying_market("BTC", dte_days=(), extra_names=["BTC-9JAN26-96000-P"])),
            "calls",
            id="only-puts",
        ),
        pytest.param(
            a_market(an_underlying_market("BTC", dte_days=(0,), strikes_frac=(1.04,))),
            "not_expired",
            id="expired-half-an-hour-ago",
        ),
        pytest.param(
            a_market(
                an_underlying_market("BTC", dte_days=(), extra_names=["BTC_USDC-9JAN26-104000-C"])
            ),
            "inverse",
            id="linear",
        ),
    ],
)
def test_what_is_not_a_live_inverse_call_falls(market: Any, step: Any) -> None:
    assert fell_at(scan_of(market)) == step


def test_without_a_contract_spec_the_premium_is_unknown_and_nothing_passes() -> None:
    result = scan(a_snapshot(market=one_call_market(), specs={}), scan_settings())
    assert fell_at(result) == "premium_yield"


def test_a_candidate_states_its_numbers() -> None:
    (candidate,) = scan_of(one_call_market()).candidates
    years = (3 + 23.5 / 24) / 365
    rv = 0.40 * sqrt(168 / 167)
    assert candidate.delta == pytest.approx(black76_coin(1e5, 104e3, years, 0.5)[1], rel=1e-12)
    assert (candidate.bid_coin, candidate.ask_coin) == (dec("0.004"), dec("0.005"))
    # Fee: the smaller of 0.0003 and 12.5% of 0.0040 = 0.0005.
    assert candidate.premium_net_coin == dec("0.0037")
    assert candidate.premium_yield_annual == pytest.approx(0.0037 * 365 / 3.97916667, rel=1e-8)
    assert candidate.spread_frac == pytest.approx(0.0010 / 0.0045)
    price_at_bid_iv, _ = black76_coin(1e5, 104e3, years, candidate.bid_iv_annual)
    assert price_at_bid_iv == pytest.approx(0.0040, rel=1e-10)
    assert candidate.ivrv == pytest.approx(candidate.bid_iv_annual / rv)
    assert (candidate.passes, candidate.codes, candidate.size_coin) == (False, (), 0)
    assert candidate.margin_initial_coin is None


def test_the_fee_is_capped_for_cheap_options() -> None:
    market = with_quote(
        one_call_market(), CALL, bid_coin=0.0008, ask_coin=0.0009, mark_coin=0.00085
    )
    (candidate,) = scan_of(market).candidates
    assert candidate.premium_net_coin == dec("0.0007")  # 12.5% of 0.0008 is below 0.0003


def test_ivrv_of_a_candidate_is_unknown_without_history() -> None:
    market = a_market(
        an_underlying_market("BTC", dte_days=(4,), strikes_frac=(1.04,), history_days=1)
    )
    (candidate,) = scan_of(market).candidates
    assert candidate.bid_iv_annual is not None
    assert candidate.ivrv is None


def test_a_bid_outside_the_models_bounds_has_no_iv() -> None:
    # A bid of more than one coin is above what any volatility can make a call worth.
    market = with_quote(one_call_market(), CALL, bid_coin=1.5, ask_coin=1.5, mark_coin=1.5)
    (candidate,) = scan_of(market).candidates
    assert (candidate.bid_iv_annual, candidate.ivrv) == (None, None)


def test_the_funnel_names_every_filter_and_adds_up() -> None:
    chain = replace(
        an_underlying_market("BTC").chain, dropped_rows={"not_finite": 2, "duplicate": 3}
    )
    market = a_market(replace(an_underlying_market("BTC"), chain=chain))
    result = scan_of(market)
    funnel = result.funnels["BTC"]
    assert tuple(step.filter for step in funnel) == (
        "listed",
        "bad_row:duplicate",
        "bad_row:not_finite",
        *FILTERS,
    )
    assert (funnel[0].dropped, funnel[0].left) == (0, len(chain) + 5)
    for above, step in pairwise(funnel):
        assert step.dropped == above.left - step.left >= 0
    assert funnel[2].left == len(chain)
    assert funnel[-1].left == len(result.candidates) > 0


def test_an_empty_chain_gives_an_empty_scan() -> None:
    result = scan_of(a_market(an_underlying_market("BTC", dte_days=(), extra_names=PUTS)))
    assert result.candidates == ()
    assert result.vols["BTC"].status == "NO_SURFACE"


PUTS = ("BTC-9JAN26-96000-P",)


def test_nearest_to_the_target_delta_comes_first() -> None:
    result = scan_of(a_market(an_underlying_market("BTC")), candidates_max=20)
    distances = [abs(c.delta - 0.22) for c in result.candidates]
    assert len(distances) > 3
    assert distances == sorted(distances)


def test_a_tie_in_delta_goes_to_the_higher_premium_then_to_the_name() -> None:
    # Deltas hardly ever tie; a mark IV of next to nothing makes all three of them exactly 0.
    names = [f"BTC-9JAN26-{k}-C" for k in (104_000, 106_000, 108_000)]
    market = a_market(an_underlying_market("BTC", dte_days=(4,), strikes_frac=(1.04, 1.06, 1.08)))
    for name, bid in zip(names, (0.0020, 0.0030, 0.0020), strict=True):
        market = with_quote(
            market, name, mark_iv_annual=1e-9, bid_coin=bid, ask_coin=bid, mark_coin=bid
        )
    result = scan_of(market, delta_min=0.0)
    assert [c.symbol for c in result.candidates] == [names[1], names[0], names[2]]


@pytest.mark.parametrize(
    ("candidates_max", "underlyings"),
    [(1, "B"), (2, "BE"), (3, "BEB"), (5, "BEBEB"), (20, 7 * "BE")],
)
def test_places_go_round_robin_between_underlyings(candidates_max: Any, underlyings: Any) -> None:
    result = scan_of(a_market(), candidates_max=candidates_max, delta_max=0.32)
    assert "".join(c.underlying[0] for c in result.candidates) == underlyings
    for underlying in ("BTC", "ETH"):
        assert result.funnels[underlying][-1] == FunnelStep(
            filter="ranked",
            dropped=result.funnels[underlying][-2].left - underlyings.count(underlying[0]),
            left=underlyings.count(underlying[0]),
        )


def test_a_short_side_leaves_its_places_to_the_other() -> None:
    market = a_market(
        an_underlying_market("BTC", dte_days=(4,), strikes_frac=(1.04,)),
        an_underlying_market("ETH"),
    )
    result = scan_of(market, candidates_max=4)
    assert [c.underlying for c in result.candidates] == ["BTC", "ETH", "ETH", "ETH"]


def test_the_scan_carries_volatility_and_books_of_every_underlying() -> None:
    account = an_account(positions=[a_position(CALL, "-0.1")])
    result = scan(a_snapshot(account=account), scan_settings())
    assert set(result.vols) == set(result.books) == set(result.funnels) == {"BTC", "ETH"}
    assert result.short_call(CALL) is not None


def test_the_same_snapshot_gives_the_same_scan() -> None:
    snapshot = a_snapshot()
    assert scan(snapshot, scan_settings()) == scan(snapshot, scan_settings())


def test_the_row_order_of_a_chain_does_not_matter() -> None:
    market = an_underlying_market("BTC")
    backwards = market.chain.listing.names[::-1]
    turned = an_underlying_market("BTC", dte_days=(), extra_names=backwards)
    assert turned.chain.listing.names == backwards
    ours, theirs = scan_of(a_market(market)), scan_of(a_market(turned))
    assert ours.candidates == theirs.candidates
    assert ours.funnels == theirs.funnels


def test_nothing_is_left_at_a_later_time_when_all_expired() -> None:
    market = replace(one_call_market(), as_of=NOW + timedelta(days=5))
    assert fell_at(scan_of(market)) == "not_expired"


def test_prechecks_replace_the_candidates_and_nothing_else() -> None:
    before = scan_of(a_market())
    checked = [c.model_copy(update={"passes": True}) for c in before.candidates]
    after = with_prechecks(before, checked)
    assert [c.passes for c in after.candidates] == [True] * len(checked)
    assert after.funnels == before.funnels
    assert not any(c.passes for c in before.candidates)


def test_why_no_candidate_names_the_last_filter_of_each_underlying() -> None:
    market = a_market(an_underlying_market("BTC"), an_underlying_market("ETH"))
    result = scan_of(market, delta_min=0.99, delta_max=1.0)
    funnel = {step.filter: step for step in result.funnels["BTC"]}
    text = f"88 listed, last {funnel['out_of_the_money'].left} fell at delta_window"
    assert why_no_candidate(result) == f"BTC: {text}; ETH: {text}"


@pytest.mark.parametrize(
    ("funnel", "text"),
    [
        ((), "nothing listed"),
        ((FunnelStep(filter="listed", dropped=0, left=0),), "nothing listed"),
        (
            (
                FunnelStep(filter="listed", dropped=0, left=812),
                FunnelStep(filter="dte_window", dropped=798, left=14),
                FunnelStep(filter="delta_window", dropped=14, left=0),
                FunnelStep(filter="ranked", dropped=0, left=0),
            ),
            "812 listed, last 14 fell at delta_window",
        ),
        ((FunnelStep(filter="listed", dropped=0, left=1),), "1 candidate"),
        ((FunnelStep(filter="listed", dropped=0, left=2),), "2 candidates"),
    ],
)
def test_why_no_candidate_in_words(funnel: Any, text: Any) -> None:
    result = a_scan(candidates=[a_candidate()]).model_copy(update={"funnels": {"BTC": funnel}})
    assert why_no_candidate(result) == f"BTC: {text}"


def test_the_vectorised_fee_is_the_contracts_fee() -> None:
    # The yield filter works on a column; the candidate's premium comes from ContractSpec.
    spec = a_spec()
    result = scan_of(a_market(an_underlying_market("BTC")), candidates_max=20, delta_min=0.0)
    assert result.candidates
    for c in result.candidates:
        net = c.bid_coin - spec.taker_fee_coin(c.bid_coin, dec(1))
        assert c.premium_net_coin == net
        assert np.isclose(c.premium_yield_annual, float(net) * 365 / c.dte_days, rtol=1e-12)
