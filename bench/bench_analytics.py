"""Analytics on whole chains: Black-76 in columns, the same in a Python loop, and a full scan."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np

from callwright.analytics.black76 import implied_vol, price_greeks
from callwright.analytics.scanner import scan
from callwright.domain.account import Account, CoinAccount
from callwright.domain.base import to_ms
from callwright.domain.contract import ContractSpec
from callwright.domain.desk import DeskState, TradingState
from callwright.domain.instrument import option_name
from callwright.domain.limits import ScanSettings
from callwright.domain.market import (
    IndexHistory,
    MarketView,
    OptionChain,
    OptionListing,
    UnderlyingMarket,
)
from callwright.domain.snapshot import Snapshot

Benchmark = tuple[str, Callable[[], object], int]
"""A name, what to time, and how many operations one call does."""

AT = datetime(2026, 1, 5, 8, 30, tzinfo=UTC)
DTE_DAYS = (1, 2, 3, 4, 11, 18, 25, 53, 81, 172, 263, 354)
OPTIONS = 1_000


def benchmarks() -> list[Benchmark]:
    """Return the entries that a runner can time, each ready to be called many times."""
    rng = np.random.default_rng(1)
    forward = np.full(OPTIONS, 100_000.0)
    years = rng.uniform(0.003, 1.0, OPTIONS)
    iv = rng.uniform(0.3, 0.9, OPTIONS)
    strike = forward * np.exp(rng.uniform(-2.5, 2.5, OPTIONS) * iv * np.sqrt(years))
    is_call = strike >= forward
    price = price_greeks(is_call, forward, strike, years, iv).price_usd
    rows = list(zip(*(c.tolist() for c in (is_call, forward, strike, years, iv)), strict=True))
    snapshot, settings = _snapshot(), _settings()
    instruments = sum(len(m.chain) for m in snapshot.market.underlyings.values())
    return [
        (
            f"price and greeks, {OPTIONS:,} options, columns",
            lambda: price_greeks(is_call, forward, strike, years, iv),
            OPTIONS,
        ),
        (
            f"price and greeks, {OPTIONS:,} options, Python loop",
            lambda: [_one_option(*row) for row in rows],
            OPTIONS,
        ),
        (
            f"implied volatility, {OPTIONS:,} options, columns",
            lambda: implied_vol(price, is_call, forward, strike, years),
            OPTIONS,
        ),
        (
            f"implied volatility, {OPTIONS:,} options, Python loop",
            lambda: [_one_iv(p, *row[:4]) for p, row in zip(price.tolist(), rows, strict=True)],
            OPTIONS,
        ),
        (
            f"scan of {instruments:,} instruments, two underlyings",
            lambda: scan(snapshot, settings),
            instruments,
        ),
    ]


def _one_option(
    is_call: bool, forward: float, strike: float, years: float, iv: float
) -> tuple[float, float, float, float, float]:
    """Price and greeks of one option in plain Python: what the columns are measured against."""
    root = math.sqrt(years)
    v = iv * root
    d1 = math.log(forward / strike) / v + v / 2
    n1 = 0.5 + 0.5 * math.erf(d1 / math.sqrt(2))
    n2 = 0.5 + 0.5 * math.erf((d1 - v) / math.sqrt(2))
    price = forward * n1 - strike * n2
    if not is_call:
        price, n1 = price - forward + strike, n1 - 1
    density = math.exp(-d1 * d1 / 2) / math.sqrt(2 * math.pi)
    vega = forward * density * root
    return price, n1, density / (forward * v), vega, -vega * iv / (2 * years)


def _one_iv(price: float, is_call: bool, forward: float, strike: float, years: float) -> float:
    """Newton's method kept inside a bracket, with the price and vega of ``_one_option``."""
    low, high, iv = 0.0, 10.0, 0.5
    for _ in range(100):
        value, _, _, vega, _ = _one_option(is_call, forward, strike, years, iv)
        low, high = (iv, high) if value < price else (low, iv)
        step = (price - value) / vega if vega > 1e-12 else math.inf
        if abs(step) < 1e-12:
            break
        iv = iv + step if low < iv + step < high else (low + high) / 2
    return iv


