"""Risk: every short call, also one that may yet fill, stands on coin that is there."""

from __future__ import annotations

from decimal import Decimal

from callwright.analytics.cover import free_cover_coin
from callwright.domain.verdict import Verdict
from callwright.guardrails.rule_input import RuleInput


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
