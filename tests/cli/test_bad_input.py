"""Bad input of every kind: one clear message that names the thing and the remedy, no traceback."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from callwright.memory.database import read_desk_database
from callwright.paper.markets import open_source
from callwright.paper.recording import write_snapshot
from commands import callwright, complains
from desks import desk_settings, run_desk, violations

RUN = ["run", "--cycles", "3", "--interval", "0", "--no-dry-run", "--home", "home"]


@pytest.mark.parametrize(
    ("file", "text", "about"),
    [
        pytest.param("callwright.toml", "max_margin_pct = 1", "max_margin_used_pct", id="toml-key"),
        pytest.param(".env", "DRYRUN=false", "dryrun", id="dotenv-key"),
        pytest.param("callwright.toml", "cycles = 'x'", "cycles", id="toml-not-a-setting"),
        pytest.param("callwright.toml", "max_orders_per_day = 'x'", "MAX_ORDERS", id="wrong-type"),
        pytest.param("callwright.toml", "delta_open_max = 1.5", "DELTA_OPEN_MAX", id="impossible"),
        pytest.param(
            ".env", "DERIBIT_BASE_URL=https://www.deribit.com/api/v2", "testnet", id="mainnet"
        ),
        pytest.param("callwright.toml", "market = 'bogus'", "bogus", id="no-such-market"),
        pytest.param("callwright.toml", "market = 'synthetic:x'", "synthetic:x", id="no-seed"),
        pytest.param(
            "callwright.toml", "market = 'recorded:/nowhere'", "/nowhere", id="no-recording"
        ),
    ],
)
def test_a_wrong_setting_is_exit_code_2(tmp_path: Path, file: str, text: str, about: str) -> None:
    (tmp_path / file).write_text(text)
    done = callwright(*RUN, cwd=tmp_path)
    complains(done, code=2, about=about)
    assert not (tmp_path / "home" / "desk.db").exists()


@pytest.mark.parametrize(
    "arguments",
    [["run", "--cycles", "0"], ["run", "--step", "-5"], ["nonsense"], ["run", "--venue", "mainnet"],
     ["backtest"], ["backtest", "--seeds", "x"]],
)  # fmt: skip
def test_wrong_usage_is_exit_code_2(tmp_path: Path, arguments: list[str]) -> None:
    done = callwright(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    folder = tmp_path / "recording"
    source = open_source("synthetic:2", step=desk_settings(tmp_path, step="1d").step_length())
    at = source.start()
    for _ in range(3):
        write_snapshot(source.view(at), folder)
        at = source.next_after(at)
    return folder


def change_lines(path: Path, change: Callable[[list[str]], list[str]]) -> None:
    lines = gzip.decompress(path.read_bytes()).decode().splitlines(keepends=True)
    path.write_bytes(gzip.compress("".join(change(lines)).encode(), mtime=0))


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda p: p.write_bytes(p.read_bytes()[:-200]), id="torn"),
        pytest.param(lambda p: p.write_bytes(b""), id="empty"),
        pytest.param(lambda p: change_lines(p, lambda ls: ls[:1]), id="no-rows"),
        pytest.param(
            lambda p: change_lines(p, lambda ls: [ls[0].replace("mark_price", "mk"), *ls[1:]]),
            id="a-column-missing",
        ),
    ],
)
def test_a_damaged_recording_names_the_file_and_loses_nothing(
    tmp_path: Path, recording: Path, damage: Callable[[Path], object]
) -> None:
    last = sorted(recording.iterdir())[-1]
    damage(last)
    done = callwright(*RUN, "--market", f"recorded:{recording}", cwd=tmp_path)
    complains(done, code=1, about=last.name)
    with read_desk_database(tmp_path / "home" / "desk.db") as database:
        assert database.rows("SELECT count(*) FROM cycles")[0][0] == 2


def test_double_and_crossed_and_one_sided_quotes_are_never_traded(
    tmp_path: Path, recording: Path
) -> None:
    def spoil(lines: list[str]) -> list[str]:
        header = lines[0].rstrip("\n").split(",")
        bid, ask = header.index("bid_price"), header.index("ask_price")
        out = [lines[0]]
        for n, line in enumerate(lines[1:]):
            cells = line.rstrip("\n").split(",")
            if n % 3 == 0:
                cells[bid], cells[ask] = "0.9", "0.0005"
            elif n % 3 == 1:
                cells[ask] = ""
            out.append(",".join(cells) + "\n")
            if n % 3 == 2:
                out.append(out[-1])
        return out

    for path in recording.iterdir():
        change_lines(path, spoil)
    settings = desk_settings(
        tmp_path / "home", market=f"recorded:{recording}", rv_window_days=1, rv_min_samples=2
    )
    _, records = run_desk(settings, 3)
    assert len(records) == 3
    for record in records:
        assert record.state.candidates_count == 0
        fallen = {s["filter"]: s["dropped"] for s in record.state.funnel["BTC"]}
        assert fallen["bad_row:duplicate"] > 0
        assert record.execution.status == "skipped"
    assert violations(settings) == ()


@pytest.mark.parametrize("name", ["desk.db", "paper.db"])
def test_a_corrupt_database_is_named_and_left_alone(tmp_path: Path, name: str) -> None:
    home = tmp_path / "home"
    run_desk(desk_settings(home), 2)
    for extra in home.glob(f"{name}-*"):
        extra.unlink()
    rubbish = b"this is no database" * 400
    (home / name).write_bytes(rubbish)
    done = callwright(*RUN, "--market", "synthetic:7", cwd=tmp_path)
    complains(done, code=1, about=name)
    assert "what to do" in done.stderr
    assert (home / name).read_bytes() == rubbish


def test_another_market_in_the_same_account_is_refused(tmp_path: Path) -> None:
    run_desk(desk_settings(tmp_path / "home"), 2)
    done = callwright(*RUN, "--market", "synthetic:8", cwd=tmp_path)
    complains(done, code=2, about="synthetic:7")


def test_a_full_disk_stops_trading_and_loses_nothing(tmp_path: Path) -> None:
    settings = desk_settings(tmp_path / "home", callwright_home=tmp_path / "home")
    run_desk(settings, 4)
    largest = max(path.stat().st_size for path in (tmp_path / "home").rglob("*.*"))
    done = callwright(
        "run", "--cycles", "400", "--interval", "0", "--no-dry-run", "--home", "home",
        "--log-dir", "home/logs", "--market", "synthetic:7", "--json",
        cwd=tmp_path, limit_file_bytes=largest + 40_000,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "what to do" in done.stderr
    run_desk(settings, 3)
    assert violations(settings) == ()


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file stands where the folder should")
    done = callwright(*RUN, "--market", "synthetic:7", cwd=tmp_path)
    complains(done, code=1, about="home")


def test_a_log_folder_that_cannot_be_made_stops_trading(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file stands where the folder should")
    done = callwright(*RUN, "--market", "synthetic:7", "--log-dir", "logs", cwd=tmp_path)
    complains(done, code=1, about="logs")


def test_a_read_only_disk_is_named(tmp_path: Path) -> None:
    # Root may write anywhere; /proc is read-only for everybody.
    done = callwright("run", "--cycles", "1", "--home", "/proc/callwright", cwd=tmp_path)
    complains(done, code=1, about="/proc/callwright")
