"""Whatever a model says, no order comes of it that the rules forbid, and nothing crashes."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from callwright import gates
from callwright.execution.planner import plan
from desks import desk_settings
from fuzzing import Situation, fuzz, illegal, situations
from proposals import open_nth

OUTPUTS = 4_000


def test_no_output_of_a_model_becomes_an_illegal_order(tmp_path: Path) -> None:
    found = situations(tmp_path, cycles=40)
    report = fuzz(found, desk_settings(tmp_path), total=OUTPUTS, seed=20260105)
    assert report.illegal == []
    assert report.crashes == []
    # A fuzzer that is stopped by the parser proves little.
    assert report.reached_risk >= 0.3 * report.total
    assert report.approved > 100
    assert report.past_membership > 100


@pytest.fixture(scope="module")
def approved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Situation, Any]:
    """The first situation of a desk, and the one order of an approved open in it."""
    home = tmp_path_factory.mktemp("approved")
    settings = desk_settings(home)
    situation = situations(home, cycles=1)[0]
    snapshot, scan = situation.snapshot, situation.scan
    limits, policy = settings.limits(), settings.policy_settings()
    _, approval = gates.judge(open_nth(0)(snapshot, scan), snapshot, scan, policy, limits)
    assert approval.trade is not None
    planned = plan(
        approval.trade,
        snapshot=snapshot,
        scan=scan,
        limits=limits,
        settings=settings.execution_settings(),
        cycle_id="x",
    )
    return situation, planned.legs[0]


@pytest.mark.parametrize(
    ("change", "about"),
    [
        pytest.param({}, None, id="as-approved"),
        pytest.param({"amount_coin": Decimal(50)}, "more than the cash", id="uncovered"),
        pytest.param({"amount_coin": Decimal("0.15")}, "off the grid", id="no-lot"),
        pytest.param({"price_coin": Decimal("0.5")}, "far from the mark", id="price"),
        pytest.param({"side": "buy"}, "more than is short", id="buys-what-is-not-short"),
        pytest.param({"instrument_name": "BTC-8JAN26-94000-P"}, "no live listed call", id="put"),
    ],
)
def test_the_oracle_sees_what_is_wrong_with_an_order(
    approved: tuple[Situation, Any], change: dict[str, Any], about: str | None
) -> None:
    situation, leg = approved
    wrong = illegal([leg.model_copy(update=change)], situation, collar_frac=Decimal("0.2"))
    assert wrong == [] if about is None else any(about in line for line in wrong)
