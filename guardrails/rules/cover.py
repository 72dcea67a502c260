"""Risk: every short call, also one that may yet fill, stands on coin that is there."""

from __future__ import annotations

from decimal import Decimal

from callwright.analytics.cover import free_cover_coin
from callwright.domain.instrument import parse_option_name
from callwright.domain.verdict import Verdict
from callwright.errors import DataInvalid
from callwright.guardrails.rule_input import RuleInput


def no_put_is_short(x: RuleInput) -> Verdict:
    """Nothing is sold while an inverse put on the coin is short, by whomever.

    A short call pays less than one coin, a short put without bound as the coin falls: no amount of
    coin covers both.
    """
    if x.sold is None:
        return Verdict.allow()
    held = [(p.instrument_name, p.amount_coin) for p in x.snapshot.account.positions]
    for name, amount_coin in held:
        if not amount_coin < 0:
            continue
        try:
            option = parse_option_name(name)
        except DataInvalid:
            # A future: net delta, which cannot value it, denies.
            continue
        if option.underlying == x.underlying and not option.is_call:
            return Verdict.deny("SHORT_PUT_HELD", symbol=name, amount_coin=amount_coin)
    return Verdict.allow()


def cover_suffices(x: RuleInput) -> Verdict:
    """What is sold fits the free cover; a roll first gets back what it buys, and pays for it."""
    if x.sold is None:
        return Verdict.allow()
    returned_coin = Decimal(0) if x.bought is None else x.bought.amount_coin
    free_coin = free_cover_coin(x.snapshot, x.underlying, x.limits)
    free_coin += returned_coin - x.buy_back_cost_coin
    if x.sold.amount_coin <= free_coin:
        return Verdict.allow()
    return Verdict.deny("COVER_EXCEEDED", sell_coin=x.sold.amount_coin, free_cover_coin=free_coin)
