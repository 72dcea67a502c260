"""What would have been done otherwise: the cycle's own functions, on what a cycle saw."""

from __future__ import annotations

import dataclasses
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builders import (
    NOW,
    a_coin_account,
    a_market,
    a_position,
    a_snapshot,
    a_spec,
    an_account,
    an_intent,
    an_underlying_market,
    dec,
)
from callwright.analytics.black76 import implied_vol, price_greeks
from callwright.config import Settings
from callwright.connect import PAPER_FILE
from callwright.domain.explain import WhatIf, WhatIfAnswer
from callwright.domain.snapshot import Snapshot
from callwright.errors import QueryInvalid
from callwright.memory.database import read_desk_database
from callwright.memory.snapshots import Seen, snapshots
from callwright.what_if.case import answered_by_rules, case_of
from callwright.what_if.changes import changed_snapshot
from callwright.what_if.market import account_at, at_spot
from callwright.what_if.settings import CHANGEABLE, settings_then, with_changes
from desks import desk_settings, run_desk
from llm_servers import llm_server, well_behaved
from managers import a_manager, manager_settings
from situations import a_resting_order

COPIED = ("proposed_action", "guardrail", "risk_check", "final_action", "state")
CALL = "BTC-9JAN26-104000-C"


def seen_by(home: Path) -> list[Seen]:
    with read_desk_database(home / "desk.db") as database:
        return list(snapshots(database))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, list[Seen]]:
    """A desk of 120 cycles with rolls, settlements and denials, and all that it saw."""
    settings = desk_settings(tmp_path_factory.mktemp("what-if"))
    run_desk(settings, 120)
    return settings, seen_by(settings.callwright_home)


def ask(now: Settings, seen: Seen, **changes: Any) -> WhatIfAnswer:
    case = case_of(
        WhatIf(**changes),
        decision_id=seen.decision_id,
        record=seen.record,
        snapshot=seen.snapshot,
        settings=now,
    )
    return answered_by_rules(case)


def test_without_a_change_the_recorded_decision_comes_out(
    desk: tuple[Settings, list[Seen]],
) -> None:
    settings, all_seen = desk
    assert len(all_seen) == 120
    for seen in all_seen:
        told = ask(settings, seen).model_dump(mode="json")
        record = json.loads(seen.record.to_line())
        assert {name: told[name] for name in COPIED} == {name: record[name] for name in COPIED}
        assert told["failure"] == record["failure"]
        assert told["actual_action"] == record["final_action"]
    actions = {seen.record.final_action.action for seen in all_seen}
    assert {"OPEN_COVERED_CALL", "ROLL_COVERED_CALL", "DO_NOTHING"} <= actions
    assert any(not seen.record.risk_check.allowed for seen in all_seen)


def test_settings_of_today_do_not_reach_a_decision_of_yesterday(
    desk: tuple[Settings, list[Seen]],
) -> None:
    settings, all_seen = desk
    other = desk_settings(
        settings.callwright_home, target_delta=0.1, max_expiry_exposure="BTC=0.1,ETH=1", min_ivrv=9
    )
    for seen in all_seen[:20]:
        assert ask(other, seen).proposed_action == ask(settings, seen).proposed_action


def test_a_desk_with_a_model_is_told_its_baseline(tmp_path: Path) -> None:
    settings = desk_settings(tmp_path)
    with llm_server(well_behaved()) as server:
        brain = a_manager(
            manager_settings(server.url), settings.limits(), settings.policy_settings()
        )
        run_desk(settings, 6, brain=brain)
    for seen in seen_by(tmp_path):
        baseline = seen.record.baseline_action
        assert baseline is not None
        assert ask(settings, seen).proposed_action == baseline.model_dump(mode="json")


def an_open(all_seen: list[Seen], coin: str) -> Seen:
    return next(
        seen
        for seen in all_seen
        if seen.record.final_action.action == "OPEN_COVERED_CALL"
        and seen.record.final_action.params["underlying"] == coin
    )


