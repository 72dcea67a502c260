"""Snapshots written, read back, walked; and every way in which a file can be bad."""

from __future__ import annotations

import csv
import gzip
import io
import re
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builders import a_market, an_underlying_market, with_quote
from callwright.domain.base import from_ms, to_ms
from callwright.errors import ConfigError, DataInvalid, MarketExhausted, StorageError
from callwright.paper.recorded import RecordedSource
from callwright.paper.recording import read_snapshot, write_snapshot
from callwright.paper.snapshot_rows import COLUMNS
from callwright.paper.synthetic.market import SyntheticSource

START = datetime(2026, 1, 5, tzinfo=UTC)
TIMES = [
    datetime(2026, 1, 5, 7, 0, tzinfo=UTC),
    datetime(2026, 1, 5, 9, 0, tzinfo=UTC),
    datetime(2026, 1, 6, 9, 0, 0, 250_000, tzinfo=UTC),
]


def small_view(at: Any, btc: Any = 100_000.0, eth: Any = 4_000.0) -> Any:
    return a_market(
        an_underlying_market("BTC", at=at, index_usd=btc),
        an_underlying_market("ETH", at=at, index_usd=eth),
        at=at,
    )


@pytest.fixture
def directory(tmp_path: Path) -> Any:
    for at, btc in zip(TIMES, (100_000.0, 102_000.0, 90_000.0), strict=True):
        write_snapshot(small_view(at, btc), tmp_path)
    return tmp_path


def rewrite(path: Any, change: Any) -> Any:
    """Read a snapshot's rows as dicts, let ``change`` edit the list, and write them back."""
    rows = list(csv.DictReader(io.StringIO(gzip.decompress(path.read_bytes()).decode())))
    change(rows)
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes(gzip.compress(text.getvalue().encode()))
    return path


def assert_same_chains(one: Any, two: Any) -> None:
    for coin, market in one.underlyings.items():
        other = two.underlyings[coin]
        assert other.index_usd == market.index_usd
        assert other.chain.listing.names == market.chain.listing.names
        for column in fields(market.chain)[1:-1]:
            if not column.name.endswith("amount_coin"):
                a, b = getattr(market.chain, column.name), getattr(other.chain, column.name)
                nan = column.name in ("bid_coin", "ask_coin")
                assert np.array_equal(a, b, equal_nan=nan), column.name


@pytest.mark.parametrize(
    "retell",
    [
        pytest.param(lambda text: text.replace("\n", "\r\n"), id="carriage returns"),
        pytest.param(lambda text: text.replace(",call,", ',"call",'), id="quotes"),
        pytest.param(lambda text: text.removesuffix("\n"), id="no last line feed"),
        pytest.param(lambda text: text.replace("T08:00:00+00:00", "T08:00:00Z"), id="Z for UTC"),
    ],
)
def test_the_same_table_in_another_spelling_is_the_same_market(directory: Any, retell: Any) -> None:
    path = sorted(directory.iterdir())[0]
    before, text = read_snapshot(path), gzip.decompress(path.read_bytes()).decode()
    assert retell(text) != text
    path.write_bytes(gzip.compress(retell(text).encode()))
    assert_same_chains(before, read_snapshot(path))


def test_a_lone_carriage_return_is_a_torn_file(directory: Any) -> None:
    path = sorted(directory.iterdir())[0]
    text = gzip.decompress(path.read_bytes()).decode()
    path.write_bytes(gzip.compress(text.replace(",call,", ",ca\rll,").encode()))
    with pytest.raises(DataInvalid, match=f"{path.name} is torn or not readable"):
        read_snapshot(path)


@pytest.mark.parametrize(
    ("column", "reason"), [("timestamp", "bad_time"), ("expiry_datetime", "contradicts_name")]
)
def test_a_time_beyond_the_calendar_drops_its_row(directory: Any, column: Any, reason: Any) -> None:
    def change(rows: Any) -> None:
        rows[0][column] = "9999-12-31T23:59:59-12:00"

    path = rewrite(sorted(directory.iterdir())[0], change)
    dropped = read_snapshot(path).underlyings["BTC"].chain.dropped_rows
    assert dropped == {reason: 1}


def test_an_empty_line_is_a_torn_row(directory: Any) -> None:
    path = sorted(directory.iterdir())[0]
    lines = gzip.decompress(path.read_bytes()).decode().split("\n")
    path.write_bytes(gzip.compress("\n".join([*lines[:3], "", *lines[3:]]).encode()))
    with pytest.raises(DataInvalid, match="line 4: 0 fields instead of 23"):
        read_snapshot(path)


