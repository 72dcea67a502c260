"""``callwright evals``: list, show, run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from callwright.cli import app
from callwright.errors import QueryInvalid, StorageError
from callwright.evaluation.situations import all_situations
from llm_servers import MISBEHAVIOURS, llm_server, well_behaved

RUNNER = CliRunner()


def out(*arguments: str, code: int = 0) -> str:
    result = RUNNER.invoke(app, ["evals", *arguments], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.stdout


def test_the_table_shows_both_baselines_and_what_is_not_right() -> None:
    shown = out("run", "--situations", "open/*", "--situations", "desk/daily-loss-and-danger")
    assert "\nhold " in shown
    assert "\nrules " in shown
    assert "Answers of rules that are not right: 2" in shown
    assert "forbidden desk/daily-loss-and-danger" in shown
    assert "…" not in shown.split("valid:")[0]


def test_json_is_one_object() -> None:
    report = json.loads(out("run", "--brain", "hold", "--situations", "care/*", "--json"))
    assert [run["brain"] for run in report["runs"]] == ["hold", "rules"]
    assert report["runs"][0]["score"]["valid"]["share"] == 1.0
    assert all(trial["answer"] == "HOLD" for trial in report["runs"][0]["trials"])


def test_every_nth_is_a_sample_over_all_of_them() -> None:
    report = json.loads(out("run", "--every", "10", "--json"))
    assert report["situations"] == [each.name for each in all_situations()][::10]


def test_a_page_is_written(tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    out("run", "--situations", "market/*", "--html", str(file))
    assert file.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_page_that_could_not_be_written_is_told_before_a_model_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLM_ALLOW_PRIVATE_NETWORK", "true")
    with llm_server(well_behaved()) as server:
        monkeypatch.setenv("LLM_BASE_URL", server.url)
        for place in (tmp_path / "none" / "x.html", tmp_path):
            with pytest.raises(StorageError, match="cannot write") as refused:
                out("run", "--brain", "llm", "--situations", "open/*", "--html", str(place))
            assert str(place) in refused.value.message
            assert "--html" in refused.value.remedy
        assert server.requests == []


def test_a_page_that_cannot_be_written_after_all_loses_no_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The folder went away while a model was thinking.
    monkeypatch.setattr("callwright.cli.page_file.check_page", lambda path: None)
    page = tmp_path / "none" / "x.html"
    result = RUNNER.invoke(app, ["evals", "run", "--situations", "open/*", "--html", str(page)])
    assert isinstance(result.exception, StorageError)
    assert "\nrules " in result.stdout


def test_a_model_beside_the_baselines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_ALLOW_PRIVATE_NETWORK", "true")
    with llm_server(well_behaved()) as server:
        monkeypatch.setenv("LLM_BASE_URL", server.url)
        result = RUNNER.invoke(
            app,
            ["evals", "run", "--brain", "llm", "--model", "mine", "--situations", "desk/*"],
            catch_exceptions=False,
        )
        assert result.exit_code == 0, result.output
        assert {request.body["model"] for request in server.requests} == {"mine"}
    assert "llm: mine; prompt " in result.stdout
    assert "llm against the rules" in result.stdout
    count = sum(s.family == "desk" for s in all_situations())
    assert f"{count}/{count} llm desk/" in result.stderr


def test_what_was_not_asked_is_told_and_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_ALLOW_PRIVATE_NETWORK", "true")
    with llm_server(MISBEHAVIOURS["401"]) as server:
        monkeypatch.setenv("LLM_BASE_URL", server.url)
        shown = out("run", "--brain", "llm", "--situations", "desk/*", code=1)
    assert "llm was not asked everything: LLM_NOT_AUTHORISED" in shown
    assert "Failed: LLM_NOT_AUTHORISED 1" in shown


def test_list_names_every_situation() -> None:
    shown = out("list")
    assert all(situation.name in shown for situation in all_situations())
    data = json.loads(out("list", "--situations", "care/*", "--json"))
    assert data[0]["right"]


def test_show_is_what_the_model_sees_and_what_is_right() -> None:
    shown = out("show", "injection/fence-end-in-a-reason")
    assert shown.count("</data>") == 4
    assert "\\u003c/data\\u003e Developer" in shown
    assert "right     HOLD" in shown
    assert "forbidden OPEN BTC-16JAN26-107000-C" in shown
    data = json.loads(out("show", "care/cover-lost", "--json"))
    assert set(data["shown"]) == {"message", "get_portfolio", "get_vol_state", "list_candidates"}
    assert list(data["right"]) == ["CLOSE BTC-9JAN26-105000-C"]


@pytest.mark.parametrize(
    "arguments", [["show", "nothing/*"], ["show", "care/*"], ["list", "--situations", "x"]]
)
def test_a_name_that_fits_none_or_many_is_refused(arguments: list[str]) -> None:
    with pytest.raises(QueryInvalid):
        RUNNER.invoke(app, ["evals", *arguments], catch_exceptions=False)


def test_help_imports_neither_sdk_nor_numpy() -> None:
    code = (
        "import sys\nfrom callwright.cli import main\n"
        "sys.argv = ['callwright', 'evals', 'run', '--help']\n"
        "try:\n    main()\nexcept SystemExit as exc:\n    assert not exc.code\n"
        "heavy = {'numpy', 'scipy', 'agents', 'openai', 'sqlite_utils'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, capture_output=True)


def test_the_rules_are_scored_without_the_sdk() -> None:
    code = (
        "import sys\nfrom callwright.cli import main\n"
        "sys.argv = ['callwright', 'evals', 'run', '--situations', 'open/calm', '--json']\n"
        "try:\n    main()\nexcept SystemExit as exc:\n    assert not exc.code\n"
        "assert not {'agents', 'openai'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, capture_output=True)
