"""``callwright replay``: as a person and as a machine asks it."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from html.parser import HTMLParser
from importlib.resources import files
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from callwright.cli.page_file import check_page
from callwright.cli.replay_table import report_view
from callwright.cli.tables import print_uncut
from callwright.config import Settings
from callwright.domain.decision import DoNothing
from callwright.domain.record import ActionRecord, VerdictRecord
from callwright.domain.verdict import Reason
from callwright.evaluation.running import Posed
from callwright.memory.database import read_desk_database
from callwright.ports import BrainAnswer
from callwright.replaying import running
from callwright.replaying.comparing import Choice
from callwright.replaying.page import page
from callwright.replaying.question import Question
from callwright.replaying.report import Report
from callwright.replaying.running import replay
from callwright.replaying.telling import choice_text, earned_texts
from commands import callwright_here
from llm_scripts import MISBEHAVIOURS, well_behaved
from llm_servers import llm_server

Ask = Callable[..., tuple[int, str, str]]
DAYS = ("--until", "2026-01-10")
SOME = (*DAYS, "--set", "min_ivrv=1.3", "--set", "target_delta=0.3")


@pytest.fixture
def ask(
    sixty_days: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Ask:
    monkeypatch.setenv("CALLWRIGHT_HOME", str(sixty_days.callwright_home))

    def run(*arguments: str, home: Path | None = None) -> tuple[int, str, str]:
        where = [] if home is None else ["--home", str(home)]
        monkeypatch.setenv("COLUMNS", "80")
        # How long it takes on this machine is nobody's question here.
        monkeypatch.setattr("callwright.cli.replay.LINE_EACH_S", float("inf"))
        return callwright_here(monkeypatch, capsys, "replay", *arguments, *where)

    return run


@pytest.fixture(scope="module")
def report(sixty_days: Settings) -> Report:
    until = datetime(2026, 1, 11, tzinfo=UTC)
    return replay(Question(until=until, changes={"min_ivrv": 1.3, "target_delta": 0.3}), sixty_days)


def shown(report: Report, *, width: int, limit: int = 50) -> str:
    out = StringIO()
    console = Console(file=out, width=width, force_terminal=False)
    print_uncut(console, *report_view(report, limit=limit, width=width))
    return out.getvalue()


def test_the_rules_again_are_no_difference(ask: Ask) -> None:
    code, out, err = ask(*DAYS, "--brain", "rules")
    assert (code, err) == (0, "")
    assert "24 decisions, 2026-01-05 00:00 to 2026-01-10 18:00, decided again by the rules" in out
    assert "No difference: every record came out the same" in out


def test_changed_numbers_show_the_days_and_their_outcome(ask: Ask, report: Report) -> None:
    code, out, err = ask(*SOME)
    assert (code, err) == (0, "")
    assert out == shown(report, width=80)
    one_line = " ".join(out.split())
    assert "Changed: min_ivrv: 1.05 -> 1.3; target_delta: 0.22 -> 0.3." in one_line
    assert f"{len(report.differences)} another decision on {len(report.by_day)} days" in one_line


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_no_number_is_cut_however_narrow_the_terminal(report: Report, width: int) -> None:
    out = shown(report, width=width)
    rows = [line for line in out.splitlines() if line.startswith(("2026-01", "#"))]
    assert len(rows) == 2 * len(report.differences)
    for difference, recorded, again in zip(report.differences, rows[::2], rows[1::2], strict=True):
        assert recorded.split()[:2] == difference.as_of[:16].split("T")
        assert again.split()[:2] == [f"#{difference.decision_id}", "again"]
        for row, side in ((recorded, difference.recorded), (again, difference.replayed)):
            coin, usd = earned_texts(side.outcome)
            assert " ".join(row.split()).endswith(f"{coin} {usd}")
    assert f"What {len(report.differences)} differing choices earned" in out
    if width >= 80:
        assert max(len(line.rstrip()) for line in out.splitlines()) <= width
    # Reasons fill what room there is.
    assert ("  Sell " in out) == (width >= 120)


def test_the_newest_differences_are_shown(report: Report) -> None:
    out = shown(report, width=80, limit=1)
    ids = [line.split()[0] for line in out.splitlines() if line.startswith("#")]
    assert ids == [f"#{report.differences[-1].decision_id}"]
    left_out = len(report.differences) - 1
    assert f"{left_out} earlier ones are left out; --limit shows more." in out


def test_as_json(ask: Ask, report: Report) -> None:
    code, out, err = ask(*SOME, "--json")
    assert (code, err) == (0, "")
    assert Report.model_validate_json(out) == report
    told = json.loads(out)
    assert told["by_day"][0]["day"] == told["differences"][0]["as_of"][:10]
    outcomes = [
        each[side]["outcome"] for each in told["differences"] for side in ("recorded", "replayed")
    ]
    assert {leg["ended"] for outcome in outcomes for leg in outcome["legs"]} == {"expired"}
    assert all(isinstance(outcome["earned_usd"], float) for outcome in outcomes)


def test_a_window_is_days_of_the_market(ask: Ask) -> None:
    _, out, _ = ask("--since", "2026-01-12", "--until", "2026-01-13")
    assert "8 decisions, 2026-01-12 00:00 to 2026-01-13 18:00" in out


@pytest.mark.parametrize(
    ("arguments", "about"),
    [
        (["--since", "yesterday"], "is no time"),
        (["--since", "2030"], "is no time"),
        (["--since", "2030-01"], "the first is of 2026-01-05 00:00, the last of 2026-03-05 18:00"),
        (["--until", "2025-12"], "there is no decision in that time"),
        (["--since", "2026-01-12", "--until", "2026-01-11"], "is not before until 2026-01-12 00"),
        (["--since", "2026-01-12T06:00", "--until", "2026-01-12T06:00"], "is not before until"),
        (["--set", "min_ivrv"], "NAME=NUMBER"),
        (["--set", "min_ivr=1"], "did you mean min_ivrv"),
        (["--set", "dry_run=0"], "no number 'dry_run'"),
        (["--set", "delta_open_min=0.9"], "DELTA_OPEN_MIN"),
        (["--model", "gpt-4.1"], "--brain llm"),
        (["--prompt", "x.md"], "--brain llm"),
        (["--brain", "llm"], "OPENAI_API_KEY"),
        (["--brain", "llm", "--prompt", "nowhere.md"], "cannot be read"),
    ],
    ids=" ".join,
)
def test_a_wrong_question_is_wrong_usage(
    ask: Ask, arguments: list[str], about: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "LLM_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    code, out, err = ask(*arguments)
    assert (code, out) == (2, "")
    assert about in err
    assert "Traceback" not in err


def test_a_home_without_a_desk_is_told(ask: Ask, tmp_path: Path) -> None:
    code, _, err = ask("--brain", "rules", home=tmp_path)
    assert code == 1
    assert "no desk database" in err


class TestModel:
    """With a scripted model."""

    @pytest.fixture(autouse=True)
    def endpoint(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LLM_ALLOW_PRIVATE_NETWORK", "true")
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    def test_each_answer_is_a_line_where_no_bar_can_be(
        self, ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        prompt = tmp_path / "new.md"
        own = files("callwright.agents").joinpath("prompts/manager.md").read_text("utf-8")
        prompt.write_text(f"{own}\nBe brave.\n", encoding="utf-8")
        with llm_server(well_behaved()) as server:
            monkeypatch.setenv("LLM_BASE_URL", server.url)
            code, out, err = ask(
                "--until", "2026-01-05", "--brain", "llm", "--model", "scripted", "--prompt",
                str(prompt),
            )  # fmt: skip
            assert all("Be brave." in r.body["instructions"] for r in server.requests)
            assert {r.body["model"] for r in server.requests} == {"scripted"}
        assert code == 0
        assert "again by the model scripted with new.md (prompt " in " ".join(out.split())
        assert [line.split("/")[0] for line in err.splitlines() if "COVERED" in line] == [
            "1", "2", "3", "4",
        ]  # fmt: skip

    def test_a_home_that_is_named_is_booked_in(
        self, ask: Ask, a_copy: Callable[[], Settings], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        desk = a_copy().callwright_home / "desk.db"

        def booked() -> int:
            with read_desk_database(desk) as database:
                return len(database.rows("SELECT 1 FROM llm_requests"))

        counts = [booked()]
        with llm_server(well_behaved()) as server:
            monkeypatch.setenv("LLM_BASE_URL", server.url)
            monkeypatch.setenv("CALLWRIGHT_HOME", str(desk.parent))
            for home in (None, desk.parent):
                arguments = ("--until", "2026-01-05", "--brain", "llm", "--model", "scripted")
                assert ask(*arguments, home=home)[0] == 0
                counts.append(booked())
        assert counts == [0, 0, 8]

    def test_a_run_that_was_stopped_says_so_and_fails(
        self, ask: Ask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with llm_server(MISBEHAVIOURS["401"]) as server:
            monkeypatch.setenv("LLM_BASE_URL", server.url)
            code, out, err = ask("--brain", "llm", "--model", "scripted")
        assert code == 1
        assert "Nothing was decided again by the model scripted." in out
        assert "Not everything was asked: LLM_NOT_AUTHORISED" in out
        assert "Traceback" not in err


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.outside += [value or "" for name, value in attrs if name in ("src", "href")]


def test_the_page_has_everything_and_fetches_nothing(
    ask: Ask, tmp_path: Path, report: Report
) -> None:
    file = tmp_path / "report.html"
    code, _, _ = ask(*SOME, "--html", str(file))
    assert code == 0
    text = file.read_text("utf-8")
    read = _Page()
    read.feed(text)
    assert "script" not in read.tags
    assert "link" not in read.tags
    assert read.outside == []
    assert "url(" not in text
    assert text.count("<details>") == len(report.differences)
    assert "min_ivrv: 1.05 -&gt; 1.3" in text
    assert "delivery price" in text


def test_a_page_that_could_not_be_written_is_told_before_a_model_is_asked(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(*_: object, **__: object) -> Report:
        raise AssertionError("a model would have been asked")

    monkeypatch.setattr("callwright.replaying.running.replay", asked)
    for place in (tmp_path / "none" / "x.html", tmp_path):
        code, out, err = ask(*DAYS, "--html", str(place))
        assert (code, out) == (1, "")
        assert f"cannot write {place}" in err
        assert "what to do" in err


@pytest.mark.parametrize("options", [(), ("--json",)], ids=["table", "json"])
def test_a_page_that_cannot_be_written_after_all_loses_no_report(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    # The folder went away while a model was thinking.
    monkeypatch.setattr("callwright.cli.page_file.check_page", lambda path: None)
    code, out, err = ask(*DAYS, *options, "--html", str(tmp_path / "none" / "x.html"))
    assert code == 1
    assert "cannot write" in err
    assert "24 decisions" in out or json.loads(out)["decisions"] == 24


def test_looking_whether_a_page_can_be_written_changes_nothing(tmp_path: Path) -> None:
    there, new = tmp_path / "there.html", tmp_path / "new.html"
    there.write_text("what was there", encoding="utf-8")
    check_page(there)
    check_page(new)
    check_page(None)
    assert there.read_text("utf-8") == "what was there"
    assert list(tmp_path.iterdir()) == [there]


def test_what_nobody_answered_is_told_everywhere_and_fails(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(case: Posed) -> BrainAnswer:
        return BrainAnswer(proposal=DoNothing(), source="llm", failure="LLM_BAD_REPLY")

    monkeypatch.setattr(running, "model", lambda *_, **__: nullcontext(silent))
    file = tmp_path / "report.html"
    options = ("--until", "2026-01-05", "--brain", "llm", "--html", str(file))
    code, out, err = ask(*options)
    told = "Not answered: 4 decisions, in no difference and no sum: LLM_BAD_REPLY 4."
    assert code == 1
    assert told in " ".join(out.split())
    assert told in file.read_text("utf-8")
    assert [line.split()[-1] for line in err.splitlines()] == ["LLM_BAD_REPLY"] * 4
    code, out, _ = ask(*options, "--json")
    assert code == 1
    assert json.loads(out)["unanswered"] == {"LLM_BAD_REPLY": 4}


def hostile(report: Report) -> Report:
    """The first difference, with what a model may write."""
    first = report.differences[0]
    bad = ActionRecord(
        action="DO_NOTHING", params={}, reasoning="</p><script>alert(1)</script>\x1b[2J\x07"
    )
    choice = first.replayed.choice.model_copy(update={"proposed": bad})
    side = first.replayed.model_copy(update={"choice": choice})
    return report.model_copy(update={"differences": (first.model_copy(update={"replayed": side}),)})


def test_texts_of_a_model_reach_neither_page_nor_terminal_as_commands(report: Report) -> None:
    bad = hostile(report)
    text = page(bad)
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    told = shown(bad, width=300)
    assert "script" in told
    assert "\x1b" not in told
    assert "\x07" not in told


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        pytest.param({}, "HOLD", id="hold"),
        pytest.param({"failure": "LLM_TIMEOUT"}, "FAILED LLM_TIMEOUT", id="failed-is-no-hold"),
        pytest.param(
            {
                "failure": "LLM_TIMEOUT",
                "final": ActionRecord(
                    action="CLOSE_COVERED_CALL",
                    params={"underlying": "BTC", "symbol": "BTC-9JAN26-104000-C", "size": 0.1},
                    reasoning="",
                ),
            },
            "FAILED LLM_TIMEOUT, CLOSE 0.1 BTC-9JAN26-104000-C",
            id="care",
        ),
        pytest.param(
            {
                "proposed": ActionRecord(
                    action="ROLL_COVERED_CALL",
                    params={"from_symbol": "A", "symbol": "B", "size": 1.0},
                    reasoning="",
                ),
                "risk_check": VerdictRecord(allowed=False, reasons=(Reason(code="ROLL_DWELL"),)),
            },
            "ROLL 1 A to B denied: ROLL_DWELL",
            id="denied",
        ),
    ],
)
def test_a_choice_in_words(fields: dict[str, object], text: str) -> None:
    hold = ActionRecord(action="DO_NOTHING", params={}, reasoning="")
    choice = Choice(
        decided_by="llm",
        model=None,
        proposed=hold,
        guardrail=VerdictRecord(allowed=True),
        risk_check=VerdictRecord(allowed=True),
        final=hold,
        failure=None,
        failure_message="",
    )
    assert choice_text(choice.model_copy(update=fields)) == text