def test_a_synthetic_view_survives_the_round_trip_exactly(tmp_path: Path) -> None:
    view = SyntheticSource(3).view(START + timedelta(days=2, hours=9, minutes=12, seconds=5))
    path = write_snapshot(view, tmp_path / "made" / "here")
    assert path.name == "deribit_options_snapshot_20260107T091205Z.csv.gz"
    again = read_snapshot(path)
    assert again.as_of == view.as_of
    assert again.source == "recorded"
    assert_same_chains(view, again)
    assert_same_chains(view, RecordedSource(path.parent).view(view.as_of))
    assert all(not m.chain.dropped_rows for m in again.underlyings.values())


def test_the_same_view_gives_the_same_bytes_and_no_leftovers(tmp_path: Path) -> None:
    view = small_view(TIMES[0])
    first = write_snapshot(view, tmp_path).read_bytes()
    assert write_snapshot(view, tmp_path).read_bytes() == first
    assert len(list(tmp_path.iterdir())) == 1


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(StorageError, match="taken") as refusal:
        write_snapshot(small_view(TIMES[0]), tmp_path / "taken")
    assert refusal.value.remedy


def test_written_columns_are_the_documented_ones(tmp_path: Path) -> None:
    # BTC-9JAN26-100000-C at F = 100000, IV 0.5 and 25 hours less than 4 days: the delta of an
    # at-the-money call is a little above one half.
    path = write_snapshot(small_view(TIMES[1]), tmp_path)
    rows = csv.DictReader(io.StringIO(gzip.decompress(path.read_bytes()).decode()))
    row = next(r for r in rows if r["instrument_name"] == "BTC-9JAN26-100000-C")
    assert tuple(row) == COLUMNS
    assert row["timestamp"] == "2026-01-05T09:00:00.000+00:00"
    assert row["expiry_datetime"] == "2026-01-09T08:00:00+00:00"
    assert (row["option_type"], row["strike"], row["currency"]) == ("call", "100000.0", "BTC")
    assert row["underlying_name"] == row["futures_instrument_name"] == "BTC-9JAN26"
    assert row["underlying"] == row["futures_price"] == "100000.0"
    # 95 hours = 0.0108447 years; d1 = 0.5 * sqrt(t) / 2 = 0.026035; N(d1) = 0.510385;
    # vega = 100000 * 0.398807 * 0.104138 / 100 = 41.53 USD a point.
    assert float(row["time_to_maturity"]) == pytest.approx(0.0108447, abs=1e-7)
    assert float(row["delta"]) == pytest.approx(0.51039, abs=1e-5)
    assert float(row["vega"]) == pytest.approx(41.53, abs=0.01)


def test_a_plain_csv_is_read_as_well(directory: Any) -> None:
    path = sorted(directory.iterdir())[0]
    plain = path.with_suffix("")
    plain.write_bytes(gzip.decompress(path.read_bytes()))
    path.unlink()
    assert RecordedSource(directory).start() == TIMES[0]


def test_time_goes_from_snapshot_to_snapshot_and_ends(directory: Any) -> None:
    source = RecordedSource(directory)
    assert re.fullmatch(r"recorded:[0-9a-f]{8}", source.name)
    assert source.start() == TIMES[0]
    assert [source.next_after(at) for at in TIMES[:2]] == TIMES[1:]
    assert source.next_after(TIMES[0] + timedelta(minutes=5)) == TIMES[1]
    with pytest.raises(MarketExhausted, match=r"last of 3 snapshots is 2026-01-06T09:00:00.250Z"):
        source.next_after(TIMES[2])


def test_a_view_needs_no_walk_to_it_and_knows_the_prices_before(directory: Any) -> None:
    walked = RecordedSource(directory)
    for at in TIMES:
        walked.view(at)
    fresh = RecordedSource(directory).view(TIMES[2])
    assert_same_chains(walked.view(TIMES[2]), fresh)
    history = fresh.underlyings["BTC"].history
    assert [from_ms(int(ms)) for ms in history.times_ms] == TIMES
    assert history.prices_usd.tolist() == [100_000.0, 102_000.0, 90_000.0]
    assert np.array_equal(
        fresh.underlyings["BTC"].chain.ask_amount_coin,
        walked.view(TIMES[2]).underlyings["BTC"].chain.ask_amount_coin,
    )


