"""Risk: how often the desk may add risk. Closing is always free."""

from __future__ import annotations

from callwright.domain.verdict import Verdict
from callwright.guardrails.rule_input import RuleInput


def orders_left_today(x: RuleInput) -> Verdict:
    """All orders of this trade fit into the day's number, over all coins."""
    if x.is_close:
        return Verdict.allow()
    orders = x.snapshot.desk.orders_today + len(x.legs)
    if orders <= x.limits.orders_per_day_max:
        return Verdict.allow()
    return Verdict.deny(
        "ORDERS_PER_DAY", orders=orders, orders_per_day_max=x.limits.orders_per_day_max
    )


def open_has_cooled_down(x: RuleInput) -> Verdict:
    """Enough time has passed since the last sale on this coin; a roll has its dwell instead."""
    last_open_at = x.snapshot.desk.last_open_at.get(x.underlying)
    if not x.is_open or last_open_at is None:
        return Verdict.allow()
    waited_s = (x.as_of - last_open_at).total_seconds()
    if waited_s >= x.limits.open_cooldown_s:
        return Verdict.allow()
    return Verdict.deny("COOLDOWN_ACTIVE", waited_s=waited_s, cooldown_s=x.limits.open_cooldown_s)
