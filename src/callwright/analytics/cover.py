"""Cover: how much coin is free to write calls against.

Cover is cash in the coin, never equity and never another option: an inverse call pays less than
one coin, so calls up to the cash balance are safe at any price. What may fill counts as filled.
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

from callwright.domain.instrument import OptionInstrument, parse_option_name
from callwright.domain.limits import Limits
from callwright.domain.snapshot import Snapshot
from callwright.errors import DataInvalid

_ZERO = Decimal(0)


def free_cover_coin(snapshot: Snapshot, underlying: str, limits: Limits) -> Decimal:
    """Return the coin that new calls on ``underlying`` may still be written against.

    Cash balance, less what is reserved (by the venue, and by ``limits.cover_reserve_coin``), less
    every coin of ``calls_to_cover``. Below zero the cover of what is already short is lost.

    Raises:
        DataInvalid: The account has no entry for the coin; unknown is not zero.
    """
    coin = snapshot.account.coins.get(underlying)
    if coin is None:
        raise DataInvalid(f"the account shows no {underlying} balance")
    spoken_for = sum((amount for _, amount in calls_to_cover(snapshot, underlying)), _ZERO)
    reserve = limits.cover_reserve_coin.get(underlying, _ZERO)
    return coin.balance_coin - coin.reserved_coin - reserve - spoken_for


# Asked for a dozen times a cycle, by sizing, policy and gates, of one frozen snapshot.
@lru_cache(maxsize=4)
def calls_to_cover(
    snapshot: Snapshot, underlying: str
) -> tuple[tuple[OptionInstrument, Decimal], ...]:
    """Return each inverse call on ``underlying`` that is short or may become so, and its coin.

    Open shorts of any origin and ``pending_sells``. One instrument may stand several times. Long
    calls do not count against shorts, nor do linear options: they pay in another currency.
    """
    open_shorts = [
        (position.instrument_name, -position.amount_coin)
        for position in snapshot.account.positions
        if position.amount_coin < 0
    ]
    found = []
    for name, amount_coin in (*open_shorts, *pending_sells(snapshot, underlying)):
        try:
            option = parse_option_name(name)
        except DataInvalid:
            # A future or a combo is no call to cover; net delta, which cannot value it, denies.
            continue
        if option.underlying == underlying and option.is_call and option.settlement == "inverse":
            found.append((option, amount_coin))
    return tuple(found)


def pending_sells(snapshot: Snapshot, underlying: str) -> tuple[tuple[str, Decimal], ...]:
    """Return name and coin of every sale on ``underlying`` that may still happen.

    The open part of resting sells, whoever placed them, and the whole of unresolved sells: nobody
    knows how much of those has filled. Buys are left out, for they may never fill.
    """
    resting = [
        (order.instrument_name, order.open_coin)
        for order in snapshot.account.resting_orders
        if order.side == "sell" and _coin_of(order.instrument_name) == underlying
    ]
    unresolved = [
        (intent.instrument_name, intent.amount_coin)
        for intent in snapshot.unresolved
        if intent.side == "sell" and intent.underlying == underlying
    ]
    return (*resting, *unresolved)


def _coin_of(name: str) -> str:
    # Every venue name starts with its coin: BTC-PERPETUAL, BTC_USDC-9JAN26-97000-C.
    return name.split("-", 1)[0].split("_", 1)[0]