def test_without_the_coin_nothing_of_it_is_sold(desk: tuple[Settings, list[Seen]]) -> None:
    settings, all_seen = desk
    seen = an_open(all_seen, "BTC")
    told = ask(settings, seen, without=("BTC",))
    assert told.proposed_action["params"].get("underlying") != "BTC"
    portfolio = told.state["portfolio"]
    assert portfolio["balances"]["BTC"] == 0
    assert not [p for p in portfolio["positions"] if p["instrument_name"].startswith("BTC")]
    assert [c for c in told.state["candidates"] if c["underlying"] == "BTC" and not c["passes"]]
    balance = seen.snapshot.account.coins["BTC"].balance_coin
    assert told.changes[0].startswith(f"without BTC: balance {balance:f} -> 0 BTC")
    assert told.actual_action["params"]["underlying"] == "BTC"
    assert told.answers_for == "the rules (rule-based policy)"


def test_a_tighter_limit_denies_with_its_code(desk: tuple[Settings, list[Seen]]) -> None:
    settings, all_seen = desk
    told = ask(settings, an_open(all_seen, "BTC"), settings={"max_expiry_exposure.BTC": 0})
    assert told.changes == ("max_expiry_exposure: BTC 0.5, ETH 5 -> BTC 0, ETH 5",)
    codes = [code for c in told.state["candidates"] for code in c["codes"]]
    assert "EXPIRY_EXPOSURE_ABOVE_MAXIMUM" in codes
    assert told.proposed_action["params"].get("underlying") != "BTC"


def test_a_floor_that_nothing_reaches_is_a_hold(desk: tuple[Settings, list[Seen]]) -> None:
    settings, all_seen = desk
    told = ask(settings, an_open(all_seen, "ETH"), settings={"MIN_IVRV": 50})
    assert told.changes == ("min_ivrv: 1.05 -> 50",)
    assert told.final_action["action"] == "DO_NOTHING"
    assert "floor 50.000" in told.final_action["reasoning"]


def test_another_spot_moves_what_is_short(desk: tuple[Settings, list[Seen]]) -> None:
    settings, all_seen = desk
    seen = next(s for s in all_seen if any("BTC" in p.instrument_name for p in _positions(s)))
    before = ask(settings, seen)
    spot = before.state["spot"]["BTC"]
    told = ask(settings, seen, spot_usd={"BTC": spot * 1.1})
    assert told.state["spot"] == {**before.state["spot"], "BTC": spot * 1.1}
    one, other = (a.state["portfolio"]["by_underlying"]["BTC"] for a in (before, told))
    assert other["net_delta"] < one["net_delta"]
    assert other["equity_coin"] < one["equity_coin"]
    assert other["margin_used_pct"] > one["margin_used_pct"]
    assert told.state["vol"]["BTC"]["rv_annual"] == pytest.approx(
        before.state["vol"]["BTC"]["rv_annual"]
    )
    assert (
        told.state["portfolio"]["by_underlying"]["ETH"]
        == (before.state["portfolio"]["by_underlying"]["ETH"])
    )
    assert any("Black-76" in text for text in told.assumptions)


def _positions(seen: Seen) -> Any:
    return seen.snapshot.account.positions


def test_margin_that_nobody_asked_for_is_what_the_venue_would_say(
    desk: tuple[Settings, list[Seen]],
) -> None:
    settings, all_seen = desk
    compared = 0
    for seen in all_seen[::10]:
        told = ask(
            settings, seen, spot_usd={c: float(p) for c, p in seen.record.state.spot.items()}
        )
        then = {row["symbol"]: row["margin_initial_coin"] for row in seen.record.state.candidates}
        for row in told.state["candidates"]:
            if then.get(row["symbol"]) is not None:
                assert row["margin_initial_coin"] == pytest.approx(then[row["symbol"]], abs=1e-4)
                compared += 1
    assert compared > 20


