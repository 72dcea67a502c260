"""The errors with which the exchange answers, in Deribit's numbers and words.

Source: the RPC error table of Deribit's API reference, read 2026-08 (venues.md section 1).
"""

from __future__ import annotations

MESSAGES = {
    -32700: "Parse error",
    -32602: "Invalid params",
    -32601: "Method not found",
    -32600: "Invalid Request",
    -32099: "market_exhausted",
    -32098: "market_data_invalid",
    10002: "qty_too_low",
    10004: "order_not_found",
    10009: "not_enough_funds",
    10012: "book_closed",
    10020: "invalid_or_unsupported_instrument",
    10021: "invalid_amount",
    10028: "too_many_requests",
    10040: "retry",
    10041: "settlement_in_progress",
    10043: "price_wrong_tick",
    10047: "matching_engine_queue_full",
    11030: "other_reject",
    11044: "not_open_order",
    11051: "system_maintenance",
    11054: "post_only_reject",
    11094: "internal_server_error",
    13004: "invalid_credentials",
    13009: "unauthorized",
    13020: "not_found",
    13021: "forbidden",
    13028: "temporarily_unavailable",
    13888: "timed_out",
}

PARSE_ERROR = -32700
INVALID_PARAMS = -32602
METHOD_NOT_FOUND = -32601
INVALID_REQUEST = -32600
MARKET_EXHAUSTED = -32099
"""Ours, not Deribit's: a recorded market has no further step."""
MARKET_DATA_INVALID = -32098
"""Ours, not Deribit's: the market's files cannot be trusted."""
QTY_TOO_LOW = 10002
ORDER_NOT_FOUND = 10004
NOT_ENOUGH_FUNDS = 10009
BOOK_CLOSED = 10012
UNSUPPORTED_INSTRUMENT = 10020
INVALID_AMOUNT = 10021
TOO_MANY_REQUESTS = 10028
PRICE_WRONG_TICK = 10043
OTHER_REJECT = 11030
NOT_OPEN_ORDER = 11044
POST_ONLY_REJECT = 11054
INTERNAL_SERVER_ERROR = 11094
INVALID_CREDENTIALS = 13004
UNAUTHORIZED = 13009
NOT_FOUND = 13020
FORBIDDEN = 13021
TIMED_OUT = 13888


class ExchangeError(Exception):
    """The exchange refused a call and changed nothing.

    Args:
        code: Deribit's error number.
        reason: What was wrong, as ``key=value`` facts.

    Attributes:
        message: Deribit's word for ``code``.
    """

    def __init__(self, code: int, reason: str = "") -> None:
        self.code = code
        self.message = MESSAGES.get(code, "other_reject")
        self.reason = reason
        super().__init__(f"{code} {self.message}" + (f": {reason}" if reason else ""))