def test_there_is_no_view_between_snapshots(directory: Any) -> None:
    with pytest.raises(DataInvalid, match="no snapshot was recorded at 2026-01-05T08"):
        RecordedSource(directory).view(datetime(2026, 1, 5, 8, tzinfo=UTC))


def test_delivery_lies_on_the_line_between_two_snapshots(directory: Any) -> None:
    source = RecordedSource(directory)
    # 08:00 is half way from 07:00 at 100,000 to 09:00 at 102,000.
    price = source.delivery_price("BTC", datetime(2026, 1, 5, 8, tzinfo=UTC))
    assert price == (Decimal("101000.00"), "interpolated")
    # 08:00 on the 6th is 23 h of 24 h and 0.25 s on the way from 102,000 to 90,000:
    # 102000 - 12000 * 82800 / 86400.25 = 90500.03.
    price = source.delivery_price("BTC", datetime(2026, 1, 6, 8, tzinfo=UTC))
    assert price.price_usd == Decimal("90500.03")
    assert source.index_at("BTC", TIMES[1]) == 102_000.0


@pytest.mark.parametrize(
    "at",
    [TIMES[0] - timedelta(seconds=1), TIMES[2] + timedelta(seconds=1)],
    ids=["before-the-first", "after-the-last"],
)
def test_no_index_outside_the_snapshots(directory: Any, at: Any) -> None:
    source = RecordedSource(directory)
    with pytest.raises(DataInvalid, match="does not cover"):
        source.delivery_price("ETH", at)
    with pytest.raises(DataInvalid, match="no SOL"):
        source.index_at("SOL", TIMES[0])


NAME = "BTC-9JAN26-100000-C"


def _row(rows: Any, name: Any = NAME) -> Any:
    return next(r for r in rows if r["instrument_name"] == name)


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("instrument_name", "BTC-PERPETUAL", "bad_name"),
        ("instrument_name", "BTC-31FEB26-100000-C", "bad_name"),
        ("strike", "100001.0", "contradicts_name"),
        ("strike", "many", "contradicts_name"),
        ("option_type", "put", "contradicts_name"),
        ("expiry_datetime", "2026-01-10T08:00:00+00:00", "contradicts_name"),
        ("expiry_datetime", "soon", "contradicts_name"),
        ("currency", "ETH", "wrong_currency"),
        ("timestamp", "yesterday", "bad_time"),
        ("timestamp", "2026-01-05T07:00:00", "bad_time"),
        ("futures_price", "", "not_finite"),
        ("futures_price", "nan", "not_finite"),
        ("futures_price", "inf", "not_finite"),
        ("futures_price", "dear", "not_finite"),
        ("futures_price", "0", "out_of_range"),
        ("implied_volatility", "0.0", "out_of_range"),
        ("implied_volatility", "", "not_finite"),
        ("mark_price", "-0.001", "out_of_range"),
        ("mark_price", "", "not_finite"),
        ("open_interest", "-1", "out_of_range"),
        ("index_price", "-5", "out_of_range"),
        ("bid_price", "-0.01", "out_of_range"),
        ("bid_price", "inf", "not_finite"),
        ("ask_price", "0", "out_of_range"),
        ("ask_price", "a lot", "not_finite"),
    ],
)
def test_a_bad_row_is_dropped_and_counted(
    directory: Any, column: Any, value: Any, reason: Any
) -> None:
    path = sorted(directory.iterdir())[0]
    before = read_snapshot(path)
    rewrite(path, lambda rows: _row(rows).update({column: value}))
    view = read_snapshot(path)
    counted = view.underlyings["ETH" if value == "ETH" else "BTC"].chain
    assert counted.dropped_rows == {reason: 1}
    chain = view.underlyings["BTC"].chain
    assert chain.listing.row(NAME) is None
    assert len(chain) == len(before.underlyings["BTC"].chain) - 1
    assert len(view.underlyings["ETH"].chain) == len(before.underlyings["ETH"].chain)


def test_a_row_of_an_unknown_coin_is_counted_with_each(directory: Any) -> None:
    path = sorted(directory.iterdir())[0]
    rewrite(path, lambda rows: _row(rows).update(currency="SOL"))
    for market in read_snapshot(path).underlyings.values():
        assert market.chain.dropped_rows == {"wrong_currency": 1}


