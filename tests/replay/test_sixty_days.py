"""Sixty recorded days decided again: the same comes out the same, and what differs is worth what
the market says, reckoned here a second time from the snapshots and the market itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from callwright.config import Settings
from callwright.domain.base import iso_utc
from callwright.domain.explain import WhatIf
from callwright.domain.instrument import parse_option_name
from callwright.domain.record import ActionRecord, CycleRecord
from callwright.errors import QueryInvalid
from callwright.memory.database import read_desk_database
from callwright.memory.snapshots import Seen, snapshots
from callwright.paper.markets import open_source
from callwright.replaying.comparing import DECIDED
from callwright.replaying.outcomes import Outcome
from callwright.replaying.question import Progress, Question
from callwright.replaying.report import Difference, Report
from callwright.replaying.running import replay
from callwright.what_if.case import answered_by_rules, case_of

OTHER_STRIKES = {"roll_capture_pct": 100.0, "target_delta": 0.3}
MARKET = open_source("synthetic:7", step=timedelta(hours=6))


@pytest.fixture(scope="module")
def all_seen(sixty_days: Settings) -> list[Seen]:
    with read_desk_database(sixty_days.callwright_home / "desk.db") as database:
        return list(snapshots(database))[::-1]


@pytest.fixture(scope="module")
def again(sixty_days: Settings) -> Callable[[dict[str, float]], Report]:
    """All sixty days with some numbers changed, once for each change."""
    reports: dict[str, Report] = {}

    def report(changes: dict[str, float]) -> Report:
        key = json.dumps(changes)
        if key not in reports:
            reports[key] = replay(Question(changes=changes), sixty_days)
        return reports[key]

    return report


@pytest.fixture
def higher_floor(again: Callable[[dict[str, float]], Report]) -> Report:
    return again({"min_ivrv": 1.3})


def decided_part(record: CycleRecord) -> dict[str, Any]:
    told = json.loads(record.to_line())
    return {name: told[name] for name in DECIDED}


def test_the_rules_twice_are_no_difference(sixty_days: Settings, all_seen: list[Seen]) -> None:
    records: list[CycleRecord] = []
    report = replay(Question(), sixty_days, on_record=records.append)
    assert (report.decisions, report.identical) == (240, 240)
    assert (report.same_decision, report.differences, report.by_day) == (0, (), ())
    assert report.changes == ()
    assert report.recorded_by == {"rule_based": 240}
    assert (report.first_as_of[:10], report.last_as_of[:10]) == ("2026-01-05", "2026-03-05")
    # Not only the replay says so: the records themselves are the same, digit for digit.
    assert [decided_part(r) for r in records] == [decided_part(s.record) for s in all_seen]
    actions = {record.final_action.action for record in records}
    assert {"OPEN_COVERED_CALL", "ROLL_COVERED_CALL", "CLOSE_COVERED_CALL"} <= actions


def test_two_replays_are_byte_for_byte_the_same(sixty_days: Settings) -> None:
    lines: list[list[str]] = [[], []]
    until = datetime(2026, 1, 20, tzinfo=UTC)
    question = Question(until=until, changes={"min_ivrv": 1.3})
    reports = []
    for to in lines:
        records: list[CycleRecord] = []
        reports.append(replay(question, sixty_days, on_record=records.append))
        to += [record.to_line() for record in records]
    one, other = reports
    assert one == other
    assert one.differences
    assert lines[0] == lines[1]
    assert len(lines[0]) == 60


def test_the_desk_is_left_as_it_was(sixty_days: Settings) -> None:
    def contents() -> dict[str, bytes]:
        home = sixty_days.callwright_home
        files = [path for path in sorted(home.rglob("*")) if path.is_file()]
        found = {str(path): path.read_bytes() for path in files if path.suffix != ".db-shm"}
        # A reader of a closed desk leaves an empty log of changes behind.
        return {name: data for name, data in found.items() if data}

    before = contents()
    until = datetime(2026, 1, 10, tzinfo=UTC)
    assert replay(Question(until=until, changes={"min_ivrv": 1.3}), sixty_days).differences
    assert contents() == before


def test_a_higher_floor_differs_on_the_days_on_which_what_if_says_so(
    sixty_days: Settings, all_seen: list[Seen], higher_floor: Report
) -> None:
    assert higher_floor.changes == ("min_ivrv: 1.05 -> 1.3",)
    expected = {}
    for seen in all_seen:
        case = case_of(
            WhatIf(settings={"min_ivrv": 1.3}),
            decision_id=seen.decision_id,
            record=seen.record,
            snapshot=seen.snapshot,
            settings=sixty_days,
        )
        told = answered_by_rules(case).final_action
        really = json.loads(seen.record.to_line())["final_action"]
        if (told["action"], told["params"]) != (really["action"], really["params"]):
            expected[seen.decision_id] = (really["params"], dict(told["params"]))
    found = {
        d.decision_id: (d.recorded.choice.final.params, d.replayed.choice.final.params)
        for d in higher_floor.differences
        if d.recorded.choice.final != d.replayed.choice.final and d.differs != ("verdict",)
    }
    assert expected
    assert expected.items() <= found.items()
    # Further ones differ in what was proposed and denied, not in what was done.
    for decision_id in found.keys() - expected.keys():
        one, other = found[decision_id]
        assert one == other
    assert [day.day for day in higher_floor.by_day] == sorted(
        {d.as_of[:10] for d in higher_floor.differences}
    )
    assert len(higher_floor.by_day) > 10
    total = higher_floor.identical + higher_floor.same_decision + len(higher_floor.differences)
    assert total == higher_floor.decisions == 240


class Reckoned:
    """What a choice earned, from the market and the snapshots, by another hand."""

    def __init__(self, all_seen: list[Seen]) -> None:
        self.all_seen = all_seen
        self.end = all_seen[-1].snapshot.as_of

    def of(self, seen: Seen, action: ActionRecord) -> tuple[float, float] | None:
        params, at = action.params, seen.snapshot.as_of
        legs = []
        if action.action in ("OPEN_COVERED_CALL", "ROLL_COVERED_CALL"):
            legs.append((+1, params["symbol"], params["size"]))
        if action.action == "CLOSE_COVERED_CALL":
            legs.append((-1, params["symbol"], params["size"]))
        if action.action == "ROLL_COVERED_CALL":
            legs.append((-1, params["from_symbol"], self.short_of(seen, params["from_symbol"])))
        coin_sum = usd_sum = 0.0
        for sign, symbol, size in legs:
            end = self.end_of(symbol, at)
            quote = seen.snapshot.market.quote(symbol)
            assert quote is not None
            price = float((quote.bid_coin if sign > 0 else quote.ask_coin) or "nan")
            if end is None:
                return None
            worth, index = end
            fee = min(0.0003, 0.125 * price)
            coin = size * (sign * (price - worth) - fee)
            coin_sum += coin
            usd_sum += coin * index
        return coin_sum, usd_sum

    def short_of(self, seen: Seen, symbol: str) -> float:
        held = next(p for p in seen.snapshot.account.positions if p.instrument_name == symbol)
        quote = seen.snapshot.market.quote(symbol)
        assert quote is not None
        assert quote.ask_amount_coin >= -held.amount_coin, "the whole short can be bought back"
        return -float(held.amount_coin)

    def end_of(self, symbol: str, at: datetime) -> tuple[float, float] | None:
        """Worth of one coin's call with its delivery fee, and the index, when it ends."""
        option = parse_option_name(symbol)
        coin, strike = option.underlying, float(option.strike_usd)
        if option.expiry <= self.end:
            index = self.delivered(coin, option.expiry)
            payoff = round(max(0.0, 1 - strike / index), 12)
            is_friday = option.expiry.weekday() == 4
            return payoff + (min(0.00015, 0.125 * payoff) if is_friday else 0.0), index
        market = self.all_seen[-1].snapshot.market
        quote = market.quote(symbol)
        if quote is None or self.end <= at:
            return None
        return float(quote.mark_coin), market.underlyings[coin].index_usd

    def delivered(self, coin: str, expiry: datetime) -> float:
        for seen in self.all_seen:
            for update in seen.record.order_updates:
                if update.kind == "settlement" and update.symbol.startswith(
                    f"{coin}-{expiry.day}{expiry:%b%y}-".upper()
                ):
                    # The venue's own: the mean of half an hour.
                    mean = MARKET.delivery_price(coin, expiry).price_usd
                    assert update.facts["delivery_price_usd"] == float(mean)
                    return float(mean)
        return MARKET.index_at(coin, expiry)


