"""The amounts that code gives a proposal; a brain never sends one.

Only physical things make a size smaller: free cover, what the book displays, the lot and the
venue's minimum. Limits (expiry exposure, net delta, margin, pace) are left to the risk engine on
purpose, so that a trade they forbid is denied with a code and not silently shrunk.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from callwright.analytics.cover import free_cover_coin
from callwright.domain.contract import ContractSpec
from callwright.domain.decision import (
    Clamp,
    CloseCoveredCall,
    CloseParams,
    OpenCoveredCall,
    OpenParams,
    Proposal,
    RollCoveredCall,
    RollParams,
    Sizing,
)
from callwright.domain.limits import Limits, PolicySettings
from callwright.domain.scan import Candidate, Scan, ShortCall
from callwright.domain.snapshot import Snapshot

ZERO = Decimal(0)


def size(
    proposal: Proposal, snapshot: Snapshot, scan: Scan, settings: PolicySettings, limits: Limits
) -> Sizing:
    """Return what to sell and buy back for this proposal, in coin, and what made it smaller.

    - Open: the default size, within free cover and the displayed bid.
    - Close: the whole position, within the displayed ask.
    - Roll: buy back as in a close; sell no more than was bought back, nor than the cover that is
      free after the buy-back is paid from the cash, nor than the displayed bid. The buy-back alone
      may be possible: then ``sell_coin`` is zero and the risk engine denies the roll.

    Each amount is a whole number of lots of at least the venue's minimum, or zero. ``clamps`` holds
    every change in order, of a roll the buy leg's first; in a chain, ``before`` is the ``after`` of
    the one before. Total: a symbol that is no candidate (or no open short), or an underlying
    without size, contract terms or coin account, gives zero and a clamp that names it.

    Args:
        limits: Read for the cover reserve only.
    """
    match proposal:
        case OpenCoveredCall(params=asked):
            return _size_open(asked, snapshot, scan, settings, limits)
        case RollCoveredCall(params=asked):
            return _size_roll(asked, snapshot, scan, limits)
        case CloseCoveredCall(params=asked):
            return _size_close(asked, snapshot, scan)
        case _:
            return Sizing()


def closable_coin(short: ShortCall, spec: ContractSpec) -> Decimal:
    """Return how much of a short call one order can buy back now, in coin; zero if nothing."""
    return _buy_back(short, spec).coin


@dataclass
class _Leg:
    """An amount that only gets smaller, and why."""

    coin: Decimal
    clamps: list[Clamp] = field(default_factory=list)

    def at_most(self, name: str, most_coin: Decimal) -> None:
        after = max(min(self.coin, most_coin), ZERO)
        if after != self.coin:
            self.clamps.append(Clamp(name=name, before=self.coin, after=after))
            self.coin = after

    def to_lots(self, spec: ContractSpec) -> None:
        lots_coin = spec.floor_to_lot(self.coin)
        self.at_most("lot" if lots_coin else "amount_min", lots_coin)


def _size_open(
    asked: OpenParams, snapshot: Snapshot, scan: Scan, settings: PolicySettings, limits: Limits
) -> Sizing:
    default_coin = settings.order_size_coin.get(asked.underlying)
    if default_coin is None:
        return _nothing("order_size_missing")
    candidate = _candidate(scan, asked.symbol, asked.underlying)
    if candidate is None:
        return _nothing("symbol_unknown", default_coin)
    spec = snapshot.specs.get(asked.underlying)
    if spec is None:
        return _nothing("spec_missing", default_coin)
    if asked.underlying not in snapshot.account.coins:
        return _nothing("account_missing", default_coin)
    sell = _Leg(default_coin)
    sell.at_most("free_cover", free_cover_coin(snapshot, asked.underlying, limits))
    sell.at_most("displayed_bid", candidate.bid_amount_coin)
    sell.to_lots(spec)
    return Sizing(sell_coin=sell.coin, clamps=tuple(sell.clamps))


def _size_roll(asked: RollParams, snapshot: Snapshot, scan: Scan, limits: Limits) -> Sizing:
    short = _short_call(scan, asked.from_symbol, asked.underlying)
    if short is None:
        return _nothing("symbol_unknown")
    candidate = _candidate(scan, asked.symbol, asked.underlying)
    if candidate is None:
        return _nothing("symbol_unknown", short.amount_coin)
    spec = snapshot.specs.get(asked.underlying)
    if spec is None:
        return _nothing("spec_missing", short.amount_coin)
    if asked.underlying not in snapshot.account.coins:
        return _nothing("account_missing", short.amount_coin)
    buy = _buy_back(short, spec)
    # Without an offer nothing is bought, so the price of nothing does not matter.
    ask_coin = short.ask_coin or ZERO
    cost_coin = ask_coin * buy.coin + spec.taker_fee_coin(ask_coin, buy.coin)
    free_after_coin = free_cover_coin(snapshot, asked.underlying, limits) + buy.coin - cost_coin
    sell = _Leg(buy.coin)
    sell.at_most("free_cover", free_after_coin)
    sell.at_most("displayed_bid", candidate.bid_amount_coin)
    sell.to_lots(spec)
    return Sizing(sell_coin=sell.coin, buy_coin=buy.coin, clamps=(*buy.clamps, *sell.clamps))


def _size_close(asked: CloseParams, snapshot: Snapshot, scan: Scan) -> Sizing:
    short = _short_call(scan, asked.symbol, asked.underlying)
    if short is None:
        return _nothing("symbol_unknown")
    spec = snapshot.specs.get(asked.underlying)
    if spec is None:
        return _nothing("spec_missing", short.amount_coin)
    buy = _buy_back(short, spec)
    return Sizing(buy_coin=buy.coin, clamps=tuple(buy.clamps))


def _buy_back(short: ShortCall, spec: ContractSpec) -> _Leg:
    buy = _Leg(short.amount_coin)
    buy.at_most("displayed_ask", short.ask_amount_coin if short.ask_coin is not None else ZERO)
    buy.to_lots(spec)
    return buy


def _candidate(scan: Scan, symbol: str, underlying: str) -> Candidate | None:
    found = scan.candidate(symbol)
    return found if found is not None and found.underlying == underlying else None


def _short_call(scan: Scan, symbol: str, underlying: str) -> ShortCall | None:
    found = scan.short_call(symbol)
    return found if found is not None and found.underlying == underlying else None


def _nothing(why: str, before_coin: Decimal = ZERO) -> Sizing:
    return Sizing(clamps=(Clamp(name=why, before=before_coin, after=ZERO),))
