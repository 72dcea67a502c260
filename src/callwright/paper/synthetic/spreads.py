"""Bid and ask around a mark, like those measured on Deribit's BTC and ETH options.

Calibrated so that (ask − bid)/mark of calls has the medians of 60 real chains of January and
February 2026, by delta and time to expiry, after rounding out to the tick.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from callwright.domain.market import Floats
from callwright.paper.depth import Keys, draws, normal_table
from callwright.paper.synthetic.surface import Marks

UNITS = 10_000.0
"""Prices are whole multiples of 0.0001 coin, and of 0.0005 from 0.005 up (Deribit, read 2026)."""
_COARSE_UNITS, _COARSE_FROM = 5.0, 50.0

_SPREAD_STREAM = -1
_HOUR_MS = 3_600_000

# Width over the time value of the out-of-the-money option is a/(|delta| + 0.05), by log of days.
_LOG_DAYS = np.log([1.0, 3.0, 7.0, 20.0, 60.0, 200.0])
_WIDTH = {
    "BTC": np.array([0.0140, 0.0130, 0.0120, 0.0090, 0.0085, 0.0067]),
    "ETH": np.array([0.0150, 0.0145, 0.0135, 0.0095, 0.0088, 0.0070]),
}
# Width over intrinsic value: nobody quotes deep in the money tightly.
_WIDTH_INTRINSIC = np.array([0.05, 0.05, 0.04, 0.02, 0.01, 0.007])


def widths(underlying: str, years: Floats) -> Floats:
    """Return float64[2, expiries]: what widths are over time value and over intrinsic value."""
    log_days = np.log(years * 365.0)
    return np.array(
        [
            np.interp(log_days, _LOG_DAYS, _WIDTH[underlying]),
            np.interp(log_days, _LOG_DAYS, _WIDTH_INTRINSIC),
        ]
    )


def bid_ask(
    marks: Marks,
    mark_coin: Floats,
    *,
    width: Floats,
    stress: Floats,
    expiry_index: npt.NDArray[np.intp],
    keys: Keys,
    at_ms: int,
) -> tuple[Floats, Floats]:
    """Return bid and ask in coin, float64[2, strikes] each; NaN where the bid is below one tick.

    Args:
        mark_coin: Marks of calls (row 0) and puts (row 1).
        width: By expiry, see ``widths``.
        stress: Multiplies every width, by expiry; above 1 in a fast market.
        keys: One key an option, shape [2, strikes]: each option's luck, drawn anew every hour.
    """
    by_expiry = np.concatenate([width, (0.5 * UNITS * stress)[None]])
    width, intrinsic_width, scale = by_expiry.take(expiry_index, axis=1)
    delta = marks.delta
    time_value = np.minimum(mark_coin[0], mark_coin[1])
    half = time_value * width / (np.minimum(delta, 1 - delta) + 0.05)
    half = half + intrinsic_width * (mark_coin - time_value)
    half *= scale * _luck_table().take(draws(keys, _SPREAD_STREAM - at_ms // _HOUR_MS))
    units = mark_coin * UNITS
    low, high = units - half, units + half
    step = np.where(low < _COARSE_FROM, 1.0, _COARSE_UNITS)
    bid = np.floor(low / step) * step
    # The quotient of whole numbers is the float that a decimal price reads as: 0.0305 exactly.
    bid = np.where(bid >= 1.0, bid, np.nan) / UNITS
    step = np.where(high < _COARSE_FROM, 1.0, _COARSE_UNITS)
    ask = np.maximum(np.ceil(high / step) * step, 1.0) / UNITS
    return bid, ask


@cache
def _luck_table() -> Floats:
    table = np.exp(0.35 * normal_table())
    # A few quotes are left very wide; far from the money that leaves no bid at all.
    table[-len(table) // 20 :] *= 10.0
    table.setflags(write=False)
    return table
