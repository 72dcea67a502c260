"""Risk: nothing is traded on old prices, an old account, or a clock that is off.

A stamp from the future is no better than an old one: both mean that some clock is wrong.
"""

from __future__ import annotations

from callwright.domain.verdict import Verdict
from callwright.guardrails.rule_input import RuleInput


def market_and_account_are_fresh(x: RuleInput) -> Verdict:
    """Market and account are young enough, by the venue's clock and by ours."""
    snapshot, limits = x.snapshot, x.limits
    latest = max(snapshot.venue_time, snapshot.local_time)
    for what, as_of in (("market", snapshot.market.as_of), ("account", snapshot.account.as_of)):
        age_s = (latest - as_of).total_seconds()
        venue_age_s = (snapshot.venue_time - as_of).total_seconds()
        if not (age_s <= limits.market_age_max_s and venue_age_s >= -limits.clock_drift_max_s):
            return Verdict.deny(
                "DATA_STALE",
                what=what,
                age_s=age_s if age_s > limits.market_age_max_s else venue_age_s,
                age_max_s=limits.market_age_max_s,
            )
    return Verdict.allow()


def clocks_agree(x: RuleInput) -> Verdict:
    """Our clock and the venue's agree, for ``valid_until`` and every age depend on them."""
    drift_s = (x.snapshot.local_time - x.snapshot.venue_time).total_seconds()
    if abs(drift_s) <= x.limits.clock_drift_max_s:
        return Verdict.allow()
    return Verdict.deny("CLOCK_DRIFT", drift_s=drift_s, drift_max_s=x.limits.clock_drift_max_s)


def quotes_are_fresh(x: RuleInput) -> Verdict:
    """The venue updated the quote of everything that is traded recently enough."""
    for leg in x.legs:
        age_s = None
        if leg.quote is not None:
            age_s = (x.snapshot.venue_time - leg.quote.as_of).total_seconds()
            if -x.limits.clock_drift_max_s <= age_s <= x.limits.quote_age_max_s:
                continue
        return Verdict.deny(
            "QUOTE_STALE", symbol=leg.symbol, age_s=age_s, age_max_s=x.limits.quote_age_max_s
        )
    return Verdict.allow()
