"""``callwright what-if``: as a person and as a machine asks it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from commands import callwright_here
from desks import desk_settings, run_desk
from llm_servers import llm_server, well_behaved

Ask = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("desk")
    run_desk(desk_settings(home), 12)
    return home


@pytest.fixture
def ask(desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ask:
    def run(*arguments: str, home: Path = desk) -> tuple[int, str, str]:
        monkeypatch.setenv("COLUMNS", "80")
        line = ("what-if", *arguments, "--home", str(home))
        return callwright_here(monkeypatch, capsys, *line)

    return run


@pytest.mark.parametrize(
    "arguments",
    [
        [], ["--without", "BTC"], ["--without", "BTC", "--without", "ETH"],
        ["--spot", "BTC=90000", "--balance", "ETH=2.5"],
        ["--set", "max_net_delta_abs=0.3", "--set", "min_ivrv=1.2"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_as_a_table_and_as_json(ask: Ask, arguments: list[str]) -> None:
    code, out, err = ask(*arguments)
    assert (code, err) == (0, "")
    for name in ("snapshot", "changed", "answers for", "guardrail", "would do", "really did"):
        assert f"\n{name}" in f"\n{out}"
    assert max(len(line.rstrip()) for line in out.splitlines()) <= 80
    code, out, _ = ask(*arguments, "--json")
    assert code == 0
    answer = json.loads(out)
    assert answer["decision_id"] == 12
    assert len(answer["changes"]) == max(len(arguments) // 2, 1)


def test_a_denial_is_shown_with_its_code(ask: Ask) -> None:
    _, out, _ = ask("--set", "max_expiry_exposure=0")
    assert "EXPIRY_EXPOSURE_ABOVE_MAXIMUM" in out


@pytest.mark.parametrize(
    ("arguments", "about"),
    [
        (["--without", "DOGE"], "BTC"),
        (["--spot", "BTC"], "NAME=NUMBER"),
        (["--set", "max_delta=1"], "max_net_delta_abs"),
        (["--model"], "OPENAI_API_KEY"),
    ],
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


def test_the_model_can_be_asked(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    with llm_server(well_behaved()) as server:
        monkeypatch.setenv("LLM_BASE_URL", server.url)
        monkeypatch.setenv("LLM_ALLOW_PRIVATE_NETWORK", "true")
        monkeypatch.setenv("LLM_MODEL_NAME", "scripted")
        code, out, err = ask("--model")
    assert (code, err) == (0, "")
    assert "the manager, model scripted" in out
    assert len(server.requests) == 2


def test_a_home_without_a_desk_is_told(ask: Ask, tmp_path: Path) -> None:
    code, _, err = ask(home=tmp_path)
    assert code == 1
    assert "no desk database" in err
