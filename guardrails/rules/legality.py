"""Guardrail: does the proposal name things that exist and that it may name?"""

from __future__ import annotations

from callwright.domain.verdict import Verdict
from callwright.guardrails.rule_input import RuleInput


def on_known_underlying(x: RuleInput) -> Verdict:
    """The coin is in the market, the account and the contract terms, and every symbol is on it."""
    known = (x.snapshot.market.underlyings, x.snapshot.account.coins, x.snapshot.specs)
    if not all(x.underlying in part for part in known):
        return Verdict.deny("UNDERLYING_UNKNOWN", underlying=x.underlying)
    for leg in x.legs:
        if leg.option.underlying != x.underlying:
            return Verdict.deny("UNDERLYING_MISMATCH", symbol=leg.symbol, underlying=x.underlying)
    return Verdict.allow()


def sold_symbol_is_candidate(x: RuleInput) -> Verdict:
    """Only what the scanner let through may be sold."""
    if x.sold is None or x.scan.candidate(x.sold.symbol) is not None:
        return Verdict.allow()
    return Verdict.deny("SYMBOL_NOT_CANDIDATE", symbol=x.sold.symbol)


def bought_symbol_is_open_short(x: RuleInput) -> Verdict:
    """Only what the account is short of may be bought, so that no proposal goes long."""
    if x.bought is None or x.bought_position is not None:
        return Verdict.allow()
    return Verdict.deny("SYMBOL_NOT_OPEN_SHORT", symbol=x.bought.symbol)


def roll_changes_symbol(x: RuleInput) -> Verdict:
    """A roll into the same option would pay the spread and two fees for nothing."""
    if x.bought is None or x.sold is None or x.bought.symbol != x.sold.symbol:
        return Verdict.allow()
    return Verdict.deny("ROLL_SAME_SYMBOL", symbol=x.sold.symbol)


def is_inverse_call(x: RuleInput) -> Verdict:
    """Coin covers inverse calls only: a put, or an option paid in USDC, can cost more than it."""
    for leg in x.legs:
        if not leg.option.is_call:
            return Verdict.deny("NOT_A_CALL", symbol=leg.symbol)
        if leg.option.settlement != "inverse":
            return Verdict.deny("NOT_INVERSE", symbol=leg.symbol)
    return Verdict.allow()


def not_expired(x: RuleInput) -> Verdict:
    """An expired option waits for its settlement; no order can reach it."""
    for leg in x.legs:
        if not leg.option.expiry > x.as_of:
            hours = x.days_to_expiry(leg.option) * 24
            return Verdict.deny("INSTRUMENT_EXPIRED", symbol=leg.symbol, hours_to_expiry=hours)
    return Verdict.allow()


def quote_is_live(x: RuleInput) -> Verdict:
    """There is a bid for what is sold and an ask for what is bought, and they do not cross."""
    for leg in x.legs:
        if leg.quote is None or leg.price_coin is None:
            return Verdict.deny("QUOTE_MISSING", symbol=leg.symbol, side=leg.side)
        if leg.quote.is_crossed:
            return Verdict.deny(
                "QUOTE_CROSSED",
                symbol=leg.symbol,
                bid_coin=leg.quote.bid_coin,
                ask_coin=leg.quote.ask_coin,
            )
    return Verdict.allow()
