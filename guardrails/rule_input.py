"""What one rule may look at: the proposal, its size, and everything known at the snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import NamedTuple

from callwright.analytics.black76 import delta_of
from callwright.domain.account import CoinAccount, Position
from callwright.domain.base import DAYS_PER_YEAR
from callwright.domain.contract import ContractSpec
from callwright.domain.decision import (
    CloseCoveredCall,
    OpenCoveredCall,
    RollCoveredCall,
    Sizing,
    TradeProposal,
)
from callwright.domain.instrument import OptionInstrument, parse_option_name
from callwright.domain.limits import Limits
from callwright.domain.market import Quote
from callwright.domain.orders import Side
from callwright.domain.scan import Scan
from callwright.domain.snapshot import Snapshot
from callwright.errors import DataInvalid

SECONDS_PER_DAY = 86_400.0


class Leg(NamedTuple):
    """One order that the proposal needs.

    Attributes:
        quote: The instrument's market; None when it is not listed.
        price_coin: Bid of what is sold, ask of what is bought; None when that side is empty.
        delta: N(d1); None when nothing can value it.
    """

    side: Side
    option: OptionInstrument
    amount_coin: Decimal
    quote: Quote | None
    price_coin: Decimal | None
    delta: float | None

    @property
    def symbol(self) -> str:
        return self.option.name


@dataclass(frozen=True, eq=False)
class RuleInput:
    """A sized proposal and what it is judged by; what several rules need is computed once."""

    proposal: TradeProposal
    snapshot: Snapshot
    scan: Scan
    sizing: Sizing
    limits: Limits

    @property
    def underlying(self) -> str:
        """The coin that the proposal states; the guardrail checks it against the symbols."""
        return self.proposal.params.underlying

    @property
    def as_of(self) -> datetime:
        return self.snapshot.as_of

    @property
    def spec(self) -> ContractSpec:
        return self.snapshot.specs[self.underlying]

    @property
    def coin(self) -> CoinAccount:
        return self.snapshot.account.coins[self.underlying]

    @property
    def is_open(self) -> bool:
        return isinstance(self.proposal, OpenCoveredCall)

    @property
    def is_close(self) -> bool:
        """Whether it can only take risk away; opens and rolls sell something new."""
        return isinstance(self.proposal, CloseCoveredCall)

    @cached_property
    def bought(self) -> Leg | None:
        """The leg that buys a short call back; None for an open."""
        match self.proposal:
            case RollCoveredCall():
                return self._leg("buy", self.proposal.params.from_symbol, self.sizing.buy_coin)
            case CloseCoveredCall():
                return self._leg("buy", self.proposal.params.symbol, self.sizing.buy_coin)
            case OpenCoveredCall():
                return None

    @cached_property
    def sold(self) -> Leg | None:
        """The leg that writes a call; None for a close."""
        if self.is_close:
            return None
        return self._leg("sell", self.proposal.params.symbol, self.sizing.sell_coin)

    @cached_property
    def legs(self) -> tuple[Leg, ...]:
        """What is bought back, then what is sold."""
        return tuple(leg for leg in (self.bought, self.sold) if leg is not None)

    @property
    def bought_position(self) -> Position | None:
        """The open short call that is bought back; None when the account has no such short."""
        if self.bought is None:
            return None
        position = self.snapshot.account.position(self.bought.symbol)
        return position if position is not None and position.amount_coin < 0 else None

    @property
    def buy_back_cost_coin(self) -> Decimal:
        """What buying back takes from the balance, taker fee included; zero for an open.

        Raises:
            DataInvalid: There is no ask to buy at.
        """
        leg = self.bought
        if leg is None:
            return Decimal(0)
        if leg.price_coin is None:
            raise DataInvalid(f"{leg.symbol} has no ask")
        fee_coin = self.spec.taker_fee_coin(leg.price_coin, leg.amount_coin)
        return leg.price_coin * leg.amount_coin + fee_coin

    def days_to_expiry(self, option: OptionInstrument) -> float:
        """Return days from the snapshot to expiry; negative once expired."""
        return (option.expiry - self.as_of).total_seconds() / SECONDS_PER_DAY

    def delta(self, name: str) -> float | None:
        """Return N(d1) of an option: as scanned, else from its mark IV; None when unknown."""
        scanned = self.scan.candidate(name) or self.scan.short_call(name)
        if scanned is not None:
            return scanned.delta
        try:
            quote = self.snapshot.market.quote(name)
        except DataInvalid:
            return None
        if quote is None:
            return None
        option = quote.instrument
        years = self.days_to_expiry(option) / DAYS_PER_YEAR
        strike_usd = float(option.strike_usd)
        return float(
            delta_of(option.is_call, quote.forward_usd, strike_usd, years, quote.mark_iv_annual)
        )

    def _leg(self, side: Side, symbol: str, amount_coin: Decimal) -> Leg:
        quote = self.snapshot.market.quote(symbol)
        return Leg(
            side=side,
            option=parse_option_name(symbol),
            amount_coin=amount_coin,
            quote=quote,
            price_coin=None if quote is None else quote.taker_price(side),
            delta=self.delta(symbol),
        )
