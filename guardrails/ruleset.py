"""The rules in their order, and how a set of them is run: all of them, closed on any failure."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from callwright.domain.verdict import Reason, Verdict
from callwright.guardrails.rule_input import RuleInput
from callwright.guardrails.rules.collar import price_within_collar
from callwright.guardrails.rules.cover import cover_suffices, no_put_is_short
from callwright.guardrails.rules.entry import (
    delta_in_window,
    dte_in_window,
    premium_reaches_minimum,
)
from callwright.guardrails.rules.exposure import (
    expiry_exposure_within_limit,
    net_delta_within_limit,
)
from callwright.guardrails.rules.freshness import (
    clocks_agree,
    market_and_account_are_fresh,
    quotes_are_fresh,
)
from callwright.guardrails.rules.legality import (
    bought_symbol_is_open_short,
    is_inverse_call,
    not_expired,
    on_known_underlying,
    quote_is_live,
    roll_changes_symbol,
    sold_symbol_is_candidate,
)
from callwright.guardrails.rules.margin import margin_within_limit
from callwright.guardrails.rules.pace import open_has_cooled_down, orders_left_today
from callwright.guardrails.rules.roll import roll_goes_later_or_higher, roll_has_dwelt, roll_pays
from callwright.guardrails.rules.size import (
    size_fits_action,
    size_is_whole_lots,
    size_reaches_minimum,
)
from callwright.guardrails.rules.state import (
    daily_loss_within_limit,
    failures_below_limit,
    intents_are_resolved,
    trading_state_permits,
)

Rule = Callable[[RuleInput], Verdict]

GUARDRAIL_RULES: tuple[Rule, ...] = (
    on_known_underlying,
    sold_symbol_is_candidate,
    bought_symbol_is_open_short,
    roll_changes_symbol,
    is_inverse_call,
    not_expired,
    quote_is_live,
)
"""Is it a legal proposal?"""

RISK_RULES: tuple[Rule, ...] = (
    trading_state_permits,
    failures_below_limit,
    daily_loss_within_limit,
    intents_are_resolved,
    market_and_account_are_fresh,
    clocks_agree,
    quotes_are_fresh,
    size_fits_action,
    size_reaches_minimum,
    size_is_whole_lots,
    no_put_is_short,
    cover_suffices,
    margin_within_limit,
    net_delta_within_limit,
    expiry_exposure_within_limit,
    delta_in_window,
    dte_in_window,
    premium_reaches_minimum,
    price_within_collar,
    roll_goes_later_or_higher,
    roll_pays,
    roll_has_dwelt,
    orders_left_today,
    open_has_cooled_down,
)
"""Would the book after it respect every limit?"""


def run_rules(rules: Iterable[Rule], x: RuleInput) -> Verdict:
    """Return what all ``rules`` say together: every reason, in their order.

    A rule that raises is a denial, RULE_RAISED, which names the rule and the type of the error but
    not its text: that could quote anything.
    """
    allowed, reasons, nothing_against = True, list[Reason](), Verdict.allow()
    for rule in rules:
        error = "no verdict"
        try:
            verdict = rule(x)
        except Exception as exc:  # noqa: BLE001 - a rule that cannot judge must deny, not crash
            verdict, error = None, type(exc).__name__
        if verdict is nothing_against:
            continue
        if not isinstance(verdict, Verdict):
            verdict = Verdict.deny("RULE_RAISED", rule=rule.__name__, error=error)
        allowed = allowed and verdict.allowed
        reasons.extend(verdict.reasons)
    if allowed and not reasons:
        return nothing_against
    return Verdict(allowed=allowed, reasons=tuple(reasons))
