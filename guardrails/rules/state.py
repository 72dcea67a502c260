"""Risk: may the desk trade at all, and is everything that it sent accounted for?"""

from __future__ import annotations

from callwright.domain.desk import BreakerName, TradingState
from callwright.domain.verdict import Verdict
from callwright.guardrails.breakers import active_breaker, equity_floor_coin
from callwright.guardrails.rule_input import RuleInput


def trading_state_permits(x: RuleInput) -> Verdict:
    """ACTIVE permits everything, REDUCING only closing, anything else nothing."""
    desk = x.snapshot.desk
    if desk.trading_state is TradingState.ACTIVE:
        return Verdict.allow()
    if desk.trading_state is not TradingState.REDUCING:
        return Verdict.deny("TRADING_STATE_HALTED", why=desk.trading_state_reason)
    if x.is_close:
        return Verdict.allow()
    return Verdict.deny("TRADING_STATE_REDUCING", why=desk.trading_state_reason)


def intents_are_resolved(x: RuleInput) -> Verdict:
    """While an order of this coin may be live unseen, nothing new is sold on it."""
    if x.is_close:
        return Verdict.allow()
    labels = [i.label for i in x.snapshot.unresolved if i.underlying == x.underlying]
    if not labels:
        return Verdict.allow()
    return Verdict.deny("INTENT_UNRESOLVED", intents=len(labels), first_label=labels[0])


def daily_loss_within_limit(x: RuleInput) -> Verdict:
    """Coin equity holds its floor of the day, and did so all day: the breaker stays tripped."""
    if x.is_close:
        return Verdict.allow()
    breaker = active_breaker(x.snapshot, BreakerName.DAILY_LOSS, x.underlying)
    if breaker is not None:
        return Verdict.deny(
            "DAILY_LOSS",
            breaker_tripped_at=breaker.tripped_at.isoformat(),
            breaker_facts=breaker.facts,
        )
    floor_coin = equity_floor_coin(x.snapshot, x.underlying, x.limits)
    if floor_coin is None:
        return Verdict.deny("DAY_OPEN_UNKNOWN", underlying=x.underlying)
    if x.coin.equity_coin >= floor_coin:
        return Verdict.allow()
    return Verdict.deny(
        "DAILY_LOSS",
        equity_coin=x.coin.equity_coin,
        floor_coin=floor_coin,
        daily_loss_frac_max=x.limits.daily_loss_frac_max,
    )


def failures_below_limit(x: RuleInput) -> Verdict:
    """A desk that keeps failing takes no new risk until somebody has looked."""
    if x.is_close:
        return Verdict.allow()
    desk = x.snapshot.desk
    breaker = active_breaker(x.snapshot, BreakerName.FAILURES_IN_A_ROW, x.underlying)
    if breaker is None and desk.failures_in_a_row < x.limits.failures_in_a_row_max:
        return Verdict.allow()
    return Verdict.deny(
        "FAILURES_IN_A_ROW",
        failures=desk.failures_in_a_row,
        failures_max=x.limits.failures_in_a_row_max,
        breaker_tripped=breaker is not None,
    )
