"""The numbers that decide: limits, scanner, policy, execution, and what the inside calls them.

Percent is 0-100 in a key and becomes a fraction here, once.
"""

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from callwright.config.kinds import (
    CoinAmounts,
    Delta,
    KeyGroup,
    NonNegativeFloat,
    Percent,
    PositiveFloat,
)
from callwright.domain.base import NonNegative
from callwright.domain.limits import ExecutionSettings, Limits, PolicySettings, ScanSettings


class NumberKeys(KeyGroup):
    """The desk's numbers; no prompt, tool or model can change one."""

    # Limits: what the risk engine enforces
    max_margin_used_pct: Annotated[float, Field(gt=0, le=100)] = 40.0
    max_net_delta_abs: CoinAmounts = Field({"BTC": Decimal("0.5"), "ETH": Decimal(5)})
    max_expiry_exposure: CoinAmounts = Field({"BTC": Decimal("0.5"), "ETH": Decimal(5)})
    cover_reserve: CoinAmounts = Field({"BTC": Decimal(0), "ETH": Decimal(0)})
    delta_open_min: Delta = 0.05
    delta_open_max: Delta = 0.40
    dte_open_min_days: NonNegativeFloat = 3.0
    dte_open_max_days: PositiveFloat = 11.0
    min_premium_coin: NonNegative = Decimal("0.0005")
    price_collar_pct: Percent = 20.0
    price_collar_ticks: Annotated[int, Field(ge=0)] = 2
    max_orders_per_day: Annotated[int, Field(ge=0)] = 12
    max_daily_loss_pct: Percent = 5.0
    open_cooldown_sec: NonNegativeFloat = 43_200.0
    roll_dwell_sec: NonNegativeFloat = 86_400.0
    roll_min_credit_coin: Decimal = Decimal("0")
    roll_max_debit_coin: NonNegative = Decimal("0.01")
    roll_defend_delta: Delta = 0.45
    max_market_age_sec: PositiveFloat = 60.0
    max_quote_age_sec: PositiveFloat = 120.0
    max_clock_drift_sec: PositiveFloat = 1.0
    max_failures_in_a_row: Annotated[int, Field(ge=1)] = 5
    max_maintenance_pct: Percent = 70.0
    expiry_close_hours: NonNegativeFloat = 6.0
    expiry_close_delta: Delta = 0.60

    # Scanner: which calls become candidates
    scan_dte_min_days: NonNegativeFloat = 3.0
    scan_dte_max_days: PositiveFloat = 11.0
    scan_delta_min: Delta = 0.10
    scan_delta_max: Delta = 0.35
    scan_max_spread_pct: PositiveFloat = 25.0
    scan_min_open_interest: NonNegativeFloat = 0.0
    scan_min_premium_yield_pct: NonNegativeFloat = 2.0
    candidates_max: Annotated[int, Field(ge=3, le=5)] = 5
    rv_window_days: PositiveFloat = 7.0
    rv_min_samples: Annotated[int, Field(ge=2)] = 5

    # Rule-based policy
    default_order_size: CoinAmounts = Field({"BTC": Decimal("0.1"), "ETH": Decimal(1)})
    target_delta: Delta = 0.22
    min_ivrv: NonNegativeFloat = 1.05
    roll_dte_days: NonNegativeFloat = 1.0
    roll_dte_delta: Delta = 0.30
    roll_delta: Delta = 0.50
    roll_capture_pct: Percent = 80.0
    roll_capture_min_dte_days: NonNegativeFloat = 1.5

    # Execution
    order_valid_sec: PositiveFloat = 10.0
    lookup_min_attempts: Annotated[int, Field(ge=1)] = 3
    lookup_span_sec: PositiveFloat = 30.0

    def limits(self) -> Limits:
        """Return the risk limits, percent turned into fractions."""
        return Limits(
            margin_used_frac_max=self.max_margin_used_pct / 100,
            net_delta_abs_max=self.max_net_delta_abs,
            expiry_exposure_max_coin=self.max_expiry_exposure,
            cover_reserve_coin=self.cover_reserve,
            delta_open_min=self.delta_open_min,
            delta_open_max=self.delta_open_max,
            dte_open_min_days=self.dte_open_min_days,
            dte_open_max_days=self.dte_open_max_days,
            premium_min_coin=self.min_premium_coin,
            price_collar_frac=self.price_collar_pct / 100,
            price_collar_ticks=self.price_collar_ticks,
            orders_per_day_max=self.max_orders_per_day,
            daily_loss_frac_max=self.max_daily_loss_pct / 100,
            open_cooldown_s=self.open_cooldown_sec,
            roll_dwell_s=self.roll_dwell_sec,
            roll_credit_min_coin=self.roll_min_credit_coin,
            roll_debit_max_coin=self.roll_max_debit_coin,
            roll_defend_delta_min=self.roll_defend_delta,
            market_age_max_s=self.max_market_age_sec,
            quote_age_max_s=self.max_quote_age_sec,
            clock_drift_max_s=self.max_clock_drift_sec,
            failures_in_a_row_max=self.max_failures_in_a_row,
            maintenance_frac_max=self.max_maintenance_pct / 100,
            expiry_close_hours=self.expiry_close_hours,
            expiry_close_delta_min=self.expiry_close_delta,
        )

    def scan_settings(self) -> ScanSettings:
        """Return the scanner's filters."""
        return ScanSettings(
            dte_min_days=self.scan_dte_min_days,
            dte_max_days=self.scan_dte_max_days,
            delta_min=self.scan_delta_min,
            delta_max=self.scan_delta_max,
            spread_frac_max=self.scan_max_spread_pct / 100,
            open_interest_min_coin=self.scan_min_open_interest,
            premium_yield_min_annual=self.scan_min_premium_yield_pct / 100,
            quote_age_max_s=self.max_quote_age_sec,
            target_delta=self.target_delta,
            candidates_max=self.candidates_max,
            rv_window_days=self.rv_window_days,
            rv_samples_min=self.rv_min_samples,
        )

    def policy_settings(self) -> PolicySettings:
        """Return the rule-based policy's numbers."""
        return PolicySettings(
            target_delta=self.target_delta,
            ivrv_min=self.min_ivrv,
            roll_dte_days=self.roll_dte_days,
            roll_dte_delta_min=self.roll_dte_delta,
            roll_delta=self.roll_delta,
            capture_frac=self.roll_capture_pct / 100,
            capture_dte_min_days=self.roll_capture_min_dte_days,
            order_size_coin=self.default_order_size,
        )

    def execution_settings(self) -> ExecutionSettings:
        """Return how orders are sent and looked up."""
        return ExecutionSettings(
            order_valid_s=self.order_valid_sec,
            lookup_attempts_min=self.lookup_min_attempts,
            lookup_span_s=self.lookup_span_sec,
        )
