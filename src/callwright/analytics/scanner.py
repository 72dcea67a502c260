"""The scanner: which calls are worth proposing, and at which filter the others fell.

Candidates come out unjudged (``passes=False``, no size, no margin): guardrail and risk engine fill
those in through ``with_prechecks``. Prices are in coin per coin (inverse options), so a USD premium
is the price times the forward.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from itertools import zip_longest
from typing import NamedTuple

import numpy as np
from pydantic import TypeAdapter

from callwright.analytics.black76 import delta_of, implied_vol
from callwright.analytics.book import underlying_book
from callwright.analytics.surface import vol_state
from callwright.domain.base import DAYS_PER_YEAR, MS_PER_DAY, to_ms
from callwright.domain.contract import ContractSpec
from callwright.domain.instrument import parse_option_name
from callwright.domain.limits import ScanSettings
from callwright.domain.market import Bools, Floats, Ints, OptionChain, OptionListing, decimal_of
from callwright.domain.scan import Candidate, FunnelStep, Scan, VolState
from callwright.domain.snapshot import Snapshot


def scan(snapshot: Snapshot, settings: ScanSettings) -> Scan:
    """Return volatility, book, funnel and candidates of every underlying in the market.

    A funnel starts with what the source listed, names every filter in order with what fell there,
    and ends with ``ranked``: what is left is the number of candidates. Within an underlying the
    rank is by distance to the target delta, then higher premium yield, then name; the places are
    dealt round robin between the underlyings, in order of their names.

    Filters are written as what must hold, so a missing or impossible number falls; without a
    contract spec the fee, and so the premium, is unknown and everything falls at ``premium_yield``.
    """
    markets = snapshot.market.underlyings
    names = sorted(markets)
    vols = {u: vol_state(markets[u], snapshot.as_of, settings) for u in names}
    ranked: dict[str, list[_Pick]] = {}
    lefts: dict[str, list[tuple[str, int]]] = {}
    for u in names:
        ranked[u], lefts[u] = _sift(markets[u].chain, snapshot, settings)
    chosen = _round_robin(ranked, settings.candidates_max)
    for u in names:
        lefts[u].append(("ranked", sum(pick.chain is markets[u].chain for pick in chosen)))
    return Scan(
        vols=vols,
        books={u: underlying_book(snapshot, u) for u in names},
        candidates=_candidates(chosen, snapshot.specs, vols),
        funnels={u: _funnel(steps) for u, steps in lefts.items()},
    )


def with_prechecks(scan: Scan, candidates: Sequence[Candidate]) -> Scan:
    """Return the scan with its candidates replaced by their prechecked copies."""
    return scan.model_copy(update={"candidates": tuple(candidates)})


def why_no_candidate(scan: Scan) -> str:
    """Return one sentence that says, per underlying, which filter removed the last instruments.

    ``BTC: 812 listed, last 14 fell at delta_window; ETH: 2 candidates``.
    """
    return "; ".join(f"{u}: {_ending(funnel)}" for u, funnel in sorted(scan.funnels.items()))


def _ending(funnel: Sequence[FunnelStep]) -> str:
    if not funnel or not funnel[0].left:
        return "nothing listed"
    if left := funnel[-1].left:
        return f"{left} candidate{'s' if left > 1 else ''}"
    last = next(step for step in funnel if not step.left)
    return f"{funnel[0].left} listed, last {last.dropped} fell at {last.filter}"


class _Pick(NamedTuple):
    """A row that passed every filter."""

    chain: OptionChain
    row: int
    dte_days: float
    delta: float
    premium_yield_annual: float


def _sift(
    chain: OptionChain, snapshot: Snapshot, settings: ScanSettings
) -> tuple[list[_Pick], list[tuple[str, int]]]:
    """Return the rows that pass every filter, best first, and how many each filter left."""
    listing, at_ms = chain.listing, to_ms(snapshot.as_of)
    left = len(chain) + sum(chain.dropped_rows.values())
    steps = [("listed", left)]
    for reason, dropped in sorted(chain.dropped_rows.items()):
        steps.append((f"bad_row:{reason}", left := left - dropped))

    calls, expiry_ms = _calls(listing)
    dte = (expiry_ms - at_ms) / MS_PER_DAY
    steps.append(("calls", len(calls)))
    steps.append(("not_expired", int(np.count_nonzero(dte > 0))))
    in_window = (dte > 0) & (dte >= settings.dte_min_days) & (dte <= settings.dte_max_days)
    rows, dte = calls[in_window], dte[in_window]
    steps.append(("dte_window", len(rows)))

    # From here on only the rows that are left: greeks are the one costly column.
    strike, forward = listing.strike_usd[rows], chain.forward_usd[rows]
    bid, ask, mark = chain.bid_coin[rows], chain.ask_coin[rows], chain.mark_coin[rows]
    delta = delta_of(True, forward, strike, dte / DAYS_PER_YEAR, chain.mark_iv_annual[rows])
    premium_yield = (
        (bid - _taker_fee(snapshot.specs.get(chain.underlying), bid)) * DAYS_PER_YEAR / dte
    )
    quote_age_ms = np.abs(at_ms - chain.as_of_ms[rows])
    filters: tuple[tuple[str, Bools], ...] = (
        ("two_sided", (bid > 0) & (ask > 0)),
        ("not_crossed", bid <= ask),
        ("fresh_quote", quote_age_ms <= settings.quote_age_max_s * 1000),
        ("out_of_the_money", strike > forward),
        ("delta_window", (delta >= settings.delta_min) & (delta <= settings.delta_max)),
        ("spread", (ask - bid <= settings.spread_frac_max * mark) & (mark > 0)),
        ("open_interest", chain.open_interest_coin[rows] >= settings.open_interest_min_coin),
        ("premium_yield", premium_yield >= settings.premium_yield_min_annual),
    )
    passing = np.ones(len(rows), dtype=np.bool_)
    for name, holds in filters:
        passing &= holds
        steps.append((name, int(np.count_nonzero(passing))))
    picks = [
        _Pick(chain, *values)
        for values in zip(
            rows[passing].tolist(),
            dte[passing].tolist(),
            delta[passing].tolist(),
            premium_yield[passing].tolist(),
            strict=True,
        )
        # Prices of linear options are in USDC: nothing of theirs compares with a price in coin.
        if parse_option_name(listing.names[values[0]]).settlement == "inverse"
    ]
    steps.append(("inverse", len(picks)))
    picks.sort(
        key=lambda pick: (
            abs(pick.delta - settings.target_delta),
            -pick.premium_yield_annual,
            listing.names[pick.row],
        )
    )
    return picks, steps


@lru_cache(maxsize=16)
def _calls(listing: OptionListing) -> tuple[Ints, Ints]:
    """Return the rows of the calls and when they expire; views share a listing."""
    rows = listing.is_call.nonzero()[0]
    return rows, listing.expiry_ms[rows]


def _funnel(steps: Sequence[tuple[str, int]]) -> tuple[FunnelStep, ...]:
    befores = (steps[0][1], *(left for _, left in steps))
    return _FUNNEL.validate_python(
        [
            {"filter": name, "dropped": before - left, "left": left}
            for before, (name, left) in zip(befores, steps, strict=False)
        ]
    )


_FUNNEL = TypeAdapter(tuple[FunnelStep, ...])


def _taker_fee(spec: ContractSpec | None, price_coin: Floats) -> Floats:
    """Return ``ContractSpec.taker_fee_coin`` for one coin, over a column; unknown is NaN."""
    if spec is None:
        return np.full_like(price_coin, np.nan)
    fee: Floats = np.minimum(float(spec.taker_fee_frac), float(spec.fee_cap_frac) * price_coin)
    return fee


def _round_robin(ranked: Mapping[str, Sequence[_Pick]], places: int) -> list[_Pick]:
    tiers = zip_longest(*ranked.values())
    return [pick for tier in tiers for pick in tier if pick is not None][:places]


def _candidates(
    picks: Sequence[_Pick], specs: Mapping[str, ContractSpec], vols: Mapping[str, VolState]
) -> tuple[Candidate, ...]:
    bid_ivs = implied_vol(
        [pick.chain.bid_coin[pick.row] * pick.chain.forward_usd[pick.row] for pick in picks],
        True,
        [pick.chain.forward_usd[pick.row] for pick in picks],
        [pick.chain.listing.strike_usd[pick.row] for pick in picks],
        [pick.dte_days / DAYS_PER_YEAR for pick in picks],
    ).tolist()
    return tuple(
        _candidate(pick, specs, vols, bid_iv if bid_iv > 0 else None)
        for pick, bid_iv in zip(picks, bid_ivs, strict=True)
    )


def _candidate(
    pick: _Pick,
    specs: Mapping[str, ContractSpec],
    vols: Mapping[str, VolState],
    bid_iv: float | None,
) -> Candidate:
    chain, row = pick.chain, pick.row
    option = parse_option_name(chain.listing.names[row])
    bid, ask = float(chain.bid_coin[row]), float(chain.ask_coin[row])
    bid_coin, mark = decimal_of(bid), float(chain.mark_coin[row])
    rv = vols[option.underlying].rv_annual
    return Candidate(
        symbol=option.name,
        underlying=option.underlying,
        expiry=option.expiry,
        strike_usd=option.strike_usd,
        dte_days=pick.dte_days,
        delta=pick.delta,
        bid_coin=bid_coin,
        ask_coin=decimal_of(ask),
        bid_amount_coin=decimal_of(float(chain.bid_amount_coin[row])),
        mark_coin=decimal_of(mark),
        mark_iv_annual=float(chain.mark_iv_annual[row]),
        bid_iv_annual=bid_iv,
        ivrv=bid_iv / rv if bid_iv is not None and rv is not None else None,
        premium_net_coin=bid_coin - specs[option.underlying].taker_fee_coin(bid_coin, Decimal(1)),
        premium_yield_annual=pick.premium_yield_annual,
        spread_frac=(ask - bid) / mark,
        open_interest_coin=float(chain.open_interest_coin[row]),
    )