def test_of_a_double_instrument_no_row_is_used(directory: Any) -> None:
    path = sorted(directory.iterdir())[0]
    rewrite(path, lambda rows: rows.append(_row(rows) | {"bid_price": "0.9"}))
    chain = read_snapshot(path).underlyings["BTC"].chain
    assert chain.dropped_rows == {"duplicate": 2}
    assert chain.listing.row(NAME) is None


def test_an_expired_row_is_dropped(tmp_path: Path) -> None:
    path = write_snapshot(small_view(TIMES[0]), tmp_path)

    def later(rows: Any) -> None:
        for row in rows:
            row["timestamp"] = "2026-01-06T08:00:00.000+00:00"

    chain = read_snapshot(rewrite(path, later)).underlyings["BTC"].chain
    # The nearest of the builder's expiries is 6 January; 11 strikes, calls and puts.
    assert chain.dropped_rows == {"expired": 22}
    assert to_ms(datetime(2026, 1, 6, 8, tzinfo=UTC)) not in chain.listing.expiry_ms


@pytest.mark.parametrize(
    ("change", "bid", "ask"),
    [
        pytest.param({"bid_price": ""}, None, "0.03", id="one-sided"),
        pytest.param({"bid_price": "", "ask_price": ""}, None, None, id="no-quote"),
        pytest.param({"bid_price": "0.04"}, "0.04", "0.03", id="crossed-is-kept"),
    ],
)
def test_quotes_are_kept_as_they_are(directory: Any, change: Any, bid: Any, ask: Any) -> None:
    path = sorted(directory.iterdir())[0]
    rewrite(path, lambda rows: _row(rows).update({"ask_price": "0.03"} | change))
    view = read_snapshot(path)
    quote = view.quote(NAME)
    assert quote.bid_coin == (bid and Decimal(bid))  # type: ignore[union-attr]
    assert quote.ask_coin == (ask and Decimal(ask))  # type: ignore[union-attr]
    assert (quote.bid_amount_coin > 0) == (bid is not None)  # type: ignore[union-attr]
    assert (quote.ask_amount_coin > 0) == (ask is not None)  # type: ignore[union-attr]
    assert view.underlyings["BTC"].chain.dropped_rows == {}


def test_rows_keep_their_own_time_and_the_newest_is_the_views(directory: Any) -> None:
    path = sorted(directory.iterdir())[0]
    rewrite(path, lambda rows: _row(rows).update(timestamp="2026-01-05T07:00:01.944999+00:00"))
    view = RecordedSource(directory).view(TIMES[0] + timedelta(milliseconds=1_944))
    chain = view.underlyings["BTC"].chain
    assert chain.as_of_ms[chain.listing.row(NAME)] == to_ms(view.as_of)
    assert chain.as_of_ms.min() == to_ms(TIMES[0])


def test_the_index_is_the_median_of_the_rows(directory: Any) -> None:
    path = sorted(directory.iterdir())[0]
    rewrite(path, lambda rows: _row(rows).update(index_price="1.0"))
    assert read_snapshot(path).underlyings["BTC"].index_usd == 100_000.0


def test_a_written_empty_side_comes_back_empty(tmp_path: Path) -> None:
    view = with_quote(small_view(TIMES[0]), NAME, bid_coin=float("nan"), bid_amount_coin=0.0)
    again = read_snapshot(write_snapshot(view, tmp_path))
    assert again.quote(NAME).bid_coin is None  # type: ignore[union-attr]
    assert_same_chains(view, again)


def _torn(path: Any) -> None:
    path.write_bytes(path.read_bytes()[:2_000])


def _not_gzip(path: Any) -> None:
    path.write_bytes(b"timestamp,instrument_name\n")


def _empty(path: Any) -> None:
    path.write_bytes(gzip.compress(b""))


def _no_bytes(path: Any) -> None:
    path.write_bytes(b"")


def _binary(path: Any) -> None:
    path.write_bytes(gzip.compress(b"\xff\xfe\x00"))


def _header_only(path: Any) -> None:
    path.write_bytes(gzip.compress((",".join(COLUMNS) + "\n").encode()))


def _no_column(path: Any) -> None:
    text = gzip.decompress(path.read_bytes()).decode()
    path.write_bytes(gzip.compress(text.replace("mark_price", "price", 1).encode()))


