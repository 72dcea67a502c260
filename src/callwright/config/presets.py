"""``MODE``: the scanner and rate limits that it sets where the user wrote nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "research": {
        "scan_max_spread_pct": 25.0,
        "scan_min_open_interest": 0.0,
        "scan_min_premium_yield_pct": 2.0,
        "max_orders_per_day": 12,
        "open_cooldown_sec": 43_200.0,
        "roll_dwell_sec": 86_400.0,
    },
    "production": {
        "scan_max_spread_pct": 15.0,
        "scan_min_open_interest": 10.0,
        "scan_min_premium_yield_pct": 4.0,
        "max_orders_per_day": 6,
        "open_cooldown_sec": 86_400.0,
        "roll_dwell_sec": 172_800.0,
    },
}
"""What ``MODE`` sets where the user wrote nothing: production is stricter in every line."""
