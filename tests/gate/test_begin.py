"""Between start-up and the first cycle: told, broken off by a signal, halted on a bug."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from callwright.bootstrap import open_desk
from callwright.domain.desk import TradingState
from callwright.errors import StorageError
from callwright.loop import LoopResult, run_loop
from desks import desk_settings

Begin = Callable[[Callable[[str], None]], Awaitable[None]]


def run(home: Path, begin: Begin) -> tuple[LoopResult, list[str], TradingState]:
    told: list[str] = []
    with open_desk(desk_settings(home), durable=False) as home_desk:
        desk = replace(home_desk.desk, begin=begin)
        result = asyncio.run(
            run_loop(
                desk,
                cycles=1,
                interval_s=0.0,
                on_record=lambda record: told.append(record.cycle_id),
                on_notice=told.append,
            )
        )
        return result, told, desk.state.trading_state()


def test_it_comes_before_the_first_cycle(tmp_path: Path) -> None:
    async def begin(tell: Callable[[str], None]) -> None:
        await asyncio.sleep(0)
        tell("it begins")

    result, told, _ = run(tmp_path, begin)
    assert result.ended_because == "cycles"
    assert told == ["it begins", "paper-20260105T000000.000Z"]


def test_a_signal_breaks_it_off_and_no_cycle_runs(tmp_path: Path) -> None:
    ended = []

    async def begin(tell: Callable[[str], None]) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    result, told, _ = run(tmp_path, begin)
    assert (result.ended_because, result.cycles) == ("stopped", 0)
    assert told == []
    assert ended == [True]


def test_what_nobody_expected_halts_the_desk(tmp_path: Path) -> None:
    async def begin(tell: Callable[[str], None]) -> None:
        raise ValueError("a bug")

    result, told, state = run(tmp_path, begin)
    assert (result.ended_because, result.cycles) == ("halted", 0)
    assert "a bug" in result.error
    assert (told, state) == ([], TradingState.HALTED)


def broken_pipe(text: str) -> None:
    raise BrokenPipeError(32, "Broken pipe")


def test_a_reader_that_went_away_ends_the_run_and_halts_nothing(tmp_path: Path) -> None:
    async def begin(tell: Callable[[str], None]) -> None:
        tell("nobody reads this")

    with open_desk(desk_settings(tmp_path), durable=False) as home_desk:
        desk = replace(home_desk.desk, begin=begin)
        with pytest.raises(BrokenPipeError):
            asyncio.run(
                run_loop(
                    desk, cycles=1, interval_s=0.0, on_record=lambda record: None,
                    on_notice=broken_pipe,
                )
            )  # fmt: skip
        assert desk.state.trading_state() is TradingState.ACTIVE


def test_a_broken_pipe_of_its_own_halts_as_any_bug_does(tmp_path: Path) -> None:
    async def begin(tell: Callable[[str], None]) -> None:
        broken_pipe("to a model's server")

    result, _, state = run(tmp_path, begin)
    assert (result.ended_because, state) == ("halted", TradingState.HALTED)


def test_what_cannot_be_booked_ends_the_run(tmp_path: Path) -> None:
    async def begin(tell: Callable[[str], None]) -> None:
        raise StorageError("disk is full")

    with pytest.raises(StorageError, match="disk is full"):
        run(tmp_path, begin)
