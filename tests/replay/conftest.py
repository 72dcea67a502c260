"""A desk of sixty days, with all that it saw, for everybody who decides them again."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from callwright.config import Settings
from desks import desk_settings, run_desk

DAYS = 60


@pytest.fixture(scope="session")
def sixty_days(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Sixty days of the synthetic market, four decisions a day, by the rules."""
    settings = desk_settings(tmp_path_factory.mktemp("sixty-days"))
    _, records = run_desk(settings, 4 * DAYS)
    assert len(records) == 4 * DAYS
    return settings


@pytest.fixture
def a_copy(sixty_days: Settings, tmp_path: Path) -> Callable[[], Settings]:
    """Make a copy of that desk, to damage it."""

    def copy() -> Settings:
        home = tmp_path / "copy"
        shutil.copytree(sixty_days.callwright_home, home)
        return desk_settings(home)

    return copy