def _torn_line(path: Any) -> None:
    text = gzip.decompress(path.read_bytes()).decode()
    lines = text.splitlines()
    path.write_bytes(gzip.compress("\n".join([*lines[:5], lines[5][:40]]).encode()))


def _no_eth(path: Any) -> None:
    rewrite(
        path,
        lambda rows: rows.__setitem__(slice(None), [r for r in rows if r["currency"] == "BTC"]),
    )


def _all_bad(path: Any) -> None:
    rewrite(path, lambda rows: [r.update(mark_price="?") for r in rows])


def _bad_btc(path: Any) -> None:
    rewrite(path, lambda rows: [r.update(mark_price="?") for r in rows if r["currency"] == "BTC"])


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (_torn, "torn"),
        (_not_gzip, "torn"),
        (_empty, "is empty"),
        (_no_bytes, "is empty"),
        (_binary, "torn"),
        (_header_only, "no rows"),
        (_no_column, "line 1: no column mark_price"),
        (_torn_line, r"line 6: \d fields instead of 23"),
        (_no_eth, r"no usable row of ETH \(none listed\)"),
        (_all_bad, "no usable row"),
        (_bad_btc, r"no usable row of BTC \(not_finite 88\)"),
    ],
)
def test_a_bad_file_is_refused_by_name_with_a_remedy(directory: Any, spoil: Any, says: Any) -> None:
    path = sorted(directory.iterdir())[1]
    spoil(path)
    source = RecordedSource(directory)
    with pytest.raises(DataInvalid, match=says) as refusal:
        source.next_after(TIMES[0])
    assert path.name in str(refusal.value)
    assert refusal.value.remedy


def test_a_file_that_vanishes_is_named(directory: Any) -> None:
    source = RecordedSource(directory)
    path = sorted(directory.iterdir())[1]
    path.unlink()
    with pytest.raises(DataInvalid, match=path.name):
        source.view(TIMES[1])


def test_a_file_whose_name_and_rows_disagree_is_refused(directory: Any) -> None:
    path = sorted(directory.iterdir())[0]
    path.rename(directory / "deribit_options_snapshot_20260104T070000Z.csv.gz")
    with pytest.raises(DataInvalid, match="not of the time in its name"):
        RecordedSource(directory).start()


def test_a_name_without_a_time_is_refused(directory: Any) -> None:
    (directory / "deribit_options_snapshot_today.csv.gz").write_bytes(b"")
    with pytest.raises(ConfigError, match="'today' in its name is not a time"):
        RecordedSource(directory)


def test_two_files_of_one_second_are_refused(directory: Any) -> None:
    path = sorted(directory.iterdir())[0]
    path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
    with pytest.raises(ConfigError, match="another snapshot of that second"):
        RecordedSource(directory)


@pytest.mark.parametrize("exists", [True, False], ids=["empty", "missing"])
def test_a_directory_without_snapshots_is_refused(tmp_path: Path, exists: Any) -> None:
    directory = tmp_path / "chains"
    if exists:
        directory.mkdir()
    with pytest.raises(ConfigError, match="chains") as refusal:
        RecordedSource(directory)
    assert refusal.value.remedy


def test_other_files_of_the_directory_are_left_alone(directory: Any) -> None:
    (directory / "README.md").write_text("about these files")
    assert RecordedSource(directory).start() == TIMES[0]


def test_a_recording_of_a_walk_is_a_market(tmp_path: Path) -> None:
    synthetic = SyntheticSource(9, step=timedelta(hours=7))
    at, times = synthetic.start(), []
    for _ in range(4):
        write_snapshot(synthetic.view(at), tmp_path)
        times.append(at)
        at = synthetic.next_after(at)
    recorded = RecordedSource(tmp_path)
    at = recorded.start()
    for expected in times[1:]:
        assert_same_chains(synthetic.view(at), recorded.view(at))
        at = recorded.next_after(at)
        assert at == expected
    expiry = datetime(2026, 1, 5, 8, tzinfo=UTC)
    true = synthetic.delivery_price("BTC", expiry).price_usd
    assert abs(recorded.delivery_price("BTC", expiry).price_usd / true - 1) < Decimal("0.02")


def test_the_view_of_a_recorded_market_can_be_recorded_again(
    directory: Any, tmp_path: Path
) -> None:
    view = RecordedSource(directory).view(TIMES[1])
    path = write_snapshot(replace(view, source="other"), tmp_path / "copy")
    original = directory / path.name
    assert path.read_bytes() == original.read_bytes()
