"""One seed, one set of records: the exchange in process and the same one behind HTTP."""

from __future__ import annotations

import gzip
from datetime import timedelta
from pathlib import Path

import pytest

from callwright.audit import audit
from callwright.connect import PAPER_FILE
from callwright.domain.desk import DESK_FILE
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


def test_faults_on_the_way_break_no_invariant(tmp_path: Path) -> None:
    with serving(tmp_path / "server") as server:
        for kind in ("lose_reply", "error_after", "timeout_before", "unavailable"):
            server.faults.arm(kind, "sell", "buy", seconds=0.05)
        server.faults.arm("hide_order", "sell", times=2, seconds=3.0)
        server.faults.arm("lose_reply", "advance", "pass_time", "account", times=2)
        settings = desk_settings(tmp_path / "desk", paper_url=server.url)
        result, records = run_desk(settings, CYCLES)
        sent = server.ask(lambda exchange: exchange.trades("BTC") + exchange.trades("ETH"))
        labels = {trade.order_id: trade.label for trade in sent}
    assert result.cycles == CYCLES
    assert len(records) == CYCLES
    assert labels
    assert len(set(labels.values())) == len(labels), "an order was sent twice"
    books = tmp_path / "server" / PAPER_FILE
    assert audit(settings.callwright_home / DESK_FILE, books, settings.log_dir) == ()
