"""Risk: the size is one that the action can have and the venue accepts."""

from __future__ import annotations

from decimal import Decimal

from callwright.domain.verdict import Verdict
from callwright.guardrails.rule_input import RuleInput


def size_fits_action(x: RuleInput) -> Verdict:
    """An open only sells, a close only buys, and a roll sells no more than it buys back."""
    sell_coin, buy_coin = x.sizing.sell_coin, x.sizing.buy_coin
    if (x.is_open and buy_coin != 0) or (x.is_close and sell_coin != 0):
        return Verdict.deny("SIZE_LEG_UNEXPECTED", sell_coin=sell_coin, buy_coin=buy_coin)
    if x.bought is None:
        return Verdict.allow()
    position = x.bought_position
    short_coin = Decimal(0) if position is None else -position.amount_coin
    if not buy_coin <= short_coin:
        return Verdict.deny("SIZE_ABOVE_POSITION", buy_coin=buy_coin, short_coin=short_coin)
    if not sell_coin <= buy_coin:
        return Verdict.deny("ROLL_SELLS_MORE", sell_coin=sell_coin, buy_coin=buy_coin)
    return Verdict.allow()


def size_reaches_minimum(x: RuleInput) -> Verdict:
    """Every order reaches the contract's minimum; sizing says zero when it cannot."""
    for leg in x.legs:
        if not leg.amount_coin >= x.spec.amount_min:
            return Verdict.deny(
                "SIZE_BELOW_MINIMUM",
                side=leg.side,
                amount_coin=leg.amount_coin,
                amount_min_coin=x.spec.amount_min,
            )
    return Verdict.allow()


def size_is_whole_lots(x: RuleInput) -> Verdict:
    """Every order is a whole number of lots."""
    for leg in x.legs:
        if leg.amount_coin % x.spec.amount_step != 0:
            return Verdict.deny(
                "SIZE_OFF_LOT",
                side=leg.side,
                amount_coin=leg.amount_coin,
                lot_coin=x.spec.amount_step,
            )
    return Verdict.allow()
