"""Risk: a roll improves the position, pays for itself, and does not churn."""

from __future__ import annotations

from decimal import Decimal

from callwright.domain.verdict import Verdict
from callwright.guardrails.rule_input import RuleInput


def roll_goes_later_or_higher(x: RuleInput) -> Verdict:
    """The new call expires later, or has a higher strike."""
    if x.bought is None or x.sold is None:
        return Verdict.allow()
    old, new = x.bought.option, x.sold.option
    if new.expiry > old.expiry or new.strike_usd > old.strike_usd:
        return Verdict.allow()
    return Verdict.deny("ROLL_NOT_LATER_OR_HIGHER", from_symbol=old.name, symbol=new.name)


def roll_pays(x: RuleInput) -> Verdict:
    """Per coin and after both fees a roll brings its credit, or is a capped debit in defence."""
    if x.bought is None or x.sold is None:
        return Verdict.allow()
    limits, from_delta = x.limits, x.bought.delta
    credit_coin = None
    if x.sold.price_coin is not None and x.bought.price_coin is not None:
        one = Decimal(1)
        proceeds_coin = x.sold.price_coin - x.spec.taker_fee_coin(x.sold.price_coin, one)
        cost_coin = x.bought.price_coin + x.spec.taker_fee_coin(x.bought.price_coin, one)
        credit_coin = proceeds_coin - cost_coin
        if credit_coin >= limits.roll_credit_min_coin:
            return Verdict.allow()
        defends = from_delta is not None and from_delta >= limits.roll_defend_delta_min
        if defends and -credit_coin <= limits.roll_debit_max_coin:
            return Verdict.allow()
    return Verdict.deny(
        "ROLL_DEBIT",
        credit_net_coin=credit_coin,
        credit_min_coin=limits.roll_credit_min_coin,
        debit_max_coin=limits.roll_debit_max_coin,
        from_delta=from_delta,
        defend_delta_min=limits.roll_defend_delta_min,
    )


def roll_has_dwelt(x: RuleInput) -> Verdict:
    """The short call was held long enough; one whose sale nobody remembers counts as new."""
    if x.bought is None or x.sold is None or x.limits.roll_dwell_s == 0:
        return Verdict.allow()
    opened_at = x.snapshot.desk.opened_at.get(x.bought.symbol)
    held_s = None if opened_at is None else (x.as_of - opened_at).total_seconds()
    if held_s is not None and held_s >= x.limits.roll_dwell_s:
        return Verdict.allow()
    return Verdict.deny(
        "ROLL_DWELL", symbol=x.bought.symbol, held_s=held_s, dwell_s=x.limits.roll_dwell_s
    )
