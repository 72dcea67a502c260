"""What can go wrong with one request, and what the desk should do next.

Inside this package a request fails with a ``Failure``; only the desk's own errors leave it. Source
of the codes: the RPC error table of Deribit's API reference, read 2026-08.
"""

from __future__ import annotations

from callwright.errors import (
    CallwrightError,
    DataInvalid,
    MarketExhausted,
    OrderRejected,
    OrderStateUnknown,
    VenueError,
    VenueUnavailable,
)

INVALID_PARAMS = -32602
MARKET_EXHAUSTED = -32099
MARKET_DATA_INVALID = -32098
"""The last two are the paper server's own."""
TOO_MANY_REQUESTS = 10028
INVALID_CREDENTIALS = 13004
UNAUTHORIZED = 13009
FORBIDDEN = 13021

UNDECIDED_CODES = frozenset({10040, 10041, 10047, 11051, 11094, 13028})
"""Errors that do not say whether an order was taken.

Timed out (13888) is not among them: the order came after ``valid_until`` and was refused.
"""
PASSING_CODES = frozenset({TOO_MANY_REQUESTS, 10066, 10040, 10041, 10047, 11051, 11094, 13028})
"""Errors of a read that another try may not meet again."""
_NOT_ACCEPTED_CODES = frozenset({TOO_MANY_REQUESTS, 10066, UNAUTHORIZED, INVALID_CREDENTIALS})
"""Refusals on the way to the matching engine: nothing was taken, and nothing is wrong with it."""

KEY_REMEDY = "check DERIBIT_CLIENT_ID and DERIBIT_CLIENT_SECRET, and the rights of the key"


class Failure(Exception):
    """One request came to nothing.

    Args:
        text: What happened; free of secrets and of control characters.
        passes: Whether the same read may succeed if it is made again.
    """

    def __init__(self, text: str, *, passes: bool = False) -> None:
        super().__init__(text)
        self.passes = passes


class NotSent(Failure):
    """No byte left this machine."""


class NoAnswer(Failure):
    """Bytes may have left, and no answer came that can be trusted."""


class Refused(Failure):
    """The venue answered with an error.

    Args:
        param: Name of the param that it objects to, where it says so.
        reason: Its explanation; empty where it gave none.
    """

    def __init__(self, code: int, text: str, *, reason: str = "", param: str = "") -> None:
        super().__init__(text, passes=code in PASSING_CODES)
        self.code = code
        self.reason = reason
        self.param = param

    @property
    def is_stale_token(self) -> bool:
        """Whether a new token may help."""
        return self.code == UNAUTHORIZED or (
            self.code == INVALID_CREDENTIALS and "token" in self.reason
        )


def of_read(what: str, failure: Failure) -> CallwrightError:
    """Return what a failed read means: nobody knows, or no such market."""
    if not isinstance(failure, Refused):
        return VenueUnavailable(f"{what}: {failure}")
    match failure.code:
        case code if code == MARKET_EXHAUSTED:
            return MarketExhausted(failure.reason or "the recorded market has no further snapshot")
        case code if code == MARKET_DATA_INVALID:
            return DataInvalid(failure.reason or f"{what}: the market's files cannot be trusted")
        case code if code == INVALID_PARAMS and failure.param in ("currency", "index_name"):
            return DataInvalid(
                f"{what}: the venue has no such coin", remedy="change UNDERLYINGS: " + str(failure)
            )
        case code:
            is_key = code in (INVALID_CREDENTIALS, UNAUTHORIZED, FORBIDDEN)
            return VenueUnavailable(
                f"{what}: {failure}", venue_code=code, remedy=KEY_REMEDY if is_key else ""
            )


def of_change(what: str, failure: Failure) -> VenueError:
    """Return what a failed order or cancel means; it was sent at most once.

    Definite refusals are ``OrderRejected``; what surely did not reach the matching engine is
    ``VenueUnavailable``; everything else may have been carried out.
    """
    if isinstance(failure, NotSent):
        return VenueUnavailable(f"{what}: {failure}")
    if not isinstance(failure, Refused):
        return OrderStateUnknown(f"{what}: {failure}")
    error: type[VenueError] = OrderRejected
    if failure.code in UNDECIDED_CODES:
        error = OrderStateUnknown
    elif failure.code in _NOT_ACCEPTED_CODES:
        error = VenueUnavailable
    return error(f"{what}: {failure}", venue_code=failure.code)
