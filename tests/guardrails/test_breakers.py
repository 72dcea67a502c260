"""Each breaker fires, holds after its cause is gone, and is shown stopping an order."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from builders import NOW, dec, limits
from callwright.domain.desk import Breaker, BreakerName
from callwright.guardrails.breakers import breakers_to_trip
from situations import Situation, closing, opening, rolling

MIDNIGHT = datetime(2026, 1, 6, tzinfo=UTC)


def trips(situation: Situation) -> tuple[Breaker, ...]:
    return breakers_to_trip(situation.snapshot, situation.limits)


def keeping(situation: Situation, breakers: tuple[Breaker, ...]) -> Situation:
    """The situation of a later cycle, in which the store remembers ``breakers``."""
    desk = situation.snapshot.desk.model_copy(update={"breakers": breakers})
    snapshot = dataclasses.replace(situation.snapshot, desk=desk)
    return dataclasses.replace(situation, snapshot=snapshot)


def test_nothing_trips_on_an_ordinary_day() -> None:
    assert trips(opening()) == ()


@pytest.mark.parametrize(
    ("equity", "fires"),
    [
        pytest.param("0.95", False, id="exactly-5%-lost-is-allowed"),
        pytest.param("0.9499", True, id="more-is-not"),
        pytest.param("-0.1", True, id="negative-equity"),
    ],
)
def test_daily_loss_fires_beyond_its_limit(equity: str, fires: bool) -> None:
    assert bool(trips(opening(coin={"equity_coin": dec(equity)}))) is fires


def test_daily_loss_states_its_numbers_and_holds_until_midnight() -> None:
    assert trips(opening(coin={"equity_coin": dec("0.94")})) == (
        Breaker(
            name=BreakerName.DAILY_LOSS,
            underlying="BTC",
            tripped_at=NOW,
            until=MIDNIGHT,
            facts="equity_coin=0.94 floor_coin=0.95 daily_loss_frac_max=0.05",
        ),
    )


def test_daily_loss_needs_the_start_of_the_day() -> None:
    unknown = opening(coin={"equity_coin": dec("0.1")}, desk={"day_open_equity_coin": {}})
    assert trips(unknown) == ()
    assert unknown.approve().risk.codes == ("DAY_OPEN_UNKNOWN",)  # type: ignore[union-attr]


def test_a_tripped_daily_loss_stops_the_order_after_equity_recovered() -> None:
    fired = trips(opening(coin={"equity_coin": dec("0.94")}))
    assert opening().approve().trade is not None
    for later in (opening(), rolling()):
        outcome = keeping(later, fired).approve()
        assert outcome.trade is None
        assert outcome.risk is not None
        assert outcome.risk.codes == ("DAILY_LOSS",)
        assert outcome.risk.reasons[0].facts["breaker_facts"] == fired[0].facts
    assert keeping(closing(), fired).approve().trade is not None, "closing stays possible"


def test_daily_loss_lets_go_the_next_day() -> None:
    (fired,) = trips(opening(coin={"equity_coin": dec("0.94")}))
    over = fired.model_copy(update={"until": NOW})
    assert keeping(opening(), (over,)).approve().trade is not None


@pytest.mark.parametrize(("failures", "fires"), [(2, False), (3, True), (4, True)])
def test_failures_in_a_row_fire_at_their_limit(failures: int, fires: bool) -> None:
    fired = trips(opening(desk={"failures_in_a_row": failures}))
    expected = Breaker(
        name=BreakerName.FAILURES_IN_A_ROW,
        tripped_at=NOW,
        until=None,
        facts=f"failures={failures} failures_max=3",
    )
    assert fired == ((expected,) if fires else ())


def test_failures_in_a_row_stop_the_order_until_released() -> None:
    fired = trips(opening(desk={"failures_in_a_row": 3}))
    outcome = keeping(opening(desk={"failures_in_a_row": 0}), fired).approve()
    assert outcome.trade is None
    assert outcome.risk is not None
    assert outcome.risk.codes == ("FAILURES_IN_A_ROW",)
    assert keeping(closing(), fired).approve().trade is not None, "closing stays possible"
    assert keeping(opening(), ()).approve().trade is not None, "released"


def test_a_breaker_that_holds_is_not_tripped_again() -> None:
    bad = opening(coin={"equity_coin": dec("0.94")}, desk={"failures_in_a_row": 3})
    fired = trips(bad)
    assert [breaker.name for breaker in fired] == ["DAILY_LOSS", "FAILURES_IN_A_ROW"]
    assert trips(keeping(bad, fired)) == ()
    ended = tuple(b.model_copy(update={"until": NOW - timedelta(seconds=1)}) for b in fired)
    assert trips(keeping(bad, ended)) == fired


def test_each_coin_has_its_own_daily_loss() -> None:
    snapshot = opening(coin={"equity_coin": dec("0.94")}).snapshot
    eth = snapshot.account.coins["ETH"].model_copy(update={"equity_coin": dec(9)})
    coins = {**snapshot.account.coins, "ETH": eth}
    account = snapshot.account.model_copy(update={"coins": coins})
    fired = breakers_to_trip(dataclasses.replace(snapshot, account=account), limits())
    assert [breaker.underlying for breaker in fired] == ["BTC", "ETH"]
