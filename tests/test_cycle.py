"""One cycle when something is missing, stale, broken or slow: a record each time, never a guess."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builders import dec
from callwright import loop
from callwright.bootstrap import HomeDesk, open_desk
from callwright.cycle import Desk, run_cycle
from callwright.domain.decision import DoNothing
from callwright.domain.market import MarketView, OptionListing
from callwright.domain.record import CycleRecord, DecisionSource
from callwright.domain.scan import Scan
from callwright.domain.snapshot import Snapshot
from callwright.loop import run_loop
from callwright.paper.faults import FaultPlan
from callwright.ports import BrainAnswer
from callwright.status import read_status
from callwright.venues.paper import PaperVenue
from desks import ScriptedBrain, desk_settings, run_desk, violations
from proposals import hold, open_nth


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "BACKOFF_FIRST_S", 0.0)


class OddVenue(PaperVenue):
    """The paper venue with its market changed on the way."""

    def __init__(self, home_desk: HomeDesk, change: Any) -> None:
        super().__init__(home_desk.exchange, home_desk.settings.account_name)
        self._change = change

    async def market(self, underlyings: Sequence[str]) -> MarketView:
        changed: MarketView = self._change(await super().market(underlyings))
        return changed


def one_cycle(home: Path, change_desk: Any, **settings: Any) -> CycleRecord:
    async def run(home_desk: HomeDesk) -> CycleRecord:
        await home_desk.desk.start()
        desk: Desk = change_desk(home_desk)
        return await run_cycle(desk)

    brain = ScriptedBrain([open_nth(0, "BTC")])
    with open_desk(desk_settings(home, **settings), durable=False, brain=brain) as home_desk:
        return asyncio.run(run(home_desk))


def with_market(change: Any) -> Any:
    return lambda home_desk: replace(home_desk.desk, venue=OddVenue(home_desk, change))


def without_eth(view: MarketView) -> MarketView:
    return replace(view, underlyings={"BTC": view.underlyings["BTC"]})


def with_empty_btc(view: MarketView) -> MarketView:
    old = view.underlyings["BTC"]
    empty = {
        name: getattr(old.chain, name)[:0]
        for name in (
            "forward_usd", "mark_iv_annual", "mark_coin", "bid_coin", "ask_coin",
            "bid_amount_coin", "ask_amount_coin", "open_interest_coin", "as_of_ms",
        )
    }  # fmt: skip
    chain = replace(old.chain, listing=OptionListing.of_names("BTC", []), **empty)
    return replace(view, underlyings={**view.underlyings, "BTC": replace(old, chain=chain)})


def an_hour_old(view: MarketView) -> MarketView:
    return replace(view, as_of=view.as_of - timedelta(hours=1))


@pytest.mark.parametrize(
    ("change", "failure", "about"),
    [
        pytest.param(without_eth, "DATA_INVALID", "no ETH options", id="a-coin-is-missing"),
        pytest.param(with_empty_btc, "DATA_INVALID", "no BTC options", id="an-empty-chain"),
        pytest.param(an_hour_old, "DATA_STALE", "3600 s old", id="a-stale-market"),
    ],
)
def test_what_cannot_be_observed_fails_the_cycle(
    tmp_path: Path, change: Any, failure: str, about: str
) -> None:
    record = one_cycle(tmp_path, with_market(change))
    assert record.failure == failure
    assert about in record.failure_message
    assert record.final_action.action == "DO_NOTHING"
    assert record.state.portfolio is None
    assert record.guardrail.allowed is None
    assert record.execution.orders == ()


@pytest.mark.parametrize("drift_s", [-3600, -1.5, 1.5, 3600, 86_400 * 400])
def test_a_clock_that_is_off_stops_orders(tmp_path: Path, drift_s: float) -> None:
    class Shifted:
        def __init__(self, venue: PaperVenue) -> None:
            self._venue = venue
            self._calls = 0

        def now(self) -> datetime:
            return self._venue.now() + timedelta(seconds=drift_s)

        async def sleep(self, seconds: float) -> None:
            await self._venue.sleep(seconds)

    record = one_cycle(
        tmp_path,
        lambda home_desk: replace(home_desk.desk, clock=Shifted(home_desk.desk.venue)),
    )
    assert "CLOCK_DRIFT" in [reason.code for reason in record.risk_check.reasons]
    assert record.execution.orders == ()


def test_a_venue_that_is_away_is_a_failure_and_not_a_hold(tmp_path: Path) -> None:
    plan = FaultPlan()
    plan.arm("unavailable", "account", times=3)
    settings = desk_settings(tmp_path)
    started: list[str] = []

    with open_desk(settings, durable=False, faults=plan) as home_desk:
        records: list[CycleRecord] = []
        result = asyncio.run(
            run_loop(
                home_desk.desk,
                cycles=2,
                interval_s=0.0,
                on_record=records.append,
                on_start_failed=lambda error: started.append(error.code),
            )
        )
    # Start-up was tried again until the venue answered; nothing was decided before.
    assert started == ["VENUE_UNAVAILABLE"] * 3
    assert result.ended_because == "cycles"
    assert all(record.failure is None for record in records)


class FailingBrain:
    """A brain that cannot decide, but talks all the same."""

    source: DecisionSource = "rule_based"

    async def decide(self, snapshot: Snapshot, scan: Scan) -> BrainAnswer:
        proposal = open_nth(0, "BTC")(snapshot, scan)
        return BrainAnswer(
            proposal=proposal, source="llm", failure="DEADLINE", failure_message="60 s are over"
        )


def test_what_comes_with_a_failure_is_never_traded(tmp_path: Path) -> None:
    settings = desk_settings(tmp_path)
    _, records = run_desk(settings, 3, brain=FailingBrain())
    assert [r.failure for r in records] == ["DEADLINE"] * 3
    assert all(r.final_action.action == "DO_NOTHING" for r in records)
    assert all(r.execution.orders == () for r in records)
    assert violations(settings) == ()


def test_care_closes_what_limits_force_when_the_brain_fails(tmp_path: Path) -> None:
    settings = desk_settings(tmp_path, default_order_size="BTC=0.5,ETH=5")
    run_desk(settings, 1, brain=ScriptedBrain([open_nth(0, "BTC")]))
    # Coin that covered the call is set aside: cover is lost, and the brain does not answer.
    frightened = desk_settings(tmp_path, cover_reserve="BTC=0.8,ETH=0")
    _, (record,) = run_desk(frightened, 1, brain=FailingBrain())
    assert record.failure == "DEADLINE"
    assert record.decision_source == "care"
    assert record.final_action.action == "CLOSE_COVERED_CALL"
    assert [o.purpose for o in record.execution.orders] == ["care_close"]
    assert record.execution.orders[0].side == "buy"
    assert record.execution.status == "filled"
    assert violations(settings) == ()


def test_a_chosen_hold_has_no_failure(tmp_path: Path) -> None:
    _, (record,) = run_desk(desk_settings(tmp_path), 1, brain=ScriptedBrain([hold]))
    assert record.failure is None
    assert record.guardrail.allowed is True
    assert record.proposed_action.action == "DO_NOTHING"


def test_the_record_repeats_what_was_seen(tmp_path: Path) -> None:
    _, records = run_desk(desk_settings(tmp_path), 4)
    last = records[-1]
    portfolio = last.state.portfolio
    assert portfolio is not None
    assert set(last.state.spot) == set(portfolio["balances"]) == {"BTC", "ETH"}
    usd = sum(
        row["equity_coin"] * last.state.spot[coin]
        for coin, row in portfolio["by_underlying"].items()
    )
    assert portfolio["equity_usd"] == pytest.approx(usd)
    shorts = {
        s["symbol"]: s["amount_coin"]
        for row in portfolio["by_underlying"].values()
        for s in row["short_calls"]
    }
    held = {p["instrument_name"]: -p["amount_coin"] for p in portfolio["positions"]}
    assert shorts == held
    for coin, row in portfolio["by_underlying"].items():
        deltas = sum(s["amount_coin"] * s["delta"] for s in row["short_calls"])
        assert row["net_delta"] == pytest.approx(-deltas)
        assert portfolio["net_delta"][coin] == row["net_delta"]
        assert row["total_delta"] == pytest.approx(row["net_delta"] + portfolio["balances"][coin])
    assert last.state.candidates_count == len(last.state.candidates) <= 5
    assert last.config_snapshot["max_margin_used_pct"] == 40
    assert {"mode", "llm_enabled", "dry_run", "max_net_delta_abs", "max_expiry_exposure"} <= set(
        last.config_snapshot
    )
    assert last.state.market["depth_model"] != "venue"


def test_a_failed_answer_keeps_its_proposal_out_of_the_sizes(tmp_path: Path) -> None:
    _, (record,) = run_desk(desk_settings(tmp_path), 1, brain=FailingBrain())
    assert record.proposed_action.action == DoNothing().action
    assert record.clamps == ()


def test_an_unexpected_error_outside_a_cycle_halts_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = desk_settings(tmp_path)
    run_desk(settings, 2)

    def boom(venue: PaperVenue) -> datetime:
        raise ValueError("boom")

    monkeypatch.setattr(PaperVenue, "advance", boom)
    result, records = run_desk(settings, 3)
    assert (result.ended_because, records) == ("halted", [])
    assert read_status(settings)["trading_state"] == "HALTED"


def test_a_held_option_that_the_chain_hides_is_a_failure_and_care_goes_on(tmp_path: Path) -> None:
    settings = desk_settings(tmp_path, default_order_size="BTC=0.5,ETH=5", open_cooldown_sec=0)
    script = ScriptedBrain([open_nth(0, "BTC"), open_nth(0, "ETH")])
    _, records = run_desk(settings, 2, brain=script)
    hidden = records[0].execution.orders[0].symbol

    def without_it(view: MarketView) -> MarketView:
        old = view.underlyings["BTC"]
        keep = np.array([name != hidden for name in old.chain.listing.names])
        names = [name for name in old.chain.listing.names if name != hidden]
        columns = {
            name: getattr(old.chain, name)[keep]
            for name in (
                "forward_usd", "mark_iv_annual", "mark_coin", "bid_coin", "ask_coin",
                "bid_amount_coin", "ask_amount_coin", "open_interest_coin", "as_of_ms",
            )
        }  # fmt: skip
        chain = replace(old.chain, listing=OptionListing.of_names("BTC", names), **columns)
        return replace(view, underlyings={**view.underlyings, "BTC": replace(old, chain=chain)})

    def reserve_eth(home_desk: HomeDesk) -> Desk:
        home_desk.exchange.advance()
        changed: Desk = with_market(without_it)(home_desk)
        limits = changed.limits.model_copy(update={"cover_reserve_coin": {"ETH": dec(8)}})
        return replace(changed, limits=limits)

    record = one_cycle(tmp_path, reserve_eth)
    assert record.failure == "DATA_INVALID"
    assert hidden in record.failure_message
    assert record.state.portfolio is not None
    assert record.state.portfolio["by_underlying"]["BTC"]["unvalued"] == [hidden]
    assert record.decision_source == "care"
    assert record.final_action.params["underlying"] == "ETH"
    assert record.execution.status == "filled"