def agrees(outcome: Outcome, reckoned: tuple[float, float] | None) -> bool:
    if reckoned is None:
        return bool(outcome.unknown) and outcome.earned_coin is None
    assert outcome.earned_coin is not None
    assert outcome.earned_usd is not None
    coin, usd = reckoned
    return abs(outcome.earned_coin - coin) < 1e-7 and abs(outcome.earned_usd - usd) < 1e-2


@pytest.mark.parametrize(
    ("changes", "recorded_actions", "replayed_actions"),
    [
        pytest.param(
            {"min_ivrv": 1.3},
            {"OPEN_COVERED_CALL"},
            {"DO_NOTHING", "ROLL_COVERED_CALL"},
            id="higher-floor",
        ),
        pytest.param(
            OTHER_STRIKES,
            {"OPEN_COVERED_CALL", "ROLL_COVERED_CALL"},
            {"OPEN_COVERED_CALL", "ROLL_COVERED_CALL"},
            id="other-strikes-no-early-rolls",
        ),
        pytest.param(
            {"expiry_close_delta": 0.95, "max_maintenance_pct": 5},
            {"OPEN_COVERED_CALL"},
            {"CLOSE_COVERED_CALL"},
            id="closes",
        ),
    ],
)
def test_every_outcome_is_what_the_market_says(
    again: Callable[[dict[str, float]], Report],
    all_seen: list[Seen],
    changes: dict[str, float],
    recorded_actions: set[str],
    replayed_actions: set[str],
) -> None:
    report = again(changes)
    reckoned = Reckoned(all_seen)
    by_id = {seen.decision_id: seen for seen in all_seen}
    acted: tuple[set[str], set[str]] = (set(), set())
    for difference in report.differences:
        seen = by_id[difference.decision_id]
        for place, side in enumerate((difference.recorded, difference.replayed)):
            final = side.choice.final
            acted[place].add(final.action)
            if final.action == "DO_NOTHING":
                assert (side.outcome.earned_coin, side.outcome.earned_usd) == (0, 0)
            else:
                assert agrees(side.outcome, reckoned.of(seen, final)), difference
    assert recorded_actions <= acted[0]
    assert replayed_actions <= acted[1]


