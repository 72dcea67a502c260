"""The explainer over a real desk: from settings to an answer whose numbers are a record's."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from callwright.agents.explainer import ExplainerSettings
from callwright.config import Settings
from callwright.desk_reader import open_desk_reader
from callwright.domain.desk import DESK_FILE
from callwright.domain.explain import ChatAnswer
from callwright.domain.record import CycleRecord
from callwright.errors import ConfigError
from callwright.lock import sole_writer
from callwright.memory.chat_sessions import CHAT_FILE
from callwright.memory.database import open_desk_database, read_desk_database
from callwright.model_brain import explainer_settings, open_explainer
from desks import desk_settings, run_desk
from explainers import read
from llm_servers import Call, Reply, Request, Script, Turn, in_turn, llm_server


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[CycleRecord]]:
    path = tmp_path_factory.mktemp("home")
    _, records = run_desk(desk_settings(path), 16)
    return path, records


def asked(home: Path, script: Script, *questions: str, **changes: Any) -> list[ChatAnswer]:
    """Ask questions in one conversation."""
    with llm_server(script) as server:
        settings = desk_settings(
            home, llm_base_url=server.url, llm_allow_private_network=True, **changes
        )

        async def all_of_them() -> list[ChatAnswer]:
            with (
                open_desk_database(home / DESK_FILE) as database,
                open_desk_reader(settings) as desk,
            ):
                explainer = open_explainer(
                    settings,
                    database,
                    desk,
                    sessions_file=home / CHAT_FILE,
                    command_options="--home here",
                )
                return [(await read(explainer, question, "a"))[-1] for question in questions]

        return asyncio.run(all_of_them())


def first_open(records: list[CycleRecord]) -> tuple[int, CycleRecord]:
    return next(
        (number, record)
        for number, record in enumerate(records, 1)
        if record.final_action.action == "OPEN_COVERED_CALL"
    )


def test_numbers_of_a_record_hold_and_others_do_not(
    home: tuple[Path, list[CycleRecord]],
) -> None:
    path, records = home
    number, record = first_open(records)
    symbol, coin = record.final_action.params["symbol"], record.final_action.params["underlying"]
    spot = record.state.spot[coin]
    good = f"It sold {symbol} when the {coin} spot was {spot:,.0f} USD [#{number}]."
    bad = f"It sold {symbol} when the {coin} spot was {spot + 500:,.0f} USD [#{number}]."
    look = Turn(calls=(Call("get_decision", f'{{"id": "{number}"}}'),))
    with sole_writer(path, desk_settings(path).account_name):
        # As while the loop runs.
        first, second = asked(
            path, in_turn(look, Turn(text=good), Turn(text=bad), Turn(text=bad)), "Why?", "Sure?"
        )
    assert first.failure is None
    assert first.text == good
    assert first.unsupported == ()
    assert first.sources[0].command == f"callwright decisions show {number} --home here"
    assert [claim.text for claim in second.unsupported] == [f"{spot + 500:,.0f}"]
    with read_desk_database(path / DESK_FILE) as database:
        booked = database.rows("SELECT purpose, state, outcome, input_tokens FROM llm_requests")
    assert booked == [("chat", "settled", "ok", 1000)] * 4


def test_the_tools_answer_about_the_desk(home: tuple[Path, list[CycleRecord]]) -> None:
    calls = Turn(
        calls=(
            Call("search_decisions", '{"action": ["OPEN_COVERED_CALL"], "limit": 3}'),
            Call("decision_stats", '{"group_by": ["action"]}'),
            Call("get_status"),
        )
    )
    seen: dict[str, Any] = {}

    def answer(request: Request) -> Reply:
        seen.update(request.results())
        rows = {row["action"]: row["count"] for row in seen["decision_stats"]["rows"]}
        return Turn(text=f"There were {rows['OPEN_COVERED_CALL']} opens in all [stats-1].")

    (given,) = asked(home[0], in_turn(calls, answer), "How often did you open?")
    assert given.failure is None
    assert given.unsupported == (), given.text
    assert seen["search_decisions"]["hits"]
    assert seen["get_status"]["mode"] == "research"


def settings_of(home: Path, **changes: Any) -> Settings:
    return desk_settings(home, **changes)


def test_settings_name_the_model_and_its_caps(tmp_path: Path) -> None:
    plain = explainer_settings(settings_of(tmp_path, llm_model_name="manager"))
    assert plain.model == "manager"
    assert plain == ExplainerSettings(model="manager"), "the defaults are said once"
    other = explainer_settings(
        settings_of(
            tmp_path,
            llm_chat_model_name="talker",
            llm_chat_max_tokens=99,
            llm_chat_max_input_tokens=9_999,
            llm_chat_timeout_seconds=9,
        )
    )
    assert other.model == "talker"
    assert (other.max_output_tokens, other.max_input_tokens, other.timeout_s) == (99, 9_999, 9.0)


def test_a_hosted_model_without_a_price_is_not_asked(
    home: tuple[Path, list[CycleRecord]],
) -> None:
    settings = desk_settings(
        home[0], llm_chat_model_name="never-heard-of", openai_api_key="key-of-a-test"
    )
    with (
        open_desk_database(home[0] / DESK_FILE) as database,
        open_desk_reader(settings) as desk,
        pytest.raises(ConfigError, match="never-heard-of"),
    ):
        open_explainer(settings, database, desk)
