"""A recorded market: a directory of chain snapshots, walked one by one.

Files are read when they are needed and the last few are kept. Between snapshots only the index is
known, by linear interpolation, and what uses it says ``interpolated``.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

import numpy as np

from callwright.domain.base import iso_utc, to_ms
from callwright.domain.market import IndexHistory, MarketView
from callwright.errors import ConfigError, DataInvalid, MarketExhausted
from callwright.paper.depth import DEPTH_MODEL
from callwright.paper.recording import PREFIX, TIME_FORMAT, UNDERLYINGS, read_snapshot
from callwright.paper.source import DeliveryPrice

_NAME_TOLERANCE = timedelta(minutes=1)


class RecordedSource:
    """The snapshots of one directory, in the order of their names.

    Args:
        directory: Holds ``deribit_options_snapshot_<YYYYMMDDTHHMMSSZ>.csv.gz`` (or ``.csv``).

    Attributes:
        name: ``recorded:`` and a fingerprint of the first snapshot, so that an account cannot go on
            with another recording.

    Raises:
        ConfigError: The directory is missing, holds no snapshot, or a name has no time.
    """

    depth_model = DEPTH_MODEL
    underlyings = UNDERLYINGS

    def __init__(self, directory: Path) -> None:
        remedy = f"give a directory with {PREFIX}<YYYYMMDDTHHMMSSZ>.csv.gz files"
        if not directory.is_dir():
            raise ConfigError(f"there is no directory {directory}", remedy=remedy)
        files = [*directory.glob(f"{PREFIX}*.csv.gz"), *directory.glob(f"{PREFIX}*.csv")]
        if not files:
            raise ConfigError(f"{directory} holds no chain snapshot", remedy=remedy)
        self._files = tuple(sorted(files))
        try:
            # Of the first snapshot only: a recording may grow and stays the same market.
            first = sha256(self._files[0].read_bytes()).hexdigest()
        except OSError as exc:
            raise DataInvalid(f"{self._files[0]}: {exc.strerror}") from exc
        self.name = f"recorded:{first[:8]}"
        self._named = [_time_in_name(path) for path in self._files]
        for path, earlier, later in zip(
            self._files[1:], self._named[:-1], self._named[1:], strict=True
        ):
            if not earlier < later:
                raise ConfigError(f"{path}: there is another snapshot of that second")
        self._snapshot = lru_cache(maxsize=4)(self._read)
        # Time and index prices of every file read so far, a few numbers each.
        self._moments: dict[int, tuple[datetime, dict[str, float]]] = {}

    def start(self) -> datetime:
        """Return the time of the first snapshot."""
        return self._time(0)

    def next_after(self, at: datetime) -> datetime:
        """Return the time of the first snapshot after ``at``.

        Raises:
            MarketExhausted: There is none.
        """
        following = self._position(at + timedelta(milliseconds=1))
        if following == len(self._files):
            raise MarketExhausted(f"the last of {len(self._files)} snapshots is {iso_utc(at)}")
        return self._time(following)

    def view(self, at: datetime) -> MarketView:
        """Return the snapshot taken at ``at``, with the index prices of those before it.

        Raises:
            DataInvalid: No snapshot was taken then, or its file cannot be trusted.
        """
        position = self._position(at)
        if position == len(self._files) or self._time(position) != at:
            raise DataInvalid(
                f"no snapshot was recorded at {iso_utc(at)}",
                remedy="the paper account was kept on another market: start it in a fresh home",
            )
        view = self._snapshot(position)
        moments = [self._moment(n) for n in range(position + 1)]
        times = np.array([to_ms(time) for time, _ in moments], dtype=np.int64)
        return replace(
            view,
            source=self.name,
            underlyings={
                name: replace(
                    market,
                    history=IndexHistory(name, times, np.array([i[name] for _, i in moments])),
                )
                for name, market in view.underlyings.items()
            },
        )

    def index_at(self, underlying: str, at: datetime) -> float:
        """Return the index in USD, to the cent between snapshots: on the line that joins the two.

        Raises:
            DataInvalid: Before the first snapshot or after the last, or not a coin of this market.
        """
        if underlying not in self.underlyings:
            raise DataInvalid(f"the recorded market has no {underlying}")
        position = self._position(at)
        if position == len(self._files) or (position == 0 and at != self._time(0)):
            raise DataInvalid(
                f"the recorded {underlying} index does not cover {iso_utc(at)}",
                remedy="add the snapshots before and after it",
            )
        later, after = self._moment(position)
        if later == at:
            return after[underlying]
        earlier, before = self._moment(position - 1)
        share = (at - earlier) / (later - earlier)
        return round(before[underlying] + (after[underlying] - before[underlying]) * share, 2)

    def delivery_price(self, underlying: str, expiry: datetime) -> DeliveryPrice:
        """Return the interpolated index at ``expiry``: the half-hour average was not recorded.

        Raises:
            DataInvalid: As ``index_at``.
        """
        return DeliveryPrice(Decimal(f"{self.index_at(underlying, expiry):.2f}"), "interpolated")

    def _position(self, at: datetime) -> int:
        """Return the position of the first snapshot at or after ``at``.

        Times are near those in the names, so only files near the answer are read.
        """
        position = bisect_left(self._named, at - _NAME_TOLERANCE)
        while position < len(self._files) and self._time(position) < at:
            position += 1
        return position

    def _time(self, position: int) -> datetime:
        return self._moment(position)[0]

    def _moment(self, position: int) -> tuple[datetime, dict[str, float]]:
        if position not in self._moments:
            self._snapshot(position)
        return self._moments[position]

    def _read(self, position: int) -> MarketView:
        path = self._files[position]
        view = read_snapshot(path)
        # Files are found by the order of their names, so names and rows must tell one story.
        if not abs(view.as_of - self._named[position]) <= _NAME_TOLERANCE:
            raise DataInvalid(
                f"{path}: its newest row is of {iso_utc(view.as_of)}, not of the time in its name",
                remedy="give it its right name, or remove it",
            )
        index = {name: market.index_usd for name, market in view.underlyings.items()}
        self._moments[position] = view.as_of, index
        return view


def _time_in_name(path: Path) -> datetime:
    stamp = path.name.removeprefix(PREFIX).split(".")[0]
    try:
        return datetime.strptime(stamp, TIME_FORMAT).replace(tzinfo=UTC)
    except ValueError as exc:
        raise ConfigError(
            f"{path}: {stamp!r} in its name is not a time",
            remedy=f"name it {PREFIX}<YYYYMMDDTHHMMSSZ>.csv.gz",
        ) from exc
