"""Builders that default everything, so a test names only what it is about.

Option prices here come from a few lines of Black-76 of the tests' own, so that analytics are never
checked against themselves.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from callwright.domain.account import Account, CoinAccount, Position, RestingOrder
from callwright.domain.base import to_ms
from callwright.domain.contract import ContractSpec, TickStep
from callwright.domain.desk import DeskState, TradingState
from callwright.domain.instrument import option_name, parse_option_name
from callwright.domain.limits import ExecutionSettings, Limits, PolicySettings, ScanSettings
from callwright.domain.market import (
    IndexHistory,
    MarketView,
    OptionChain,
    OptionListing,
    UnderlyingMarket,
)
from callwright.domain.orders import Intent, IntentStatus, Purpose
from callwright.domain.scan import Candidate, Scan, ShortCall, UnderlyingBook, VolState
from callwright.domain.snapshot import Snapshot

NOW = datetime(2026, 1, 5, 8, 30, tzinfo=UTC)
"""A Monday morning, half an hour after expiry; the weekly of 9 January has 3.98 days."""

INDEX_USD = {"BTC": 100_000.0, "ETH": 4_000.0}


def dec(value: object) -> Decimal:
    return Decimal(str(value))


def normal_cdf(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


def black76_coin(
    forward: float, strike: float, years: float, iv: float, *, is_call: bool = True
) -> tuple[float, float]:
    """Return (price in coin, N(d1) or N(d1) - 1): a plain textbook Black-76, r = 0."""
    v = iv * math.sqrt(years)
    d1 = math.log(forward / strike) / v + v / 2
    if is_call:
        return normal_cdf(d1) - strike / forward * normal_cdf(d1 - v), normal_cdf(d1)
    return strike / forward * normal_cdf(v - d1) - normal_cdf(-d1), normal_cdf(d1) - 1


def a_spec(underlying: str = "BTC", **changes: Any) -> ContractSpec:
    fields: dict[str, Any] = {
        "underlying": underlying,
        "amount_min": dec("0.1") if underlying == "BTC" else dec(1),
        "amount_step": dec("0.1") if underlying == "BTC" else dec(1),
        "tick_base": dec("0.0001"),
        "tick_steps": (TickStep(above_price=dec("0.005"), tick=dec("0.0005")),),
        "taker_fee_frac": dec("0.0003"),
        "maker_fee_frac": dec("0.0003"),
        "fee_cap_frac": dec("0.125"),
        "schedule_date": "2026-07-31",
    }
    return ContractSpec(**(fields | changes))


def an_underlying_market(
    underlying: str = "BTC",
    *,
    at: datetime = NOW,
    index_usd: float | None = None,
    iv: float = 0.50,
    dte_days: Sequence[int] = (1, 4, 11, 25),
    strikes_frac: Sequence[float] = (0.8, 0.9, 0.95, 1.0, 1.02, 1.04, 1.06, 1.08, 1.1, 1.15, 1.2),
    half_spread_frac: float = 0.03,
    amount_coin: float = 5.0,
    realized_vol: float = 0.40,
    history_days: int = 14,
    extra_names: Sequence[str] = (),
    quote_age_s: float = 0.0,
) -> UnderlyingMarket:
    """A flat-IV chain on a tick grid, and an index history of exactly ``realized_vol``."""
    spot = INDEX_USD.get(underlying, 100.0) if index_usd is None else index_usd
    expiries = [(at + timedelta(days=d)).replace(hour=8, minute=0) for d in dte_days]
    step = 500.0 if spot > 20_000 else 25.0
    names = [
        option_name(
            underlying=underlying,
            expiry=expiry.date(),
            strike_usd=dec(int(round(spot * frac / step) * step)),
            option_type=option_type,
        )
        for expiry in expiries
        for frac in strikes_frac
        for option_type in ("call", "put")
    ]
    names = list(dict.fromkeys([*names, *extra_names]))
    listing = OptionListing.of_names(underlying, names)
    years = (listing.expiry_ms - to_ms(at)) / (365.0 * 86_400_000)
    rows = []
    for k, t, is_call in zip(listing.strike_usd, years, listing.is_call, strict=True):
        mark, _ = black76_coin(spot, float(k), max(float(t), 1e-6), iv, is_call=bool(is_call))
        tick = 0.0001 if mark < 0.005 else 0.0005
        bid = math.floor(mark * (1 - half_spread_frac) / tick + 1e-9) * tick
        ask = max(math.ceil(mark * (1 + half_spread_frac) / tick - 1e-9), 1) * tick
        rows.append((max(mark, 0.0), round(bid, 4) if bid > 0 else math.nan, round(ask, 4)))
    mark_c, bid_c, ask_c = (np.array(c, dtype=np.float64) for c in zip(*rows, strict=True))
    n = len(names)
    chain = OptionChain(
        listing=listing,
        forward_usd=np.full(n, spot),
        mark_iv_annual=np.full(n, iv),
        mark_coin=mark_c,
        bid_coin=bid_c,
        ask_coin=ask_c,
        bid_amount_coin=np.where(np.isnan(bid_c), 0.0, amount_coin),
        ask_amount_coin=np.full(n, amount_coin),
        open_interest_coin=np.full(n, 100.0),
        as_of_ms=np.full(n, to_ms(at) - int(quote_age_s * 1000), dtype=np.int64),
    )
    return UnderlyingMarket(
        underlying=underlying,
        index_usd=spot,
        index_as_of=at,
        chain=chain,
        history=a_history(
            underlying, at=at, last_usd=spot, realized_vol=realized_vol, days=history_days
        ),
    )


def a_history(
    underlying: str = "BTC",
    *,
    at: datetime = NOW,
    last_usd: float = 100_000.0,
    realized_vol: float = 0.40,
    days: int = 14,
) -> IndexHistory:
    """Hourly closes that alternate up and down by one hourly standard deviation."""
    n = days * 24 + 1
    move = realized_vol / math.sqrt(365 * 24)
    signs = np.where(np.arange(n) % 2 == 0, 0.0, 1.0) * move
    prices = last_usd * np.exp(signs - signs[-1])
    times = to_ms(at) - (n - 1 - np.arange(n)) * 3_600_000
    return IndexHistory(underlying, times.astype(np.int64), prices)


def a_market(*underlyings: UnderlyingMarket, at: datetime = NOW, **changes: Any) -> MarketView:
    chosen = underlyings or (an_underlying_market("BTC", at=at), an_underlying_market("ETH", at=at))
    fields: dict[str, Any] = {
        "as_of": at,
        "source": "test",
        "depth_model": "test",
        "underlyings": {m.underlying: m for m in chosen},
    }
    return MarketView(**(fields | changes))


def with_quote(market: MarketView, name: str, **columns: float) -> MarketView:
    """Return the market with some columns of one instrument changed."""
    underlying = parse_option_name(name).underlying
    old = market.underlyings[underlying]
    row = old.chain.listing.row(name)
    assert row is not None, name
    changed = {}
    for column, value in columns.items():
        values = getattr(old.chain, column).copy()
        values[row] = value
        changed[column] = values
    new = replace(old, chain=replace(old.chain, **changed))
    return replace(market, underlyings={**market.underlyings, underlying: new})


def a_coin_account(currency: str = "BTC", balance: object = 1, **changes: Any) -> CoinAccount:
    fields: dict[str, Any] = {
        "currency": currency,
        "balance_coin": dec(balance),
        "reserved_coin": dec(0),
        "margin_balance_coin": dec(balance),
        "options_value_coin": dec(0),
        "equity_coin": dec(balance),
        "initial_margin_coin": dec(0),
        "maintenance_margin_coin": dec(0),
    }
    return CoinAccount(**(fields | changes))


def a_position(name: str, amount: object, **changes: Any) -> Position:
    fields: dict[str, Any] = {
        "instrument_name": name,
        "amount_coin": dec(amount),
        "average_price_coin": dec("0.01"),
        "mark_price_coin": dec("0.01"),
        "initial_margin_coin": dec("0.11") * abs(dec(amount)),
    }
    return Position(**(fields | changes))


def an_account(
    *,
    btc: CoinAccount | None = None,
    eth: CoinAccount | None = None,
    positions: Sequence[Position] = (),
    resting_orders: Sequence[RestingOrder] = (),
    at: datetime = NOW,
) -> Account:
    return Account(
        account_id="test",
        as_of=at,
        coins={"BTC": btc or a_coin_account("BTC", 1), "ETH": eth or a_coin_account("ETH", 10)},
        positions=tuple(positions),
        resting_orders=tuple(resting_orders),
    )


def a_desk_state(**changes: Any) -> DeskState:
    return DeskState(**({"trading_state": TradingState.ACTIVE} | changes))


def a_snapshot(**changes: Any) -> Snapshot:
    market = changes.get("market") or a_market()
    fields: dict[str, Any] = {
        "market": market,
        "account": an_account(at=market.as_of),
        "specs": {"BTC": a_spec("BTC"), "ETH": a_spec("ETH")},
        "unresolved": (),
        "desk": a_desk_state(),
        "venue_time": market.as_of,
        "local_time": market.as_of,
    }
    return Snapshot(**(fields | changes))


def limits(**changes: Any) -> Limits:
    fields: dict[str, Any] = {
        "margin_used_frac_max": 0.4,
        "net_delta_abs_max": {"BTC": dec("0.5"), "ETH": dec(5)},
        "expiry_exposure_max_coin": {"BTC": dec("0.5"), "ETH": dec(5)},
        "delta_open_min": 0.05,
        "delta_open_max": 0.40,
        "dte_open_min_days": 3.0,
        "dte_open_max_days": 11.0,
        "premium_min_coin": dec("0.0005"),
        "price_collar_frac": 0.2,
        "price_collar_ticks": 2,
        "orders_per_day_max": 8,
        "daily_loss_frac_max": 0.05,
        "open_cooldown_s": 0.0,
        "roll_dwell_s": 0.0,
        "roll_credit_min_coin": dec(0),
        "roll_debit_max_coin": dec("0.01"),
        "roll_defend_delta_min": 0.45,
        "market_age_max_s": 60.0,
        "quote_age_max_s": 60.0,
        "clock_drift_max_s": 1.0,
        "failures_in_a_row_max": 3,
        "maintenance_frac_max": 0.7,
        "expiry_close_hours": 6.0,
        "expiry_close_delta_min": 0.6,
    }
    return Limits(**(fields | changes))


def scan_settings(**changes: Any) -> ScanSettings:
    fields: dict[str, Any] = {
        "dte_min_days": 3.0,
        "dte_max_days": 11.0,
        "delta_min": 0.05,
        "delta_max": 0.40,
        "spread_frac_max": 0.25,
        "open_interest_min_coin": 0.0,
        "premium_yield_min_annual": 0.0,
        "quote_age_max_s": 60.0,
        "target_delta": 0.22,
        "candidates_max": 5,
    }
    return ScanSettings(**(fields | changes))


def policy_settings(**changes: Any) -> PolicySettings:
    fields: dict[str, Any] = {
        "target_delta": 0.22,
        "ivrv_min": 1.05,
        "roll_dte_days": 1.0,
        "roll_dte_delta_min": 0.3,
        "roll_delta": 0.5,
        "capture_frac": 0.8,
        "capture_dte_min_days": 1.5,
        "order_size_coin": {"BTC": dec("0.1"), "ETH": dec(1)},
    }
    return PolicySettings(**(fields | changes))


def execution_settings(**changes: Any) -> ExecutionSettings:
    return ExecutionSettings(**changes)


CALL_9JAN_105 = "BTC-9JAN26-106000-C"
"""A call of the default market: 3.98 days, strike 6% above the index."""


def a_candidate(symbol: str = CALL_9JAN_105, **changes: Any) -> Candidate:
    option = parse_option_name(symbol)
    fields: dict[str, Any] = {
        "symbol": symbol,
        "underlying": option.underlying,
        "expiry": option.expiry,
        "strike_usd": option.strike_usd,
        "dte_days": (option.expiry - NOW).total_seconds() / 86_400,
        "delta": 0.22,
        "bid_coin": dec("0.005"),
        "ask_coin": dec("0.006"),
        "bid_amount_coin": dec(5),
        "mark_coin": dec("0.0055"),
        "mark_iv_annual": 0.5,
        "bid_iv_annual": 0.49,
        "ivrv": 1.2,
        "premium_net_coin": dec("0.0047"),
        "premium_yield_annual": 0.43,
        "spread_frac": 0.18,
        "open_interest_coin": 100.0,
        "margin_initial_coin": dec("0.1055"),
        "size_coin": dec("0.1"),
        "passes": True,
    }
    return Candidate(**(fields | changes))


def a_short_call(symbol: str = CALL_9JAN_105, amount: object = "0.1", **changes: Any) -> ShortCall:
    option = parse_option_name(symbol)
    fields: dict[str, Any] = {
        "symbol": symbol,
        "underlying": option.underlying,
        "expiry": option.expiry,
        "strike_usd": option.strike_usd,
        "amount_coin": dec(amount),
        "dte_days": (option.expiry - NOW).total_seconds() / 86_400,
        "delta": 0.22,
        "mark_coin": dec("0.0055"),
        "bid_coin": dec("0.005"),
        "ask_coin": dec("0.006"),
        "ask_amount_coin": dec(5),
        "average_price_coin": dec("0.01"),
        "captured_frac": 0.45,
        "opened_at": NOW - timedelta(days=3),
    }
    return ShortCall(**(fields | changes))


def a_vol_state(underlying: str = "BTC", **changes: Any) -> VolState:
    fields: dict[str, Any] = {
        "underlying": underlying,
        "status": "OK",
        "iv_annual": 0.5,
        "iv_tenor_days": 7.0,
        "rv_annual": 0.4,
        "rv_window_days": 7.0,
        "rv_samples": 168,
        "ivrv": 1.25,
        "skew_25d_annual": -0.02,
    }
    return VolState(**(fields | changes))


def a_scan(
    *,
    candidates: Sequence[Candidate] = (),
    shorts: Sequence[ShortCall] = (),
    vols: Mapping[str, VolState] | None = None,
    net_delta: Mapping[str, float | None] | None = None,
) -> Scan:
    deltas = {"BTC": 0.0, "ETH": 0.0} | dict(net_delta or {})
    return Scan(
        vols=vols or {"BTC": a_vol_state("BTC"), "ETH": a_vol_state("ETH")},
        books={
            u: UnderlyingBook(
                underlying=u,
                short_calls=tuple(s for s in shorts if s.underlying == u),
                net_delta=deltas[u],
                total_delta=None if deltas[u] is None else deltas[u] + 1.0,  # type: ignore[operator]
            )
            for u in ("BTC", "ETH")
        },
        candidates=tuple(candidates),
        funnels={"BTC": (), "ETH": ()},
    )


def an_intent(symbol: str = CALL_9JAN_105, **changes: Any) -> Intent:
    fields: dict[str, Any] = {
        "label": "cw-test-0",
        "account_id": "test",
        "cycle_id": "test-20260105T083000.000Z",
        "leg": 0,
        "purpose": Purpose.OPEN,
        "underlying": parse_option_name(symbol).underlying,
        "instrument_name": symbol,
        "side": "sell",
        "amount_coin": dec("0.1"),
        "price_coin": dec("0.005"),
        "reduce_only": False,
        "margin_initial_coin": dec("0.01055"),
        "valid_until": NOW + timedelta(seconds=10),
        "created_at": NOW,
        "status": IntentStatus.PENDING,
    }
    return Intent(**(fields | changes))