def test_more_cash_is_more_cover_and_no_gain_of_the_day(
    desk: tuple[Settings, list[Seen]],
) -> None:
    settings, all_seen = desk
    seen = an_open(all_seen, "ETH")
    for balance in ("0.5", "40"):
        told = ask(settings, seen, balances_coin={"ETH": Decimal(balance)})
        codes = [code for c in told.state["candidates"] for code in c["codes"]]
        assert "DAILY_LOSS" not in codes
        sizes = [c["size_coin"] for c in told.state["candidates"] if c["underlying"] == "ETH"]
        assert all(size == 0 for size in sizes) == (balance == "0.5")


@pytest.mark.parametrize(
    ("question", "about"),
    [
        pytest.param({"without": ("SOL",)}, "'SOL' is no coin", id="coin"),
        pytest.param({"spot_usd": {"SOL": 1.0}}, "'SOL' is no coin", id="spot-of-none"),
        pytest.param({"spot_usd": {"BTC": 0.0}}, "out of reach", id="zero-spot"),
        pytest.param({"spot_usd": {"BTC": 1e9}}, "out of reach", id="far-spot"),
        pytest.param({"balances_coin": {"BTC": Decimal(-1)}}, "impossible", id="debt"),
        pytest.param(
            {"without": ("BTC",), "balances_coin": {"BTC": Decimal(1)}}, "left out", id="both"
        ),
        pytest.param({"settings": {"max_delta": 1}}, "no number 'max_delta'", id="unknown"),
        pytest.param({"settings": {"target_delta": 3}}, "TARGET_DELTA", id="impossible"),
        pytest.param({"settings": {"delta_open_min": 0.5}}, "DELTA_OPEN_MIN", id="closed-window"),
        pytest.param({"settings": {"min_ivrv.BTC": 1}}, "no value for 'BTC'", id="not-by-coin"),
        pytest.param({"settings": {"cover_reserve.SOL": 1}}, "no value for 'SOL'", id="no-coin"),
        pytest.param({"settings": {"dry_run": 0}}, "no number 'dry_run'", id="not-a-limit"),
        pytest.param({"settings": {"openai_api_key": 0}}, "no number", id="a-secret"),
    ],
)
def test_an_impossible_question_is_refused(
    desk: tuple[Settings, list[Seen]], question: dict[str, Any], about: str
) -> None:
    settings, all_seen = desk
    with pytest.raises(QueryInvalid, match=about):
        ask(settings, all_seen[0], **question)


def test_a_near_name_is_offered() -> None:
    with pytest.raises(QueryInvalid) as refused:
        with_changes(desk_settings(Path()), {"max_net_delta": 1})
    assert "max_net_delta_abs" in refused.value.remedy


@pytest.mark.parametrize("name", CHANGEABLE)
def test_every_changeable_number_reaches_the_rules(name: str) -> None:
    settings = desk_settings(Path())
    value = getattr(settings, name)
    now = float(value["BTC"] if isinstance(value, dict) else value)
    for other in (now * 0.99 or 0.1, now + 1, now - 1):
        try:
            changed, told = with_changes(settings, {name: other})
            break
        except QueryInvalid:
            continue
    assert len(told) == 1
    assert told[0].startswith(f"{name}: ")
    assert any(
        one != two
        for one, two in (
            (changed.limits(), settings.limits()),
            (changed.scan_settings(), settings.scan_settings()),
            (changed.policy_settings(), settings.policy_settings()),
        )
    )


def test_every_number_of_the_rules_can_be_changed() -> None:
    # Where and how it runs, execution and models are no part of the question.
    names = list(Settings.model_fields)
    ours = names[names.index("max_margin_used_pct") : names.index("order_valid_sec")]
    assert sorted(CHANGEABLE) == sorted(ours)


def test_settings_are_those_of_the_record() -> None:
    settings = desk_settings(Path())
    then = desk_settings(Path(), max_net_delta_abs="BTC=0.10,ETH=2", mode="production")
    read = settings_then(settings, json.loads(json.dumps(then.config_snapshot())))
    assert read.limits() == then.limits()
    assert read.policy_settings() == then.policy_settings()
    assert read.scan_settings() == then.scan_settings()