def test_sums_are_those_of_the_differences(higher_floor: Report) -> None:
    usd = [0.0, 0.0]
    known = [
        d
        for d in higher_floor.differences
        if not (d.recorded.outcome.unknown or d.replayed.outcome.unknown)
    ]
    for difference in known:
        usd[0] += difference.recorded.outcome.earned_usd or 0
        usd[1] += difference.replayed.outcome.earned_usd or 0
    totals = higher_floor.totals
    assert (totals.recorded.usd, totals.replayed.usd) == pytest.approx(usd)
    assert totals.counted == len(known)
    assert sum(day.totals.counted for day in higher_floor.by_day) == totals.counted
    assert sum(day.totals.recorded.usd for day in higher_floor.by_day) == pytest.approx(usd[0])


def ends(differences: tuple[Difference, ...]) -> set[tuple[str, str]]:
    return {
        (leg.ended, leg.index_source)
        for difference in differences
        for side in (difference.recorded, difference.replayed)
        for leg in side.outcome.legs
    }


def test_each_end_says_how_it_is_known(again: Callable[[dict[str, float]], Report]) -> None:
    report = again(OTHER_STRIKES)
    assert ends(report.differences) == {
        ("expired", "venue"),
        ("expired", "index"),
        ("marked", "snapshot"),
    }
    assert report.totals.open > 0
    # Nothing follows the last decision, so nothing is known of it, and it is in no sum.
    last = report.differences[-1]
    assert last.as_of == report.known_until
    assert "no later snapshot" in last.replayed.outcome.unknown
    assert report.totals.unknown == 1
    assert report.totals.counted == len(report.differences) - 1


class TestWindow:
    """Some of the days."""

    def test_what_follows_the_window_still_tells_the_outcomes(
        self, sixty_days: Settings, higher_floor: Report
    ) -> None:
        since, until = datetime(2026, 1, 12, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
        seen: list[Progress] = []
        report = replay(
            Question(since=since, until=until, changes={"min_ivrv": 1.3}),
            sixty_days,
            on_progress=seen.append,
        )
        assert report.decisions == 80
        assert report.differences == tuple(
            d for d in higher_floor.differences if iso_utc(since) <= d.as_of < iso_utc(until)
        )
        assert report.differences
        assert report.known_until == higher_floor.known_until
        assert [progress.at for progress in seen] == list(range(1, len(seen) + 1))
        assert seen[-1].at == seen[-1].total == 212

    def test_without_a_difference_nothing_behind_it_is_read(self, sixty_days: Settings) -> None:
        seen: list[Progress] = []
        until = datetime(2026, 1, 6, tzinfo=UTC)
        assert replay(Question(until=until), sixty_days, on_progress=seen.append).decisions == 4
        assert len(seen) == 4

    def test_an_empty_one_is_refused(self, sixty_days: Settings) -> None:
        with pytest.raises(QueryInvalid, match="no decision in that time: the first is of"):
            replay(Question(since=datetime(2027, 1, 1, tzinfo=UTC)), sixty_days)


def test_settings_of_today_do_not_reach_the_past(sixty_days: Settings) -> None:
    today = sixty_days.model_copy(update={"min_ivrv": 3.0, "target_delta": 0.1})
    until = datetime(2026, 1, 15, tzinfo=UTC)
    assert replay(Question(until=until), today).identical == 40


def test_an_unknown_number_is_refused(sixty_days: Settings) -> None:
    with pytest.raises(QueryInvalid, match="no number 'min_ivr'"):
        replay(Question(changes={"min_ivr": 1.0}), sixty_days)


def test_no_desk_is_made_where_none_is(sixty_days: Settings, tmp_path: Path) -> None:
    nowhere = sixty_days.model_copy(update={"callwright_home": tmp_path / "none"})
    with pytest.raises(Exception, match="no desk database"):
        replay(Question(brain="llm"), nowhere, booked_in=tmp_path / "none")
    assert not (tmp_path / "none").exists()
