"""What analytics say of a snapshot: volatility, the book's greeks, candidates, the funnel."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

from callwright.domain.base import Amount, Frozen, NonNegative, Positive, UtcTime


class TermPoint(Frozen):
    """At-the-money IV of one expiry."""

    dte_days: float
    atm_iv_annual: float


class VolState(Frozen):
    """Volatility of one underlying; a field that cannot be measured is None and ``status`` says so.

    Attributes:
        status: ``OK``, ``INSUFFICIENT_HISTORY`` (no realized volatility) or ``NO_SURFACE``.
        iv_annual: Constant-maturity at-the-money IV at ``iv_tenor_days``.
        rv_annual: Close-to-close realized volatility, time-weighted, over ``rv_window_days``.
        ivrv: ``iv_annual / rv_annual``.
        skew_25d_annual: IV of the 25-delta call less IV of the 25-delta put, at the tenor.
    """

    underlying: str
    status: Literal["OK", "INSUFFICIENT_HISTORY", "NO_SURFACE"]
    iv_annual: float | None
    iv_tenor_days: float
    rv_annual: float | None
    rv_estimator: Literal["close_to_close"] = "close_to_close"
    rv_window_days: float
    rv_samples: int
    ivrv: float | None
    skew_25d_annual: float | None
    term_structure: tuple[TermPoint, ...] = ()


class Candidate(Frozen):
    """A call that passed every filter of the scanner, with what it pays and whether it may be sold.

    Attributes:
        delta: N(d1) on the expiry's own forward, from the mark IV.
        bid_iv_annual: IV of the bid; None when the bid is outside the model's bounds.
        ivrv: ``bid_iv_annual`` over realized volatility; None when either is unknown.
        premium_net_coin: (bid − taker fee) per coin.
        premium_yield_annual: ``premium_net_coin × 365 / dte_days``.
        spread_frac: (ask − bid) / mark.
        margin_initial_coin: The venue's initial margin per coin sold.
        size_coin: What sizing would sell now.
        passes: Whether guardrail and risk engine would allow selling it now.
        codes: The codes that it would fail with.
    """

    symbol: str
    underlying: str
    expiry: UtcTime
    strike_usd: Positive
    dte_days: float
    delta: float
    bid_coin: Positive
    ask_coin: Positive
    bid_amount_coin: NonNegative
    mark_coin: NonNegative
    mark_iv_annual: float
    bid_iv_annual: float | None
    ivrv: float | None
    premium_net_coin: Amount
    premium_yield_annual: float
    spread_frac: float
    open_interest_coin: float
    margin_initial_coin: NonNegative | None = None
    size_coin: NonNegative = Decimal(0)
    passes: bool = False
    codes: tuple[str, ...] = ()


class FunnelStep(Frozen):
    """How many instruments fell at one filter, and how many were left."""

    filter: str
    dropped: int
    left: int


class ShortCall(Frozen):
    """An open short call with what a decision needs to know of it.

    Attributes:
        amount_coin: What is short, as a positive amount.
        captured_frac: Share of the opening premium earned at the mark; below zero at a loss.
        ask_coin, ask_amount_coin: What buying it back costs; None and zero without an offer.
        opened_at: When it was sold; None for a position that was adopted.
    """

    symbol: str
    underlying: str
    expiry: UtcTime
    strike_usd: Positive
    amount_coin: Positive
    dte_days: float
    delta: float
    mark_coin: NonNegative
    bid_coin: Positive | None
    ask_coin: Positive | None
    ask_amount_coin: NonNegative
    average_price_coin: NonNegative
    captured_frac: float | None
    opened_at: UtcTime | None


class UnderlyingBook(Frozen):
    """One underlying's book at the snapshot.

    Attributes:
        short_calls: Open short calls, nearest expiry first.
        net_delta: Σ signed amount × N(d1) over derivatives, coin excluded; None when a position
            cannot be valued.
        total_delta: ``net_delta`` plus the coin balance.
        unvalued: Positions that the chain cannot value (foreign, or not listed).
    """

    underlying: str
    short_calls: tuple[ShortCall, ...]
    net_delta: float | None
    total_delta: float | None
    unvalued: tuple[str, ...] = ()


class Scan(Frozen):
    """Everything that analytics derive from one snapshot.

    Attributes:
        vols, books, funnels: By underlying.
        candidates: Best first, 0-5 of them, over all underlyings.
    """

    vols: Mapping[str, VolState]
    books: Mapping[str, UnderlyingBook]
    candidates: tuple[Candidate, ...]
    funnels: Mapping[str, tuple[FunnelStep, ...]]

    def candidate(self, symbol: str) -> Candidate | None:
        """Return the candidate of that name, or None."""
        return next((c for c in self.candidates if c.symbol == symbol), None)

    def short_call(self, symbol: str) -> ShortCall | None:
        """Return the open short call of that name, or None."""
        for book in self.books.values():
            for short in book.short_calls:
                if short.symbol == symbol:
                    return short
        return None
