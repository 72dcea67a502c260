"""Whatever a model says, no order comes of it that the rules forbid, and nothing crashes."""

from __future__ import annotations

from pathlib import Path

from desks import desk_settings
from fuzzing import fuzz, situations

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
