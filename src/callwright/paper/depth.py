"""Displayed sizes that no source holds: a declared, seeded model, the same for every source.

A size depends on (seed, instrument, side, minute) alone: it is there again after a restart, and it
changes while time passes. It is a stand-in for a book and never evidence of liquidity.
"""

from __future__ import annotations

import zlib
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from callwright.domain.market import Floats, OptionListing

DEPTH_MODEL = "seeded:v1"
"""Log-normal sizes, a new draw each minute: median 5 BTC within 0.5-25, 40 ETH within 5-300."""

Keys = npt.NDArray[np.uint64]

TABLE_BITS = 12
_TO_INDEX = np.uint64(64 - TABLE_BITS)
_ODD = np.uint64(0x9E3779B97F4A7C15)
_BUCKET_MS = 60_000
_WORD = (1 << 64) - 1

# underlying: lot, smallest, median, largest, in coin; other coins are sized like ETH.
_SIZES = {"BTC": (0.1, 0.5, 5.0, 25.0), "ETH": (1.0, 5.0, 40.0, 300.0)}
_SIGMA = 0.9


def instrument_keys(listing: OptionListing, seed: int) -> Keys:
    """Return uint64[n]: one well-mixed number for each option of a listing and this seed."""
    salt = mix_int(seed + zlib.crc32(listing.underlying.encode()))
    keys: Keys = listing.strike_usd.view(np.uint64) ^ np.uint64(salt)
    for word in (listing.expiry_ms.view(np.uint64), listing.is_call.astype(np.uint64)):
        # The finaliser of SplitMix64 (Steele, Lea and Flood 2014), over the columns in turn.
        keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9) + word
        keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        keys ^= keys >> np.uint64(31)
    return keys


def draws(keys: Keys, *streams: int) -> npt.NDArray[np.intp]:
    """Return intp in [0, 4096): each key's even draw of a stream (side, minute, …).

    Shaped as ``keys`` for one stream; several give one such array each, stacked.
    """
    # One xor and one multiplication by an odd constant: the top bits of the product depend on
    # every bit of the key, and the keys are well mixed already.
    words = np.array([mix_int(stream) for stream in streams], dtype=np.uint64)
    mixed = keys ^ (words.reshape(-1, *(1,) * keys.ndim) if len(streams) > 1 else words[0])
    mixed *= _ODD
    mixed >>= _TO_INDEX
    # As small numbers as these are the same in both types.
    return mixed.view(np.intp)


def normal_table() -> Floats:
    """Return float64[4096]: standard normal quantiles, so that a draw becomes a normal number."""
    size = 1 << TABLE_BITS
    table: Floats = ndtri((np.arange(size) + 0.5) / size)
    return table


def displayed_sizes(
    keys: Keys, underlying: str, at_ms: int, bid_coin: Floats, ask_coin: Floats
) -> tuple[Floats, Floats]:
    """Return the sizes in coin shown at bid and ask, float64[n] each; zero on an empty side."""
    minute = at_ms // _BUCKET_MS
    sizes = _size_table(underlying).take(draws(keys, 2 * minute, 2 * minute + 1))
    prices = np.array([bid_coin, ask_coin])
    # NaN is the one number that differs from itself; ``price == price`` is 1.0 when quoted.
    sizes *= prices == prices
    return sizes[0], sizes[1]


def mix_int(value: int) -> int:
    """Return the SplitMix64 finaliser of an integer: 64 bits, every one of them mixed."""
    z = (value + 0x9E3779B97F4A7C15) & _WORD
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _WORD
    return z ^ (z >> 31)


@cache
def _size_table(underlying: str) -> Floats:
    lot, smallest, median, largest = _SIZES.get(underlying, _SIZES["ETH"])
    lots = np.rint(np.clip(median * np.exp(_SIGMA * normal_table()), smallest, largest) / lot)
    # Whole lots over lots a coin: 2.3 and never 2.3000000000000003.
    table: Floats = lots / round(1 / lot)
    table.setflags(write=False)
    return table
