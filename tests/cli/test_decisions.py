"""``callwright decisions``: every command, as a person and as a machine asks it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from callwright.cli.decision_tables import page_view
from callwright.domain.history import SearchPage
from commands import callwright_here
from desks import desk_settings, run_desk

Ask = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("desk")
    run_desk(desk_settings(home), 30)
    return home


@pytest.fixture
def ask(desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ask:
    def run(*arguments: str, home: Path = desk) -> tuple[int, str, str]:
        monkeypatch.setenv("COLUMNS", "80")
        line = ("decisions", *arguments, "--home", str(home))
        return callwright_here(monkeypatch, capsys, *line)

    return run


@pytest.mark.parametrize(
    "arguments",
    [
        ["list"], ["list", "--action", "roll", "--limit", "2", "--oldest", "--each"],
        ["list", "--denied"], ["list", "--failed"], ["search", "delta nearest"],
        ["search", '"*^ NEAR('], ["search", "zebra delta"], ["show", "5"], ["why", "1"], ["stats"],
        ["stats", "--by", "month", "--by", "code"], ["stats", "--by", "strike", "--limit", "3"],
        ["list", "--since", "2026-01-06", "--until", "2026-01-06", "--strike", "94.5k"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_as_a_table_and_as_json(ask: Ask, arguments: list[str]) -> None:
    code, out, err = ask(*arguments)
    assert (code, err) == (0, "")
    assert out
    assert max(len(line.rstrip()) for line in out.splitlines()) <= 80
    code, out, _ = ask(*arguments, "--json")
    assert code == 0
    assert json.loads(out)


def test_what_trades_moved_is_in_the_statistics(ask: Ask) -> None:
    _, out, _ = ask("stats", "--action", "open")
    assert "What their trades moved, in coin" in out
    assert "mean strike" in out
    _, out, _ = ask("stats", "--action", "open", "--json")
    row = json.loads(out)["rows"][0]
    assert row["cash"]["BTC"]["fills"] > 0
    assert row["cash"]["BTC"]["net_coin"] == pytest.approx(
        row["cash"]["BTC"]["premium_coin"]
        - row["cash"]["BTC"]["fees_coin"]
        + row["cash"]["BTC"]["settlement_coin"]
    )


def test_why_says_who_decided_what_the_gates_said_and_why(ask: Ask) -> None:
    _, out, _ = ask("list", "--action", "roll", "--json")
    rolls = json.loads(out)["hits"]
    _, out, _ = ask("why", str(rolls[0]["id"]), "--json")
    told = " ".join(json.loads(out)["why"])
    assert "the rules proposed to roll" in told
    assert "The risk engine allowed it." in told
    assert "The rules' reason: Roll" in told
    assert "What it closes was sold by #" in told
    code, _, err = ask("why", "9999")
    assert (code, "no decision 9999" in err) == (2, True)


def test_pruning_asks_first_and_takes_whole_months(ask: Ask, desk: Path, tmp_path: Path) -> None:
    home = tmp_path / "pruned"
    run_desk(desk_settings(home), 160)
    before = ("prune", "--before", "2026-02")
    code, out, _ = ask(*before, home=home)
    assert (code, "0 deleted" in out, "--yes" in out) == (0, True, True)
    code, _, err = ask("prune", "--before", "2026-02-11", home=home)
    assert (code, "first day of a month" in err) == (2, True)
    code, _, err = ask("prune", "--before", "2026-03", "--yes", home=home)
    assert (code, "month of the newest decision" in err) == (1, True)
    code, out, _ = ask(*before, "--yes", home=home)
    assert (code, " 108 deleted" in out) == (0, True)
    code, out, _ = ask("prune", "--before", "2026-01", "--yes", "--json", home=home)
    assert (code, json.loads(out)["deleted"]) == (0, 0)
    code, out, _ = ask("verify", home=home)
    assert code == 0


def test_a_day_without_a_time_is_included(ask: Ask) -> None:
    _, out, _ = ask("list", "--since", "2026-01-06", "--until", "2026-01-06", "--json")
    days = {hit["as_of"][:10] for hit in json.loads(out)["hits"]}
    assert days == {"2026-01-06"}


@pytest.mark.parametrize(
    ("arguments", "about"),
    [
        (["show", "9999"], "no decision 9999"),
        (["list", "--action", "yolo"], "cannot be asked"),
        (["list", "--since", "yesterday"], "is no time"),
        (["list", "--until", "9999-12-31"], "is no time"),
        (["list", "--strike", "high"], "is no strike"),
        (["stats", "--by", "mood"], "cannot be asked"),
        (["stats", "--by", "day", "--by", "day"], "twice"),
        (["export", "x.xlsx"], "cannot export"),
        (["export", "-", "--format", "parquet"], "cannot export"),
    ],
)
def test_wrong_questions_are_one_clear_message(ask: Ask, arguments: list[str], about: str) -> None:
    code, out, err = ask(*arguments)
    assert (code, out) == (2, "")
    assert about in err
    assert "what to do" in err or "twice" in err


def test_import_verify_and_export(ask: Ask, desk: Path, tmp_path: Path) -> None:
    files = sorted(str(path) for path in (desk / "logs").iterdir())
    code, out, _ = ask("import", *files, "--json", home=tmp_path / "other")
    assert (code, json.loads(out)["added"]) == (0, 30)
    code, out, _ = ask("import", *files, home=tmp_path / "other")
    assert (code, "0 added, 30 known" in out) == (0, True)
    code, out, _ = ask("verify", "--log-dir", str(desk / "logs"), home=tmp_path / "other")
    assert (code, "agree" in out) == (0, True)
    code, out, _ = ask("verify", "--json", home=tmp_path / "other")
    assert (code, json.loads(out)["difference_count"]) == (1, 30)
    code, out, _ = ask("export", str(tmp_path / "all.csv"), "--json")
    assert (code, json.loads(out)["decisions"]) == (0, 30)
    code, out, _ = ask("export", "-")
    assert out == "".join(Path(file).read_text() for file in files)


def test_without_a_desk_it_is_said(ask: Ask, tmp_path: Path) -> None:
    code, _, err = ask("list", home=tmp_path)
    assert code == 1
    assert "no desk database" in err


def test_a_narrow_list_shows_numbers_and_times_whole(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    _, out, _ = ask("list", "--limit", "3", "--json")
    page = json.loads(out)
    _, out, _ = ask("list", "--limit", "3")
    for hit in page["hits"]:
        assert f"{hit['id']}  {hit['as_of'][:16].replace('T', ' ')}  " in out


def test_a_close_after_a_failure_is_shown_as_the_close_it_was(ask: Ask) -> None:
    _, out, _ = ask("list", "--limit", "1", "--json")
    page = SearchPage.model_validate_json(out)
    (hit,) = page.hits
    closed = {"action": "CLOSE_COVERED_CALL", "failure": "LLM_TIMEOUT", "source": "care"}
    failed = hit.model_copy(update=closed)
    held = failed.model_copy(update={"action": "DO_NOTHING"})
    shown = page_view(page.model_copy(update={"hits": (failed, held)}), width=200)
    printed = io.StringIO()
    Console(width=200, file=printed).print(shown[0])
    rows = printed.getvalue().splitlines()[1:]
    assert [("CLOSE" in row, "FAILED" in row, "LLM_TIMEOUT" in row) for row in rows] == [
        (True, False, True),
        (False, True, True),
    ]


def test_folded_rows_are_told(ask: Ask) -> None:
    _, out, _ = ask("list", "--limit", "2", "--json")
    page = SearchPage.model_validate_json(out)
    one, other = page.hits
    folded = page.model_copy(update={"hits": (one, other.model_copy(update={"run_length": 3}))})
    told = [str(part) for part in page_view(folded, width=80)]
    assert f"4 of {page.total} decisions, in 2 rows." in told
    assert f"2 of {page.total} decisions." in [str(part) for part in page_view(page, width=80)]
