"""Where conversations with the explainer are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from callwright.memory.chat_sessions import SqliteChatSessions


@pytest.fixture
def sessions(tmp_path: Path) -> SqliteChatSessions:
    return SqliteChatSessions(tmp_path / "chat.db")
