"""A market as it would be at another index price, everything else unchanged. Pure.

Sticky strike: each option keeps the volatility that its bid, ask and mark had, and Black-76 prices
it anew. A quote from which no volatility can be read moves by as much as its mark.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import numpy as np

from callwright.analytics.black76 import implied_vol, price_greeks
from callwright.domain.account import Account, Position
from callwright.domain.contract import ContractSpec
from callwright.domain.market import Floats, OptionChain, UnderlyingMarket, decimal_of

_DIGITS = 8
"""A coin's smallest unit; venues state amounts to it."""


def at_spot(
    market: UnderlyingMarket, spot_usd: float, spec: ContractSpec | None, at: datetime
) -> UnderlyingMarket:
    """Return the market with its index at ``spot_usd``, at the same time ``at``.

    Futures and the index history move in proportion, so realized volatility stays; displayed sizes
    and open interest stay. Bids are rounded down to the tick, asks up; a
    bid of zero is none.
    """
    ratio = spot_usd / market.index_usd
    return replace(
        market,
        index_usd=spot_usd,
        chain=_chain_at(market.chain, ratio, spec, at),
        history=replace(market.history, prices_usd=market.history.prices_usd * ratio),
    )


def _chain_at(
    chain: OptionChain, ratio: float, spec: ContractSpec | None, at: datetime
) -> OptionChain:
    listing = chain.listing
    years = chain.years_to_expiry(at)
    forward = chain.forward_usd * ratio

    def price(iv: Floats) -> Floats:
        return price_greeks(listing.is_call, forward, listing.strike_usd, years, iv).price_usd

    mark = price(chain.mark_iv_annual) / forward

    def quoted(old: Floats, *, is_bid: bool) -> Floats:
        iv = implied_vol(
            old * chain.forward_usd, listing.is_call, chain.forward_usd, listing.strike_usd, years
        )
        moved = np.where(np.isnan(iv), old + (mark - chain.mark_coin), price(iv) / forward)
        on_tick = _on_tick(moved, spec, is_up=not is_bid)
        return np.where(on_tick > 0, on_tick, np.nan)

    with np.errstate(invalid="ignore"):
        bid, ask = quoted(chain.bid_coin, is_bid=True), quoted(chain.ask_coin, is_bid=False)
    return replace(
        chain,
        forward_usd=forward,
        mark_coin=np.round(mark, _DIGITS),
        bid_coin=bid,
        ask_coin=ask,
        bid_amount_coin=np.where(np.isnan(bid), 0.0, chain.bid_amount_coin),
        ask_amount_coin=np.where(np.isnan(ask), 0.0, chain.ask_amount_coin),
    )


def _on_tick(price_coin: Floats, spec: ContractSpec | None, *, is_up: bool) -> Floats:
    if spec is None:
        return price_coin
    # A price that stands on its tick but for rounding stays there.
    nudge = 1e-6
    tick = np.full_like(price_coin, float(spec.tick_base))
    for step in spec.tick_steps:
        tick = np.where(price_coin >= float(step.above_price), float(step.tick), tick)
    if is_up:
        # Nobody offers for nothing.
        steps = np.maximum(np.ceil(price_coin / tick - nudge), 1.0)
    else:
        steps = np.floor(price_coin / tick + nudge)
    rounded: Floats = np.round(steps * tick, _DIGITS)
    return rounded


def account_at(account: Account, before: UnderlyingMarket, after: UnderlyingMarket) -> Account:
    """Return the account with the coin's options at their new marks.

    Option value and equity follow the marks. So does the margin of what is short, coin for coin:
    the venue's formula adds the mark to a share of the coin, and that share is left as it was.
    """
    value_coin = margin_coin = Decimal(0)
    positions: list[Position] = []
    for position in account.positions:
        row = before.chain.listing.row(position.instrument_name)
        if row is None:
            positions.append(position)
            continue
        mark_coin = decimal_of(float(after.chain.mark_coin[row]))
        rise_coin = mark_coin - decimal_of(float(before.chain.mark_coin[row]))
        value_coin += position.amount_coin * rise_coin
        more_coin = max(-position.amount_coin, Decimal(0)) * rise_coin
        margin_coin += more_coin
        positions.append(
            position.model_copy(
                update={
                    "mark_price_coin": mark_coin,
                    "initial_margin_coin": max(
                        position.initial_margin_coin + more_coin, Decimal(0)
                    ),
                }
            )
        )
    coin = account.coins[after.underlying]
    moved = coin.model_copy(
        update={
            "options_value_coin": coin.options_value_coin + value_coin,
            "equity_coin": coin.equity_coin + value_coin,
            "initial_margin_coin": max(coin.initial_margin_coin + margin_coin, Decimal(0)),
            "maintenance_margin_coin": max(coin.maintenance_margin_coin + margin_coin, Decimal(0)),
        }
    )
    return account.model_copy(
        update={
            "positions": tuple(positions),
            "coins": {**account.coins, after.underlying: moved},
        }
    )
