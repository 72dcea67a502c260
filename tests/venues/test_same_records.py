"""One seed, one set of records: the exchange in process and the same one behind HTTP."""

from __future__ import annotations

import gzip
from datetime import timedelta
from pathlib import Path

import pytest

from callwright.domain.record import CycleRecord
from callwright.paper.recording import write_snapshot
from callwright.paper.synthetic.market import SyntheticSource
from desks import desk_settings, run_desk
from paper_servers import serving

CYCLES = 40


def log_lines(home: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((home / "logs").iterdir())}


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recording")
    source = SyntheticSource(11, step=timedelta(hours=6))
    at = source.start()
    for _ in range(CYCLES + 1):
        spoil(write_snapshot(source.view(at), folder))
        at = source.next_after(at)
    return folder


def spoil(path: Path) -> None:
    """Give the first row of a snapshot a bid that is none, so that funnels tell of it."""
    header, first, *rest = gzip.decompress(path.read_bytes()).decode().splitlines()
    fields = first.split(",")
    fields[header.split(",").index("bid_price")] = "-1"
    path.write_bytes(gzip.compress("\n".join([header, ",".join(fields), *rest, ""]).encode()))


def same_records(tmp_path: Path, market: str) -> list[CycleRecord]:
    """Run both desks, compare what they recorded, byte by byte, and return it."""
    step = "6h"
    inside, over = tmp_path / "inside", tmp_path / "over-http"
    result, records = run_desk(desk_settings(inside, market=market, step=step), CYCLES)
    assert result.cycles == CYCLES
    with serving(tmp_path / "server", market=market, step=step) as server:
        settings = desk_settings(over, market=market, step=step, paper_url=server.url)
        result, over_http = run_desk(settings, CYCLES)
    assert result.cycles == CYCLES
    assert any(record.order_updates for record in records), "nothing was traded"
    for ours, theirs in zip(records, over_http, strict=True):
        assert theirs == ours
    assert log_lines(over) == log_lines(inside)
    return records


def test_a_synthetic_market_gives_the_same_bytes(tmp_path: Path) -> None:
    same_records(tmp_path, "synthetic:7")


def test_a_recording_gives_the_same_bytes(tmp_path: Path, recording: Path) -> None:
    records = same_records(tmp_path, f"recorded:{recording}")
    assert all("bad_row:out_of_range" in record.model_dump_json() for record in records)