class TestMarket:
    """A chain at another index."""

    before = an_underlying_market("BTC", half_spread_frac=0.05)
    after = at_spot(before, 90_000.0, a_spec("BTC"), NOW)

    def test_each_option_keeps_its_volatility(self) -> None:
        one, other = self.before.chain, self.after.chain
        years = one.years_to_expiry(NOW)
        call, strike = one.listing.is_call, one.listing.strike_usd
        price = price_greeks(call, other.forward_usd, strike, years, one.mark_iv_annual).price_usd
        assert np.allclose(other.mark_coin, price / other.forward_usd, atol=1e-8)
        assert other.mark_iv_annual.tobytes() == one.mark_iv_annual.tobytes()
        iv = implied_vol(one.ask_coin * one.forward_usd, call, one.forward_usd, strike, years)
        moved = price_greeks(call, other.forward_usd, strike, years, iv).price_usd
        exact = moved / other.forward_usd
        known = ~np.isnan(iv)
        assert known.sum() > 40
        # To the next tick, never below.
        gap = other.ask_coin[known] - exact[known]
        assert (gap > -1e-7).all()
        assert (gap < 0.0005 + 1e-7).all()

    def test_quotes_stay_on_their_ticks_and_do_not_cross(self) -> None:
        chain, spec = self.after.chain, a_spec("BTC")
        for name in chain.listing.names:
            quote = chain.quote(name)
            assert quote is not None
            assert not quote.is_crossed
            for price in (quote.bid_coin, quote.ask_coin):
                assert price is None or spec.is_on_tick(price)
        empty = np.isnan(chain.bid_coin)
        assert empty.any()
        assert (chain.bid_amount_coin[empty] == 0).all()

    def test_the_account_follows_the_marks(self) -> None:
        row = self.before.chain.listing.row(CALL)
        assert row is not None
        rise = dec(float(self.after.chain.mark_coin[row])) - dec(
            float(self.before.chain.mark_coin[row])
        )
        account = an_account(
            btc=a_coin_account(
                "BTC", 1, initial_margin_coin=dec("0.05"), maintenance_margin_coin=dec("0.04")
            ),
            positions=[a_position(CALL, "-0.2"), a_position("BTC-PERPETUAL", "1")],
        )
        moved = account_at(account, self.before, self.after)
        coin = moved.coins["BTC"]
        assert coin.equity_coin == 1 - dec("0.2") * rise
        assert coin.balance_coin == 1
        assert coin.initial_margin_coin == dec("0.05") + dec("0.2") * rise
        assert coin.maintenance_margin_coin == dec("0.04") + dec("0.2") * rise
        assert moved.positions[1] == account.positions[1]
        assert moved.coins["ETH"] == account.coins["ETH"]


def test_without_a_coin_its_orders_are_gone_too() -> None:
    snapshot: Snapshot = dataclasses.replace(
        a_snapshot(market=a_market()),
        account=an_account(
            positions=[a_position(CALL, "-0.1"), a_position("ETH-9JAN26-4200-C", "-1")],
            resting_orders=[a_resting_order(CALL)],
        ),
        unresolved=(an_intent(CALL),),
    )
    changed = changed_snapshot(snapshot, WhatIf(without=("BTC",))).snapshot
    assert [p.instrument_name for p in changed.account.positions] == ["ETH-9JAN26-4200-C"]
    assert changed.account.resting_orders == ()
    assert changed.unresolved == ()
    assert changed.account.coins["BTC"].equity_coin == 0


def test_the_exchange_is_not_touched(desk: tuple[Settings, list[Seen]]) -> None:
    settings, all_seen = desk
    paper = (settings.callwright_home / PAPER_FILE).read_bytes()
    ask(settings, all_seen[0], without=("BTC",))
    assert (settings.callwright_home / PAPER_FILE).read_bytes() == paper
