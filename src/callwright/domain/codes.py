"""The names of codes, for whoever asks for decisions by them; docs/codes.md explains each.

Tests compare both lists with the gates that give the codes and with the documentation.
"""

from __future__ import annotations

from callwright.domain.failure import ModelFailure

DENIAL_CODES = (
    # The guardrail's
    "PROPOSAL_INVALID", "ACTION_UNKNOWN", "SIZE_FROM_MODEL", "SYMBOL_UNREADABLE",
    "UNDERLYING_UNKNOWN", "UNDERLYING_MISMATCH", "SYMBOL_NOT_CANDIDATE", "SYMBOL_NOT_OPEN_SHORT",
    "ROLL_SAME_SYMBOL", "NOT_A_CALL", "NOT_INVERSE", "INSTRUMENT_EXPIRED", "QUOTE_MISSING",
    "QUOTE_CROSSED",
    # The risk engine's
    "TRADING_STATE_HALTED", "TRADING_STATE_REDUCING", "FAILURES_IN_A_ROW", "DAILY_LOSS",
    "DAY_OPEN_UNKNOWN", "INTENT_UNRESOLVED", "DATA_STALE", "CLOCK_DRIFT", "QUOTE_STALE",
    "SIZE_LEG_UNEXPECTED", "SIZE_ABOVE_POSITION", "ROLL_SELLS_MORE", "SIZE_BELOW_MINIMUM",
    "SIZE_OFF_LOT", "SHORT_PUT_HELD", "COVER_EXCEEDED", "MARGIN_ABOVE_MAXIMUM", "MARGIN_UNKNOWN",
    "NET_DELTA_ABOVE_MAXIMUM", "NET_DELTA_UNKNOWN", "EXPIRY_EXPOSURE_ABOVE_MAXIMUM",
    "LIMIT_MISSING", "DELTA_OUTSIDE_WINDOW", "DTE_OUTSIDE_WINDOW", "PREMIUM_BELOW_MINIMUM",
    "PRICE_OUTSIDE_COLLAR", "ROLL_NOT_LATER_OR_HIGHER", "ROLL_DEBIT", "ROLL_DWELL",
    "ORDERS_PER_DAY", "COOLDOWN_ACTIVE", "RULE_RAISED",
)  # fmt: skip
"""Why a gate refused a proposal."""

FAILURE_CODES = (
    "INSUFFICIENT_HISTORY", "NO_SURFACE", "DATA_STALE", "DATA_INVALID", "VENUE_UNAVAILABLE",
    "VENUE_ERROR", "INTERRUPTED", "INTERNAL_ERROR", *(code.value for code in ModelFailure),
)  # fmt: skip
"""Why a cycle could not decide."""
