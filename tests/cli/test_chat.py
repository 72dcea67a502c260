"""``callwright chat``: one question, a conversation, a log file, with a model and without."""

from __future__ import annotations

import io
import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from callwright.domain.explain import ChatAnswer
from callwright.lock import sole_writer
from commands import callwright_here
from desks import desk_settings, run_desk
from llm_servers import Call, Raw, Script, Turn, always, in_turn, llm_server

Ask = Callable[..., tuple[int, str, str]]
CYCLES = 40
BLOCKED = "When did the risk engine last block you, and why?"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("desk")
    run_desk(desk_settings(home, snapshots_kept=3), CYCLES)
    return home


@pytest.fixture
def ask(
    desk: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Ask:
    monkeypatch.chdir(tmp_path)
    for name in ("OPENAI_API_KEY", "LLM_BASE_URL", "CALLWRIGHT_HOME"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str, home: Path = desk, typed: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        monkeypatch.setenv("COLUMNS", "80")
        line = ("chat", *arguments, "--home", str(home))
        return callwright_here(monkeypatch, capsys, *line)

    return run


def test_a_question_is_answered_with_sources_and_says_how(ask: Ask, desk: Path) -> None:
    code, out, err = ask(BLOCKED)
    assert (code, err) == (0, "")
    assert "denied a proposal on 2026-01-13 00:00 UTC [#33]" in out
    assert "ROLL_DWELL" in out
    assert f"- [#33] `callwright decisions show 33 --home {desk}`" in out
    assert out.endswith("Answered without a model, by fixed templates over the records.\n")


def test_tools_and_cost_on_request(ask: Ask) -> None:
    _, out, _ = ask(BLOCKED, "--show", "tools,cost")
    assert "- [#33] get_decision" in out
    assert "No model was asked: no cost." in out


def test_json_is_one_answer(ask: Ask) -> None:
    code, out, _ = ask("How often did you roll?", "--json")
    answer = ChatAnswer.model_validate_json(out)
    assert code == 0
    assert answer.mode == "templates"
    assert not answer.unsupported
    assert {source.tool for source in answer.sources} == {"decision_stats"}


@pytest.mark.parametrize(
    ("arguments", "about"),
    [
        (["hi", "--show", "everything"], "--show knows tools, cost"),
        (["--json"], "--json needs a question"),
        (["hi", "--since", "long ago"], "is no time"),
    ],
)
def test_wrong_usage(ask: Ask, arguments: list[str], about: str) -> None:
    code, out, err = ask(*arguments)
    assert (code, out) == (2, "")
    assert about in err


def test_a_question_that_cannot_be_asked_is_told_on_stdout(ask: Ask) -> None:
    code, out, _ = ask("Why decision 9999?")
    assert code == 2
    assert "there is no decision 9999" in out


def test_before_any_run(ask: Ask, tmp_path: Path) -> None:
    code, _, err = ask("Why decision 1?", home=tmp_path / "none")
    assert code == 1
    assert "no desk database" in err
    assert "run the desk once" in err


def test_a_home_of_an_earlier_version(ask: Ask, tmp_path: Path) -> None:
    run_desk(desk_settings(tmp_path / "old"), 1)
    with sqlite3.connect(tmp_path / "old" / "desk.db") as database:
        database.execute("PRAGMA user_version = 1")
    database.close()
    code, _, err = ask("Why decision 1?", home=tmp_path / "old")
    assert code == 1
    assert "start the desk once" in err


def test_while_the_desk_runs_and_writes(ask: Ask, desk: Path) -> None:
    writer = sqlite3.connect(desk / "desk.db", isolation_level=None)
    try:
        with sole_writer(desk, "paper"):
            writer.execute("BEGIN IMMEDIATE")
            writer.execute("INSERT INTO cycles_begun (cycle_id, as_of) VALUES ('x', 'y')")
            code, out, _ = ask("How many decisions are on record?")
            writer.execute("ROLLBACK")
    finally:
        writer.close()
    assert code == 0
    assert f"{CYCLES} decisions [stats-1]" in out


def test_limit_and_since_bound_what_is_looked_at(ask: Ask) -> None:
    _, out, _ = ask("How many decisions are on record?", "--limit", "10")
    assert "10 decisions [stats-1]" in out
    assert "--since 2026-01-12T12:00:00.000Z" in out
    _, out, _ = ask("How many decisions are on record?", "--since", "2026-01-14")
    assert "4 decisions [stats-1]" in out
    _, out, _ = ask("How many decisions since 2026-01-14?", "--limit", "10")
    assert "4 decisions since 2026-01-14 [stats-1]" in out
    code, out, _ = ask("Why decision 2?", "--limit", "10")
    assert code == 2
    assert "older than what may be looked at" in out


def test_a_log_file_with_lines_that_are_none(ask: Ask, desk: Path, tmp_path: Path) -> None:
    lines = sorted((desk / "logs").iterdir())[0].read_text().splitlines()
    log = tmp_path / "some.jsonl"
    log.write_text("\n".join([*lines, "{torn", "[]", lines[0]]) + "\n")
    code, out, _ = ask("Summarize your last 2 decisions", "--log", str(log))
    assert code == 0
    assert f"{len(lines)} decisions of {len(lines) + 3} lines; 2 skipped" in out
    assert f"[#{len(lines)}]" in out
    code, out, _ = ask("What positions do you hold?", "--log", str(log))
    assert code == 2
    assert "a log file does not say how the desk stands now" in out
    code, out, _ = ask("What would you do if I had no BTC?", "--log", str(log))
    assert "a log file does not say what the market offered" in out
    _, out, _ = ask("Are you using LLM mode now?", "--log", str(log))
    assert "was made by the rules" in out


def test_a_log_file_without_a_record(ask: Ask, tmp_path: Path) -> None:
    log = tmp_path / "empty.jsonl"
    log.write_text("nothing\n")
    code, _, err = ask("hi", "--log", str(log))
    assert (code, "holds no decision" in err) == (2, True)
    code, _, err = ask("hi", "--log", str(tmp_path / "absent.jsonl"))
    assert (code, "no such file" in err) == (1, True)


def test_a_conversation(ask: Ask) -> None:
    typed = "\n".join(
        ["How often did you roll?", "", "How often did you open?", "/sources", "/cost", "/status",
         "/decision [#33]", "/decision 9999", "/what", "Why decision 9999?", "/new",
         "How often did you close?", "/quit", "Why decision 1?"]
    )  # fmt: skip
    code, out, err = ask(typed=typed)
    assert (code, err) == (0, "")
    # The numbers of citations go on, and begin anew with a new conversation.
    assert "rolls [stats-1]" in out
    assert "opens [stats-4]" in out
    assert "No close is on record: 0 decisions [stats-1]" in out
    assert "[stats-4] callwright decisions stats" in out
    assert "Last answer: No model was asked: no cost." in out
    assert "trading state" in out
    assert "ROLL_DWELL" in out
    assert "there is no decision 9999" in out
    assert "There is no /what here." in out
    assert "[#1]" not in out, "nothing is read after /quit"


def test_a_conversation_ends_with_its_input(ask: Ask) -> None:
    assert ask(typed="Why decision 1?")[0] == 0


def test_ctrl_c_stops_the_answer_only(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    from callwright.cli.chat_screen import PlainScreen

    real, calls = PlainScreen.answer, []

    def interrupted(self: PlainScreen, chat: object, question: str) -> object:
        calls.append(question)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return real(self, chat, question)  # type: ignore[arg-type]

    monkeypatch.setattr(PlainScreen, "answer", interrupted)
    code, out, _ = ask(typed="Why decision 1?\nWhy decision 2?")
    assert code == 0
    assert "Stopped." in out
    assert "[#2]" in out


def test_a_kept_conversation_goes_on(ask: Ask, tmp_path: Path) -> None:
    home = tmp_path / "kept"
    run_desk(desk_settings(home), 3)
    ask("How often did you open?", "--session", "mine", home=home)
    _, out, _ = ask("How often did you open?", "--session", "mine", home=home)
    assert "opens [stats-4]" in out
    _, out, _ = ask("How often did you open?", "--session", "other", home=home)
    assert "opens [stats-1]" in out


def served(ask: Ask, monkeypatch: pytest.MonkeyPatch, script: Script, *asked: str) -> str:
    with llm_server(script) as server:
        for name, value in (
            ("LLM_BASE_URL", server.url),
            ("LLM_ALLOW_PRIVATE_NETWORK", "true"),
            ("LLM_WIRE", "chat"),
            ("LLM_MODEL_NAME", "scripted"),
        ):
            monkeypatch.setenv(name, value)
        code, out, err = ask(*asked)
    assert (code, err) == (0, "")
    return out


def test_a_local_model_answers(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    script = in_turn(
        Turn(calls=(Call("get_decision", json.dumps({"id": "33"})),)),
        Turn(text="It was denied with ROLL_DWELL [#33]."),
    )
    out = served(ask, monkeypatch, script, BLOCKED, "--show", "cost")
    assert "It was denied with ROLL_DWELL [#33]." in out
    assert "Answered by the model scripted; what it says was checked against the records." in out
    assert "2,000 input tokens, 100 output tokens" in out


def test_what_a_model_made_up_is_marked(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    script = in_turn(
        Turn(calls=(Call("get_decision", json.dumps({"id": "33"})),)),
        always(Turn(text="It was denied with COVER_EXCEEDED [#33].")),
    )
    out = served(ask, monkeypatch, script, BLOCKED)
    assert "COVER_EXCEEDED (unverified) [#33]" in out


def test_templates_answer_when_the_model_cannot(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    out = served(ask, monkeypatch, always(Raw(status=500, body=b"{}")), BLOCKED)
    assert "There is no answer from the model" in out
    assert "LLM_UNAVAILABLE" in out
    assert "Answered without a model instead:" in out
    assert "ROLL_DWELL" in out


def test_templates_answer_when_the_budget_is_spent(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    with llm_server(always(Turn(text="never asked"))) as server:
        for name, value in (
            ("LLM_BASE_URL", server.url),
            ("LLM_ALLOW_PRIVATE_NETWORK", "true"),
            ("LLM_BUDGET_DAY_USD", "0"),
        ):
            monkeypatch.setenv(name, value)
        code, out, err = ask(BLOCKED)
    assert (code, err, list(server.requests)) == (0, "", [])
    assert "LLM_BUDGET_EXHAUSTED" in out
    assert "Answered without a model instead:" in out
    assert "ROLL_DWELL" in out


def test_a_model_may_be_refused(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    out = served(ask, monkeypatch, always(Raw(status=500, body=b"{}")), BLOCKED, "--no-llm")
    assert "no answer from the model" not in out
    assert "Answered without a model" in out


def test_a_model_of_unknown_price_is_not_asked(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "not-a-real-key")
    monkeypatch.setenv("LLM_MODEL_NAME", "nobody-prices-this")
    code, out, _ = ask(BLOCKED)
    assert code == 0
    assert "No model is asked: the price of nobody-prices-this is not known" in out
    assert "ROLL_DWELL" in out
    assert "not-a-real-key" not in out


def test_without_a_model_no_sdk_is_loaded(desk: Path, tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from callwright.cli import main\n"
        f"sys.argv = ['callwright', 'chat', 'Why decision 33?', '--home', {str(desk)!r}]\n"
        "try:\n    main()\nexcept SystemExit as exc:\n    assert not exc.code, exc.code\n"
        "heavy = {'agents', 'openai', 'mcp', 'httpx2'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120,
        check=False, env={"PATH": "", "HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
