"""Two homes to ask: one that traded a synthetic market, one with a long made-up history."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from callwright.desk_reader import open_desk_reader
from callwright.memory.database import open_desk_database
from callwright.ports import DeskReader
from callwright.tools.sources import Sources
from desk_questions import Question, Records
from desk_questions_long import long_questions
from desk_questions_traded import traded_questions
from desks import desk_settings, run_desk
from long_histories import long_history, write

Each = Callable[[str, str], AbstractContextManager[None]]
CYCLES, LONG = 130, 4_000


@dataclass(frozen=True)
class Asked:
    """A home with its questions."""

    desk: DeskReader
    questions: tuple[Question, ...]


@pytest.fixture(scope="session")
def traded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    settings = desk_settings(tmp_path_factory.mktemp("traded"), snapshots_kept=10)
    _, records = run_desk(settings, CYCLES, durable=True)
    with open_desk_reader(settings) as desk:

        def what_if(changes: dict[str, Any]) -> Any:
            return asyncio.run(Sources(desk).ask("what_if", json.dumps(changes))).result

        read = Records([record.model_dump(mode="json") for record in records])
        yield Asked(desk, tuple(traded_questions(read, dict(desk.get_status()), what_if)))


@pytest.fixture(scope="session")
def long(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    home: Path = tmp_path_factory.mktemp("long")
    settings = desk_settings(home)
    records = list(long_history(LONG, seed=11, step=timedelta(minutes=20)))
    with open_desk_database(home / "desk.db", durable=False) as database:
        write(database, iter(records))
    with open_desk_reader(settings) as desk:
        read = Records([record.model_dump(mode="json") for record in records])
        yield Asked(desk, tuple(long_questions(read)))


@pytest.fixture
def subtests_of() -> Callable[[], AbstractContextManager[Each]]:
    """Many small cases on one expensive home: all are tried, and all that failed are told."""

    @contextmanager
    def cases() -> Iterator[Each]:
        failed: list[str] = []

        @contextmanager
        def each(name: str, what: str) -> Iterator[None]:
            try:
                yield
            except AssertionError as exc:
                failed.append(f"{name}, {what}: {exc}")

        yield each
        assert not failed, f"{len(failed)} failed:\n" + "\n".join(failed)

    return cases
