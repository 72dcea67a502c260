"""The one tree of errors, split by what the caller should do next.

CallwrightError
├── ConfigError               wrong setting: names the key and the remedy (exit code 2)
├── InsufficientData          too little history: recorded, never zero
├── StaleMarket               prices or clock too old to act on
├── DataInvalid               a file, a row or a reply that cannot be trusted
├── DecisionInvalid           the proposal broke the decision contract
├── QueryInvalid              a question to the memory that cannot be asked: reword it (exit code 2)
├── QueryTooSlow              a question took longer than it may: narrow it
├── BudgetExhausted           asking a model would cost more than is left: not asked
├── StorageError              a record, a ledger or a lock cannot be written or read: trading stops
├── MarketExhausted           a recorded market has no further snapshot: the loop ends cleanly
└── VenueError
    ├── VenueUnavailable      nothing was accepted: safe to try again later
    ├── OrderRejected         the venue said no; carries its code
    └── OrderStateUnknown     sent, no answer: look it up by its label first
"""

from __future__ import annotations


class CallwrightError(Exception):
    """Base of every error of ours.

    Args:
        message: What happened, naming the thing.
        remedy: What the reader can do next; empty when there is nothing to do.
    """

    code = "INTERNAL_ERROR"

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


class ConfigError(CallwrightError):
    """A setting is wrong, unknown or impossible."""

    code = "CONFIG_INVALID"


class InsufficientData(CallwrightError):
    """There is too little history to say anything."""

    code = "INSUFFICIENT_HISTORY"


class StaleMarket(CallwrightError):
    """The market data are older than their limit."""

    code = "DATA_STALE"


class DataInvalid(CallwrightError):
    """A file, row or reply is malformed, not finite, or contradicts itself."""

    code = "DATA_INVALID"


class DecisionInvalid(CallwrightError):
    """A proposal does not fit the decision contract."""

    code = "DECISION_INVALID"


class BudgetExhausted(CallwrightError):
    """A request to a model does not fit into what is left of a budget; it was not made."""

    code = "LLM_BUDGET_EXHAUSTED"


class QueryInvalid(CallwrightError):
    """A question to the decision memory is malformed, or asks for something that is not there."""

    code = "QUERY_INVALID"


class QueryTooSlow(CallwrightError):
    """A question to the decision memory took longer than it may; it has no answer, not none."""

    code = "QUERY_TOO_SLOW"


class StorageError(CallwrightError):
    """A ledger, record or lock cannot be read or written."""

    code = "STORAGE_FAILED"


class MarketExhausted(CallwrightError):
    """A recorded market has come to its last snapshot."""

    code = "MARKET_EXHAUSTED"


class VenueError(CallwrightError):
    """Anything an exchange, or the way to it, does to us.

    Args:
        venue_code: The venue's own number for it, where it gave one.
    """

    code = "VENUE_ERROR"

    def __init__(self, message: str, *, remedy: str = "", venue_code: int | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.venue_code = venue_code


class VenueUnavailable(VenueError):
    """Nothing was accepted; the same request may be made again later."""

    code = "VENUE_UNAVAILABLE"


class OrderRejected(VenueError):
    """The venue refused the order; nothing is live."""

    code = "ORDER_REJECTED"


class OrderStateUnknown(VenueError):
    """The order was sent and no answer came: look it up, never send it again."""

    code = "ORDER_STATE_UNKNOWN"
