"""A desk on a venue that does what a test tells it, in process and over the wire."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from callwright import loop
from faulty_desks import WAYS, FaultyDesk, a_faulty_desk


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "BACKOFF_FIRST_S", 0.0)


@pytest.fixture(params=WAYS)
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FaultyDesk]:
    with a_faulty_desk(request.param, tmp_path) as opened:
        yield opened


@pytest.fixture
def http_desk(tmp_path: Path) -> Iterator[FaultyDesk]:
    with a_faulty_desk("http", tmp_path) as opened:
        yield opened
