"""Every number that bounds the desk: risk limits, scanner filters, policy and execution settings.

Fractions inside, percent only in configuration and on screen. ``config`` builds these; no prompt,
tool, strategy file or chat message can reach them.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated

from pydantic import Field, model_validator

from callwright.domain.base import Frozen, NonNegative

Fraction = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(gt=0)]
PerUnderlying = Mapping[str, NonNegative]
"""Coin amounts by underlying, ``{"BTC": Decimal("0.5")}``; an underlying without one is denied."""


class Limits(Frozen):
    """What the risk engine enforces on the projected account.

    Attributes:
        margin_used_frac_max: Initial margin over margin balance, per coin account.
        net_delta_abs_max: |Σ signed amount × N(d1)| of derivatives, coin excluded, per underlying.
        expiry_exposure_max_coin: Short calls in one expiry, per underlying.
        cover_reserve_coin: Coin that never serves as cover, per underlying; absent means none.
        delta_open_min, delta_open_max: N(d1) window of a call that is sold.
        dte_open_min_days, dte_open_max_days: Days to expiry of a call that is sold.
        premium_min_coin: Least (bid − fee) per coin of a call that is sold.
        price_collar_frac: Order prices stay within this fraction of the mark ...
        price_collar_ticks: ... or this many ticks of it, whichever is wider.
        orders_per_day_max: Orders sent in one UTC day, all underlyings; closing is always free.
        daily_loss_frac_max: Fall of coin equity since the UTC day began, per underlying.
        open_cooldown_s: Between two opening orders on one underlying.
        roll_dwell_s: Before a short call may be rolled, since it was sold.
        roll_credit_min_coin: Net credit per coin that a roll must bring after both fees ...
        roll_debit_max_coin: ... else the most it may cost, and then only to defend a short ...
        roll_defend_delta_min: ... whose delta is at least this.
        market_age_max_s: Oldest market that may be acted on.
        quote_age_max_s: Oldest quote of the instrument that is traded.
        clock_drift_max_s: |our clock − the venue's|.
        failures_in_a_row_max: Failed cycles in a row before new risk is refused.
        maintenance_frac_max: Maintenance margin over margin balance that forces a close.
        expiry_close_hours: In the last hours before expiry, a short call with
        expiry_close_delta_min: at least this delta is closed.
    """

    margin_used_frac_max: Fraction
    net_delta_abs_max: PerUnderlying
    expiry_exposure_max_coin: PerUnderlying
    cover_reserve_coin: PerUnderlying = Field(default={})
    delta_open_min: Fraction
    delta_open_max: Fraction
    dte_open_min_days: Annotated[float, Field(ge=0)]
    dte_open_max_days: Annotated[float, Field(gt=0)]
    premium_min_coin: NonNegative
    price_collar_frac: Fraction
    price_collar_ticks: Annotated[int, Field(ge=0)]
    orders_per_day_max: Annotated[int, Field(ge=0)]
    daily_loss_frac_max: Fraction
    open_cooldown_s: Annotated[float, Field(ge=0)]
    roll_dwell_s: Annotated[float, Field(ge=0)]
    roll_credit_min_coin: Decimal
    roll_debit_max_coin: NonNegative
    roll_defend_delta_min: Fraction
    market_age_max_s: Seconds
    quote_age_max_s: Seconds
    clock_drift_max_s: Seconds
    failures_in_a_row_max: Annotated[int, Field(ge=1)]
    maintenance_frac_max: Fraction
    expiry_close_hours: Annotated[float, Field(ge=0)]
    expiry_close_delta_min: Fraction

    @model_validator(mode="after")
    def _windows_are_open(self) -> Limits:
        if self.delta_open_min >= self.delta_open_max:
            raise ValueError("delta_open_min must be below delta_open_max")
        if self.dte_open_min_days >= self.dte_open_max_days:
            raise ValueError("dte_open_min_days must be below dte_open_max_days")
        return self


class ScanSettings(Frozen):
    """Which calls become candidates, and how volatility is measured.

    Attributes:
        dte_min_days, dte_max_days: Weekly means 3-11 days when opening.
        delta_min, delta_max: N(d1) window.
        spread_frac_max: (ask − bid) / mark.
        open_interest_min_coin: Least open interest.
        premium_yield_min_annual: (bid − fee) per coin × 365 / DTE, annual fraction.
        target_delta: Candidates are ranked by their distance to it.
        candidates_max: Over all underlyings.
        iv_tenor_days: Tenor of the constant-maturity at-the-money IV.
        rv_window_days: Window of close-to-close realized volatility.
        rv_samples_min: Fewest returns in the window.
    """

    dte_min_days: float
    dte_max_days: float
    delta_min: Fraction
    delta_max: Fraction
    spread_frac_max: Annotated[float, Field(gt=0)]
    open_interest_min_coin: Annotated[float, Field(ge=0)]
    premium_yield_min_annual: Annotated[float, Field(ge=0)]
    quote_age_max_s: Seconds
    target_delta: Fraction
    candidates_max: Annotated[int, Field(ge=1, le=20)]
    iv_tenor_days: Annotated[float, Field(gt=0)] = 7.0
    rv_window_days: Annotated[float, Field(gt=0)] = 7.0
    rv_samples_min: Annotated[int, Field(ge=2)] = 5


class PolicySettings(Frozen):
    """The rule-based policy's own numbers; they can only make it trade less than the limits allow.

    Attributes:
        target_delta: Sell the passing candidate nearest to this N(d1).
        ivrv_min: Least IV / RV before selling.
        roll_dte_days: At or below this DTE a short call with delta of at least
        roll_dte_delta_min: this is rolled.
        roll_delta: At or above this delta a short call is rolled, at any DTE.
        capture_frac: With this share of the premium earned, and
        capture_dte_min_days: at least this many days left, a short call is rolled or closed.
        order_size_coin: Default size per underlying.
    """

    target_delta: Fraction
    ivrv_min: Annotated[float, Field(ge=0)]
    roll_dte_days: Annotated[float, Field(ge=0)]
    roll_dte_delta_min: Fraction
    roll_delta: Fraction
    capture_frac: Fraction
    capture_dte_min_days: Annotated[float, Field(ge=0)]
    order_size_coin: PerUnderlying


class ExecutionSettings(Frozen):
    """How orders are sent and looked up.

    Attributes:
        order_valid_s: An order that arrives later than this is refused by the venue.
        lookup_attempts_min: Empty look-ups before an unknown order counts as never accepted ...
        lookup_span_s: ... made over at least this long, all after ``valid_until``.
    """

    order_valid_s: Seconds = 10.0
    lookup_attempts_min: Annotated[int, Field(ge=1)] = 3
    lookup_span_s: Seconds = 30.0