def _settings() -> ScanSettings:
    return ScanSettings(
        dte_min_days=3.0,
        dte_max_days=11.0,
        delta_min=0.05,
        delta_max=0.40,
        spread_frac_max=0.25,
        open_interest_min_coin=0.0,
        premium_yield_min_annual=0.0,
        quote_age_max_s=60.0,
        target_delta=0.22,
        candidates_max=5,
    )


def _snapshot() -> Snapshot:
    """Two chains of 900 options each on flat volatility, and a month of hourly index closes."""
    zero, one = Decimal(0), Decimal(1)
    coins = {
        coin: CoinAccount(
            currency=coin,
            balance_coin=one,
            reserved_coin=zero,
            margin_balance_coin=one,
            options_value_coin=zero,
            equity_coin=one,
            initial_margin_coin=zero,
            maintenance_margin_coin=zero,
        )
        for coin in ("BTC", "ETH")
    }
    market = MarketView(
        as_of=AT,
        source="bench",
        depth_model="bench",
        underlyings={"BTC": _market("BTC", 100_000.0, 500), "ETH": _market("ETH", 4_000.0, 25)},
    )
    return Snapshot(
        market=market,
        account=Account(account_id="bench", as_of=AT, coins=coins, positions=(), resting_orders=()),
        specs={coin: _spec(coin) for coin in coins},
        unresolved=(),
        desk=DeskState(trading_state=TradingState.ACTIVE),
        venue_time=AT,
        local_time=AT,
    )


def _market(underlying: str, index_usd: float, step: int) -> UnderlyingMarket:
    expiries = [(AT + timedelta(days=d)).replace(minute=0) for d in DTE_DAYS]
    strikes = [round(float(index_usd * f / step)) * step for f in np.linspace(0.6, 1.6, 38)]
    listing = OptionListing.of_names(
        underlying,
        [
            option_name(
                underlying=underlying,
                expiry=expiry.date(),
                strike_usd=Decimal(strike),
                option_type=option_type,
            )
            for expiry in expiries
            for strike in strikes
            for option_type in ("call", "put")
        ],
    )
    n = len(listing)
    forward, iv = np.full(n, index_usd), np.full(n, 0.5)
    years = (listing.expiry_ms - to_ms(AT)) / (365 * 86_400_000)
    mark = price_greeks(listing.is_call, forward, listing.strike_usd, years, iv).price_usd / forward
    bid = np.floor(mark * 0.97 / 0.0001) * 0.0001
    chain = OptionChain(
        listing=listing,
        forward_usd=forward,
        mark_iv_annual=iv,
        mark_coin=mark,
        bid_coin=np.where(bid > 0, bid, np.nan),
        ask_coin=np.ceil(mark * 1.03 / 0.0001) * 0.0001 + 0.0001,
        bid_amount_coin=np.where(bid > 0, 5.0, 0.0),
        ask_amount_coin=np.full(n, 5.0),
        open_interest_coin=np.full(n, 100.0),
        as_of_ms=np.full(n, to_ms(AT), dtype=np.int64),
    )
    closes = 720
    moves = np.random.default_rng(2).standard_normal(closes) * 0.4 / math.sqrt(365 * 24)
    history = IndexHistory(
        underlying,
        to_ms(AT) - 3_600_000 * np.arange(closes - 1, -1, -1),
        index_usd * np.exp(moves.cumsum() - moves.sum()),
    )
    return UnderlyingMarket(underlying, index_usd, AT, chain, history)


def _spec(underlying: str) -> ContractSpec:
    return ContractSpec(
        underlying=underlying,
        amount_min=Decimal("0.1"),
        amount_step=Decimal("0.1"),
        tick_base=Decimal("0.0001"),
        taker_fee_frac=Decimal("0.0003"),
        maker_fee_frac=Decimal("0.0003"),
        fee_cap_frac=Decimal("0.125"),
        schedule_date="2026-07-31",
    )
