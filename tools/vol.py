"""``get_vol_state``: implied against realized volatility of each underlying."""

from __future__ import annotations

from typing import Any

from callwright.domain.scan import Scan, VolState
from callwright.tools.fences import fenced, number, outside_text

TERM_POINTS_SHOWN_MAX = 3


def get_vol_state(scan: Scan) -> str:
    """Return volatility by underlying as fenced JSON; annual fractions, null when unknown."""
    return fenced({outside_text(coin, length_max=10): _vol(vol) for coin, vol in scan.vols.items()})


def _vol(vol: VolState) -> dict[str, Any]:
    return {
        "status": vol.status,
        "iv_annual": number(vol.iv_annual, 3),
        "rv_annual": number(vol.rv_annual, 3),
        "ivrv": number(vol.ivrv, 3),
        "skew_25d_annual": number(vol.skew_25d_annual, 2),
        "atm_iv_by_dte_days": [
            [number(point.dte_days, 2), number(point.atm_iv_annual, 3)]
            for point in vol.term_structure[:TERM_POINTS_SHOWN_MAX]
        ],
    }
