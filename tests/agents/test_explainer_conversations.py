"""Questions that follow one another: what is told again, what is kept, what is out of date."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from callwright.domain.explain import TextPiece
from callwright.errors import StorageError
from callwright.explain.evidence import STALE
from callwright.memory.chat_sessions import SqliteChatSessions
from callwright.tools.fences import FENCE_OPEN
from explainers import (
    GOOD,
    STATUS,
    STATUS_CALL,
    CannedDesk,
    an_explainer,
    ask,
    explainer_settings,
    looked_up,
)
from llm_servers import WIRES, BrokenStream, Raw, Reply, Turn, always, in_turn, llm_server


@pytest.mark.parametrize("wire", WIRES)
def test_a_conversation_goes_on(wire: str, sessions: SqliteChatSessions) -> None:
    talk: dict[str, Any] = {"sessions": sessions, "session_id": "a", "wire": wire}
    ask(looked_up(GOOD), "What is the mode?", **talk)
    again = Turn(text="As before [status-1], it is research [status-2].")
    asked = ask(looked_up(again), "And now?", **talk)
    assert asked.answer.text == again.text
    assert asked.answer.unsupported == ()
    assert [source.cite for source in asked.answer.sources] == ["status-1", "status-2"]
    texts = asked.server.requests[0].texts
    assert "What is the mode?" in texts[1]
    assert FENCE_OPEN not in texts[1], "the time of an earlier question is not told again"
    assert any("[status-1]" in text and FENCE_OPEN in text for text in texts)
    assert GOOD.text in texts
    assert texts[-1].endswith("And now?")


def test_a_later_question_may_answer_from_what_was_looked_up(sessions: SqliteChatSessions) -> None:
    talk: dict[str, Any] = {"sessions": sessions, "session_id": "a"}
    ask(looked_up(GOOD), **talk)
    asked = ask(always(GOOD), "Again, please.", **talk)
    assert asked.answer.text == GOOD.text
    assert len(asked.server.requests) == 1


def test_what_was_so_before_a_decision_is_asked_again(sessions: SqliteChatSessions) -> None:
    talk: dict[str, Any] = {"sessions": sessions, "session_id": "a"}
    ask(looked_up(GOOD), desk=CannedDesk(status={**STATUS, "last_decision": 7}), **talk)
    again = Turn(text="The mode is now research [status-2].")
    asked = ask(in_turn(GOOD, STATUS_CALL, again), "And now?", desk=CannedDesk(), **talk)
    assert any(STALE in text for text in asked.server.requests[1].texts)
    assert asked.answer.text == again.text
    still = ask(always(GOOD), "Still?", desk=CannedDesk(), **talk).answer
    assert {claim.problem for claim in still.unsupported} == {STALE}
    assert [source.cite for source in still.sources] == ["status-1"]


def test_conversations_are_apart(sessions: SqliteChatSessions) -> None:
    ask(looked_up(GOOD), "What is the mode?", sessions=sessions, session_id="a")
    asked = ask(looked_up(GOOD), sessions=sessions, session_id="b")
    assert [source.cite for source in asked.answer.sources] == ["status-1"]
    assert len(asked.server.requests[0].texts) == 2


@pytest.mark.parametrize("last", [Turn(), Raw(401, b"{}"), BrokenStream(GOOD, 5)])
def test_a_question_without_an_answer_is_not_told_but_counted(
    last: Reply, sessions: SqliteChatSessions
) -> None:
    talk: dict[str, Any] = {"sessions": sessions, "session_id": "a"}
    assert ask(looked_up(last), "The failing one", **talk).answer.failure is not None
    asked = ask(looked_up(Turn(text="It is research [status-2].")), **talk)
    assert [source.cite for source in asked.answer.sources] == ["status-2"]
    assert "failing" not in "".join(asked.server.requests[0].texts)


def test_a_question_that_was_stopped_keeps_its_numbers(sessions: SqliteChatSessions) -> None:
    async def stopped(url: str) -> None:
        explainer = an_explainer(explainer_settings(url), sessions=sessions)
        events = explainer.ask("Stopped", "a")
        async for event in events:
            if isinstance(event, TextPiece):
                break
        await events.aclose()

    with llm_server(looked_up(BrokenStream(GOOD, 6, "hang"))) as server:
        asyncio.run(stopped(server.url))
    asked = ask(looked_up(Turn(text="[status-2]")), sessions=sessions, session_id="a")
    assert [source.cite for source in asked.answer.sources] == ["status-2"]


def test_a_long_conversation_drops_its_oldest_questions_whole(
    sessions: SqliteChatSessions,
) -> None:
    talk: dict[str, Any] = {"sessions": sessions, "session_id": "a", "max_history_tokens": 400}
    for number in range(1, 8):
        text = f"The mode is research [status-{number}]."
        asked = ask(looked_up(Turn(text=text)), f"Question {number}?", **talk)
    asked_texts = asked.server.requests[0].texts
    numbers = [n for n in range(1, 7) if any(f"Question {n}?" in text for text in asked_texts)]
    assert numbers == list(range(numbers[0], 7))
    assert 1 < numbers[0] <= 6
    # Each call is told with its result and its answer.
    for n in numbers:
        assert f"The mode is research [status-{n}]." in asked_texts
    body = json.dumps(asked.server.requests[0].body)
    assert body.count('"type": "function_call"') == body.count('"type": "function_call_output"')


def test_a_file_of_conversations_that_is_none_is_said(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    path.write_bytes(b"no database at all, but long enough to be one" * 100)
    asked = ask(looked_up(GOOD), sessions=SqliteChatSessions(path), session_id="a")
    assert asked.answer.failure == "STORAGE_FAILED"
    assert str(path) in asked.answer.text
    assert not asked.server.requests


def test_an_answer_that_cannot_be_kept_is_still_given(tmp_path: Path) -> None:
    class Full(SqliteChatSessions):
        def add(self, *args: Any) -> None:
            raise StorageError("the disk is full")

    asked = ask(looked_up(GOOD), sessions=Full(tmp_path / "chat.db"), session_id="a")
    assert asked.answer.failure is None
    assert asked.answer.text.startswith(GOOD.text or "")
    assert "the disk is full" in asked.answer.text
