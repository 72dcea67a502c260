"""A snapshot as bytes, and back exactly: the same bits of every float, the same digits otherwise.

What is small (account, terms, orders, the desk's state) is JSON; columns follow as raw bytes, those
whose numbers stand on a decimal grid as 32-bit integers; all of it is one zlib stream. Each
snapshot is complete in itself, so any of them can be deleted.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter
from pydantic_core import to_json

from callwright.domain.account import Account
from callwright.domain.base import Frozen, UtcTime, from_ms
from callwright.domain.contract import ContractSpec
from callwright.domain.desk import DeskState
from callwright.domain.instrument import option_name
from callwright.domain.market import (
    IndexHistory,
    MarketView,
    OptionChain,
    OptionListing,
    UnderlyingMarket,
)
from callwright.domain.orders import Intent
from callwright.domain.snapshot import Snapshot
from callwright.errors import DataInvalid

_MAGIC = b"cws1"
# The fastest level: a stronger one saves a tenth of the bytes at several times the work.
_LEVEL = 1
_MEMORY_LEVEL = 9
_LENGTH_BYTES = 4
_SIZE_MAX = 64_000_000
"""What a snapshot may unpack to; a damaged one must not fill the memory."""

_CHAIN_FLOATS = (
    "forward_usd", "mark_iv_annual", "mark_coin", "bid_coin", "ask_coin", "bid_amount_coin",
    "ask_amount_coin", "open_interest_coin",
)  # fmt: skip
_GRIDS = (1e4, 1e8)
"""Ticks, lots and index prices stand on the first, marks of synthetic markets on the second."""
_INT32_MAX = 2**31 - 1
_NAN = -(2**31)


class _Rest(Frozen):
    """Everything but the markets."""

    account: Account
    specs: Mapping[str, ContractSpec]
    unresolved: tuple[Intent, ...]
    desk: DeskState
    venue_time: UtcTime
    local_time: UtcTime


class _Packed(NamedTuple):
    """One column: how it is written, and its bytes."""

    form: str
    data: bytes


def encode_snapshot(snapshot: Snapshot) -> bytes:
    """Return the snapshot as bytes."""
    columns: list[bytes] = []
    market = snapshot.market
    head = to_json(
        {
            "as_of": market.as_of,
            "source": market.source,
            "depth_model": market.depth_model,
            "markets": [_head(m, columns) for m in market.underlyings.values()],
            "rest": {
                "account": snapshot.account,
                "specs": snapshot.specs,
                "unresolved": snapshot.unresolved,
                "desk": snapshot.desk,
                "venue_time": snapshot.venue_time,
                "local_time": snapshot.local_time,
            },
        }
    )
    size = len(head).to_bytes(_LENGTH_BYTES, "big")
    packer = zlib.compressobj(_LEVEL, memLevel=_MEMORY_LEVEL)
    return b"".join((_MAGIC, packer.compress(b"".join((size, head, *columns))), packer.flush()))


def decode_snapshot(data: bytes) -> Snapshot:
    """Return the snapshot that these bytes hold.

    Raises:
        DataInvalid: They are damaged, or not a snapshot of this version.
    """
    if not data.startswith(_MAGIC):
        raise DataInvalid("not a snapshot that this version can read")
    try:
        opened = zlib.decompressobj()
        body = opened.decompress(data[len(_MAGIC) :], _SIZE_MAX)
        if not opened.eof or opened.unused_data:
            raise DataInvalid("a stored snapshot is damaged: it is cut, or too large")
        start = _LENGTH_BYTES + int.from_bytes(body[:_LENGTH_BYTES], "big")
        head = json.loads(body[_LENGTH_BYTES:start])
        return _snapshot(head, _Reader(body, start))
    except _DAMAGE as exc:
        raise DataInvalid(f"a stored snapshot is damaged: {type(exc).__name__}") from exc


_DAMAGE = (
    zlib.error, ValueError, LookupError, TypeError, ArithmeticError, StopIteration, OSError,
)  # fmt: skip


def _head(market: UnderlyingMarket, columns: list[bytes]) -> dict[str, Any]:
    chain, history, listing = market.chain, market.history, _listing(market.chain.listing)
    packed = [
        *listing.columns,
        *_pack_floats([getattr(chain, name) for name in _CHAIN_FLOATS]),
        _pack_whole(chain.as_of_ms),
        _pack_whole(history.times_ms),
        *_pack_floats([history.prices_usd]),
    ]
    columns += [data for _, data in packed]
    return {
        "underlying": market.underlying,
        "index_usd": market.index_usd,
        "index_as_of": market.index_as_of,
        "dropped_rows": chain.dropped_rows,
        "names": listing.names,
        "columns": [[form, len(data)] for form, data in packed],
    }


class _PackedListing(NamedTuple):
    names: str | None
    columns: tuple[_Packed, ...]


@lru_cache(maxsize=16)
def _listing(listing: OptionListing) -> _PackedListing:
    """Return the listing's columns, and its names where they do not follow from the columns.

    Views share a listing, and it changes a few times a day.
    """
    columns = (
        *_pack_floats([listing.strike_usd]),
        _pack_whole(listing.expiry_ms),
        _Packed("b", listing.is_call.tobytes()),
    )
    if listing.names == _names(
        listing.underlying, listing.strike_usd, listing.expiry_ms, listing.is_call
    ):
        return _PackedListing(None, columns)
    return _PackedListing("\n".join(listing.names), columns)


def _names(
    underlying: str,
    strike_usd: npt.NDArray[np.float64],
    expiry_ms: npt.NDArray[np.int64],
    is_call: npt.NDArray[np.bool_],
) -> tuple[str, ...]:
    """Return the names that inverse options of these terms have."""

    def name(strike: float, ms: int) -> tuple[str, str]:
        whole = option_name(
            underlying=underlying,
            expiry=from_ms(ms).date(),
            strike_usd=Decimal(repr(strike)),
            option_type="call",
        )
        before, strike_text, _ = whole.rsplit("-", 2)
        return before, strike_text

    # A chain has a dozen expiries and some strikes, again and again.
    strikes = {k: name(k, 0)[1] for k in set(strike_usd.tolist())}
    days = {ms: name(1.0, ms)[0] for ms in set(expiry_ms.tolist())}
    return tuple(
        f"{days[ms]}-{strikes[strike]}-{'C' if call else 'P'}"
        for strike, ms, call in zip(
            strike_usd.tolist(), expiry_ms.tolist(), is_call.tolist(), strict=True
        )
    )


def _pack_floats(columns: Sequence[npt.NDArray[np.float64]]) -> list[_Packed]:
    """Return each column as 32-bit integers where those give back the same bits, else as it is."""
    packed: dict[int, _Packed] = {}
    for grid in _GRIDS:
        left = [place for place in range(len(columns)) if place not in packed]
        if not left or not len(columns[0]):
            break
        # All at once: most of the work is calling numpy.
        stacked = np.stack([columns[place] for place in left])
        steps = np.rint(stacked * grid)
        outside = ~(np.abs(steps) <= _INT32_MAX)
        steps[outside] = _NAN
        whole = steps.astype(np.int32)
        # The bits, not the values: zeros have two signs.
        is_same = (_off_grid(whole, grid).view(np.int64) == stacked.view(np.int64)).all(axis=1)
        for row, place in enumerate(left):
            if is_same[row]:
                packed[place] = _Packed(f"g{grid:g}", _by_byte(whole[row]))
    return [
        packed.get(place) or _Packed("f", column.tobytes()) for place, column in enumerate(columns)
    ]


def _off_grid(steps: npt.NDArray[np.int32], grid: float) -> npt.NDArray[np.float64]:
    column: npt.NDArray[np.float64] = steps / grid
    column[steps == _NAN] = np.nan
    return column


def _pack_whole(column: npt.NDArray[np.int64]) -> _Packed:
    if not len(column):
        return _Packed("i", b"")
    first, low, high = int(column[0]), int(column.min()), int(column.max())
    if high - first <= _INT32_MAX and first - low <= _INT32_MAX:
        return _Packed(f"o{first}", _by_byte((column - first).astype(np.int32)))
    return _Packed("i", column.tobytes())


def _by_byte(steps: npt.NDArray[np.int32]) -> bytes:
    # All first bytes, then all second ones: the high ones are nearly always the same.
    return steps.view(np.uint8).reshape(-1, 4).T.tobytes()


def _from_bytes(data: bytes) -> npt.NDArray[np.int32]:
    apart = np.frombuffer(data, dtype=np.uint8).reshape(4, -1)
    return np.ascontiguousarray(apart.T).view(np.int32).reshape(-1)


class _Reader:
    """Takes column after column out of the unpacked bytes."""

    def __init__(self, body: bytes, start: int) -> None:
        self._body = body
        self._at = start

    def column(self, form: str, length: int) -> Any:
        end = self._at + length
        if length < 0 or end > len(self._body):
            raise ValueError("a column is cut")
        data = self._body[self._at : end]
        self._at = end
        match form[0]:
            case "f":
                return np.frombuffer(data, dtype=np.float64)
            case "i":
                return np.frombuffer(data, dtype=np.int64)
            case "b":
                return np.frombuffer(data, dtype=np.bool_)
            case "g":
                return _off_grid(_from_bytes(data), float(form[1:]))
            case "o":
                return _from_bytes(data).astype(np.int64) + int(form[1:])
        raise ValueError("a column of an unknown form")


def _snapshot(head: Mapping[str, Any], reader: _Reader) -> Snapshot:
    markets = {m["underlying"]: _market(m, reader) for m in head["markets"]}
    rest = _REST.validate_python(head["rest"])
    return Snapshot(
        market=MarketView(
            as_of=_time(head["as_of"]),
            source=head["source"],
            depth_model=head["depth_model"],
            underlyings=markets,
        ),
        account=rest.account,
        specs=rest.specs,
        unresolved=rest.unresolved,
        desk=rest.desk,
        venue_time=rest.venue_time,
        local_time=rest.local_time,
    )


def _market(head: Mapping[str, Any], reader: _Reader) -> UnderlyingMarket:
    underlying = head["underlying"]
    columns: Iterator[Any] = iter([reader.column(form, size) for form, size in head["columns"]])
    strike, expiry, is_call = next(columns), next(columns), next(columns)
    names = head["names"]
    listing = OptionListing(
        underlying=underlying,
        names=_names(underlying, strike, expiry, is_call)
        if names is None
        else tuple(names.split("\n")),
        strike_usd=strike,
        expiry_ms=expiry,
        is_call=is_call,
    )
    chain = OptionChain(
        listing=listing,
        **{name: next(columns) for name in (*_CHAIN_FLOATS, "as_of_ms")},
        dropped_rows=head["dropped_rows"],
    )
    return UnderlyingMarket(
        underlying=underlying,
        index_usd=float(head["index_usd"]),
        index_as_of=_time(head["index_as_of"]),
        chain=chain,
        history=IndexHistory(underlying, next(columns), next(columns)),
    )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


_REST = TypeAdapter(_Rest)
