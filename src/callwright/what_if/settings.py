"""Which settings a decision was made with, and how a question may change them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from callwright.config import Settings, changed_settings
from callwright.errors import ConfigError, QueryInvalid

CHANGEABLE = (
    "max_margin_used_pct", "max_net_delta_abs", "max_expiry_exposure", "cover_reserve",
    "delta_open_min", "delta_open_max", "dte_open_min_days", "dte_open_max_days",
    "min_premium_coin", "price_collar_pct", "price_collar_ticks", "max_orders_per_day",
    "max_daily_loss_pct", "open_cooldown_sec", "roll_dwell_sec", "roll_min_credit_coin",
    "roll_max_debit_coin", "roll_defend_delta", "max_market_age_sec", "max_quote_age_sec",
    "max_clock_drift_sec", "max_failures_in_a_row", "max_maintenance_pct", "expiry_close_hours",
    "expiry_close_delta", "scan_dte_min_days", "scan_dte_max_days", "scan_delta_min",
    "scan_delta_max", "scan_max_spread_pct", "scan_min_open_interest",
    "scan_min_premium_yield_pct", "candidates_max", "rv_window_days", "rv_min_samples",
    "default_order_size", "target_delta", "min_ivrv", "roll_dte_days", "roll_dte_delta",
    "roll_delta", "roll_capture_pct", "roll_capture_min_dte_days",
)  # fmt: skip
"""Limits, scanner filters and the policy's numbers, by their configuration names."""


def settings_then(settings: Settings, config_snapshot: Mapping[str, Any]) -> Settings:
    """Return the settings that a record states, everything that it does not state as it is now.

    Raises:
        QueryInvalid: This version cannot read them.
    """
    now = settings.config_snapshot()
    differing = {
        name: config_snapshot[name]
        for name in CHANGEABLE
        # What is the same stays as it was written: 0.10 and 0.1 are one number in a record.
        if name in config_snapshot and config_snapshot[name] != now[name]
    }
    if not differing:
        return settings
    try:
        return changed_settings(settings, **differing)
    except ConfigError as exc:
        raise QueryInvalid(
            f"the settings of that decision cannot be used: {exc.message}",
            remedy="ask again when this version has run a cycle",
        ) from exc


def with_changes(
    settings: Settings, changes: Mapping[str, float]
) -> tuple[Settings, tuple[str, ...]]:
    """Return changed settings, and each change in words.

    Args:
        changes: A name of ``CHANGEABLE`` in any case; behind a dot one coin, for amounts by coin.

    Raises:
        QueryInvalid: A name is unknown, a value is impossible, or a name is changed twice.
    """
    values: dict[str, Any] = {}
    for asked, value in changes.items():
        name, coin = _parts(asked)
        if name not in CHANGEABLE:
            raise QueryInvalid(f"there is no number {asked[:60]!r} to change", remedy=_near(name))
        before = values.get(name, getattr(settings, name))
        if coin and not (isinstance(before, Mapping) and coin in before):
            coins = "/".join(before) if isinstance(before, Mapping) else ""
            raise QueryInvalid(
                f"{name} has no value for {coin[:20]!r}",
                remedy=f"{name}=NUMBER" + (f" or {name}.{coins}=NUMBER" if coins else ""),
            )
        values[name] = {**before, coin: value} if coin else value
    if not values:
        return settings, ()
    try:
        changed = changed_settings(settings, **values)
    except ConfigError as exc:
        raise QueryInvalid(f"impossible settings: {exc.message}", remedy=exc.remedy) from exc
    return changed, tuple(
        f"{name}: {_shown(getattr(settings, name))} -> {_shown(getattr(changed, name))}"
        for name in values
    )


def _parts(asked: str) -> tuple[str, str]:
    name, _, coin = asked.partition(".")
    return name.lower(), coin.upper()


def _near(name: str) -> str:
    close = difflib.get_close_matches(name, CHANGEABLE, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(close)}?" if close else f"one of {', '.join(CHANGEABLE)}"


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{coin} {_shown(amount)}" for coin, amount in value.items())
    return f"{float(value):.10g}"
