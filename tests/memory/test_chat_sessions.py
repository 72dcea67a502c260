"""Conversations are kept whole, apart, bounded, and for their owner only."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from callwright.domain.explain import ChatCall, ChatTurn, Source
from callwright.errors import StorageError
from callwright.memory.chat_sessions import TURNS_KEPT_MAX, SqliteChatSessions


def a_turn(number: int = 1) -> ChatTurn:
    source = Source(
        cite=f"stats-{number}",
        tool="decision_stats",
        arguments={"group_by": ["action"]},
        result={"total": 3, "rows": [{"keys": {"action": None}, "share": 0.1}]},
        command="callwright decisions stats",
    )
    call = ChatCall(tool="decision_stats", arguments="{}", told="<data>{}</data>")
    return ChatTurn(
        question=f"Question {number}?", answer="It is \u2713.", calls=(call,), sources=(source,)
    )


def test_what_was_kept_comes_back_in_order(tmp_path: Path) -> None:
    sessions = SqliteChatSessions(tmp_path / "deep" / "chat.db")
    assert sessions.turns("a") == ()
    for number in range(3):
        sessions.add("a", a_turn(number))
    sessions.add("b", a_turn(7))
    again = SqliteChatSessions(tmp_path / "deep" / "chat.db")
    assert again.turns("a") == tuple(a_turn(number) for number in range(3))
    assert again.turns("b") == (a_turn(7),)


def test_asking_for_a_conversation_makes_no_file(tmp_path: Path) -> None:
    SqliteChatSessions(tmp_path / "chat.db").turns("a")
    assert not [*tmp_path.iterdir()]


def test_old_questions_are_forgotten(tmp_path: Path) -> None:
    sessions = SqliteChatSessions(tmp_path / "chat.db")
    sessions.add("other", a_turn(0))
    for number in range(TURNS_KEPT_MAX + 5):
        sessions.add("a", a_turn(number))
    turns = sessions.turns("a")
    assert len(turns) == TURNS_KEPT_MAX
    assert turns[-1] == a_turn(TURNS_KEPT_MAX + 4)
    assert len(sessions.turns("other")) == 1


def test_the_file_is_its_owners(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    SqliteChatSessions(path).add("a", a_turn())
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE turns SET turn = '{'",
        "UPDATE turns SET turn = '{\"question\": 1}'",
        "PRAGMA user_version = 99",
        "DROP TABLE turns",
    ],
)
def test_a_damaged_file_is_an_error_that_says_what_to_do(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "chat.db"
    SqliteChatSessions(path).add("a", a_turn())
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(damage)
    connection.close()
    with pytest.raises(StorageError) as caught:
        SqliteChatSessions(path).turns("a")
    assert str(path) in caught.value.message
    assert caught.value.remedy
