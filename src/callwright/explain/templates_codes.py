"""What each code means, in a clause; docs/codes.md has the whole of it.

Without numbers: those stand in the facts of the verdict.
"""

from __future__ import annotations

from collections.abc import Mapping

MEANINGS: Mapping[str, str] = {
    # The guardrail's
    "PROPOSAL_INVALID": "the proposal did not fit the decision contract",
    "ACTION_UNKNOWN": "the action is none that the desk knows",
    "SIZE_FROM_MODEL": "the proposal carried a size, which only code may give",
    "SYMBOL_UNREADABLE": "a symbol was not an option's name",
    "UNDERLYING_UNKNOWN": "the coin was missing from market, account or contract terms",
    "UNDERLYING_MISMATCH": "a symbol was not on the coin that the proposal stated",
    "SYMBOL_NOT_CANDIDATE": "what should be sold was not among the scanner's candidates",
    "SYMBOL_NOT_OPEN_SHORT": "what should be bought back was not short in the account",
    "ROLL_SAME_SYMBOL": "the roll would have gone into the option that it came from",
    "NOT_A_CALL": "it was a put, which coin does not cover",
    "NOT_INVERSE": "the option was not settled in coin",
    "INSTRUMENT_EXPIRED": "the option had expired",
    "QUOTE_MISSING": "there was no bid for what is sold, or no ask for what is bought",
    "QUOTE_CROSSED": "the bid was above the ask",
    # The risk engine's
    "TRADING_STATE_HALTED": "the desk was halted",
    "TRADING_STATE_REDUCING": "the desk might only close",
    "FAILURES_IN_A_ROW": "too many cycles in a row had failed",
    "DAILY_LOSS": "coin equity had fallen too far since midnight UTC",
    "DAY_OPEN_UNKNOWN": "the day's first equity was not known",
    "INTENT_UNRESOLVED": "an order on this coin might still have been live",
    "DATA_STALE": "market or account were too old",
    "CLOCK_DRIFT": "our clock and the venue's differed too much",
    "QUOTE_STALE": "the quote was too old",
    "SIZE_LEG_UNEXPECTED": "an open would have bought, or a close sold",
    "SIZE_ABOVE_POSITION": "more would have been bought back than was short",
    "ROLL_SELLS_MORE": "the roll would have sold more than it bought back",
    "SIZE_BELOW_MINIMUM": "the order was below the contract's minimum",
    "SIZE_OFF_LOT": "the order was not a whole number of lots",
    "SHORT_PUT_HELD": "an inverse put on the coin was short",
    "COVER_EXCEEDED": "more would have been sold than the coin that was free",
    "MARGIN_ABOVE_MAXIMUM": "initial margin would have exceeded its limit",
    "MARGIN_UNKNOWN": "the venue did not say what margin the option needs",
    "NET_DELTA_ABOVE_MAXIMUM": "net delta would have left its limit",
    "NET_DELTA_UNKNOWN": "a position or pending order could not be valued",
    "EXPIRY_EXPOSURE_ABOVE_MAXIMUM": "too many calls would have been short in the same expiry",
    "LIMIT_MISSING": "a limit had no value for this coin",
    "DELTA_OUTSIDE_WINDOW": "the delta of what is sold was outside the opening window",
    "DTE_OUTSIDE_WINDOW": "the days to expiry were outside the opening window",
    "PREMIUM_BELOW_MINIMUM": "the premium after the fee was too small",
    "PRICE_OUTSIDE_COLLAR": "the price was too far from the venue's mark",
    "ROLL_NOT_LATER_OR_HIGHER": "the new call expired no later and its strike was no higher",
    "ROLL_DEBIT": "after both fees the roll paid too little",
    "ROLL_DWELL": "the position was too young to be replaced",
    "ORDERS_PER_DAY": "the day's number of orders would have been exceeded",
    "COOLDOWN_ACTIVE": "the last sale on this coin was too recent",
    "RULE_RAISED": "a rule could not judge",
    # Failures
    "INSUFFICIENT_HISTORY": "there was too little history for realized volatility",
    "NO_SURFACE": "no at-the-money volatility could be read",
    "DATA_INVALID": "a reply, file or row could not be trusted",
    "VENUE_UNAVAILABLE": "the venue did not answer",
    "VENUE_ERROR": "the venue answered with an error",
    "INTERRUPTED": "the process was killed in this cycle",
    "INTERNAL_ERROR": "something happened that nothing expected",
    "LLM_TIMEOUT": "the model's deadline passed",
    "LLM_UNAVAILABLE": "the provider could not be reached",
    "LLM_RATE_LIMITED": "the provider refused for the time being",
    "LLM_NOT_AUTHORISED": "the key or the model was refused",
    "LLM_BAD_REPLY": "the reply was no answer of the protocol",
    "LLM_REFUSED": "the model refused",
    "LLM_EMPTY": "the model answered with nothing",
    "LLM_TRUNCATED": "the answer was cut off at the token limit",
    "LLM_NO_LOOKUP": "the model looked nothing up",
    "LLM_NOT_RECORDED": "recorded replies are played, and this request was not recorded",
    "LLM_NO_PROPOSAL": "the run ended without a proposal",
    "DECISION_INVALID": "the proposal broke the decision contract",
    "LLM_AMBIGUOUS": "the answer held different proposals",
    "LLM_UNKNOWN_TOOL": "the model called a tool that does not exist",
    "LLM_TOO_MANY_CALLS": "the model took more turns or tool calls than it may",
    "LLM_TOO_MANY_TOKENS": "the model took more tokens than it may",
    "LLM_BUDGET_LOW": "the model was not asked, to make the budget last",
    "LLM_BUDGET_EXHAUSTED": "asking would have cost more than the budget left",
}
"""By code; a test compares the names with ``domain.codes``."""


def meaning(code: str) -> str:
    """Return what a code means, as a sentence behind a space; "" for one not known here."""
    return f" That means: {MEANINGS[code]}." if code in MEANINGS else ""
