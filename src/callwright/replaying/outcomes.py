"""What one choice earned against holding, as far as the recorded future tells.

Each leg trades once, whole, at the quote that the decision saw, and is kept to its expiry; or,
where the recording ends before, to the last snapshot that marks it. What later decisions did to it
does not count, and nothing is compounded. What the recording does not tell stays unknown.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

import numpy as np

from callwright.domain.base import Frozen, iso_utc, to_ms
from callwright.domain.instrument import OptionInstrument, parse_option_name
from callwright.domain.market import UnderlyingMarket, decimal_of
from callwright.domain.orders import Side
from callwright.domain.record import CycleRecord
from callwright.domain.snapshot import Snapshot
from callwright.errors import DataInvalid
from callwright.paper.settlement import deliver
from callwright.replaying.legs import Leg, Legs

INDEX_GAP_MAX = timedelta(days=1)
"""The index at an expiry is read between two known ones that are at most this far apart."""

Ended = Literal["expired", "marked"]
IndexSource = Literal["venue", "index", "snapshot"]


class LegOutcome(Frozen):
    """What became of one leg; prices and worths per coin of underlying, in coin.

    Attributes:
        price_coin: At which it trades: the bid to sell, the ask to buy.
        fee_coin: Of the trade, for the whole amount.
        ended: ``expired``: delivered; ``marked``: the recording ends before its expiry.
        worth_coin: Of the option at the end: what delivery pays, or the last mark.
        delivery_fee_coin: For the whole amount; what a short pays at delivery.
        index_usd: At the end; of a delivery its price.
        index_source: ``venue``: a settlement on record states it; ``index``: the index at the
            expiry, on the line between known prices; ``snapshot``: the one beside the mark.
        earned_coin, earned_usd: Against not trading it; in USD at the index of the end.
    """

    side: Side
    symbol: str
    amount_coin: float
    price_coin: float
    fee_coin: float
    ended: Ended
    ended_at: str
    worth_coin: float
    delivery_fee_coin: float
    index_usd: float
    index_source: IndexSource
    earned_coin: float
    earned_usd: float


class Outcome(Frozen):
    """What a choice earned against holding.

    Attributes:
        coin: In which it is counted; None for holding.
        earned_coin, earned_usd: Sums over the legs; holding is 0; None: not known.
        unknown: Why it is not known; empty when it is.
    """

    coin: str | None
    earned_coin: float | None
    earned_usd: float | None
    legs: tuple[LegOutcome, ...] = ()
    unknown: str = ""


class _Unknown(Exception):
    """Why an outcome is not known, in words."""


@dataclass
class _Watched:
    """An option that some choice traded, and the newest that is known of it."""

    option: OptionInstrument
    mark_coin: Decimal | None = None
    marked_at: datetime | None = None
    marked_index_usd: Decimal | None = None
    index_usd: Decimal | None = None
    """At its expiry, between two known index prices."""
    is_over: bool = False


class Future:
    """The recorded future of the options that choices traded, told snapshot by snapshot.

    Holds a few numbers an option, whatever the length of the recording.
    """

    def __init__(self) -> None:
        self._watched: dict[str, _Watched] = {}
        self._deliveries: dict[tuple[str, datetime], Decimal] = {}

    @property
    def is_waiting(self) -> bool:
        """Whether a further snapshot could tell more."""
        return any(not watched.is_over for watched in self._watched.values())

    def watch(self, legs: Legs) -> None:
        """Follow these options from the next snapshot on."""
        for leg in () if isinstance(legs, str) else legs:
            self._watched.setdefault(leg.option.name, _Watched(leg.option))

    def note(self, record: CycleRecord) -> None:
        """Keep the delivery prices that a record's settlements state.

        A record may come from anybody's file: what cannot be a price is not known.
        """
        for update in record.order_updates:
            price_usd = _price_usd(update.facts.get("delivery_price_usd"))
            if update.kind != "settlement" or price_usd is None:
                continue
            try:
                option = parse_option_name(update.symbol)
            except DataInvalid:
                # A future's or a combo's: no option of ours is delivered at it.
                continue
            if option.settlement == "inverse":
                key = (option.underlying, option.expiry)
                self._deliveries[key] = price_usd

    def see(self, snapshot: Snapshot) -> None:
        """Take what a later snapshot tells of the options that are watched."""
        for watched in self._watched.values():
            market = snapshot.market.underlyings.get(watched.option.underlying)
            if watched.is_over or market is None:
                continue
            if snapshot.as_of >= watched.option.expiry:
                watched.index_usd = _index_at(market, watched.option.expiry)
                watched.is_over = True
                continue
            row = market.chain.listing.row(watched.option.name)
            if row is not None:
                watched.mark_coin = decimal_of(float(market.chain.mark_coin[row]))
                watched.marked_at = snapshot.as_of
                watched.marked_index_usd = decimal_of(market.index_usd)

    def outcome(self, legs: Legs, decided_at: datetime) -> Outcome:
        """Return what a choice of these legs earned against holding.

        Args:
            decided_at: Market time of the decision; a mark of that time tells nothing of it.
        """
        if isinstance(legs, str):
            return Outcome(coin=None, earned_coin=None, earned_usd=None, unknown=legs)
        if not legs:
            return Outcome(coin=None, earned_coin=0.0, earned_usd=0.0)
        coin = legs[0].option.underlying
        try:
            ends = [self._ended(leg, decided_at) for leg in legs]
        except _Unknown as exc:
            return Outcome(coin=coin, earned_coin=None, earned_usd=None, unknown=str(exc))
        return Outcome(
            coin=coin,
            earned_coin=float(sum(earned for earned, _, _ in ends)),
            earned_usd=float(sum(usd for _, usd, _ in ends)),
            legs=tuple(told for _, _, told in ends),
        )

    def _ended(self, leg: Leg, decided_at: datetime) -> tuple[Decimal, Decimal, LegOutcome]:
        name, amount = leg.option.name, leg.amount_coin
        if leg.price_coin is None:
            raise _Unknown(f"{name} had no price to {leg.side} at")
        end = self._end(leg.option, decided_at)
        delivery_fee = worth = Decimal(0)
        if end.worth_coin is None:
            try:
                delivery = deliver(leg.option, position=-amount, delivery_price_usd=end.index_usd)
            except ArithmeticError:
                raise _Unknown(f"{name} cannot be delivered at {end.index_usd} USD") from None
            worth, delivery_fee = delivery.payoff, delivery.fee
        else:
            worth = end.worth_coin * amount
        fee = leg.spec.taker_fee_coin(leg.price_coin, amount)
        traded = leg.price_coin * amount
        # What a short brings and costs in the end; who buys it back is spared that.
        short = traded - worth - delivery_fee
        earned = (short if leg.side == "sell" else -short) - fee
        usd = earned * end.index_usd
        return (
            earned,
            usd,
            LegOutcome(
                side=leg.side,
                symbol=name,
                amount_coin=float(amount),
                price_coin=float(leg.price_coin),
                fee_coin=float(fee),
                ended="expired" if end.worth_coin is None else "marked",
                ended_at=iso_utc(end.at),
                worth_coin=float(worth / amount) if amount else 0.0,
                delivery_fee_coin=float(delivery_fee),
                index_usd=float(end.index_usd),
                index_source=end.index_source,
                earned_coin=float(earned),
                earned_usd=float(usd),
            ),
        )

    def _end(self, option: OptionInstrument, decided_at: datetime) -> _End:
        watched = self._watched[option.name]
        stated = self._deliveries.get((option.underlying, option.expiry))
        if stated is not None and option.settlement == "inverse":
            return _End(option.expiry, stated, "venue", None)
        if watched.is_over:
            if watched.index_usd is None:
                raise _Unknown(f"the index at the expiry of {option.name} is not recorded")
            return _End(option.expiry, watched.index_usd, "index", None)
        at, mark, index = watched.marked_at, watched.mark_coin, watched.marked_index_usd
        if at is None or mark is None or index is None or at <= decided_at:
            raise _Unknown(f"no later snapshot shows {option.name}")
        return _End(at, index, "snapshot", mark)


@dataclass(frozen=True)
class _End:
    """When and at what index an option ended; ``worth_coin`` is its mark, None for a delivery."""

    at: datetime
    index_usd: Decimal
    index_source: IndexSource
    worth_coin: Decimal | None


def _price_usd(stated: object) -> Decimal | None:
    """Return a price in USD that a record states; None for anything that cannot be one."""
    if isinstance(stated, bool) or not isinstance(stated, int | float):
        return None
    # Written as what must hold, so that NaN fails it; a larger whole number is no float.
    return decimal_of(float(stated)) if 0 < stated <= sys.float_info.max else None


def _index_at(market: UnderlyingMarket, at: datetime) -> Decimal | None:
    """Return the index in USD at a past time, to the cent, on the line between the known ones."""
    times, prices, at_ms = market.history.times_ms, market.history.prices_usd, to_ms(at)
    newest_ms = to_ms(market.index_as_of)
    if not len(times) or times[-1] < newest_ms:
        times, prices = np.append(times, newest_ms), np.append(prices, market.index_usd)
    after = int(np.searchsorted(times, at_ms))
    if after == len(times):
        return None
    if times[after] == at_ms:
        return decimal_of(float(prices[after]))
    if after == 0 or times[after] - times[after - 1] > INDEX_GAP_MAX / timedelta(milliseconds=1):
        return None
    share = (at_ms - times[after - 1]) / (times[after] - times[after - 1])
    index_usd = prices[after - 1] + (prices[after] - prices[after - 1]) * share
    return decimal_of(round(float(index_usd), 2))
