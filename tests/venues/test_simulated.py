"""A simulated market behind a connection: what moves it moves it once, whatever gets lost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from builders import NOW
from callwright.errors import ConfigError, VenueUnavailable
from callwright.venues.deribit.simulated import SimulatedDeribit, open_simulated
from paper_exchange.steps import hours, steady
from paper_servers import serving
from venues.rigs import Rig, a_remote_venue, a_rig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with a_rig("over-http", tmp_path, steady()) as opened:
        yield opened


def test_an_advance_whose_answer_is_lost_moves_one_step(rig: Rig) -> None:
    rig.faults.arm("lose_reply", "advance")
    assert rig.run(rig.venue.advance()) == hours(1)
    assert rig.ask(lambda exchange: exchange.step_time) == hours(1)


def test_an_advance_that_nobody_answers_can_be_repeated(rig: Rig) -> None:
    rig.faults.arm("lose_reply", "advance", times=3)
    with pytest.raises(VenueUnavailable):
        rig.run(rig.venue.advance())
    assert rig.venue.step_time() == NOW
    assert rig.run(rig.venue.advance()) == rig.venue.now() == hours(1)
    assert rig.ask(lambda exchange: exchange.step_time) == hours(1)


@pytest.mark.parametrize("kind", ["lose_reply", "error_after", "unavailable"])
def test_time_passes_once_whatever_happens_to_the_answer(rig: Rig, kind: str) -> None:
    rig.faults.arm(kind, "pass_time")  # type: ignore[arg-type]
    rig.run(rig.venue.sleep(30))
    assert rig.venue.now() == NOW + timedelta(seconds=30)
    assert rig.ask(lambda exchange: exchange.now) == NOW + timedelta(seconds=30)


def test_time_that_cannot_pass_is_an_error(rig: Rig) -> None:
    rig.faults.arm("unavailable", "pass_time", times=2)
    with pytest.raises(VenueUnavailable):
        rig.run(rig.venue.sleep(30))
    assert rig.venue.now() == NOW


def test_a_step_can_be_skipped_before_a_loop_runs(rig: Rig) -> None:
    assert isinstance(rig.venue, SimulatedDeribit)
    assert rig.venue.info.is_fresh
    assert rig.venue.skip_step() == rig.venue.step_time() == rig.venue.now() == hours(1)
    assert not rig.venue.info.is_fresh


@pytest.mark.parametrize("ending", ["", "/", "/api/v2", "/api/v2/"])
def test_the_address_may_be_written_in_any_way(tmp_path: Path, ending: str) -> None:
    with serving(tmp_path) as server:
        venue = a_remote_venue(server.url + ending)
        assert venue.info.market == "synthetic:7"


def test_a_market_without_the_desks_coins_is_a_setting(tmp_path: Path) -> None:
    key = SecretStr("paper")
    with serving(tmp_path) as server, pytest.raises(ConfigError, match="SOL") as refused:
        open_simulated(
            server.url,
            account_id="x",
            client_id=key,
            client_secret=key,
            underlyings=("BTC", "SOL"),
        )
    assert "BTC, ETH" in refused.value.remedy


def test_it_can_be_used_from_one_event_loop_after_another(tmp_path: Path) -> None:
    async def once(venue: SimulatedDeribit) -> None:
        await asyncio.gather(venue.account(), venue.account())
        await venue.aclose()

    with serving(tmp_path) as server:
        venue = a_remote_venue(server.url)
        for _ in range(2):
            asyncio.run(once(venue))
