"""A whole desk with an LLM in the brain's place: one record a cycle, whatever the model does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from callwright.domain.failure import ModelFailure
from callwright.domain.record import CycleRecord
from desks import desk_settings, run_desk, violations
from llm_servers import MISBEHAVIOURS, Script, llm_server, well_behaved
from managers import a_manager, manager_settings


def run(home: Path, script: Script, cycles: int, **changes: Any) -> list[CycleRecord]:
    settings = desk_settings(home)
    with llm_server(script) as server:
        brain = a_manager(
            manager_settings(server.url, **changes), settings.limits(), settings.policy_settings()
        )
        _, records = run_desk(settings, cycles, brain=brain)
    assert violations(settings) == ()
    return records


@pytest.mark.parametrize("wire", ["responses", "chat"])
def test_a_good_model_trades(tmp_path: Path, wire: str) -> None:
    records = run(tmp_path, well_behaved(), 4, wire=wire)
    assert len(records) == 4
    assert {record.decision_source for record in records} == {"llm"}
    assert {record.failure for record in records} == {None}
    assert any(record.execution.status == "filled" for record in records)
    for record in records:
        assert record.baseline_action is not None
        assert record.llm is not None
        assert record.llm["requests"] == 2
        assert CycleRecord.from_line(record.to_line()).to_line() == record.to_line()


@pytest.mark.parametrize("name", sorted(MISBEHAVIOURS))
def test_a_misbehaving_model_leaves_one_record_and_no_order(tmp_path: Path, name: str) -> None:
    timeout_s = 0.3 if name in ("hang", "slow") else 20.0
    records = run(tmp_path, MISBEHAVIOURS[name], 1, timeout_s=timeout_s)
    assert len(records) == 1
    assert records[0].failure in set(ModelFailure)
    assert records[0].final_action.action == "DO_NOTHING"
    assert records[0].execution.orders == ()
