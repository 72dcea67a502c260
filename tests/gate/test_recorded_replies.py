"""Recorded replies behind the gate: out of its way in research, never let decide in production."""

from __future__ import annotations

from pathlib import Path

import pytest

from callwright.agents.recorder import Recorder
from callwright.config import Settings
from callwright.demo import demo_settings
from callwright.domain.shadow import GATE, SHADOW
from callwright.errors import ConfigError
from callwright.evaluation.situations import matching
from callwright.gate import opening
from callwright.gate.approving import trialled
from callwright.gate.combination import Combination, combination_of
from callwright.gate.standing import Standing
from callwright.model_brain import recording_with
from gate_files import an_approval
from gated_desks import gated_settings, run_gated
from llm_servers import llm_server, well_behaved
from recorded_demos import make, origin, played


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # Making one compares what was recorded with what is played, record by record.
    return make(tmp_path_factory.mktemp("made") / "demo", cycles=1)


def test_replies_that_are_played_decide_in_research_only(tmp_path: Path, recording: Path) -> None:
    (research,) = played(tmp_path / "research", recording, cycles=1).records
    assert research.decision_source == "llm"
    assert research.llm is not None
    assert GATE not in research.llm

    (production,) = played(tmp_path / "production", recording, cycles=1, mode="production").records
    assert (production.decision_source, production.failure) == ("rule_based", None)
    assert production.llm is not None
    assert production.llm[SHADOW]["why"] == "recorded replies are never approved"
    assert production.llm[GATE] == {
        "approved": False,
        "why": "recorded replies are never approved",
    }


def test_a_recording_is_no_combination_and_cannot_be_approved(
    tmp_path: Path, recording: Path
) -> None:
    settings = demo_settings(tmp_path, recording=str(recording), mode="production")
    asked = []
    for attempt in (
        lambda: combination_of(settings),
        lambda: trialled(settings, matching(["open/calm"]), on_trial=lambda *it: asked.append(it)),
    ):
        with pytest.raises(ConfigError, match="never approved") as caught:
            attempt()
        assert "LLM_RECORDING" in caught.value.remedy
    assert asked == []


def test_no_approval_lets_a_recording_decide_in_production(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "production.jsonl"
    with llm_server(well_behaved()) as server:
        recorder = Recorder(server.url, origin())
        with recording_with(recorder):
            run_gated(gated_settings(tmp_path / "made", server.url))
    recorder.save(path)

    def approved(settings: Settings, model: str | None = None) -> Standing:
        approval = an_approval(model=model or settings.llm_model_name)
        labels = approval.model_dump(include={"model", "wire", "protocol", "server", "parts"})
        return Standing(Combination(**labels), approval, None)

    async def sings(*_: object) -> str:
        return ""

    monkeypatch.setattr(opening, "standing_in", approved)
    monkeypatch.setattr("callwright.gate.canary.drift_of", sings)
    ran = run_gated(
        gated_settings(tmp_path / "desk", "http://127.0.0.1:9", llm_recording=str(path))
    )
    assert ran.sources == {"rule_based"}
    (shadow,) = ran.shadows
    assert shadow is not None
    # It was played, and as it stands it would have traded.
    assert (shadow.action, shadow.failure) == ("OPEN_COVERED_CALL", "")
    assert shadow.why == "recorded replies are never approved"
    assert "take LLM_RECORDING away" in ran.told
